#!/bin/bash
# SPDX-License-Identifier: MIT
# Real Nagios plug-ins are probes: exit codes, text, performance data, and the deadline.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq
plugins=/usr/lib/nagios/plugins
for plugin in check_dummy check_tcp check_http check_disk check_file_age; do
        [[ -x $plugins/$plugin ]] || missing "$plugin (monitoring-plugins-basic) is not installed"
done

part_start api payment-api
echo fresh >"$shop/orders"
cp "$(command -v sleep)" "$shop/hang" # a name of our own, to find what is left of it
config <<END
node: $node
probes:
  web: {type: exec, command: [$plugins/check_http, -H, 127.0.0.1, -p, "${port[api]}", -u, /v1/account, -t, "5"], interval: 1s, fast_interval: 200ms, timeout: 5s}
  tcp: {type: exec, command: [$plugins/check_tcp, -H, 127.0.0.1, -p, "${port[api]}"], interval: 1s, fast_interval: 200ms, timeout: 5s}
  room: {type: exec, command: [$plugins/check_disk, -w, "1", -c, "0", -u, MB, -p, $shop], interval: 1s, fast_interval: 200ms, timeout: 5s}
  orders: {type: exec, command: [$plugins/check_file_age, -w, "100000", -c, "200000", -f, $shop/orders], interval: 1s, fast_interval: 200ms, timeout: 5s}
  warns: {type: exec, command: [$plugins/check_dummy, "1", "as ordered"], interval: 1s, fast_interval: 200ms, timeout: 5s}
  unknown: {type: exec, command: [$plugins/check_dummy, "3", "cannot tell"], interval: 1s, fast_interval: 200ms, timeout: 5s}
  critical: {type: exec, command: [$plugins/check_dummy, "2", "broken"], interval: 1s, fast_interval: 100ms, timeout: 5s}
  hangs: {type: exec, command: [/bin/sh, -c, "$shop/hang 600 & $shop/hang 600"], interval: 1s, fast_interval: 100ms, timeout: 300ms}
  absent: {type: exec, command: [/nonexistent/check_nothing], interval: 1s, fast_interval: 200ms, timeout: 5s}
modes:
  - {name: primary, requires: [web, tcp, room, orders]}
  - {name: crypto, requires: [], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
for name in web tcp room orders warns; do
        wait_for "$name is up" verdict_is $name up
done
outcome_is() { # PROBE OUTCOME PART-OF-THE-MESSAGE
        status_is ".probes[] | select(.name == \"$1\") | .outcome == \"$2\" and (.message | contains(\"$3\"))"
}
wait_for "the text of check_http is the message" outcome_is web pass "HTTP OK"
check "without its performance data" not contains "$(probe_message web)" "|" 2>/dev/null
wait_for "exit 1 is a warning" outcome_is warns warn "as ordered"
wait_for "exit 3 is inconclusive" outcome_is unknown inconclusive "cannot tell"
wait_for "exit 2 is a failure" outcome_is critical fail "broken"
wait_for "a program that is not there is inconclusive" outcome_is absent inconclusive "/nonexistent/check_nothing"
wait_for "a plug-in that hangs is a failure" verdict_is hangs down
check "exit 3 moves no verdict" verdict_is unknown unknown

order api "status 503"
wait_for "check_http takes the shop to its fallback" pays_by crypto
check "with its own words" contains "$(cause)" "HTTP CRITICAL"
order api ok
wait_for "and back" pays_by primary
touch -d '3 days ago' "$shop/orders"
wait_for "check_file_age takes it there, too" pays_by crypto
stop failoverd
left() {
        local exe
        for exe in /proc/[0-9]*/exe; do
                [[ $(readlink "$exe" 2>/dev/null) == "$shop/hang" ]] && return
        done
        return 1
}
wait_for "no process of a plug-in is left" not left
