#!/bin/bash
# SPDX-License-Identifier: MIT
# The wall clock is set forwards and backwards, by seconds, hours and years: while all is well, at every moment of an outage,
# of a hold and of a pin, beside retries whose deadlines are stored, and while failoverd is down. That flips nothing, misses
# nothing, and what is made later sorts after what was made before. A daemon with a planted bug is caught by the same harness.
#
# clock.sh BUILD_DIR [--quick | --full] [--seed N]
#   --quick  some moments, others every time (what the test suite runs)
#   --full   every five seconds of a described outage with every jump; and outages of the daemon as it runs, with their tilts
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")

command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit "${REQUIRE:-77}"; }

campaign() { # PROGRAM ARGUMENT...
        local program=$1
        shift
        python3 "$here/clock.py" --build "$build" --program "$build/$program" "$@"
}

campaign failoverd --stage "${how#--}" "$@" || exit

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if found=$(TMPDIR=$scratch campaign tests/failoverd-wall-clock --stage bug 2>&1) || [[ $found != *"clock: jumps "* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (time is what the wall clock says): noticed"
