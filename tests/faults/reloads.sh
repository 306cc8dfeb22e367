#!/bin/bash
# SPDX-License-Identifier: MIT
# Reloads in which everything may change, with broken files in between, while attempts and actions are in flight and
# clients ask: no crash, nothing stuck, no leak of memory, descriptors or threads, and a broken file changes nothing. A
# daemon that lets attempts of vanished probes go on, and one that never frees a configuration, are caught by the same
# harness. Under AddressSanitizer, if BUILD_DIR was built with it.
#
# reloads.sh BUILD_DIR [--quick | --full] [ARGUMENT of reloads.py...]
#   --quick  100 reloads (what the test suite runs)      --full  10,000
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit "${REQUIRE:-77}"; }

campaign() { # PROGRAM ARGUMENT...
        python3 "$here/reloads.py" --build "$build" --program "$build/$1" "${@:2}"
}

notices() { # PROGRAM WHAT PATTERN
        local found
        found=$(campaign "tests/$1" --reloads 40 2>&1)
        if ! grep -qE "$3" <<<"$found"; then
                printf '%s\n' "$found" "the planted bug was not noticed: $2" >&2
                exit 1
        fi
        echo "planted bug ($2): noticed"
}

if ldd "$build/failoverd" | grep -q libasan; then
        notices failoverd-attempts-stay "attempts of vanished probes go on" "AddressSanitizer|runtime error"
        notices failoverd-reloads-leak "a configuration is never freed" "leaked in"
fi
reloads=100
[[ $how == --quick ]] || reloads=10000
campaign failoverd --reloads $reloads "$@"
