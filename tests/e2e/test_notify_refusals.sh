#!/bin/bash
# SPDX-License-Identifier: MIT
# Peers that answer with anything but a yes: each is told until it has accepted, those that refuse for good are one alert,
# and none of them gets us to talk to an address that is not public.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peers.sh"

key_make node
mv "$shop/node.key" "$shop/hidden.key"
(umask 077 && echo "ed25519 k1 AAAA" >"$shop/node.key")
declare -A how=(
        [busy]="status 500" [later]="status 429" [shy]="status 403" [moving]="status 404" [reset]=reset [lost]=lose
        [dripping]=drip [flooding]=flood [garbled]=garbage
)
for name in "${!how[@]}" pointing good; do
        inbox_begin "$name"
done
sink_start trap
peers=""
for name in "${!how[@]}" pointing good; do
        inbox_wait "$name"
        peers+="${peers:+, }{id: $name, url: \"http://127.0.0.1:${port[$name]}\"}"
done
for name in "${!how[@]}"; do
        order "$name" "${how[$name]}"
done
order pointing "redirect http://127.0.0.1:${port[trap]}/"
registry "$(node_entry good active)" "{\"id\":\"inside\",\"url\":\"http://127.0.0.1:${port[trap]}\",\"status\":\"active\"}" \
        "{\"id\":\"mapped\",\"url\":\"http://[::ffff:127.0.0.1]:${port[trap]}\",\"status\":\"active\"}" \
        "{\"id\":\"named\",\"url\":\"http://localhost:${port[trap]}\",\"status\":\"active\"}" \
        "{\"id\":\"numbered\",\"url\":\"http://2130706433:${port[trap]}\",\"status\":\"active\"}"
shop_peers "registry: $shop/registry.json, timeout: 1500ms, peers: [$peers]"

# Without a key nothing is said, and that is said; with one that is none, too.
check "check-config says so" contains "$("$build/failoverctl" check-config "$shop/failoverd.yaml" 2>&1)" node.key
check "the start has said so" grep -q "warning: node.key_file: .*nothing can be signed" "$shop/failoverd.log"
rm "$shop/node.key"
reread
break_cards
wait_for "it is not signed" peer_row good '.state == "pending" and (.message | startswith("cannot be signed: node.key_file"))'
mv "$shop/hidden.key" "$shop/node.key"
reread
wait_for "once there is a key, it is said" heard good 1
for name in "${!how[@]}"; do
        [[ $name == flooding || $name == lost ]] || wait_for "$name is tried twice" asked "$name" 2
done
wait_for "a gigabyte changes nothing: it has said yes" heard flooding 1
wait_for "where the answer was lost, the notice is said again" journal_is lost '.[1].verdict == "duplicate"'
wait_for "a redirect is not followed" peer_row pointing '.state == "pending" and (.message | contains("redirects are not followed"))'
for name in inside mapped named numbered; do
        wait_for "$name is not on a public address" peer_row "$name" '.state == "pending" and (.message | contains("is not a public address"))'
done
check "nobody was led astray" not received_some trap true
wait_for "what a peer answers is shown, escaped" peer_row garbled '.message != "" and (.message | contains("\u001b") | not)'
for name in "${!how[@]}" pointing; do
        order "$name" accept
done
for name in "${!how[@]}" pointing; do
        wait_for "$name has accepted" heard "$name" 1
done
wait_for "all of them at last, in words" peer_row shy '.state == "done"'

# Those that refuse for good are one alert, which says who, and ends when they accept.
order good "status 409 seq below the mark $(printf '\033[31mred')"
order shy "status 400"
mend_cards
wait_for "somebody is told" received_some sink '.body | fromjson | .data.alert == "action-given-up:notify-peers" and .type == "alert.raised"'
summary=$(received sink '.body | fromjson | .type == "alert.raised"' | jq -r '.body | fromjson | .data.summary')
check "with their names" contains "$summary" "good (HTTP 409: seq below the mark \\x1b[31mred)"
check "with their names" contains "$summary" "shy (HTTP 400)"
check "the status says the same" status_is '[.alerts[] | select(.name == "action-given-up:notify-peers")] | length == 1'
order good accept
order shy accept
break_cards
wait_for "the alert ends" received_some sink '.body | fromjson | .data.alert == "action-given-up:notify-peers" and .type == "alert.cleared"'
check "one alert, and one end" equal "$(received_count sink '.body | fromjson | .data.alert == "action-given-up:notify-peers"')" 2

# What is allowed is reached.
sed -i 's|timeout: 1500ms|allow_private_peers: [127.0.0.1], &|' "$shop/failoverd.yaml"
reread
wait_for "those of the registry are reached, too" received_some trap '.path == "/api/network/messages"'
