# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# The story of the dns action with signed updates (RFC 2136), told to Knot and to BIND. Sourced after lib.sh.
# shellcheck source=tests/e2e/primary.sh
. "$(dirname "${BASH_SOURCE[0]}")/primary.sh"
# shellcheck source=tests/e2e/dns_shop.sh
. "$(dirname "${BASH_SOURCE[0]}")/dns_shop.sh"

dns_shop_says() { # MODE: an independent client sees the whole of it
        local first
        if [[ $1 == primary ]]; then
                zone_says @ A $'192.0.2.1\n192.0.2.2' && zone_says @ AAAA 2001:db8::1 &&
                        zone_says www CNAME shop.example. && zone_says xn--bcher-kva A 192.0.2.1 &&
                        zone_says any.wild A 192.0.2.3 && zone_says _note TXT '"it says \"primary\"; so" "second"'
        else
                first=$(printf '\\"%.0s' {1..10})$(printf 'x%.0s' {1..245})
                zone_says @ A 198.51.100.7 && zone_says @ AAAA '' && zone_says www A 198.51.100.7 &&
                        zone_says xn--bcher-kva CNAME pay.example.net. && zone_says any.wild A '' &&
                        zone_says _note TXT "\"$first\" \"$(printf 'x%.0s' {1..155})\""
        fi
}

untouched() {
        zone_says other A 192.0.2.99 && zone_says alias CNAME other.shop.example. &&
                zone_says @ MX "10 mail.shop.example." && zone_says @ NS ns.shop.example.
}

updating() { # nsupdate is at work, below failoverd's keeper
        local keepers
        keepers=$(pgrep -d , -P "${pid[failoverd]}") && pgrep -P "$keepers" -x nsupdate
}

key_is_refused() { # NAME SECRET PART-OF-THE-REASON: a change waits for a key that is right
        key_write "$shop/dns.key" "$1" "$2"
        shop_breaks
        wait_for "the reason is told: $3" dns_told "$3"
        check "it is tried again" dns_action_is '.state == "pending"'
        check "the zone is as it was" dns_shop_says primary
        key_write "$shop/dns.key" shop "$tsig_secret"
        wait_for "the zone follows once the key is right" dns_shop_says crypto
        shop_mends
        wait_for "the zone says primary" dns_shop_says primary
}

rfc2136_story() { # knot|bind
        need kdig nsupdate pgrep jq
        primary_start "$1"
        LOG_LEVEL=debug
        dns_shop_start "provider: rfc2136" "server: \"$primary\"" "key_file: dns.key"

        # There and back.
        shop_breaks
        wait_for "the zone says crypto" dns_shop_says crypto
        check "TTLs are kept" equal "$(zone_ttl @ A)" 120
        wait_for "the action is done" dns_action_done
        shop_mends
        wait_for "the zone says primary" dns_shop_says primary
        check "what no mode lists is not touched" untouched

        # The server is away. Buyers do not wait for it.
        stop primary
        shop_breaks
        wait_for "the reason is told" dns_told "no name server is running there"
        primary_run
        wait_for "the zone follows once the server is back" dns_shop_says crypto
        shop_mends
        wait_for "the zone says primary" dns_shop_says primary

        # It is silent, and so SIGKILL finds the daemon in the middle of an update.
        wait_for "the action is done" dns_action_done
        wait_for "the primary is silent" primary_silenced
        shop_breaks
        wait_for "an update is on its way" updating
        local nsupdate
        nsupdate=$(updating) # seconds are left of its patience
        stop failoverd KILL || true
        wait_for "nsupdate ends with the daemon" not kill -0 "$nsupdate"
        kill -CONT "${pid[primary]}"
        daemon_start
        wait_for "the zone says crypto after SIGKILL" dns_shop_says crypto
        wait_for "the action is done" dns_action_done
        shop_mends
        wait_for "the zone says primary" dns_shop_says primary

        # Somebody takes away what must be right.
        [[ $1 == bind ]] || # one of them is enough
                key_is_refused shop d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldC13cm9uZyE= "the secret of key \`shop\` is not the one"
        [[ $1 == bind ]] || key_is_refused nobody "$tsig_secret" "the server does not know the key \`nobody\`"
        # Knot does not tell a key that it knows, but not for this, from one that it does not know.
        key_is_refused other "$tsig_secret" "not allowed to change these records"
        check "what no mode lists is not touched" untouched

        # A server that takes the update and leaves a record out of it, without a word.
        sed -i 's/^\( *\)- shop.example. 120 A .*/&\n\1- alias.shop.example. 60 A 198.51.100.7/' "$shop/failoverd.yaml"
        kill -HUP "${pid[failoverd]}"
        shop_breaks
        wait_for "the record that was left out is told" dns_told \
                "took the update, but answers otherwise: alias.shop.example A is nothing, since an alias of other.shop.example"
        check "it is tried again" dns_action_is '.state == "pending"'
        stop failoverd
        check "the secret is in no log, state or page" not grep -rqF "$tsig_secret" "$shop/failoverd.log" "$shop/state" \
                "$shop/run" "$shop/status"
}
