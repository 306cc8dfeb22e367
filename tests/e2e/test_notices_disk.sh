#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk cannot keep a notice: buyers are sent to the fallback all the same, and the sender is told to come again; what he sends then is
# kept, has no second effect, and is there after a kill.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
. "$(dirname "$0")/federation.sh"
need fsfreeze
/usr/bin/python3 -c 'import nacl' 2>/dev/null || missing "python3-nacl is not installed"
export ASAN_OPTIONS=${ASAN_OPTIONS-}${ASAN_OPTIONS:+:}detect_leaks=0 # it would wait for the thread that hangs

disk_make 16
nodes_name alpha
mkdir -p "$shop/disk/state" "$shop/alpha"
ln -s ../disk/state "$shop/alpha/state"
public=$("$build/failoverctl" keygen --json --id k1 "$shop/node.key" | jq -r .public_key)
network_keys=", allow_private_peers: [127.0.0.0/8], check_interval: 1h" \
        node_config alpha "{id: other, url: \"http://127.0.0.1:9\", public_key: \"$public\"}" </dev/null
node_start alpha
is_ready() { # N times so far
        (($(grep -c ': ready' "$shop/alpha.log") >= $1))
}
wait_for "ready" is_ready 1

say() { # ARGUMENT...: "STATUS BODY"
        /usr/bin/python3 "$source_dir/tests/parts/notice.py" --key "$shop/node.key" --node other --to alpha --url "$(node_url alpha)" "$@"
}
buyers_go() { # URL
        [[ $(node_get alpha /network-registry.json | jq -r '.nodes[] | select(.id == "other").fallbackUrl') == "$1" ]]
}
entries() { # in the audit log that tell of notices
        node_get alpha /v1/audit --unix-socket "$shop/alpha/run/control.sock" | jq -r '[.audit[] | select(.event == "notice-applied")] | length'
}
seq=$(date +%s%3N)

disk_freeze
began=$(date +%s%3N)
answer=$(say --id a --seq "$seq" --fallback https://backup.example)
took=$(($(date +%s%3N) - began))
check "it must come again" contains "$answer" "503"
check "since it is not kept" contains "$answer" '"unkept"'
check "and this is said in time" test $took -lt 10000
check "its buyers go to the fallback all the same" buyers_go https://backup.example
check "the same again is not kept either" contains "$(say --id a --seq "$seq" --fallback https://backup.example)" '"unkept"'
check "something older is old all the same" contains "$(say --id b --seq $((seq - 1)) --type primary_recovered)" "409"
disk_thaw
kept() {
        contains "$(say --id a --seq "$seq" --fallback https://backup.example)" '"duplicate":true'
}
wait_for "once it can be kept, it is: without a second effect" kept
check "the audit log tells of it once" equal "$(entries)" 1
stop alpha KILL || true
node_start alpha
wait_for "ready" is_ready 2
check "after a kill it is there" buyers_go https://backup.example
check "and known" contains "$(say --id a --seq "$seq")" '"duplicate":true'

# An error of the disk: it is at once that it says so. After a new start all is as it was kept.
disk_abort
answer=$(say --id c --seq $((seq + 1)) --type primary_recovered)
check "an error of the disk is told" contains "$answer" '"unkept"'
check "and its buyers return all the same" buyers_go null
