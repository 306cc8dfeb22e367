#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL at random moments while a shop lives through one outage after the other: it is up again at once in the stored
# mode, nothing is lost, nothing done twice, payment.env is whole. A daemon that stores an event as done before it was sent
# is caught by the same harness.
#
# kills.sh BUILD_DIR [--quick | --full] [ARGUMENT of kills.py...]
#   --quick  20 kills (what the test suite runs)      --full  20,000, for a night
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit "${REQUIRE:-77}"; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

campaign() { # PROGRAM ARGUMENT...
        python3 "$here/kills.py" --build "$build" --program "$build/$1" "${@:2}"
}

found=$(TMPDIR=$scratch campaign tests/failoverd-done-before-sent --kills 200 --round 8 --first 2>&1)
if [[ $found != *"; lost "[1-9]* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (an event stored as done before it was sent): noticed"
if [[ $how == --quick ]]; then # beside other tests: what is promised is two seconds
        campaign failoverd --kills 20 --patience 15 "$@"
else
        campaign failoverd --kills 20000 "$@"
fi
