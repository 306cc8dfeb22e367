#!/bin/bash
# SPDX-License-Identifier: MIT
# No finding by shellcheck in any script.
. "$(dirname "$0")/common.bash"
need shellcheck
tracked '*' | while IFS= read -rd '' file; do
        case $file in
        *.sh | *.bash) printf '%s\0' "$file" ;;
        *) if head -c 64 "$file" | head -n 1 | grep -qaE '^#!.*\b(ba|da)?sh\b'; then printf '%s\0' "$file"; fi ;;
        esac
done | xargs -0r -n 12 -P "$(nproc)" shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC2016,SC2119,SC2120
