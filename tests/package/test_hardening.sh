#!/bin/bash
# SPDX-License-Identifier: MIT
# The programs in the package have what .service files cannot give: PIE, full RELRO, no executable stack, stack protector, fortified calls, and asserts.
build=$(realpath "$1")
. "$(dirname "$0")/../systemd/package.sh"
need readelf nm
dpkg-deb --extract "$(package)" "$shop/package"

failed=0
claim() { # PROGRAM CLAIM has|lacks PATTERN TEXT
        local got=lacks
        grep -qE "$4" <<<"$5" && got=has
        [[ $got == "$3" ]] || {
                echo "${1##*/}: not $2"
                failed=1
        }
}

for program in "$shop"/package/usr/{sbin/failoverd,sbin/federationd,bin/failoverctl}; do
        header=$(readelf -hW "$program")
        segments=$(readelf -lW "$program")
        dynamic=$(readelf -dW "$program")
        symbols=$(nm -D "$program")
        claim "$program" "position independent" has 'Type: +DYN' "$header"
        claim "$program" "read-only after relocation" has GNU_RELRO "$segments"
        claim "$program" "bound at start" has '\bNOW\b' "$dynamic"
        claim "$program" "without an executable stack" has 'GNU_STACK.* RW ' "$segments"
        claim "$program" "without writable and executable segments" lacks 'LOAD.* RWE ' "$segments"
        claim "$program" "without a search path for libraries" lacks 'RPATH|RUNPATH' "$dynamic"
        claim "$program" "protected from stack smashing" has __stack_chk_fail "$symbols"
        claim "$program" "fortified" has '_chk@' "$symbols"
        claim "$program" "built with asserts" has __assert_fail "$symbols"
done
exit $failed
