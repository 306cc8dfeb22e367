#!/bin/bash
# SPDX-License-Identifier: MIT
# A shop that is busy reporting is counted by the second, and a reload that moves modes and renames components tells the public
# what is so: at once, with no outage of its own.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

export FAILOVERD_SOCKET=$shop/run/control.sock COLUMNS=80
ctl=$build/failoverctl

public_is() { # JQ-CONDITION
        ask /v1/public | jq -e "$1" >/dev/null
}
write_config() { # MODE-LINES COMPONENTS
        config <<-END
		node: $node
		probes:
		  checkout: {type: passive}
		$lane
		  link: {type: passive}
		modes:
		$1
		failback: $quick_return
		actions:
		  - {type: payment-mode}
		  - {type: status-page}
		components: {$2}
		END
}
reload() {
        kill -HUP "${pid[failoverd]}"
        wait_for "it is reloaded" grep -q "reloaded: " "$shop/failoverd.log"
        : >"$shop/failoverd.log"
}
primary="  - {name: primary, requires: [checkout, link], payment: primary}"
crypto="  - {name: crypto, requires: [], $to_crypto}"
express="  - {name: express, requires: [lane], payment: primary}"
lane=""
page=$shop/status/index.html

write_config "$primary
$crypto" "till: {name: Till, probes: [checkout]}, line: {name: Line, probes: [link]}"
daemon_start
report checkout pass
report link pass
wait_for "the till is seen" public_is '.components[0].state == "operational"'

# ---- a report every 0.3 s, and no other reason to wake up

up() {
        ask /v1/public | jq '.components[0].days | map(.up) | add'
}
before=$(up) began=${EPOCHREALTIME/./}
for _ in {1..15}; do
        sleep 0.3
        report checkout pass
done
after=$(up) lived=$(((${EPOCHREALTIME/./} - began) / 1000000))
check "its seconds are counted: $((after - before)) of $lived" test $((after - before)) -ge $((lived - 2))

# ---- other modes, other names

check "work on the till is announced" "$ctl" maintenance start --name "New till" --for 1h --components till >"$shop/told"
check "and over" "$ctl" maintenance end >"$shop/told"
write_config "$primary
$crypto" "desk: {name: Desk, probes: [checkout]}, line: {name: Line, probes: [link]}"
reload
wait_for "the page has the new name at once" grep -q Desk "$page"
check "and no more the old one" not grep -q "Till" "$page"
check "work on what is gone was none on the whole shop" not grep -q "whole shop" "$page"
before=$(date -u +%Y-%m-%dT%H:%M:%S)
lane="  lane: {type: tcp, host: 127.0.0.1, port: 1, interval: 60s}"
write_config "$express
$primary
$crypto" "desk: {name: Desk, probes: [checkout]}, line: {name: Line, probes: [link]}"
reload
wait_for "the running mode is none to stay in" public_is '.incidents | length == 1'
check "since the reload" public_is ".incidents[0].began >= \"$before\" and .incidents[0].impact == \"minor\""
write_config "$primary
$express
$crypto" "till: {name: Till, probes: [checkout]}, line: {name: Line, probes: [link]}"
reload
wait_for "back in front, all is well" public_is '.incidents | length == 1 and .[0].resolved != null'
check "what was counted before it went is there" test "$(up)" -ge "$after"
stop failoverd || true
daemon_start
check "a restart tells no more" public_is '.incidents | length == 1'
write_config "$express
$primary
$crypto" "till: {name: Till, probes: [checkout]}, line: {name: Line, probes: [link]}"
before=$(date -u +%Y-%m-%dT%H:%M:%S)
stop failoverd || true
daemon_start
wait_for "a restart that moves modes does the same" public_is \
        ".incidents | length == 2 and .[0].began >= \"$before\" and .[0].resolved == null"
