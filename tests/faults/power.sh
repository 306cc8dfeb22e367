#!/bin/bash
# SPDX-License-Identifier: MIT
# Power cuts: reflink copies of the disk under a living failoverd are mounted, judged and started on. What was said to be
# saved is there, the database is whole, no published file is torn. A daemon that waits for no disk is caught by the same
# harness.
#
# power.sh BUILD_DIR [--quick | --full] [ARGUMENT of power.py...]
#   --quick  8 cuts (what the test suite runs)      --full  5,000, for a night
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1 PATH=$PATH:/usr/sbin:/sbin
for program in python3 mkfs.xfs mkfs.ext4 losetup unshare; do
        command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit "${REQUIRE:-77}"; }
done
[[ $EUID == 0 ]] || { echo "skipped: needs root"; exit 77; }
unshare --mount --propagation private true 2>/dev/null || { echo "skipped: cannot make a mount namespace"; exit 77; }

campaign() { # PROGRAM ARGUMENT...
        unshare --mount --propagation private python3 "$here/power.py" --build "$build" --program "$build/$1" "${@:2}"
}

found=$(campaign tests/failoverd-no-fsync --cuts 60 --first 2>&1)
status=$?
if ((status == 77)); then
        printf '%s\n' "$found"
        exit 77
fi
if [[ $found != *"; lost "[1-9]*", torn files "[1-9]* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (nothing waits for the disk): noticed"
cuts=8
[[ $how == --quick ]] || cuts=5000
campaign failoverd --cuts $cuts "$@"
