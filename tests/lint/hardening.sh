#!/bin/bash
# SPDX-License-Identifier: MIT
# The release build's programs have what .service files cannot give: PIE, full RELRO, no executable stack, stack
# protector, fortified calls, and asserts.
. "$(dirname "$0")/common.bash"
need readelf nm
release=$(dirname "$build")/release
[[ -d $release ]] || skip "no release build beside this one"

fail=0
check() { # PROGRAM CLAIM has|lacks PATTERN TEXT
        local got=lacks
        grep -qE "$4" <<<"$5" && got=has
        [[ $got == "$3" ]] || {
                echo "$1: not $2"
                fail=1
        }
}

for program in failoverd failoverctl; do
        [[ -x $release/$program ]] || skip "$program is not built there"
        header=$(readelf -hW "$release/$program")
        segments=$(readelf -lW "$release/$program")
        dynamic=$(readelf -dW "$release/$program")
        symbols=$(nm -D "$release/$program")
        check $program "position independent" has 'Type: +DYN' "$header"
        check $program "read-only after relocation" has GNU_RELRO "$segments"
        check $program "bound at start" has '\bNOW\b' "$dynamic"
        check $program "without an executable stack" has 'GNU_STACK.* RW ' "$segments"
        check $program "without writable and executable segments" lacks 'LOAD.* RWE ' "$segments"
        check $program "without a search path for libraries" lacks 'RPATH|RUNPATH' "$dynamic"
        check $program "protected from stack smashing" has __stack_chk_fail "$symbols"
        check $program "fortified" has '_chk@' "$symbols"
        check $program "built with asserts" has __assert_fail "$symbols"
done
exit $fail
