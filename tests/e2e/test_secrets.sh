#!/bin/bash
# SPDX-License-Identifier: MIT
# Secrets that others can read are refused, and a secret appears in no log, page, metric or answer.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

canary=sk_live_canary_7f3a
printf '%s\n' "$canary" >"$shop/stripe.key"
printf 'whsec_%s\n' "$(printf 'canary-of-the-webhook-secret-123' | base64 -w0)" >"$shop/hook.key"
chmod 644 "$shop/stripe.key"
chmod 600 "$shop/hook.key"
part_start api payment-api --key "$canary"
part_start btcpay payment-api
sink_start sink
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account?token=query_canary_55", bearer_file: stripe.key, expect_json: {charges_enabled: true}, $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
  - {type: status-page}
  - {type: alert, webhook: {url: "http://127.0.0.1:${port[sink]}/hook_canary_99", format: json, secret_file: hook.key}}
END
for how in --check --log-level=debug; do
        code=0
        timeout 20 "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" \
                --status-dir "$shop/status" $how >"$shop/said" 2>&1 || code=$?
        check "a key that others can read is refused ($how)" equal "$code" 6
        check "it is named" contains "$(<"$shop/said")" "stripe.key"
        check "it is not printed" not contains "$(<"$shop/said")" "$canary" 2>/dev/null
done
check "it was never sent" equal "$(requests api)" 0

chmod 600 "$shop/stripe.key"
LOG_LEVEL=debug daemon_start
wait_for "made private, it is used" verdict_is payment-api up
chmod 640 "$shop/stripe.key"
((EUID != 0)) || chgrp 65534 "$shop/stripe.key"
wait_for "a group may read it" status_is '.probes[] | select(.name == "payment-api") | .outcome == "pass"'
chmod 644 "$shop/stripe.key"
wait_for "opened to others in mid-flight, it is used no more" status_is \
        '.probes[] | select(.name == "payment-api") | .outcome == "inconclusive" and (.message | contains("stripe.key"))'
chmod 600 "$shop/stripe.key"
wait_for "made private again, it is used again" status_is '.probes[] | select(.name == "payment-api") | .outcome == "pass"'

order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the message is signed" received_some sink '.headers["webhook-signature"] | startswith("v1,")'
order api ok
wait_for "buyers pay by card" pays_by primary
ask "/v1/history?limit=9" >"$shop/history.answer"
ask /metrics >"$shop/metrics.answer"
status >"$shop/status.answer"
ctl explain >"$shop/explain.answer"
tr '\0' '\n' <"/proc/${pid[failoverd]}/cmdline" >"$shop/cmdline.answer"
tr '\0' '\n' <"/proc/${pid[failoverd]}/environ" >"$shop/environ.answer"
for word in "$canary" canary-of-the-webhook query_canary_55 hook_canary_99; do
        found=$(grep -rlaF "$word" "$shop/failoverd.log" "$shop"/*.answer "$shop/run" "$shop/state" "$shop/status" --devices=skip || true)
        check "$word is nowhere, but in: $found" equal "$found" ""
done
