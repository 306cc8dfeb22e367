#!/bin/bash
# SPDX-License-Identifier: MIT
# Eight shops, each whole (failoverd and federationd). One's payment API dies: the other seven send its buyers to its fallback, and
# back when it has recovered, because it says so, signed; two of them joined by registering, the others know each other.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/network.sh"
bound=${NETWORK_BOUND:-15} # seconds, generous for a busy machine; what was measured is printed

finds_all() { # NAME
        search "$1" "common book" && found_is '.complete and (.results[0].sellers | length == 8)'
}

founders=(ada bea cleo dora eve fay)
joiners=(gwen hope)
everyone=("${founders[@]}" "${joiners[@]}")
others=("${everyone[@]:1}")
shops_make "${everyone[@]}"
part_start api-ada payment-api
part_start api payment-api
for name in "${everyone[@]}"; do
        shop_federation "$name" "${founders[@]}"
        shop_failover "$name" "http://127.0.0.1:${port[api]}"
        node_import "$name" "$shop/$name.csv"
        node_launch "$name"
done
shop_failover ada "http://127.0.0.1:${port[api-ada]}"

# The joiners make themselves known to everybody, who finds their word at their own address, too.
for name in "${everyone[@]}"; do wait_for "$name answers" node_answers "$name"; done
for name in "${joiners[@]}"; do
        for peer in "${everyone[@]}"; do
                [[ $peer == "$name" ]] || node_ctl "$name" register --registry "$(node_url "$peer")" >>"$shop/$name.registered" 2>&1 ||
                        fail "$name cannot register at $peer: $(tail -n 2 "$shop/$name.registered")"
        done
done
for name in "${everyone[@]}"; do
        wait_for "$name knows the seven others" shop_knows "$name" 7
        shop_launch_failover "$name"
done
for name in "${everyone[@]}"; do wait_for "$name takes cards" shop_mode_is "$name" primary; done
for name in "${others[@]}"; do
        wait_for "$name finds every shop" finds_all "$name"
        shop_listen "$name"
done

# Where NAME sends buyers of ada's own book.
sends_to() { # NAME URL
        local _
        for _ in {1..20}; do # ada, which answers in a millisecond, has a tenth of a second to do so, and may miss it on a busy machine
                search "$1" "only at ada"
                [[ $(found '.results | length') == 0 ]] || break
                nap 0.5
        done
        found_is ".results[0] | .source_url == \"$2\" and .sellers[0].source_url == \"$2\""
}
checks_out_at() { # NAME URL
        node_get "$1" /api/network/checkout -H 'Content-Type: application/json' \
                --data '{"bookId": "2", "sourceNodeId": "ada", "email": "buyer@example.org"}' >"$shop/checkout.json"
        jq -e --arg url "$2" '.success and (.checkoutUrl | startswith($url + "/"))' "$shop/checkout.json" >/dev/null
}
everyone_sends_to() { # URL
        local name
        for name in "${others[@]}"; do
                check "$name sends buyers to $1 at once" sends_to "$name" "$1"
                check "$name checks out there" checks_out_at "$name" "$1"
        done
}
# How long after the switch each of the others told its listeners: the slowest into $took.
reroute() { # STATUS MODE
        local name at slowest=0
        wait_for "ada has switched to $2" shop_mode_is ada "$2"
        at=$(changed_at ada)
        for name in "${others[@]}"; do
                wait_for "$name hears that ada is $1" has_heard_of "$name" ada "$1" "$at"
                slowest=$(jq -n "[$slowest, $(heard_of "$name" ada "$1" "$at") - $at] | max * 1000 | round / 1000")
        done
        echo "   $1: the last of ${#others[@]} others heard $slowest s after the switch"
        check "within $bound s" jq -en "$slowest < $bound" >/dev/null
}

everyone_sends_to "$(node_url ada)"
order api-ada "status 503"
reroute fallback crypto
everyone_sends_to "$(fallback_url ada)"
for name in "${others[@]}"; do
        check "$name tells its operator" peer_is "$name" ada fallback
done
check "others are what they were" peer_is bea cleo active
order api-ada ok
reroute active primary
everyone_sends_to "$(node_url ada)"

# Once each: what was sent is what was acted on, in order.
wait_for "ada has told everybody" nothing_left ada
sent=$(notices_of ada)
check "two changes" equal "$(wc -l <<<"$sent")" 2
for name in "${others[@]}"; do
        check "$name has acted on each notice once" equal "$(applied_by "$name" ada)" "$sent"
done
metrics_are_well bea
