#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL at every system call of an import that changes state: the catalog is as a whole number of batches made it, and running
# the import again completes it. One that writes the index and the table in two transactions is caught by the same harness.
#
# import.sh BUILD_DIR [--quick | --full] [ARGUMENT of import.py...]
#   --quick  every 31st write, every 9th flush and so on, of what makes a batch durable (what the test suite runs)
#   --full   every call, of imports in one batch and in several; then each of them fails instead, in the ways in which it fails in life
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")

for program in strace python3; do
        command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit "${REQUIRE:-77}"; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
campaign() { # PROGRAM ARGUMENT...
        local program=$1
        shift
        TMPDIR=$scratch python3 "$here/import.py" --build "$build" --program "$build/$program" "$@"
}

found=$(campaign tests/federationd-index-apart --quick --stage again --first-finding 2>&1)
if [[ $found != *"unfit: "[1-9]* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (the index and the table are two transactions): noticed"

trap 'rmdir "$scratch" 2>/dev/null' EXIT # what finds something stays
if [[ $how == --quick ]]; then
        campaign tests/federationd-small-batches --quick "$@" || exit
        campaign federationd --quick --errors --stage again "$@" || exit
else
        for program in federationd tests/federationd-small-batches; do
                campaign "$program" "$@" && campaign "$program" --errors "$@" || exit
        done
fi
