#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk that holds the state hangs: status answers, the shop falls back, 'not durable' is said, and all is saved after.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
need curl jq fsfreeze

disk_make 8
mkdir "$shop/disk/state" "$shop/disk/status"
ln -s disk/state "$shop/state"
ln -s disk/status "$shop/status"
shop_start
disk_freeze
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "it says that this is not durable" status_is '.durable == false'
wait_for "mode.json says so" jq -e '.durable == false and .mode == "crypto"' "$shop/run/mode.json"
wait_for "the operator is told, and that it is not durable" received_some sink '.body | fromjson | .data.mode == "crypto"'
check "what needs the database says that it cannot" equal "$(ask_code "/v1/history?limit=5")" 503
disk_thaw
wait_for "it is saved once the disk is back" status_is .durable
change=$(status | jq -r .change)
stop failoverd KILL || true
daemon_start
check "it was saved" status_is ".mode == \"crypto\" and .change == \"$change\""
check "so was its incident" equal "$(ask /v1/incidents | jq -r '.incidents[0].id')" "$change"
check "history has it" equal "$(ask "/v1/history?limit=1" | jq -r '.changes[0].id')" "$change"

# A reboot while the disk is slow: what the operator has pinned is known to the database alone, and it is waited for.
order api ok
wait_for "the return happens" pays_by primary
ctl force-fallback >/dev/null
wait_for "pinned" pays_by crypto
stop failoverd
rm -r "$shop/run"
disk_freeze
cp -p "$shop/failoverd.yaml" "$shop/good.yaml"
echo "surprise: 1" >>"$shop/failoverd.yaml"
code=0
timeout -s KILL 20 "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" \
        --status-dir "$shop/status" >"$shop/said" 2>&1 || code=$?
check "a start that is refused meanwhile ends, too" equal "$code" 6
check "it has written the mode, or says why not" grep -qE "written from what was stored|disk of the database does not answer" "$shop/said"
mv "$shop/good.yaml" "$shop/failoverd.yaml"
rm -rf "$shop/run"
: >"$shop/failoverd.log"
start failoverd "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" \
        --status-dir "$shop/status"
wait_for "it waits for the database" grep -q "waiting for it" "$shop/failoverd.log"
disk_thaw
wait_for "failoverd answers" daemon_answers
check "the public was told of both outages, each once" equal "$(ask /v1/incidents |
        jq -c '[.incidents[] | [.resolved != null, (.updates | length)]]')" "[[false,1],[true,2]]"
check "the pin has survived" status_is '.operator.pinned == "crypto" and .mode == "crypto"'
wait_for "the shop is told" pays_by crypto
check "nothing was changed" equal "$(changes)" 4
