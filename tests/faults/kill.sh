#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL at every system call of a flip and a return that changes state or reaches the network: nothing is lost, nothing
# is done twice after dedupe, nothing is corrupt, and the mode is right again at once. A daemon with a planted bug, which
# writes a change and its deliveries in two transactions, is caught by the same harness.
#
# kill.sh BUILD_DIR [--quick | --full] [ARGUMENT of kill.py...]
#   --quick  the calls that make a flip durable and say it to others (what the test suite runs)
#   --full   every call of a flip and of a return, of a restart with work left to do, and of the first start ever; then each
#            of those of a flip and a return fails instead, in the ways in which it fails in life
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")

for program in strace python3; do
        command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit "${REQUIRE:-77}"; }
done

campaign() { # PROGRAM ARGUMENT...
        local program=$1
        shift
        python3 "$here/kill.py" --build "$build" --program "$build/$program" "$@"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=$(TMPDIR=$scratch campaign tests/failoverd-two-transactions --stage flip --only disk,pwrite64 --first 2>&1)
if [[ $found != *", lost "[1-9]* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (a change and its deliveries in two transactions): noticed"

stages=(flip)
[[ $how == --quick ]] || stages=(all restart first-start errors)
for stage in "${stages[@]}"; do
        campaign failoverd --stage "$stage" "$@" || exit
done
