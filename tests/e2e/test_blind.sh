#!/bin/bash
# SPDX-License-Identifier: MIT
# Our own uplink is lost: external probes fail, references fail too, and nothing is switched.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

part_start api payment-api
part_start reference payment-api
part_start btcpay payment-api
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", scope: external, $fast}
  reference: {type: http, url: "http://127.0.0.1:${port[reference]}/", $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
vantage: [reference]
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up

order reference refuse
order api refuse
wait_for "we know that we are blind" status_is .blind
wait_for "the failures are inconclusive" status_is \
        '.probes[] | select(.name == "payment-api") | .window | startswith("iii")'
check "nothing is switched" equal "$(payment_mode) $(changes)" "primary 1"

order reference ok
wait_for "with a reference that answers, the failure counts" pays_by crypto
check "we see again" status_is '.blind | not'
order api ok
wait_for "buyers pay by card again" pays_by primary
