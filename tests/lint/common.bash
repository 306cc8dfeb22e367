# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the lints share. Each is run as `bash NAME.sh BUILD_DIR` and reads the files that git knows.
set -euo pipefail
export LC_ALL=C.UTF-8
build=$(realpath "${1:?usage: $0 BUILD_DIR}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export build

skip() {
        echo "skipped: $*"
        exit 77
}

missing() { # TEXT: as in tests/e2e/lib.sh
        echo "missing: $*"
        exit "${REQUIRE:-77}"
}

need() { # PROGRAM...
        local program
        for program in "$@"; do
                command -v "$program" >/dev/null || missing "$program is not installed"
        done
}

tracked() { # PATTERN...: files in the tree, new ones included, NUL between
        git ls-files -z --cached --others --exclude-standard -- "$@" |
                while IFS= read -rd '' file; do
                        if [[ -e $file ]]; then printf '%s\0' "$file"; fi
                done
}
