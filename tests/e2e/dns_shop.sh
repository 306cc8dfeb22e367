# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# A shop whose zone follows the mode, for the tests of the dns action: sourced after lib.sh. The test defines
# dns_shop_says MODE, which asks the zone.

dns_shop_config() { # LINE...: keys of the dns action
        config <<-END
		node: $node
		probes:
		  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", expect_json: {charges_enabled: true}, $fast}
		  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", expect_json: {synchronized: true}, $fast}
		modes:
		  - {name: primary, requires: [payment-api]}
		  - {name: crypto, requires: [btcpay], $to_crypto}
		failback: {hold: 300ms, hold_max: 300ms, max_changes_per_day: 0}
		actions:
		  - {type: payment-mode}
		  ${dns_shop_alert-}
		  - type: dns
		    zone: shop.example
$(printf '    %s\n' "$@")
		    records:
		      primary:
		        - shop.example. 60 A 192.0.2.1
		        - shop.example. 60 A 192.0.2.2
		        - shop.example. 60 AAAA 2001:DB8::1
		        - WWW.shop.example 60 CNAME shop.example.
		        - xn--bcher-kva.shop.example. 60 A 192.0.2.1
		        - '_note.shop.example. 60 TXT "it says \"primary\"; so" "second"'
		        - '*.wild.shop.example. 60 A 192.0.2.3'
		      crypto:
		        - shop.example. 120 A 198.51.100.7
		        - www.shop.example. 60 A 198.51.100.7
		        - xn--bcher-kva.shop.example. 60 CNAME pay.example.net.
		        - '_note.shop.example. 60 TXT $long_text'
		END
}
long_text=$(printf '\\"%.0s' {1..10}; printf 'x%.0s' {1..400}) # 10 quotes, then more than one string holds
long_text="\"$long_text\""

dns_shop_start() { # LINE...
        part_start api payment-api
        part_start btcpay payment-api
        dns_shop_config "$@"
        daemon_start
        wait_for "everything is up" all_up
        wait_for "the zone says primary" dns_shop_says primary
}

dns_action_is() { # JQ-CONDITION on the dns action's line of the newest change
        status_is ".change as \$c | .actions[] | select(.type == \"dns\") | select(.change == \$c) | $1"
}

dns_action_done() {
        dns_action_is '.state == "done"'
}

dns_message() {
        status | jq -r '.actions[] | select(.type == "dns") | .message'
}

dns_told() { # PART of the dns action's message
        contains "$(dns_message)" "$1"
}

shop_breaks() {
        order api status 503
        wait_for "buyers pay by crypto" pays_by crypto
}

shop_mends() {
        order api ok
        wait_for "buyers pay by card again" pays_by primary
}
