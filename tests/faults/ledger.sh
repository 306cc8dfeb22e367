#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL at every system call of a sale from shop to shop that changes state or reaches the network, on either side: checkout,
# order, payment, refund. Both ledgers agree afterwards. A source that says that it has an order before its disk does is caught
# by the same harness.
#
# ledger.sh BUILD_DIR [--quick | --full] [ARGUMENT of ledger.py...]
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
        python3 "$here/ledger.py" --build "$build" --program "$build/tests/$program" "$@"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=$(TMPDIR=$scratch campaign federationd-answers-early --only source,store,pwrite64 --first --jobs 1 --patience 5 2>&1)
if [[ $found != *"doubled: "[1-9]* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (an order is confirmed before the disk has it): noticed"

quick=()
[[ $how != --quick ]] || quick=(--quick)
campaign federationd-quick-ledger "${quick[@]}" "$@"
