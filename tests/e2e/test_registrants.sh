#!/bin/bash
# SPDX-License-Identifier: MIT
# A hostile registrant: thousands of entries from many addresses, with what deceives in them, leave memory, disk and searches as they
# were, nobody is pushed out of his place, and nothing of it is shown as it was written. --full: 100,000.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
count=6000
[[ ${2-} == --full ]] && count=100000

nodes_name hub friend shop
network_keys=', allow_private_peers: [127.0.0.0/8]' node_config hub friend </dev/null
node_config friend </dev/null
"$build/failoverctl" keygen --id k1 "$shop/shop.key" >/dev/null 2>&1
node_config shop </dev/null
sed -i "1s|type: full|type: full, key_file: $shop/shop.key|" "$shop/shop/federationd.yaml"
echo '{"title":"Sold by a friend","author":"N. N.","price":"9.90"}' >"$shop/friend.jsonl"
node_import friend "$shop/friend.jsonl"
node_start friend
node_start shop
node_start hub
ctl() {
        node_ctl hub "$@" 2>"$shop/err"
}
asked() { # what the friend has been asked, and by what the hub would have asked others
        found_is '.complete and [.peers[].id] == ["friend"] and .results[0].source_node == "friend"'
}

# Searches go on all the time: each must ask the friend, and be answered in full, but that a friend who answers in a millisecond
# has a tenth of a second to do so, which he may miss on a busy machine.
searching() {
        local n=0
        while [[ ! -e $shop/over ]]; do
                curl -sS --max-time 20 "$(node_url hub)/api/network/search?q=friend+$n" -o "$shop/during.json"
                jq -e '[.peers[].id] == ["friend"] and (.complete or (.peers[0].status | IN("timeout", "skipped")))' "$shop/during.json" >/dev/null ||
                        { cat "$shop/during.json" >&2 && exit 1; }
                if jq -e .complete "$shop/during.json" >/dev/null; then echo $((++n)) >"$shop/searches"; fi
        done
}
searching &
searcher=$!
flood() {
        /usr/bin/python3 "$source_dir/tests/parts/registrants.py" "$net:${node_port[hub]}" "$count" 100 >"$shop/counts"
}
check "they are all answered" flood
touch "$shop/over"
check "every search meanwhile was answered" wait "$searcher"
check "$(<"$shop/searches") of them in full" test "$(<"$shop/searches")" -ge 3
counts=$(<"$shop/counts")
echo "$counts; $(<"$shop/searches") searches; $(memory_high hub) MiB"
counted() {
        jq -e "$1" <<<"$counts" >/dev/null
}
check "each has one answer" counted "[.[]] | add == $count"
check "as many wait as may" counted '."201" <= 1000 and ."201" >= 500'
check "what was unfit was refused as such" counted '."400" > 0 and ."409" > 0 and ."413" > 0'
check "no more than that was written" test "$(stat -c %s "$shop/hub/state/federation.db")" -le $((8 << 20))
check "nor more log" test "$(stat -c %s "$shop/hub/state/federation.db-wal")" -le $((12 << 20))
check "memory stays bounded: $(memory_high hub) MiB" test "$(memory_high hub)" -le 200
check "the operator sees them" test "$(ctl nodes --json | jq '[.nodes[] | select(.state == "pending")] | length')" -le 1000

# Large ones with a key take no more room than what they push out leaves.
crowd_in() { # how many of 120 get in, from as many addresses
        PYTHONPATH=$source_dir/tests/parts /usr/bin/python3 - "$net" "${node_port[hub]}" <<'END'
import http.client, json, signed, sys
taken = 0
for n in range(120):
    document = signed.node_document(f"large-{n}", f"http://127.79.0.{n}:8440", [(signed.Key(), {})], note="x" * 30000)
    hub = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=60, source_address=(f"127.76.0.{n + 1}", 0))
    hub.request("POST", "/api/nodes/register", json.dumps(document).encode())
    taken += hub.getresponse().status == 201
print(taken)
END
}
large=$(crowd_in)
check "large ones are let in while there is room ($large)" test "$large" -ge 10
check "and no more of them than 2 MiB hold" test "$large" -le 70

# ---- nothing of it is shown as it was written

for path in /api/nodes /federation/nodes /network-registry.json; do
        node_get hub "$path" -o "$shop/shown"
        check "$path has none of what deceives" not grep -qP '</script>|\x{202e}|\x{2028}|\x1b|javascript:' "$shop/shown"
        check "$path is JSON all the same" jq -e '.nodes | length >= 2' "$shop/shown"
done
ctl nodes >"$shop/shown"
ctl audit --limit 1000 >>"$shop/shown"
cat "$shop/hub.log" >>"$shop/shown"
check "nor has what the operator reads" not grep -qP '</script>|\x{202e}|\x{2028}|\x1b' "$shop/shown"
check "stores has accepted ones alone" equal "$(node_get hub /network-registry.json | jq -c '[.stores[].id]')" '["hub","friend"]'

# ---- who is honest still gets in

as_ever() {
        search hub friend
        asked
}
wait_for "a search asks whom it asked" as_ever
registered() {
        node_ctl shop register --registry "$(node_url hub)" >"$shop/registered.log" 2>&1
}
# Who comes while the crowd is being dealt with may be asked to come again.
wait_for "a node with a key joins the queue" registered
check "and waits there" equal "$(ctl nodes --json | jq -r '.nodes[] | select(.id == "shop") | .state')" pending
check "its own operator is told so" contains "$(node_ctl shop register)" ': registered; pending, until'
check "the operator finds it, and accepts it" contains "$(ctl nodes accept shop)" 'is accepted'
told() { [[ $(node_ctl shop register) == *': registered; it sees this node as '* ]]; }
wait_for "which its own operator learns by asking, not within the hour" told
search hub friend
check "it is searched" found_is '[.peers[].id] == ["friend", "shop"]'
check "the log is whole" contains "$(ctl audit --check)" 'The log is whole.'
