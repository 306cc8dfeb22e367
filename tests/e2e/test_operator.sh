#!/bin/bash
# SPDX-License-Identifier: MIT
# The operator's hand: pin, pause, plan, history, explain, and exit codes that a script can trust.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
code() {
        local status=0
        "$@" >"$shop/said" 2>&1 || status=$?
        echo $status
}
check "plan says what would happen" contains "$(ctl plan crypto)" crypto
check "plan changes nothing" equal "$(payment_mode)" primary

check "force-fallback is done" equal "$(code ctl force-fallback --for 1h --reason "card fees")" 0
wait_for "buyers pay by crypto" pays_by crypto
check "the pin and its end are shown" status_is '.operator.pinned == "crypto" and (.operator.until | type == "string")'
check "status: another mode" equal "$(code ctl status)" 2
check "the reason is kept" contains "$(ctl explain)" "card fees"
check "force-primary is done" equal "$(code ctl force-primary)" 0
wait_for "buyers pay by card" pays_by primary
check "status: pinned" equal "$(code ctl status)" 1
check "auto is done" equal "$(code ctl auto)" 0
wait_for "status: content" ctl status

check "pause is done" equal "$(code ctl pause)" 0
order api "status 503"
wait_for "automation would switch" status_is '.automation.wants == "crypto"'
check "paused, it does not" equal "$(payment_mode) $(code ctl status)" "primary 1"
check "resume is done" equal "$(code ctl resume)" 0
wait_for "resumed, it does" pays_by crypto
check "a pin on the first mode holds, loudly" equal "$(code ctl force-primary)" 0
wait_for "buyers are sent to cards against all advice" pays_by primary
wait_for "which is alerted" status_is '.alerts | length > 0'
ctl auto >"$shop/said"
wait_for "auto applies the rule at once" pays_by crypto

order btcpay refuse
wait_for "the fallback is down" verdict_is btcpay down
order api ok
wait_for "buyers pay by card" pays_by primary
check "without a ready fallback, force-fallback is refused" equal "$(code ctl force-fallback)" 1
check "with the reason" contains "$(<"$shop/said")" btcpay

check "history is newest first" equal \
        "$(ctl history --json | jq -r '[.changes[0].to, .changes[-1].to] | join(" ")')" "primary primary"
check "a wrong verb is a usage error" equal "$(code ctl frobnicate)" 2
check "a test of the alert channel is accepted" equal "$(code ctl alert --test)" 0
wait_for "and arrives" received_some sink '.body | fromjson | .type == "test"'
stop failoverd
check "without a daemon: status 3" equal "$(code ctl status)" 3
check "without a daemon: others 1" equal "$(code ctl pause)" 1
