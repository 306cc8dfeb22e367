#!/bin/bash
# SPDX-License-Identifier: MIT
# A disk that hangs costs its own verdict and delays no other probe.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
need curl jq fsfreeze

fast=$impatient
disk_make 8
part_start api payment-api
part_start btcpay payment-api
config <<END
node: $node
probes:
  disk: {type: disk, path: "$shop/disk", min_free: 1%, $fast}
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [payment-api, disk]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up

disk_freeze
wait_for "buyers pay by crypto when the disk hangs" pays_by crypto
check "the cause is told" contains "$(cause)" "disk"
asked=$(requests api)
asked_again() {
        (($(requests api) >= asked + 3))
}
wait_for "the payment API is still asked" asked_again
disk_thaw
wait_for "buyers pay by card again" pays_by primary
