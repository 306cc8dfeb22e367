#!/bin/bash
# SPDX-License-Identifier: MIT
# Every C file is as clang-format 14 would write it.
. "$(dirname "$0")/common.bash"
need clang-format
[[ $(clang-format --version) == *" 14."* ]] || missing "clang-format is not version 14"
tracked '*.[ch]' | xargs -0r clang-format --dry-run -Werror

# The lint itself: a badly written file is caught.
if printf 'int  f(void){return 0;}\n' | clang-format --dry-run -Werror --assume-filename=base/x.c >/dev/null 2>&1; then
        echo "a badly formatted file passes"
        exit 1
fi
