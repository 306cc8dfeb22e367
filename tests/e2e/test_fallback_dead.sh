#!/bin/bash
# SPDX-License-Identifier: MIT
# Nothing works: the shop stays where it is, and the operator is told that no mode is healthy; then the first that is well is taken.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
order btcpay "status 500"
wait_for "the fallback is down" verdict_is btcpay down
check "a dead fallback switches nothing" equal "$(payment_mode)" primary
order api refuse
wait_for "the payment API is down too" verdict_is payment-api down
wait_for "the operator is told" received_some sink '.body | fromjson | .type == "alert.raised" and (.data.alert | startswith("no-mode"))'
check "nothing is wanted" status_is '.automation.wants == null'
check "the shop stays" equal "$(payment_mode)" primary
check "status says that nothing is healthy" equal "$(ctl status >/dev/null; echo $?)" 2

order btcpay ok
wait_for "the fallback is taken as soon as it is well" pays_by crypto
wait_for "the alert ends" received_some sink '.body | fromjson | .type == "alert.cleared" and (.data.alert | startswith("no-mode"))'
order api ok
wait_for "buyers pay by card again" pays_by primary
