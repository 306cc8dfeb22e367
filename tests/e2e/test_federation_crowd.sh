#!/bin/bash
# SPDX-License-Identifier: MIT
# Twelve bad peers of every kind at once: this shop's books are on the screen at once, the good peers' as soon as they come, and
# the end is no later than the deadline.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

declare -A bad=([silent]=silent [drip]="drip 1000" [hole]=blackhole [gone]=refuse [rude]=reset [noise]=binary [deep]="deep 100000"
        [huge]="huge 100" [bomb]="bomb 1024" [lost]="redirect http://169.254.169.254/" [slow]="slow 6000" [sick]="status 500")
declare -A outcome=([silent]=timeout [drip]=timeout [hole]=timeout [gone]=error [rude]=error [noise]=error [deep]=error
        [huge]=error [bomb]=error [lost]=error [slow]=timeout [sick]=error)
peers=()
for name in good1 good2 "${!bad[@]}"; do
        echo '{"id":7,"title":"The Common Book of '"$name"'","author":"Somebody of '"$name"'"}' >"$shop/$name.jsonl"
        start "$name" "$parts/evil-peer" --control "$shop/$name.sock" --books "$shop/$name.jsonl"
done
for name in good1 good2 "${!bad[@]}"; do
        wait_for "$name is up" test -s "$shop/$name.out"
        port[$name]=$(<"$shop/$name.out")
        peers+=("$(part_peer "$name")")
done
{
        echo "id,title,author,price"
        for i in {1..300}; do echo "l$i,The Common Book number $i of here,Somebody of here,$i"; done
} >"$shop/here.csv"
nodes_name here
network_keys=', cache: {size: 0}' node_config here "${peers[@]}" </dev/null
node_import here "$shop/here.csv"
node_start here
all_answer() {
        search here "common book of"
        found_is '.complete and (.peers | length) == 14'
}
for _ in 1 2 3; do wait_for "all answer while they are good" all_answer; done
before=$(memory_high here)
search here "common book of"
calm=$took

stream() { # FILE
        /usr/bin/python3 "$source_dir/tests/parts/stream.py" "$(node_url here)/api/network/search?q=common+book+of" >"$1"
}
streamed() { # JQ-FILTER, over the events of the first stream
        jq -rs "$1" "$shop/stream"
}
# Peers that answer in a millisecond have a tenth of a second to do so. On a busy machine a good one may miss that, which says
# nothing of the bad ones: then all begin again.
for _ in {1..10}; do
        for name in "${!bad[@]}"; do order "$name" "${bad[$name]}"; done
        stream "$shop/stream"
        [[ $(streamed '[.[-1].data.peers[] | select((.id | startswith("good")) and .status == "ok")] | length') != 2 ]] || break
        for name in "${!bad[@]}"; do order "$name" ok; done
        wait_for "all answer again" all_answer
done
check "it is a stream" equal "$(streamed '.[0] | "\(.status) \(.type | split(";")[0])"')" "200 text/event-stream"
check "this shop's books come first" equal "$(streamed '.[1] | "\(.event) \(.data.local | length > 0) \(.data.totalResults)"')" "local true 300"
check "then each peer's row, once" equal "$(streamed '[.[] | select(.event == "peer") | .data.peer.id] | "\(length) \(unique | length)"')" "14 14"
check "the good peers' before those that are waited for" equal "$(streamed '[.[] | select(.event == "peer") | .data.peer] |
        (map(.id) | index("good1")) < (map(.status) | index("timeout"))')" true
check "the whole last, once" equal "$(streamed '"\(.[-1].event) \([.[] | select(.event == "done")] | length)"')" "done 1"
check "which is not complete" equal "$(streamed '.[-1].data.complete')" false
for name in "${!bad[@]}"; do
        # Who is late with his error has not answered in time, either.
        check "the row of $name is true" contains "${outcome[$name]} timeout" "$(streamed '.[-1].data.peers[] | select(.id == "'"$name"'").status')"
done
check "this shop's books and the good peers' are unspoiled" equal "$(streamed '.[-1].data | [.network[].source_node] | unique | tostring')" \
        '["good1","good2"]'
echo "all well: $calm ms; first bytes after $(streamed '.[0].ms') ms, this shop's books after $(streamed '.[1].ms') ms, good peers after $(streamed '[.[] | select(.event == "peer" and
        .data.peer.status == "ok").ms] | max') ms, the whole after $(streamed '.[-1].ms') ms"
check "this shop's books are early" equal "$(streamed '.[1].ms < 2500')" true
check "the end is no later than the deadline" equal "$(streamed '.[-1].ms < 8000')" true

for i in 2 3; do
        search here "common book of"
        echo "search $i: $took ms"
done
search here "common book of"
echo "search 4, the bad ones skipped: $took ms"
check "all bad ones are skipped by now" found_is '[.peers[] | select(.status == "skipped")] | length >= 12'
check "and the search is quick again" test "$took" -lt 2500
good_books() {
        search here "common book of"
        found_is '[.network[].source_node] | unique == ["good1", "good2"]'
}
wait_for "the good ones' books are there" good_books
echo "memory: $before MiB before, $(memory_high here) MiB at most"
check "memory is bounded" test $(($(memory_high here) - before)) -lt 64

# Sixteen at once, while the bad ones are tried again now and then.
for i in {1..16}; do stream "$shop/stream$i" & crowd[i]=$!; done
for i in {1..16}; do wait "${crowd[i]}" || fail "stream $i broke"; done
check "each of sixteen searchers has an end" equal "$(for i in {1..16}; do jq -s '.[-1].event' "$shop/stream$i"; done | sort | uniq -c | tr -s ' ')" ' 16 "done"'
check "the node is alive" node_answers here
check "in order" stop here
