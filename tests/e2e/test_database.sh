#!/bin/bash
# SPDX-License-Identifier: MIT
# A corrupt or newer database is said clearly and never overwritten; the shop is kept selling meanwhile.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq sqlite3

shop_start
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "every action is done" status_is 'all(.actions[]; .state == "done")'
stop failoverd
mkdir "$shop/kept"
cp "$shop/state/state.db" "$shop/kept/"

# The shop is kept on what mode.json says, and nothing is written over what cannot be read.
left_alone() { # WORDS
        local sum
        sum=$(sha256sum <"$shop/state/state.db")
        : >"$shop/failoverd.log"
        : >"$shop/sink.jsonl"
        daemon_start
        wait_for "it says why, and which file" grep -qiE "state\.db.*($1)" "$shop/failoverd.log"
        check "the mode holds" status_is '.mode == "crypto"'
        wait_for "that this is not durable is said" status_is '.durable == false'
        wait_for "the operator is told" received_some sink '.body | fromjson | .type == "alert.raised"'
        order api ok
        wait_for "the shop returns all the same" pays_by primary
        order api "status 503"
        wait_for "and falls back all the same" pays_by crypto
        check "that is not called durable" jq -e '.durable == false' "$shop/run/mode.json" >/dev/null
        stop failoverd
        check "the file was left alone ($1)" equal "$(sha256sum <"$shop/state/state.db")" "$sum"
}
head -c 8192 /dev/urandom >"$shop/state/state.db"
rm -f "$shop/state"/state.db-*
left_alone "corrupt|not a database|damaged"

cp "$shop/kept/state.db" "$shop/state/state.db"
size=$(stat -c %s "$shop/state/state.db")
dd if=/dev/urandom of="$shop/state/state.db" bs=1 seek=$((size / 2)) count=4096 conv=notrunc status=none
dd if=/dev/urandom of="$shop/state/state.db" bs=1 seek=200 count=3000 conv=notrunc status=none
left_alone "corrupt|malformed|damaged"

cp "$shop/kept/state.db" "$shop/state/state.db"
sqlite3 "$shop/state/state.db" "pragma user_version = 9999"
left_alone "newer"

cp "$shop/kept/state.db" "$shop/state/state.db"
daemon_start
check "the good one is taken, with its mode" status_is '.mode == "crypto"'
