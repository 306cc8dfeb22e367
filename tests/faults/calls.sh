#!/bin/bash
# SPDX-License-Identifier: MIT
# Every system call of failoverd fails in the ways in which it fails in life (EIO, ENOSPC, EMFILE, ENOMEM, EINTR, ECONNRESET
# and others), once, and all of a name for a second, while it runs through an outage, an operator's wishes, a reload and the
# return, and while it starts; and reads and writes do less than they were asked to. It neither dies nor hangs nor says that
# something is done which is not, and goes on rightly. A daemon with a planted bug is caught by the same harness.
#
# calls.sh BUILD_DIR [--quick | --full] [ARGUMENT of calls.py...]
#   --quick  some of them, others every time (what the test suite runs)
#   --full   each (call, error, number)
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
        python3 "$here/calls.py" --build "$build" --program "$build/$program" "$@"
}

campaign failoverd --stage "${how#--}" "$@" || exit

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=$(TMPDIR=$scratch campaign tests/failoverd-deaf-to-errors --stage once --only pwrite64,EIO --count 3 --first 2>&1)
if [[ $found != *", silent errors 1, "* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (what could not be saved is said to be): noticed"
