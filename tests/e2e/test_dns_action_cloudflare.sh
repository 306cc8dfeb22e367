#!/bin/bash
# SPDX-License-Identifier: MIT
# The zone follows the mode at Cloudflare (a stand-in to its documented behaviour), with the fewest changes, through
# refusals, slow and lost answers, and SIGKILL. The token is told to nobody else.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/dns_shop.sh"
need curl jq

token=v1.0-planted-canary-4f8e0b7a91c2
printf '%s\n' "$token" >"$shop/token"
chmod 600 "$shop/token"
part_start cloudflare cloudflare-api --token "$token"
api_url=http://127.0.0.1:${port[cloudflare]}/client/v4

cloudflare() { # JQ-FILTER of what the stand-in has and was asked
        curl -sS --max-time 10 --unix-socket "$shop/cloudflare.sock" http://part/ | jq -r "$1"
}

has() { # NAME TYPE: "content ttl proxied", sorted, one a line
        cloudflare ".records[] | select(.name == \"$1\" and .type == \"$2\") | \"\(.content) \(.ttl) \(.proxied)\"" | sort
}

dns_shop_says() { # MODE
        local zone=shop.example
        if [[ $1 == primary ]]; then
                equal "$(has $zone A)" $'192.0.2.1 1 true\n192.0.2.2 1 true' &&
                        equal "$(has $zone AAAA)" "2001:db8::1 1 true" && equal "$(has www.$zone CNAME)" "$zone 60 false" &&
                        equal "$(has xn--bcher-kva.$zone A)" "192.0.2.1 60 false" &&
                        equal "$(has _note.$zone TXT)" '"it says \"primary\"; so" "second" 60 false' &&
                        equal "$(has '*.wild.shop.example' A)" "192.0.2.3 60 false" && equal "$(has www.$zone A)" ""
        else
                equal "$(has $zone A)" "198.51.100.7 1 true" && equal "$(has $zone AAAA)" "" &&
                        equal "$(has www.$zone A)" "198.51.100.7 60 false" && equal "$(has www.$zone CNAME)" "" &&
                        equal "$(has xn--bcher-kva.$zone CNAME)" "pay.example.net 60 false" &&
                        equal "$(has '*.wild.shop.example' A)" "" && contains "$(has _note.$zone TXT)" '"\"\"'
        fi 2>/dev/null
}

untouched() {
        equal "$(has other.shop.example A)" "192.0.2.99 300 false" && equal "$(has shop.example MX)" "mail.shop.example 300 false"
}

# What the operator had there before: proxied, and in the older form of TXT.
order cloudflare record '{"type": "A", "name": "shop.example", "content": "192.0.2.1", "ttl": 1, "proxied": true}'
order cloudflare record '{"type": "TXT", "name": "_note.shop.example", "content": "older, without quotes", "ttl": 60}'
order cloudflare record '{"type": "A", "name": "other.shop.example", "content": "192.0.2.99", "ttl": 300}'
order cloudflare record '{"type": "MX", "name": "shop.example", "content": "mail.shop.example", "priority": 10, "ttl": 300}'
order cloudflare pages 2

LOG_LEVEL=debug LOG_LINES=100
dns_shop_start "provider: cloudflare" "token_file: token" "url: $api_url"
check "the record that was right was left alone" equal "$(has shop.example A | head -n 1)" "192.0.2.1 1 true"
kept=$(cloudflare '.records[] | select(.content == "192.0.2.1" and .name == "shop.example") | .id')
check "it is still the same record" equal "$kept" "00000000000000000000000000000001"
wait_for "the action is done" dns_action_done
check "all of it was one batch" equal "$(cloudflare .writes)" 1

# There and back.
shop_breaks
wait_for "the zone says crypto" dns_shop_says crypto
shop_mends
wait_for "the zone says primary" dns_shop_says primary
check "one batch each way" equal "$(cloudflare .writes)" 3
check "what no mode lists is not touched" untouched

breaks_by() { # ORDER PART-OF-THE-REASON: a change waits until the API is well again
        order cloudflare "$1"
        shop_breaks
        wait_for "the reason is told: $2" dns_told "$2"
        check "it is tried again" dns_action_is '.state == "pending"'
        order cloudflare ok
        wait_for "the zone follows after: $1" dns_shop_says crypto
        wait_for "the action is done" dns_action_done
        shop_mends
        wait_for "the zone says primary" dns_shop_says primary
}
breaks_by "status 429" "Cloudflare asks to wait: HTTP 429"
breaks_by unwilling "DNS Validation Error (1004)"
breaks_by refuse "refused"

# The token is revoked, and another is put in its place.
printf '%s\n' "another-token-that-is-wrong" >"$shop/token"
shop_breaks
wait_for "the reason is told" dns_told "Cloudflare refuses the token in token: Invalid access token (9109)"
printf '%s\n' "$token" >"$shop/token"
wait_for "the zone follows once the token is right" dns_shop_says crypto
wait_for "the action is done" dns_action_done
shop_mends
wait_for "the zone says primary" dns_shop_says primary
wait_for "the action is done" dns_action_done

# Cloudflare does it, but its answer is lost, and the daemon is killed: the next start asks first.
order cloudflare lost
shop_breaks
wait_for "the zone says crypto" dns_shop_says crypto
stop failoverd KILL || true
order cloudflare ok
writes=$(cloudflare .writes)
daemon_start
wait_for "the action is done" dns_action_done
check "it is not done again" equal "$(cloudflare .writes)" "$writes"
check "the zone says crypto" dns_shop_says crypto
check "what no mode lists is not touched" untouched

# Some seconds an answer, of several: buyers do not wait for it, nor do probes.
order cloudflare slow 3000
order api ok
wait_for "buyers pay by card again" pays_by primary
check "and the zone is as it was" dns_shop_says crypto
order cloudflare slow 700
wait_for "the zone says primary" dns_shop_says primary

stop failoverd
check "the token is in no log, state or page" not grep -rqF "$token" "$shop/failoverd.log" "$shop/state" "$shop/run" "$shop/status"
