#!/bin/bash
# SPDX-License-Identifier: MIT
# federationd starts, stops and reloads: a bad file is refused whole and told with its place, a good one takes effect, a listener that stays is never closed, and who waits is answered before it stops.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/one_node.sh"

ends_with() { # CODE ARGUMENT...: and what it said in $shop/said
        local wanted=$1 code=0
        shift
        timeout 20 "$build/federationd" "$@" >"$shop/said" 2>&1 || code=$?
        equal "$code" "$wanted"
}

# ---- the command line

check "no file is exit code 6" ends_with 6 --config "$shop/none.yaml" --state-dir "$shop/state"
check "the file is named" contains "$(<"$shop/said")" "$shop/none.yaml"
check "an unknown option is exit code 2" ends_with 2 --nonsense
check "two lives at a time are exit code 2" ends_with 2 --check --help-config
check "--version is exit code 0" ends_with 0 --version
check "--help is exit code 0" ends_with 0 --help
plain_config "network: {peers: 3}"
check "a bad file is exit code 6" ends_with 6 --config "$shop/federationd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run"
check "with its place" contains "$(<"$shop/said")" "$shop/federationd.yaml:5:18: "
check "a bad file leaves nothing behind" not test -e "$shop/state"
check "a folder that cannot be made is exit code 1" ends_with 1 --config "$source_dir/etc/federationd.yaml" \
        --state-dir /proc/none --runtime-dir "$shop/run"

# ---- a life

plain_config
daemon_start
check "it answers the public" answers
check "the control socket is for owner and group" equal "$(stat -c %a "$shop/run/control.sock")" 660
check "the node is told" status_is '.node == {id: "my-shop", name: "My Shop", url: "http://'"$public"'", type: "full"}'
check "the catalog is open" status_is '.catalog.open and .catalog.books == 0'
check "without failoverd the mode is stale" status_is '.mode.stale and .mode.payment == "primary"'
check "a second one is refused" not daemon 2>/dev/null
check "one with another socket on the same state, too" ends_with 1 --config "$shop/federationd.yaml" \
        --state-dir "$shop/state" --runtime-dir "$shop/run2"
check "it says why" contains "$(<"$shop/said")" "another federationd"
check "the first goes on" answers

# ---- reloads

before=$(stat -c %i "$shop/run/control.sock")
echo "nonsense: 1" >>"$shop/federationd.yaml"
reload_and refused
check "with the place" said "federationd.yaml:5:1: unknown key \`nonsense\`"
check "it answers after a refusal" answers

plain_config "network: {allow_private_peers: [127.0.0.0/8], peers: [{id: a, url: \"http://127.0.0.1:1\"}, {id: b, url: \"http://127.0.0.1:2\"}]}"
reload_and reloaded
check "the peers are there" equal "$(ask /v1/peers | jq -c '[.peers[].id]')" '["a","b"]'

node="{id: my-shop, name: Another Name, url: \"http://$public\"}"
plain_config
reload_and reloaded
check "the name is another" status_is '.node.name == "Another Name" and (.network.peers // 0) == 0'
check "and so for buyers" equal "$(get /api/store/info | jq -r .store.name)" "Another Name"

# An address that somebody has: nothing of the new file holds, its name neither.
part_start taken payment-api
node="{id: my-shop, name: Third Name, url: \"http://$public\"}"
plain_config
sed -i "s|^listen: .*|listen: [\"$net:8441\", \"127.0.0.1:${port[taken]}\"]|" "$shop/federationd.yaml"
reload_and refused
check "the address is told" said "127.0.0.1:${port[taken]}"
check "the old name holds" status_is '.node.name == "Another Name"'
check "at the old address" answers
check "and nowhere else" not answers "$net:8441" 2>/dev/null

# Another address, beside the old one, then instead of it.
sed -i "s|^listen: .*|listen: [\"$public\", \"$net:8441\", \"unix:$shop/http.sock\"]|" "$shop/federationd.yaml"
reload_and reloaded
check "the new one answers" answers "$net:8441"
check "status names them all" status_is ".listen == [\"$public\", \"$net:8441\", \"unix:$shop/http.sock\"]"
check "the old one, too" answers
check "and the Unix socket" curl -sSf --max-time 5 -o /dev/null --unix-socket "$shop/http.sock" http://x/api/config
sed -i "s|^listen: .*|listen: [\"$net:8441\"]|" "$shop/federationd.yaml"
reload_and reloaded
check "the old one is closed" not answers 2>/dev/null
check "the new one stays" answers "$net:8441"
plain_config
reload_and reloaded
check "and back" answers
check "the control socket was never another" equal "$(stat -c %i "$shop/run/control.sock")" "$before"

# ---- under load: no request is lost over thirty reloads, good and bad

visitor() { # asks until it is told to stop; failures on stdout
        local n=0
        while [[ ! -e $shop/enough ]]; do
                curl -sSf --max-time 10 "http://$public/api/config" "http://$public/api/stats" \
                        "http://$public/api/search?q=x" >/dev/null || echo failed
                n=$((n + 3))
        done
        echo "$n" >"$shop/asked-$1"
}
for i in 1 2 3; do start "visitor$i" visitor "$i"; done
for i in {1..15}; do
        node="{id: my-shop, name: Name $i, url: \"http://$public\"}"
        plain_config "limits_: 1"
        reload_and refused
        plain_config
        reload_and reloaded
done
: >"$shop/enough"
for i in 1 2 3; do wait "${pid[visitor$i]}"; unset "pid[visitor$i]"; done
check "no request was lost" equal "$(cat "$shop"/visitor?.out)" ""
check "they have asked" test "$(awk '{ n += $1 } END { print n }' "$shop"/asked-?)" -ge 30
check "the last name holds" status_is '.node.name == "Name 15"'
check "many at once become one after the other" reload
for i in {1..20}; do reload; done
wait_for "it goes on" status_is .ready

# ---- the end

check "SIGTERM ends it with 0" stop federationd
check "the socket may stay, and is taken over" daemon_start
check "SIGINT, too" stop federationd INT

# Who waits for an answer has it before that; who would wait too long is let go.
part_start peer evil-peer
plain_config "network: {search_timeout: 10s, cache: {size: 0}, peers: [{id: peer, url: \"http://127.0.0.1:${port[peer]}\"}]}"
in_flight() {
        status_is '.search.running + .search.waiting > 0'
}
stop_beside() { # ORDER: a search that waits for a peer that has it; $took seconds
        local before
        order peer "$1"
        daemon_start
        start visitor curl -s --max-time 20 -o "$shop/answer.json" -w '%{http_code}' "http://$public/api/network/search?q=x"
        wait_for "the search is under way" in_flight
        before=$EPOCHREALTIME
        check "SIGTERM ends it with 0 beside a search" stop federationd
        took=$(awk -v a="$before" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
        stop visitor 0 || true
}
stop_beside "slow 500"
check "the search was answered" equal "$(<"$shop/visitor.out")" 200
check "with the peer's word" equal "$(jq -r '.peers[0].status' "$shop/answer.json")" empty
stop_beside silent
check "nobody is waited for longer (took $took)" awk -v t="$took" 'BEGIN { exit t > 8 }' # of ten
check "the other was let go" not equal "$(<"$shop/visitor.out")" 200 2>/dev/null
