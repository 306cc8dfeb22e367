#!/bin/bash
# SPDX-License-Identifier: MIT
# A payment API that cannot be reached or does not finish: the shop falls back, says why, and returns.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

fast=$impatient
shop_start
flips_and_returns refuse "refused"
flips_and_returns blackhole "payment-api down"
flips_and_returns silent "payment-api down"
flips_and_returns "slow 3000" "payment-api down"
flips_and_returns "drip 200" "payment-api down"
flips_and_returns reset "payment-api down"
flips_and_returns huge "payment-api down"
