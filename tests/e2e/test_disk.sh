#!/bin/bash
# SPDX-License-Identifier: MIT
# The shop's disk: full and read-only are failures, each with its words.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
need curl jq

disk_make 8
part_start btcpay payment-api
config <<END
node: $node
probes:
  disk: {type: disk, path: "$shop/disk", min_free: 10%, $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [disk]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up

disk_fill
wait_for "buyers pay by crypto when the disk is full" pays_by crypto
check "the cause is told" contains "$(cause)" "full"
disk_empty
wait_for "buyers pay by card again" pays_by primary

disk_readonly
wait_for "buyers pay by crypto when the disk is read-only" pays_by crypto
check "the cause is told" contains "$(cause)" "ead-only"
disk_writable
wait_for "buyers pay by card again" pays_by primary
