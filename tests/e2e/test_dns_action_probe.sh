#!/bin/bash
# SPDX-License-Identifier: MIT
# A dns action changes the very record that a required probe watches: refused while the probe expects what one mode gives,
# and a round trip once it expects the values of all modes.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/primary.sh"
need curl jq kdig nsupdate knotd

primary_start knot
by_hand() { # ADDRESS: somebody writes it into the zone
        nsupdate -k "$shop/dns.key" <<-END
		server ${primary/:/ }
		zone shop.example.
		update delete shop.example. A
		update add shop.example. 60 A $1
		send
		END
}
by_hand 192.0.2.1
part_start api payment-api
shop() { # VALUES that the probe expects, HOLD
        config <<-END
		node: $node
		probes:
		  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", expect_json: {charges_enabled: true}, $fast}
		  domain: {type: dns, name: shop.example, record: A, servers: ["$primary"], expect: [$1], $fast}
		modes:
		  - {name: primary, requires: [payment-api, domain]}
		  - {name: crypto, $to_crypto}
		failback: {hold: $2, hold_max: $2, max_changes_per_day: 0}
		actions:
		  - {type: payment-mode}
		  - type: dns
		    provider: rfc2136
		    server: $primary
		    zone: shop.example
		    key_file: dns.key
		    records: {primary: [shop.example. 60 A 192.0.2.1], crypto: [shop.example. 60 A 198.51.100.7]}
		END
}

shop 192.0.2.1 1s
status=0
ctl check-config "$shop/failoverd.yaml" >"$shop/check.log" 2>&1 || status=$?
check "a probe that bars the way back is refused" equal "$status" 1
check "and with its place" contains "$(<"$shop/check.log")" "failoverd.yaml:4:11: action \`dns\` makes shop.example A 198.51.100.7"
check "the mode that would not be ready is named" contains "$(<"$shop/check.log")" "\`primary\`, which requires it, would not be ready again"
status=0
daemon 2>>"$shop/failoverd.log" || status=$?
check "the daemon does not start with it" equal "$status" 6

shop "192.0.2.1, 198.51.100.7" 1s
check "the values of all modes are taken" ctl check-config "$shop/failoverd.yaml"
daemon_start
wait_for "everything is up" all_up
wait_for "the zone says primary" zone_says @ A 192.0.2.1
order api status 503
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the zone says crypto" zone_says @ A 198.51.100.7
order api ok
wait_for "buyers pay by card again, with the record as crypto made it" pays_by primary
wait_for "the zone says primary" zone_says @ A 192.0.2.1
check "the probe was never down" equal "$(changes)" 3

# Somebody else's value is still a fail. It returns only when all of that has been seen.
reload() { # HOLD
        : >"$shop/failoverd.log"
        shop "192.0.2.1, 198.51.100.7" "$1"
        kill -HUP "${pid[failoverd]}"
        wait_for "it is reloaded" grep -q "reloaded: " "$shop/failoverd.log"
}
reload 1h
by_hand 203.0.113.66
wait_for "a value of no mode is a fail" pays_by crypto
check "the cause is told" contains "$(cause)" "answer is 203.0.113.66; expected 192.0.2.1, 198.51.100.7"
wait_for "and the action mends it" zone_says @ A 198.51.100.7
reload 1s
wait_for "buyers pay by card again" pays_by primary
