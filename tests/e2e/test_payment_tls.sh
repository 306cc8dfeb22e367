#!/bin/bash
# SPDX-License-Identifier: MIT
# Certificates of the payment API: expired, wrong name and foreign ones are failures, our own clock is not.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

certificates_make shop.example
part_start btcpay payment-api
part_start api payment-api --tls "$shop/tls"
config <<END
node: $node
probes:
  payment-api: {type: http, url: "https://shop.example:${port[api]}/v1/account", resolve: 127.0.0.1, ca_file: "$shop/tls/ca.crt", tls_min_days: 14, expect_json: {charges_enabled: true}, $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up

present() { # CERTIFICATE PART-OF-THE-CAUSE
        order api "certificate $1"
        wait_for "buyers pay by crypto when the certificate is: $1" pays_by crypto
        check "the cause is told" contains "$(cause)" "$2"
        order api "certificate valid"
        wait_for "buyers pay by card again after: $1" pays_by primary
}
present expired expired
present wrong-name "not for"
present self-signed "not trusted"

before=$(changes)
order api "certificate ends-soon"
wait_for "a certificate that ends soon is a warning" \
        status_is '.probes[] | select(.name == "payment-api") | .outcome == "warn" and .verdict == "up"'
order api "certificate not-yet"
wait_for "a certificate that is not yet valid is our clock's fault" \
        status_is '.probes[] | select(.name == "payment-api") | .window | startswith("iii")'
check "neither switches anything" equal "$(payment_mode) $(changes)" "primary $before"
