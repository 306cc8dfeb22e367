#!/bin/bash
# SPDX-License-Identifier: MIT
# A start while a disk hangs that is only watched (a FUSE server that is stopped): the shop is told its mode all the same, and
# what was not looked at is said.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq bindfs
private_mounts "$@"

fast=$impatient
mkdir -p "$shop/real" "$shop/watched"
start mount bindfs -f -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$shop/real" "$shop/watched"
wait_for "the disk is mounted" mountpoint -q "$shop/watched"
disk_thaw() { # what lib.sh calls before it ends everything
        kill -CONT "${pid[mount]}" 2>/dev/null || true
}
part_start api payment-api
printf 'sk_test\n' >"$shop/real/api.key"
chmod 600 "$shop/real/api.key"
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/", $fast}
  keyed: {type: http, url: "http://127.0.0.1:${port[api]}/", bearer_file: "$shop/watched/api.key", $fast}
  disk: {type: disk, path: "$shop/watched", $fast}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
kill -STOP "${pid[mount]}"
wait_for "the disk hangs" stopped mount
daemon_start
wait_for "buyers pay by card" pays_by primary
check "what was not looked at is said" grep -q 'probe `keyed`: the disk of a file that it needs does not answer' "$shop/failoverd.log"
wait_for "the payment API is watched" verdict_is payment-api up
wait_for "the disk is down" verdict_is disk down
kill -CONT "${pid[mount]}"
wait_for "everything is up" all_up
