#!/bin/bash
# SPDX-License-Identifier: MIT
# The man pages are clean; failoverctl's own and its completion know every verb and option that it has, and the
# configurations' have the keys that the daemons have.
. "$(dirname "$0")/common.bash"
need mandoc

# From their folder, where mandoc finds the pages that they refer to.
lint=$(cd man && mandoc -T lint -- *.[1-9]) || true
if [[ -n $lint ]]; then
        echo "$lint"
        exit 1
fi

ctl=$build/failoverctl
[[ -x $ctl ]] || skip "failoverctl is not built"
missing=0
verbs=$("$ctl" help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
[[ $(wc -w <<<"$verbs") -ge 16 ]] || { echo "cannot read the verbs from its help"; exit 1; }
for verb in $verbs; do
        for file in man/failoverctl.1 completion/failoverctl.bash; do
                if ! grep -qw -- "$verb" "$file"; then
                        echo "$file does not know $verb"
                        missing=1
                fi
        done
        for option in $("$ctl" help "$verb" | sed -n 's/^  --\([a-z]*\).*/\1/p'); do
                if ! grep -q -- "Fl -$option" man/failoverctl.1 && ! grep -q -- "| -$option" man/failoverctl.1; then
                        echo "man/failoverctl.1 does not know --$option"
                        missing=1
                fi
                if ! grep -qw -- "--$option" completion/failoverctl.bash; then
                        echo "completion/failoverctl.bash does not know --$option"
                        missing=1
                fi
        done
done
for daemon in failoverd federationd; do
        [[ ! -x $build/$daemon ]] || scripts/man-keys --check "$build/$daemon" || missing=1
done
exit $missing
