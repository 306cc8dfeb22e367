#!/bin/bash
# SPDX-License-Identifier: MIT
# The samples in etc/ show every key that the daemons read, and the daemons read the samples.
. "$(dirname "$0")/common.bash"
missing=0
for daemon in failoverd federationd; do
        [[ -x $build/$daemon ]] || skip "no $daemon in $build"
        sample=etc/$daemon.yaml
        while read -r key; do
                if ! grep -qE "(^|[ #{])$key:" "$sample"; then
                        echo "$sample does not show the key \`$key\`"
                        missing=1
                fi
        done < <("$build/$daemon" --help-config | sed -nE 's/^  ([a-z_]+)  .*/\1/p' | sort -u)
        "$build/$daemon" --check --config "$sample" >/dev/null || missing=1
done
exit $missing
