#!/bin/bash
# SPDX-License-Identifier: MIT
# Canaries in every place where a secret can be, everything fails at debug level, and nobody finds one: not in the log, the
# status page, the database, any answer, any verb of failoverctl, arguments, environment; and a crash writes no core. A
# daemon that logs the URLs that it asks is caught by the same harness.
#
# secrets.sh BUILD_DIR [--quick | --full] [ARGUMENT of secrets.py...]
#   --quick  four of the ways in which counterparts fail      --full  all of them
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
build=$(realpath "$1")
how=${2:---quick}
shift $(($# < 2 ? $# : 2))
export PYTHONDONTWRITEBYTECODE=1 PATH=$PATH:/usr/sbin:/sbin
for program in python3 nsupdate; do
        command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit "${REQUIRE:-77}"; }
done

campaign() { # PROGRAM ARGUMENT...
        python3 "$here/secrets.py" --build "$build" --program "$build/$1" "${@:2}"
}

found=$(campaign tests/failoverd-logs-urls --moods 1 --brief 2>&1)
if [[ $found != *"hit: query in the log"* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (URLs are logged): noticed"
moods=4
[[ $how == --quick ]] || moods=99
campaign failoverd --moods $moods "$@"
