#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk of the catalog hangs: federationd is ready nevertheless, the front end has its mode, searches say what is the matter, the watchdog goes on, and it stops; afterwards all is as before.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
. "$(dirname "$0")/one_node.sh"
need fsfreeze

disk_make 16
mkdir "$shop/disk/state"
ln -s disk/state "$shop/state"
plain_config
printf 'id,title\n1,First book\n' >"$shop/books.csv"
daemon --import "$shop/books.csv" >/dev/null 2>"$shop/import.log" || fail "the import"
start manager "$parts/notify-listen" "$shop/notify"
wait_for "the manager listens" test -S "$shop/notify"
pings() {
        grep -cx WATCHDOG=1 "$shop/manager.out" || true
}
more_pings() { # THAN
        (($(pings) > $1))
}
export ASAN_OPTIONS=${ASAN_OPTIONS-}${ASAN_OPTIONS:+:}detect_leaks=0 # it would wait for the thread that hangs
launch() {
        : >"$shop/manager.out"
        start federationd env NOTIFY_SOCKET="$shop/notify" WATCHDOG_USEC=400000 "$build/federationd" --config "$shop/federationd.yaml" \
                --state-dir "$shop/state" --runtime-dir "$shop/run"
}
found() { # how many for the one book
        get "/api/search?q=first" | jq -e .totalResults
}

# In mid-life: an import hangs, what is asked of the front end does not.
launch
wait_for "READY" grep -qx READY=1 "$shop/manager.out"
check "the book is found" equal "$(found)" 1
disk_freeze
start importing curl -sS --max-time 60 --unix-socket "$shop/run/control.sock" -X POST "http://x/v1/import?name=x.csv"
start visitor get "/api/network/search?q=first"
before=$(pings)
wait_for "the watchdog goes on" more_pings $((before + 4))
check "/api/config answers" answers
check "/api/health answers" equal "$(get /api/health -o /dev/null -w '%{http_code}' | head -c1)" 2
check "status answers" status_is .ready
register() { # ID: the status
        get /api/nodes/register -o "$shop/registered" -w '%{http_code}' --data "{\"id\":\"$1\",\"url\":\"https://198.41.0.4\"}"
}
check "a registration is not said to be kept" equal "$(register first)" 503
check "and nobody joins by it" equal "$(get /api/nodes | jq '.nodes | length')" 1
# A thread in the kernel keeps the process's entry until the disk is back; all else of it has ended.
ended() {
        grep -q '^State:.Z' "/proc/${pid[federationd]}/status"
}
kill "${pid[federationd]}"
wait_for "SIGTERM ends it" ended
disk_thaw
check "with 0" stop federationd
disk_freeze
stop importing || true
stop visitor || true

# A start on a disk that hangs from the beginning.
launch
wait_for "READY all the same" grep -qx READY=1 "$shop/manager.out"
check "it says why" said "the catalog does not answer"
check "/api/config answers" answers
check "status says that there is no catalog" status_is '.catalog.open | not'
before=$(pings)
wait_for "the watchdog goes on" more_pings $((before + 4))
disk_thaw
wait_for "the catalog opens once the disk is back" status_is .catalog.open
check "the book is found again" equal "$(found)" 1
check "who registers now is kept" contains "201 200" "$(register first)"
stop federationd
