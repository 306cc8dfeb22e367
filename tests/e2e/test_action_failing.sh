#!/bin/bash
# SPDX-License-Identifier: MIT
# A name server refuses the mode's records for good: somebody is told once, a restart does not tell it again, and its end is
# told when the server gives in.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/primary.sh"
. "$(dirname "$0")/dns_shop.sh"
need curl jq kdig nsupdate knotd
patience=60 # such an alert takes half a minute

dns_shop_says() { # MODE
        if [[ $1 == primary ]]; then zone_says @ AAAA 2001:db8::1; else zone_says @ A 198.51.100.7; fi
}

told() { # KIND: how often somebody was told of it
        received_count sink ".body | fromjson | .data.alert == \"action-failing:dns\" and .type == \"alert.$1\""
}

told_once() { # KIND
        equal "$(told "$1")" 1
}

primary_start knot
sink_start sink
dns_shop_alert="- {type: alert, webhook: {url: \"http://127.0.0.1:${port[sink]}/alert\", format: json}}"
dns_shop_start "provider: rfc2136" "server: \"$primary\"" "key_file: dns.key"

key_write "$shop/dns.key" other "$tsig_secret"
shop_breaks
wait_for "somebody is told" told_once raised
check "the reason is told" contains "$(status | jq -r '.alerts[] | select(.name == "action-failing:dns") | .message')" \
        "not allowed to change these records"
check "it is tried on" dns_action_is '.state == "pending"'
look=$(ctl status || true)
check "the operator sees it" contains "$look" "dns to shop.example at $primary: pending"

stop failoverd KILL || true
daemon_start
wait_for "it is tried again" dns_action_is '.attempts > 3 and .state == "pending"'
check "the alert stands" status_is '[.alerts[] | select(.name == "action-failing:dns")] | length == 1'

key_write "$shop/dns.key" shop "$tsig_secret"
wait_for "the zone follows" dns_shop_says crypto
wait_for "the end is told" told_once cleared
check "and was told of once, in spite of the restart" told_once raised
check "no alert stands" status_is '.alerts == []'
