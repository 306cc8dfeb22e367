#!/bin/bash
# SPDX-License-Identifier: MIT
# A payment API that answers wrongly: the shop falls back, says why, and returns.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start ', headers: {Authorization: "Bearer sk_test"}'
flips_and_returns "status 503" "HTTP 503"
flips_and_returns frozen "charges_enabled"
flips_and_returns "status 401" "frozen account or wrong key"
flips_and_returns html "JSON"
flips_and_returns garbage "payment-api down"
flips_and_returns truncated "payment-api down"

# 429 is our own haste, not an outage: it is inconclusive, and nothing is switched.
before=$(changes)
order api "status 429"
wait_for "429 is inconclusive" status_is '.probes[] | select(.name == "payment-api") | .window | startswith("iii")'
check "429 switches nothing" equal "$(payment_mode) $(changes)" "primary $before"
