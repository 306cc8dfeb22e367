#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk that holds the state hangs (fsfreeze): in an outage, at a start, and when failoverd is killed before it thaws.
#
# frozen.sh BUILD_DIR
build=$(realpath "$1")
. "$(dirname "$0")/common.bash"
need fsfreeze
private_mounts "$@"

disk_make 8
ln -s disk/state "$shop/state"
ln -s disk/status "$shop/status"
folders=(--state-dir "$shop/disk/state" --status-dir "$shop/disk/status")
part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config

# ---- a planted bug

program=$build/tests/failoverd-waits-for-disk daemon_start "${folders[@]}"
wait_for "everything is up" all_up
disk_freeze
order api "status 503"
wait_for "the outage is noticed" verdict_is payment-api down
sleep 3 # one more second than a change may wait for the disk
check "the planted bug is noticed: buyers still pay by card" pays_by primary
disk_thaw
order api ok
stop failoverd
rm -rf "$shop"/disk/{state,status} "$shop/run"
: >"$shop/sink.jsonl"
echo "planted bug (a change waits for the disk for ever): noticed"
daemon_start "${folders[@]}"
wait_for "everything is up" all_up

# ---- an outage while the disk hangs

slowest_status() { # of twenty answers, in milliseconds
        for _ in {1..20}; do
                curl -sS --max-time 10 --unix-socket "$shop/run/control.sock" -o "$shop/answer" -w '%{time_total}\n' http://failoverd/v1/status
        done | sort -n | awk 'END { printf "%.1f", $1 * 1000 }'
}

disk_freeze
began=$EPOCHREALTIME
order api "status 503"
wait_for "buyers pay by crypto though the disk hangs" pays_by crypto
flip=$(milliseconds_since "$began")
echo "frozen: outage to payment.env in $flip ms; status answers in at most $(slowest_status) ms"
wait_for "the operator is told of the change" told_of crypto
check "and that it is not saved" equal "$(received sink ".body | fromjson | .data.mode == \"crypto\"" | head -n 1 | jq ".body | fromjson | .data.durable")" false
wait_for "it is said everywhere that this is not durable" not_durable_everywhere
check "what needs the database says that it cannot" equal "$(ask_code "/v1/history?limit=5")" 503
check "and why" contains "$(jq -r .error "$shop/answer")" "does not answer"
order api ok
wait_for "the return happens, too" pays_by primary
order api "status 503"
wait_for "and the next outage" pays_by crypto
disk_thaw
wait_for "it is said everywhere that all is saved" durable_everywhere
wait_for "every action is done" all_done
check "failoverd stops" stop failoverd
audit 4

# ---- a start while the disk hangs

change=$(sed -n 's/^FAILOVER_CHANGE=//p' "$shop/run/payment.env")
rm -f "$shop/run/payment.env"
mark=$EPOCHREALTIME
disk_freeze
began=$EPOCHREALTIME
daemon_start "${folders[@]}"
echo "frozen at the start: status answers after $(milliseconds_since "$began") ms"
wait_for "payment.env is written" pays_by crypto
echo "frozen at the start: payment.env after $(milliseconds_since "$began") ms"
check "it goes on from mode.json" status_is ".mode == \"crypto\" and .change == \"$change\""
wait_for "it is said everywhere that this is not durable" not_durable_everywhere
order api ok
wait_for "the return happens before the database has answered" pays_by primary
wait_for "the operator is told of it" told_of primary
disk_thaw
wait_for "it is said everywhere that all is saved" durable_everywhere
wait_for "every action is done" all_done
check "failoverd stops" stop failoverd
audit 5

# ---- killed before it could save

daemon_start "${folders[@]}"
wait_for "everything is up" all_up
disk_freeze
order api "status 503"
wait_for "buyers pay by crypto though the disk hangs" pays_by crypto
order api ok
wait_for "and by card again" pays_by primary
order api "status 503"
wait_for "and by crypto again" pays_by crypto
change=$(sed -n 's/^FAILOVER_CHANGE=//p' "$shop/run/payment.env")
wait_for "mode.json says so, and that it is not durable" \
        jq -e ".durable == false and .change == \"$change\" and (.unsaved | length == 3)" "$shop/run/mode.json"
kill -STOP "${pid[failoverd]}" # so that it saves nothing when the disk thaws, which comes before every kill
disk_thaw
kill -KILL "${pid[failoverd]}"
stop failoverd KILL || true
check "the change was not saved" equal \
        "$(sqlite3 -readonly "$shop/state/state.db" "SELECT count(*) FROM change WHERE id = '$change'")" 0
rm "$shop/run/payment.env"
daemon_start "${folders[@]}"
check "what mode.json says is adopted" status_is ".mode == \"crypto\" and .change == \"$change\""
wait_for "payment.env agrees" grep -q "^FAILOVER_CHANGE=$change$" "$shop/run/payment.env"
wait_for "mode.json, too, and nothing is unsaved" jq -e ".durable and .change == \"$change\" and .unsaved == null" "$shop/run/mode.json"
wait_for "every action is done" all_done
order api ok
wait_for "the return happens" pays_by primary
wait_for "every action is done" all_done
check "failoverd stops" stop failoverd
audit 9 --alerts-may-be-lost # with all that it did while nothing could be saved
echo "killed while not durable: 3 changes adopted from mode.json, none lost"
echo "frozen: outage to payment.env in $flip ms while the disk hangs; changes lost 0, said to be saved before they were 0"
