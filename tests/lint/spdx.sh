#!/bin/bash
# SPDX-License-Identifier: MIT
# Every source says its licence in its first two lines, and then what it is for; test_X.c tests X.
. "$(dirname "$0")/common.bash"
fail=0
while IFS= read -rd '' file; do
        { IFS= read -r one && IFS= read -r two; } <"$file" || two=
        if [[ $one$two != *'SPDX-License-Identifier: MIT'* ]]; then
                echo "$file: no SPDX line on top"
                fail=1
        elif [[ $file == *.[ch] && $file != tests/test_* && $two != '/* '?* ]]; then
                echo "$file: the second line does not say what the file is for"
                fail=1
        fi
done < <(tracked '*.[ch]' '*.sh' '*.bash' '*.py' 'CMakeLists.txt' '*/CMakeLists.txt' 'scripts/*')
exit $fail
