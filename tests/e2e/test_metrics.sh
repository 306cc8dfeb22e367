#!/bin/bash
# SPDX-License-Identifier: MIT
# Metrics, on the control socket and on loopback, are what promtool calls correct.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq promtool

metrics=$(own_loopback):19440
part_start api payment-api
part_start btcpay payment-api
config <<END
node: $node
metrics_listen: $metrics
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
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
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto

ask /metrics >"$shop/metrics"
check "promtool is silent" equal "$(promtool check metrics <"$shop/metrics" 2>&1)" ""
for line in 'failoverd_mode\{mode="crypto"\} 1' 'failoverd_mode\{mode="primary"\} 0' \
        'failoverd_probe_success\{probe="payment-api"\} 0' 'failoverd_probe_success\{probe="btcpay"\} 1' \
        'failoverd_probe_duration_seconds\{probe="btcpay"\} 0\.[0-9]+' \
        'failoverd_probe_verdict\{probe="payment-api",verdict="down"\} 1' 'failoverd_changes_total [0-9]+' \
        'failoverd_actions_total\{type="payment-mode",result="done"\} [0-9]+' 'failoverd_outbox_pending [0-9]+' \
        'failoverd_build_info\{.*\} 1'; do
        check "there is $line" grep -qE "^$line" "$shop/metrics"
done
while read -r name; do
        check "docs/operations.md knows $name" grep -qF "\`$name\`" "$source_dir/docs/operations.md"
done < <(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$shop/metrics")
curl -sS --max-time 5 "http://$metrics/metrics" >"$shop/metrics.tcp"
check "promtool is silent on loopback too" equal "$(promtool check metrics <"$shop/metrics.tcp" 2>&1)" ""
check "the same families there" equal "$(grep -c '^# TYPE failoverd_' "$shop/metrics.tcp")" "$(grep -c '^# TYPE failoverd_' "$shop/metrics")"
check "nothing but metrics there" equal \
        "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://$metrics/v1/status") $(curl -s -o /dev/null -w '%{http_code}' --max-time 5 -d '{"mode":"crypto"}' "http://$metrics/v1/mode")" "404 404"
check "with TCP, only loopback is accepted" contains \
        "$(sed "s/^metrics_listen: .*/metrics_listen: 0.0.0.0:19440/" "$shop/failoverd.yaml" >"$shop/open.yaml"; "$build/failoverd" --config "$shop/open.yaml" --check 2>&1 || true)" loopback
