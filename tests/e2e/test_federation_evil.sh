#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever one peer does to those who ask it, the page stays whole: this shop's books and the other peer's, in time, with the
# truth about the bad one, and no more memory than is granted.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

for name in good bad tripwire; do
        echo '{"id":7,"title":"The Common Book of '"$name"'","author":"Somebody of '"$name"'","price":9.5,"currency":"EUR"}' >"$shop/$name.jsonl"
        part_start $name evil-peer --books "$shop/$name.jsonl"
done
printf 'id,title,author,price\nl1,The Common Book of here,Somebody of here,8\n' >"$shop/here.csv"
nodes_name here
network_keys=', cache: {size: 0}' node_config here "$(part_peer good)" "$(part_peer bad)" </dev/null
node_import here "$shop/here.csv"
node_start here

whole() { # the bad peer answers, and its failures are forgotten
        search here "common book"
        found_is '.complete and (.results | length) == 3'
}
for _ in 1 2 3 4; do
        wait_for "all answer" whole
done
before=$(memory_high here)

# Peers that answer in a millisecond have a tenth of a second to do so. On a busy machine the good one may miss that, which says
# nothing of the bad one, and so may the bad one with its error: then it is tried again.
ask_beside() { # ORDER [STATUS]
        local _
        for _ in {1..10}; do
                order bad "$1"
                search here "common book"
                [[ $(row good) != "ok " || ${2-} == error && $(row bad) == timeout* ]] || return 0
                order bad ok
                wait_for "all are well again before: $1" whole
        done
        fail "the peers are never in time beside: $1"
}
see() { # ORDER STATUS PART-OF-THE-ERROR
        ask_beside "$1" "$2"
        printf '%-45s %4s ms  %s\n' "$1" "$took" "$(row bad)"
        check "$1: this shop's book and the good peer's are there" found_is \
                '[.results[].title] | contains(["The Common Book of here", "The Common Book of good"])'
        check "$1: the answer says that it is not whole" found_is '.complete == false and (.results | length) == 2'
        check "$1: the bad peer's row" equal "$(found '.peers[] | select(.id == "bad").status')" "$2"
        check "$1: with the reason" contains "$(row bad)" "$3"
        check "$1: within the deadline" test "$took" -lt 8000
        order bad ok
        wait_for "the bad peer is well again after: $1" whole
}
see "status 500" error "500"
see "status 404" error "no route"
see "status 301" error ""
see refuse error ""
see reset error ""
see close error ""
see binary error ""
see garbage error ""
see truncated error ""
see half error ""
see "deep 100000" error ""
see nothing error ""
see latin error ""
see html error ""
see silent timeout ""
see "slow 6000" timeout ""
see "drip 1000" timeout ""
see blackhole timeout ""
see headers error ""
see "huge 100" error ""
see "bomb 1024" error ""

# Redirects lead nowhere that only we can reach.
for where in "http://127.0.0.1:${port[tripwire]}/api/search" "http://localhost:${port[tripwire]}/" "http://169.254.169.254/latest/" \
        "http://[::1]:${port[tripwire]}/" "http://2130706433:${port[tripwire]}/" "file:///etc/passwd" "gopher://127.0.0.1:${port[tripwire]}/"; do
        see "redirect $where" error ""
done
check "the tripwire was never reached" equal "$(part_report tripwire .connections)" 0

ask_beside types
check "a peer's one good result among bad ones is taken" found_is '.complete and (.network | any(.title == "The one good book")) and
        all(.network[]; .source_node == "good" or .source_node == "bad") and (tostring | contains("javascript") | not)'
order bad ok

check "no more was read of it than is granted" test "$(part_report bad .sent)" -lt $((16 * 1024 * 1024))
echo "memory: $before MiB before, $(memory_high here) MiB at most"
check "memory is bounded" test $(($(memory_high here) - before)) -lt 48
check "every request bore our name, but for the document that is everybody's" equal "$(part_report bad '[.asked[] | select(.path | startswith("/.well-known/") | not).node] | unique | tostring')" '["here"]'
