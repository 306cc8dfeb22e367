#!/bin/bash
# SPDX-License-Identifier: MIT
# Every probe and every action that talks meets counterparts that let nobody in, say nothing, say a byte now and then, stop in
# mid-answer, never stop, send 1 GiB in 1 MB, send headers or redirects for ever, or hang in the TLS handshake; plug-ins hang,
# ignore SIGTERM, flood and leave children behind. Each attempt ends by its deadline, the others begin in time, an outage is
# handled as fast as ever, memory is bounded, and all of it is given back. A daemon with a planted bug is caught by the same
# harness.
#
# holes.sh BUILD_DIR [--quick | --full]      --full: for five minutes
build=$(realpath "$1")
how=${2:---quick}
export PYTHONDONTWRITEBYTECODE=1
here=$(dirname "${BASH_SOURCE[0]}")

command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit "${REQUIRE:-77}"; }

campaign() { # PROGRAM ARGUMENT...
        local program=$1
        shift
        python3 "$here/holes.py" --build "$build" --program "$build/$program" "$@"
}

campaign failoverd --stage "${how#--}" || exit

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=$(TMPDIR=$scratch campaign tests/failoverd-no-deadline --stage bug 2>&1)
if [[ $found != *"stuck: "* || $found != *"holes: attempts "* ]]; then
        printf '%s\n' "$found" "the planted bug was not noticed" >&2
        exit 1
fi
echo "planted bug (an attempt lasts as long as its counterpart likes): noticed"
