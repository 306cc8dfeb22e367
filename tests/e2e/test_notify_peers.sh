#!/bin/bash
# SPDX-License-Identifier: MIT
# Peers hear of an outage and of its end: signed, in order, once each, whatever becomes of them or of us meanwhile.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peers.sh"

key_make node
peers_up=(alpha beta gamma)
for name in "${peers_up[@]}"; do
        inbox_start "$name"
done
network() { # STATUS of beta
        registry "$(node_entry my-shop active)" "$(node_entry alpha active)" "$(node_entry beta "$1" ',"catalog":{"books":3.5}')" \
                "$(node_entry delta pending)" "$(node_entry echo banned)"
}
network failed
shop_peers "registry: $shop/registry.json, allow_private_peers: [127.0.0.0/8], timeout: 1s,
        peers: [{id: gamma, url: \"http://127.0.0.1:${port[gamma]}\"}]"

everybody() { # COMMAND [ARGUMENT...]: for each peer, its name first
        local peer
        for peer in "${peers_up[@]}"; do
                "$1" "$peer" "${@:2}" || return
        done
}

# An outage and its end.
break_cards
wait_for "everybody hears of it" everybody heard 1
mend_cards
wait_for "everybody hears of the end" everybody heard 2
check_two() { # INBOX
        check "in order" equal "$(applied "$1" type)" "primary_failure primary_recovered "
        check "by the ids of the changes" equal "$(applied "$1" id)" "$(changes_told)"
        check "with where to send buyers" equal "$(applied "$1" fallbackUrl)" "https://backup.shop.example https://backup.shop.example "
        check "signed anew, at once" journal_is "$1" 'all(.[]; .timestamp >= .occurred and .timestamp - .occurred < 20000)'
}
everybody check_two
check "the same sequence for all" equal "$(applied alpha seq)" "$(applied gamma seq)"
wait_for "the status has a row for each, and all are done" all_told
check "only accepted nodes are told, and not we ourselves" equal \
        "$(status | jq -rc '[.actions[] | select(.type == "notify-peers").target] | sort')" '["alpha","beta","gamma"]'

# A partition: alpha is silent, beta gone, gamma well. What was said meanwhile comes in its order, signed afresh.
order alpha hang
kill -KILL "${pid[beta]}"
wait "${pid[beta]}" 2>/dev/null || true
unset 'pid[beta]'
break_cards
wait_for "gamma does not wait for them" heard gamma 3
mend_cards
wait_for "gamma hears of the end, too" heard gamma 4
wait_for "alpha is tried again" asked alpha 4
wait_for "status names who is not told yet" peer_row beta '.state == "pending" and (.message | contains("refused"))'
order alpha accept
inbox_start beta
wait_for "everybody has heard all" everybody heard 4
check "in order at alpha" equal "$(applied alpha type)" "primary_failure primary_recovered primary_failure primary_recovered "
check "in order at beta" equal "$(applied beta id)" "$(changes_told)"
check "the same, but signed when it was sent" journal_is alpha --slurpfile gamma "$shop/gamma.jsonl" \
        '[.[] | select(.verdict == "applied")] | .[2] as $late | $gamma[2] as $early | $late.timestamp > $early.timestamp and
        all("id", "seq", "occurred"; $late[.] == $early[.])'

# The registry is another one meanwhile: alpha has moved, beta is banned.
order alpha hang
order beta hang
break_cards
wait_for "both are tried" asked beta 4
old=${port[alpha]}
stop alpha || true
unset 'port[alpha]'
inbox_start alpha
check "alpha has moved" not equal "${port[alpha]}" "$old" 2>/dev/null
network banned
reread
wait_for "alpha is told where it is now" heard alpha 5
wait_for "nothing is left for beta" peer_row beta '.state == "superseded" and (.message | contains("no longer a peer"))'
order beta accept
mend_cards
wait_for "alpha hears of the end" heard alpha 6
wait_for "all is done" all_told
check "beta hears nothing more" heard beta 4
network active
reread
break_cards
wait_for "beta is a peer again" heard beta 5
mend_cards
wait_for "beta hears of the end" heard beta 6

# Killed in mid-delivery, again and again, and so is an inbox.
for delay in 0 0.005 0.01 0.05; do
        order api "status 503"
        wait_for "a change is on its way" not pays_by primary
        sleep "$delay"
        kill -KILL "${pid[failoverd]}"
        wait "${pid[failoverd]}" 2>/dev/null || true
        unset 'pid[failoverd]'
        if [[ $delay == 0.01 ]]; then
                stop beta KILL || true
                inbox_start beta
        fi
        daemon_start
        wait_for "buyers pay by crypto" pays_by crypto
        mend_cards
done
wait_for "all is done" all_told
everybody_once() { # INBOX
        local ids
        ids=$(changes_told)
        [[ $1 != beta ]] || ids=$(echo "$ids" | tr ' ' '\n' | sed '5,6d' | tr '\n' ' ') # while it was banned
        check "$1 has applied each notice once, in order" equal "$(applied "$1" id | tr -s ' ')" "$(echo "$ids" | tr -s ' ')"
        check "with a sequence that rises" journal_is "$1" '[.[] | select(.verdict == "applied").seq] | . == (sort | unique)'
        check "and nothing was refused" journal_is "$1" 'all(.[].verdict; . == "applied" or . == "duplicate" or . == "not looked at")'
}
everybody everybody_once

# A change that comes before the registry could be read at all waits until it can, also across a restart.
mv "$shop/registry.json" "$shop/away.json"
check "failoverd stops" stop failoverd
daemon_start
n=$(applied alpha id | wc -w)
break_cards
wait_for "nobody knows whom to tell" peer_row "" '.state == "pending" and (.message | startswith("whom to tell is not known yet: '"$shop"'/registry.json: "))'
check "the operator is shown that nobody was told, and why" contains "$(COLUMNS=400 ctl status || true)" 'whom to tell is not known yet: '"$shop"'/registry.json: '
counted() { # NUMBER: by --nagios
        { ctl status --nagios || true; } | grep -w "actions_failing=$1" >/dev/null
}
wait_for "and it counts" counted 1
check "it is logged once" equal "$(grep -c 'a registry cannot be read: .*nobody knows whom to tell' "$shop/failoverd.log")" 1
kill -KILL "${pid[failoverd]}"
wait "${pid[failoverd]}" 2>/dev/null || true
unset 'pid[failoverd]'
daemon_start
wait_for "it still waits" peer_row "" '.state == "pending"'
check "nobody was told" equal "$(applied alpha id | wc -w)" "$n"
mv "$shop/away.json" "$shop/registry.json" # and nobody says so: it is seen
wait_for "all are told once it is there" all_told
mend_cards
wait_for "and of the end" all_told
check "each once" equal "$(applied alpha id | wc -w)" "$((n + 2))"
check "in order" equal "$(applied gamma type | tr ' ' '\n' | tail -n 2 | tr '\n' ' ')" "primary_failure primary_recovered "

# One that turns to garbage: whom it named is told, and the operator that it cannot be read; mended, that ends by itself.
mv "$shop/registry.json" "$shop/away.json"
head -c 2000 /dev/urandom >"$shop/registry.json"
wait_for "what is no registry any more is shown before anything breaks" counted 1
check "with words" contains "$(COLUMNS=400 ctl status || true)" 'whom to tell cannot be read, 3 that were known are told: '
check "and logged" grep -q 'a registry cannot be read: .*whom it named before is told' "$shop/failoverd.log"
break_cards
wait_for "whom it named is told" heard alpha "$((n + 3))"
mend_cards
wait_for "also of the end" heard alpha "$((n + 4))"
mv "$shop/away.json" "$shop/registry.json"
wait_for "mended, it is read soon" counted 0
