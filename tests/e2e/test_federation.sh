#!/bin/bash
# SPDX-License-Identifier: MIT
# Eight shops, 6,000 books: one question finds each book in every shop that sells it, once, with all its sellers.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

nodes=(node1 node2 node3 node4 node5 node6 node7 node8)
"$source_dir/tests/parts/make-books.py" make "$shop/books"
nodes_name "${nodes[@]}"
echo '{"id":"o1","title":"A book that only an outsider sells"}' >"$shop/outsider.jsonl"
part_start outsider evil-peer --books "$shop/outsider.jsonl"
for name in "${nodes[@]}"; do
        others=()
        for other in "${nodes[@]}"; do [[ $other == "$name" ]] || others+=("$other"); done
        # Everybody lists everybody; node3 itself, too, by an address that it does not know as its own.
        [[ $name != node3 ]] || others+=("{id: myself, url: \"http://[::ffff:$net]:${node_port[node3]}\"}")
        [[ $name != node2 ]] || others+=("$(part_peer outsider)")
        node_config "$name" "${others[@]}" </dev/null
done
for name in "${nodes[@]}"; do
        node_import "$name" "$shop/books/$name".*
        node_launch "$name"
done
for name in "${nodes[@]}"; do wait_for "$name answers" node_answers "$name"; done

/usr/bin/python3 "$source_dir/tests/parts/make-books.py" judge "$shop/books" "$(node_url node1)" --questions 150 ||
        fail "the network's books are not found, or not put together"

# The work that most shops sell: one entry with all of them.
question=$(jq -sc 'max_by(.prices | length)' "$shop/books/questions.json")
all_answer() {
        search node1 "$(jq -r .q <<<"$question")"
        found_is '.complete == true and (.peers | length) == 7 and all(.peers[]; .status == "ok" or .status == "empty")'
}
wait_for "all shops answer" all_answer
check "one entry has all its sellers, with their prices" equal \
        "$(found '[.results[0].sellers[].price_minor] | sort | tostring')" "$(jq -c '.prices | sort' <<<"$question")"
check "and names them by our own list" found_is 'all(.results[0].sellers[];
        .source_name == "Shop " + .source_node and (.source_url | startswith("http://")) and
        (.revenue_share_pct == (if .source_node == "node1" then 15 else 10 end)))'
check "local results are those of this shop, the network's those of peers" found_is \
        'all(.local[]; .storeId == "node1") and all(.network[]; .source_node != "node1")'

# Nobody asks himself, and nobody hands a question on.
search node3 "$(jq -r .q <<<"$question")"
check "node3 does not take its own answer for another shop's" found_is 'all(.network[]; .source_node != "myself")'
check "and tells what is wrong with its configuration" contains "$(row myself)" "error"
check "node2's peers were not asked for node1" equal "$(part_report outsider .searches)" 0
search node2 "only an outsider sells"
check "node2 asks its own peers" found_is '.results[0].source_node == "outsider" and .complete'
check "and says who asks" equal "$(part_report outsider '[.asked[] | select(.search).node] | unique | tostring')" '["node2"]'
check "who is marked as a node gets local results only" equal "$(node_get node2 '/api/network/search?q=outsider' -H 'X-Node-Id: node1' |
        jq -c '[.network, .peers, .local, .complete]')" '[[],[],[],true]'

# A shop closes: its row says so, the others' books are all there.
stop node8 || true
search node1 "$(jq -r .q <<<"$question")x nothing" -d limit=5
search node1 "$(jq -r .q <<<"$question")" -d limit=7
check "the answer says that it is not whole" found_is '.complete == false'
check "and who is missing" contains "$(row node8)" "error"
check "the others' are there" found_is '(.results[0].sellers | length) >= '"$(jq '.prices | length - 2' <<<"$question")"
node_start node8
came_back() {
        search node1 "$(jq -r .q <<<"$question")" -d limit=8
        found_is .complete
}
wait_for "it is asked again when it is back" came_back
