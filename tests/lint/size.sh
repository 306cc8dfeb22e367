#!/bin/bash
# SPDX-License-Identifier: MIT
# No function over 100 lines and no file over 1,000, but those that tests/lint/size.allow names with their reason.
. "$(dirname "$0")/common.bash"
need ctags
allow=tests/lint/size.allow

too_large() { # FILE...: prints "what lines"
        local file
        for file in "$@"; do
                wc -l <"$file" | awk -v file="$file" '$1 > 1000 { print file, $1 }'
        done
        ctags -x --c-kinds=f --_xformat='%F %N %n %e' "$@" | awk '{ lines = $4 - $3 + 1 } lines > 100 { print $1 ":" $2, lines }'
}

mapfile -d '' files < <(tracked '*.[ch]')
fail=0
while read -r what lines; do
        if ! grep -qE "^$what([[:space:]]|\$)" $allow; then
                echo "$what has $lines lines: look for the second noun in it, or give the reason in $allow"
                fail=1
        fi
done < <(too_large "${files[@]}")

# The lint itself: a function of 101 lines is caught, one of 100 is not.
plant=$(mktemp --suffix=.c)
trap 'rm -f "$plant"' EXIT
for lines in 100 101; do
        { echo "int f(void)" && echo "{" && printf ';\n%.0s' $(seq $((lines - 3))); echo "}"; } >"$plant"
        [[ $(too_large "$plant" | wc -l) == $((lines > 100)) ]] || {
                echo "a function of $lines lines is judged wrongly: $(too_large "$plant")"
                fail=1
        }
done
exit $fail
