#!/bin/bash
# SPDX-License-Identifier: MIT
# Real checkouts fail: the shop reports it, and the mode follows within a second, not at the next minute.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

part_start api payment-api
part_start btcpay payment-api
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
  checkout: {type: passive}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [payment-api, checkout]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: {hold: 2s, hold_max: 2s, max_changes_per_day: 0}
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up
check "silence votes for nothing" equal "$(payment_mode)" primary

check "a good checkout is taken" report checkout pass
check "a report for an active probe is refused" not report payment-api fail 2>/dev/null
check "an unknown outcome is refused" not report checkout splendid 2>/dev/null
for _ in 1 2 3; do
        check "a failed checkout is taken" report checkout fail
done
wait_for "buyers pay by crypto" pays_by crypto
check "the cause is told" contains "$(cause)" "checkout"

# In crypto mode no card checkout can report well: the old reports must not hold the shop there for ever.
wait_for "buyers pay by card again after the hold" pays_by primary
check "the checkout probe starts afresh" verdict_is checkout unknown
