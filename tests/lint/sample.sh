#!/bin/bash
# SPDX-License-Identifier: MIT
# etc/failoverd.yaml shows every key that the daemon reads, and the daemon reads the sample.
. "$(dirname "$0")/common.bash"
[[ -x $build/failoverd ]] || skip "no failoverd in $build"
missing=0
while read -r key; do
        if ! grep -qE "(^|[ #{])$key:" etc/failoverd.yaml; then
                echo "etc/failoverd.yaml does not show the key \`$key\`"
                missing=1
        fi
done < <("$build/failoverd" --help-config | sed -nE 's/^  ([a-z_]+)  .*/\1/p' | sort -u)
"$build/failoverd" --check --config etc/failoverd.yaml >/dev/null || missing=1
exit $missing
