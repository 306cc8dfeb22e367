#!/bin/bash
# SPDX-License-Identifier: MIT
# One outage from end to end: what the shop reads, what people see, what the operator gets, and the way back.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
check "buyers pay by card" equal "$(<"$shop/run/payment.env")" \
        "PAYMENT_MODE=primary
CHECKOUT_ROUTE=checkout
FAILOVER_CHANGE=$(status | jq -r .change)"
check "the first start is a change" equal "$(changes)" 1
check "the first start says nothing to the operator" equal "$(received_count sink true)" 0
check "failoverctl status is content" ctl status >/dev/null

order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
check "payment.env is whole" equal "$(<"$shop/run/payment.env")" \
        "PAYMENT_MODE=crypto
CHECKOUT_ROUTE=cryptoCheckout
FAILOVER_CHANGE=$(status | jq -r .change)"
wait_for "mode.json says so" jq -e '.mode == "crypto" and .first == false and .payment == "crypto" and .durable and
        .checkout == "cryptoCheckout" and (.message | startswith("Using backup")) and
        (.probes | any(.name == "payment-api" and .verdict == "down"))' "$shop/run/mode.json"
check "status says so" status_is '.mode == "crypto" and .automation.wants == "crypto" and .durable and
        (.modes[0] | .ready == false and .waiting_for == ["payment-api"]) and .modes[1].ready'
check "failoverctl status is not content" equal "$(ctl status >/dev/null; echo $?)" 2
check "files are readable for the shop and the web server" equal \
        "$(stat -c %a "$shop/run/payment.env" "$shop/run/mode.json" "$shop/status/index.html" | tr '\n' ' ')" "644 644 644 "
wait_for "the status page says so" grep -q "backup payment system" "$shop/status/index.html"

told='.path == "/alert" and (.body | fromjson | .type == "change" and .data.mode == "crypto")'
wait_for "the operator is told" received_some sink "$told"
check "with the cause" contains "$(received sink "$told" | jq -r '.body | fromjson | .data.cause')" "payment-api down: HTTP 503"
change=$(status | jq -r .change)
check "the change can be explained" contains "$(ctl explain "$change")" "payment-api"
check "history has it" equal "$(ask "/v1/history?limit=1" | jq -r '.changes[0] | "\(.id) \(.from) \(.to) \(.automatic)"')" \
        "$change primary crypto true"

order api ok
wait_for "buyers pay by card again" pays_by primary
back='.path == "/alert" and (.body | fromjson | .type == "change" and .data.mode == "primary")'
wait_for "the operator is told of the return" received_some sink "$back"
wait_for "every action is done" status_is 'all(.actions[]; .state == "done")'
check "each message came once" equal "$(received_count sink "$told") $(received_count sink "$back")" "1 1"
check "three changes in all" equal "$(changes)" 3
wait_for "failoverctl status is content again" ctl status
