#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGTERM stops at once with status 0, and a second daemon on the same folders is refused.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq flock

shop_start
code=0
daemon >"$shop/second.log" 2>&1 || code=$?
check "a second daemon is refused" equal "$code" 1
check "the first goes on" daemon_answers
code=0
timeout 10 "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run2" \
        --status-dir "$shop/status2" >"$shop/second.log" 2>&1 || code=$?
check "a second daemon on the same state alone is refused" equal "$code" 1
check "it says why" contains "$(<"$shop/second.log")" "another failoverd"
before=$EPOCHREALTIME
check "SIGTERM ends it with 0" stop failoverd
took=$(awk -v a="$before" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
check "within 3 s, or some more on a busy machine (took $took)" awk -v t="$took" 'BEGIN { exit t > 10 }'
check "payment.env stays" equal "$(payment_mode)" primary

# A killed predecessor's child may hold the lock for some milliseconds more: flock stands for it.
(flock 9 && : >"$shop/locked" && sleep 0.3) 9<"$shop/state" &
holder=$!
wait_for "the lock is held" test -e "$shop/locked"
daemon_start
wait "$holder"
stop failoverd

# Who still waits for an answer is let go, and nothing is left behind (the sanitizer would end it with 1).
fast="interval: 60s, fast_interval: 5s, timeout: 30s"
shop_config
daemon_start
wait_for "everything is up" all_up
order api silent
kill -STOP "${pid[sink]}"
before=$(requests api)
more_requests() {
        (($(requests api) > before))
}
start asking_alert ask /v1/alert/test -X POST
start asking_probe ask /v1/probe/payment-api -X POST
wait_for "the probe runs" more_requests
check "SIGTERM ends it with 0 all the same" stop failoverd
