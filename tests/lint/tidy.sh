#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-tidy, with .clang-tidy, finds nothing in any source. What only tests and measures is not run through the analyzer: that
# takes as long as all the rest of the suite, and those programs run under the sanitizers.
#
# tidy.sh BUILD           looks at 8,000 states of a function at most. With every checker of the analyzer on, in 36 files (the slowest,
#                         and a sample of the others), that found all that 75,000 did in a fifth of the time, but for unix.Malloc,
#                         which is off (eight of its reports are at other lines or missing)
# tidy.sh BUILD --full    the analyzer's own 225,000
. "$(dirname "$0")/common.bash"
need clang-tidy run-clang-tidy
[[ -e $build/compile_commands.json ]] || skip "$build has no compile_commands.json"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
states=()
[[ ${2-} == --full ]] || for argument in -Xclang -analyzer-config -Xclang max-nodes=8000; do states+=("-extra-arg=$argument"); done
tidy() { # FILES-REGEX ARGUMENT...
        local files=$1
        shift
        run-clang-tidy -quiet -j "$(nproc)" -p "$build" -extra-arg="-include$PWD/tests/lint/analyzer.h" "${states[@]}" "$@" "$files"
}
definers='/base/(error|conf)\.c$' # of what analyzer.h redefines
beside='/(tests|bench)/'
if ! { tidy "^(?!.*($definers|$beside))" && tidy "$definers" -extra-arg=-DANALYZER_DEFINES_ERRORS &&
        tidy "$beside" '-checks=-clang-analyzer-*' -extra-arg=-Wno-error; } >"$log" 2>&1 ||
        grep -qE '(warning|error):' "$log"; then
        grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header|^clang-tidy' "$log"
        exit 1
fi
