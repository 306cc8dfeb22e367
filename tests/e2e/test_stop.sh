#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGTERM stops at once with status 0, and a second daemon on the same folders is refused.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
code=0
daemon >"$shop/second.log" 2>&1 || code=$?
check "a second daemon is refused" equal "$code" 1
check "the first goes on" daemon_answers
before=$EPOCHREALTIME
check "SIGTERM ends it with 0" stop failoverd
took=$(awk -v a="$before" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
check "within 3 s (took $took)" awk -v t="$took" 'BEGIN { exit t > 3 }'
check "payment.env stays" equal "$(payment_mode)" primary
