#!/bin/bash
# SPDX-License-Identifier: MIT
# Every allocation fails, once, and from one on for a second: while failoverd runs through an outage, an operator's wishes, a
# reload and the return; while it starts; while it stops. It neither dies nor hangs nor says that something is done which is
# not, and once there is memory again the story goes on rightly. A daemon with a planted bug is caught by the same harness.
#
# malloc.sh BUILD_DIR [--quick | --full] [ARGUMENT of malloc.py...]
#   --quick  some of them, others every time (what the test suite runs)
#   --full   each place in the program that allocates, once; each allocation of a round by its number; starts and stops; and
#            many droughts
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")

for program in python3 setarch nm; do
        command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit "${REQUIRE:-77}"; }
done

campaign() { # PROGRAM ARGUMENT...
        local program=$1
        shift
        python3 "$here/malloc.py" --build "$build" --program "$build/$program" "$@"
}

campaign failoverd --stage "${how#--}" "$@" || exit

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=$(TMPDIR=$scratch campaign tests/failoverd-unchecked-memory --stage numbers --within page_new --most 300 --count 8 --first 2>&1)
if [[ $found != *"; signals 1, "* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (mode.json is written without asking whether there was memory for it): noticed"
