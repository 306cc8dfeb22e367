#!/bin/bash
# SPDX-License-Identifier: MIT
# failoverd's descriptors are taken away while it runs: none is left, or a few. Its own trouble is no outage and blames no
# probe; it does not spin while callers wait; with a few, a real outage is still acted on; afterwards all is as before. With
# too few it does not start, and says so. A daemon with a planted bug is caught by the same harness.
#
# descriptors.sh BUILD_DIR [--quick | --full]      --full: every number up to 23, and starts with every number up to 79
build=$(realpath "$1")
how=${2:---quick}
export PYTHONDONTWRITEBYTECODE=1 PATIENCE=${PATIENCE:-90} # actions wait longer and longer between their tries
here=$(dirname "${BASH_SOURCE[0]}")

for program in python3 prlimit; do
        command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit "${REQUIRE:-77}"; }
done

campaign() { # PROGRAM ARGUMENT...
        local program=$1
        shift
        python3 "$here/descriptors.py" --build "$build" --program "$build/$program" "$@"
}

campaign failoverd --stage "${how#--}" || exit

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=$(TMPDIR=$scratch campaign tests/failoverd-spins --stage bug 2>&1)
if [[ $found != *"it is awake "* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (it spins while a caller waits for a descriptor): noticed"
