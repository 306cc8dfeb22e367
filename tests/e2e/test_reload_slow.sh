#!/bin/bash
# SPDX-License-Identifier: MIT
# A configuration that cannot be read for a while, on a disk that hangs say, delays its reload and nothing else.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq strace

shop_start
touch "$shop/trace.out"
start trace strace -f -p "${pid[failoverd]}" -o "$shop/trace.out" -P "$shop/failoverd.yaml" -e trace=openat \
        -e inject=openat:delay_enter=600s
wait_for "the daemon is traced" grep -q "^TracerPid:[[:space:]]*[1-9]" "/proc/${pid[failoverd]}/status"
kill -HUP "${pid[failoverd]}"
wait_for "the reload has begun to read" grep -q 'failoverd\.yaml' "$shop/trace.out"
order api "status 503"
wait_for "buyers pay by crypto meanwhile" pays_by crypto
wait_for "mode.json says so" grep -q '"mode":"crypto"' "$shop/run/mode.json"
order api ok
wait_for "buyers pay by card again meanwhile" pays_by primary
check "the reload waits" not grep -q "reloaded" "$shop/failoverd.log"
stop trace INT || true # the call goes on
wait_for "the reload ends once the file can be read" grep -q "reloaded" "$shop/failoverd.log"
