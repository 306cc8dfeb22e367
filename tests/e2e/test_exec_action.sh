#!/bin/bash
# SPDX-License-Identifier: MIT
# A program of the operator's own runs at each change, with a clean environment and the facts in it.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

part_start api payment-api
part_start btcpay payment-api
cat >"$shop/on-change" <<'END'
#!/bin/sh
ls -l /proc/self/fd | wc -l >"${0%/*}/descriptors"
env >"${0%/*}/environment"
echo "mode=$FAILOVER_MODE from=$FAILOVER_FROM change=$FAILOVER_CHANGE cause=$FAILOVER_CAUSE" >>"${0%/*}/told"
END
chmod 755 "$shop/on-change"
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: exec, command: [$shop/on-change]}
  - {type: payment-mode}
END
CANARY_OF_THE_ENVIRONMENT=1 daemon_start
wait_for "everything is up" all_up
check "the first start runs no event" test ! -e "$shop/told"
order api "status 503"
wait_for "it is told" grep -q "^mode=crypto from=primary change=[^ ]* cause=payment-api down: HTTP 503" "$shop/told"
order api ok
wait_for "and of the return" grep -q "^mode=primary from=crypto" "$shop/told"
check "once each" equal "$(wc -l <"$shop/told")" 2
check "without the daemon's environment" not grep -q CANARY "$shop/environment"
check "without its descriptors" test "$(<"$shop/descriptors")" -le 6
