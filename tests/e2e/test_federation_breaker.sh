#!/bin/bash
# SPDX-License-Identifier: MIT
# A peer that fails three times is left alone, so that searches are quick again; when it is well it is asked again. What it
# speaks is learned once and remembered, over restarts, too.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

echo '{"id":7,"title":"The Common Book","author":"Somebody"}' >"$shop/books.jsonl"
dialects=("/api/search results" "/api/network/search results" "/api/catalog/search books" "any local" "any data")
for i in "${!dialects[@]}"; do
        part_start "peer$i" evil-peer --books "$shop/books.jsonl"
        order "peer$i" speak "${dialects[i]}"
done
part_start hole evil-peer --books "$shop/books.jsonl"
peers=()
for name in peer0 peer1 peer2 peer3 peer4 hole; do peers+=("$(part_peer $name)"); done
nodes_name here
network_keys=', cache: {size: 0}' node_config here "${peers[@]}" </dev/null
node_start here

# ---- dialects
complete() {
        search here "common book"
        found_is '.complete and (.results[0].sellers | length) == 6'
}
wait_for "every dialect is understood" complete
tries() { # PEER: how often it was asked for these books, on whatever path
        part_report "$1" '[.asked[] | select(.path | contains("common"))] | length'
}
tried=$(tries peer2)
for _ in 1 2 3; do wait_for "every dialect is understood again" complete; done
check "without trying the others" equal "$(part_report peer2 "[.asked[] | select(.path | contains(\"common\")) | .path | split(\"?\")[0]] | .[$tried:] | unique | length")" 1
paths() { # PEER: the paths of its last three searches
        part_report "$1" '[.asked[] | select(.path | contains("common")) | .path | split("?")[0]] | .[-3:] | unique | tostring'
}
check "what a peer speaks is remembered" equal "$(paths peer0)$(paths peer1)$(paths peer2)" \
        '["/api/search"]["/api/network/search"]["/api/catalog/search"]'
order peer0 speak /api/catalog/search books
wait_for "a peer that changes its dialect is learned anew" complete
stop here || fail "the node does not end well"
node_start here
search here "common book"
check "also over a restart" equal "$(paths peer2)" '["/api/catalog/search"]'

# ---- the breaker
# Peers that answer in a millisecond have a tenth of a second to do so, which on a busy machine good ones may miss. Who takes longer
# is given more, and while little is known of them all have time: so they take longer at first.
for name in peer0 peer1 peer2 peer3 peer4 hole; do order "$name" slow 200; done
stop here || fail "the node does not end well"
node_start here
for _ in 1 2 3; do wait_for "all answer" complete; done
for name in peer0 peer1 peer2 peer3 peer4 hole; do order "$name" ok; done
wait_for "all answer" complete
quick=$took
order hole silent
for i in 1 2 3; do
        search here "common book"
        check "search $i waits no longer than the peer's own answers justify ($took ms)" test "$took" -lt 3500
        check "and tells of it" contains "$(row hole)" "timeout"
        check "the others are there" found_is '.complete == false and (.results[0].sellers | length) == 5'
done
waited=$took
searched=$(part_report hole .searches)
search here "common book"
echo "all well $quick ms, third search with a silent peer $waited ms, fourth $took ms"
check "then it is skipped, and named" contains "$(row hole)" "skipped"
check "and the search is quick" test "$took" -lt "$waited"
search here "common book"
check "the skipped peer has not been asked" equal "$(part_report hole .searches)" "$searched"
check "an answer without it is not complete" found_is '.complete == false'
order hole ok
back() {
        search here "common book"
        found_is '.complete and (.results[0].sellers | length) == 6'
}
wait_for "it is asked again when it is well" back
search here "common book"
check "and then each time" contains "$(row hole)" "ok"
