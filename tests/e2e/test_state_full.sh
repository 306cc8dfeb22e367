#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk that holds the state is full: the shop still falls back, says that it is not durable, and saves when there is room.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
need curl jq

disk_make 8
mkdir "$shop/disk/state" "$shop/disk/status"
ln -s disk/state "$shop/state"
ln -s disk/status "$shop/status"
shop_start
disk_fill
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the operator is told" received_some sink '.body | fromjson | .data.mode == "crypto"'
agree() { # status and mode.json, which is written a moment later
        equal "$(jq .durable "$shop/run/mode.json")" "$(status | jq .durable)"
}
wait_for "mode.json says whether it is durable" agree
disk_empty
wait_for "it is saved once there is room" status_is .durable
wait_for "mode.json says so" jq -e .durable "$shop/run/mode.json"
change=$(status | jq -r .change)
stop failoverd KILL || true
daemon_start
check "it was saved" status_is ".mode == \"crypto\" and .change == \"$change\""
