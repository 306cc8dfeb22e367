#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016
# Joining a network: who registers waits, is searched from the moment he is accepted, and gone from the moment he is banned; what
# is said of him is on the disk first, and the same after a restart.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

nodes_name hub friend shop market
node_config hub friend </dev/null
node_config friend </dev/null
node_config shop </dev/null
node_config market </dev/null
for name in friend shop market; do
        echo "{\"title\":\"A book of the $name\",\"author\":\"N. N.\",\"price\":\"9.90\"}" >"$shop/$name.jsonl"
        node_import "$name" "$shop/$name.jsonl"
        node_start "$name"
done
node_start hub

post() { # BODY [PATH] [CURL-ARGUMENT...]: the status; the answer is in $shop/answer
        local body=$1 path=${2:-/api/nodes/register}
        shift $(($# > 2 ? 2 : $#))
        curl -sS --max-time 20 -o "$shop/answer" -w '%{http_code}' "$@" --data-binary "$body" "$(node_url hub)$path"
}
answer() { # JQ-FILTER
        jq -r "$1" "$shop/answer"
}
posted() { # STATUS BODY [REASON]: it is answered so, with a reason that has these words
        local status
        status=$(post "$2")
        [[ $status == "$1" ]] || { echo "$status: $(<"$shop/answer")" >&2; return 1; }
        [[ $status == 20? ]] && answer .success | grep -qx true && return
        answer '.success == false and (.error | type == "string")' | grep -qx true && grep -qF -e "${3-}" <(answer .error)
}
ctl() {
        node_ctl hub "$@" 2>"$shop/err"
}
member() { # ID JQ-FILTER: as the operator sees it
        ctl nodes --json | jq -r --arg id "$1" "[.nodes[] | select(.id == \$id)][0] | $2"
}
in_registry() { # ID JQ-FILTER: as the route says
        node_get hub /network-registry.json | jq -r --arg id "$1" "[.nodes[] | select(.id == \$id)][0] | $2"
}
in_file() { # JQ-CONDITION: of the file
        jq -e "$1" "$shop/hub/state/network-registry.json" >/dev/null
}

# ---- waiting

legacy='{"storeId":"shop","name":"The Shop","publicUrl":"'$(node_url shop)'/","type":"full","revenueSharePct":12,"publicKey":null,"mood":{"deep":[1,2.5,"x"]},"registeredAt":"2026-01-01"}'
check "somebody registers" equal "$(post "$legacy")" 201
check "and is told how he stands" equal "$(answer '[.success, .node.id, .node.status, .node.verified, .node.url, .node.revenueShare.percentage, .node.mood.deep[1]] | @json')" \
        "[true,\"shop\",\"pending\",false,\"$(node_url shop)\",12,2.5]"
check "the same again, with another date, changes nothing" posted 200 "${legacy/2026-01-01/2026-02-02}"
check "he may mend it while he waits" posted 200 "${legacy/The Shop/My Shop}"
check "under the other name of the route" equal "$(post "${legacy/The Shop/My Shop}" /federation/node/register)" 200
check "without an id he is host and port" posted 201 '{"nodeUrl":"'"$(node_url market)"'","region":"Bremen","contactEmail":"me@market.example"}'
check "and is called so" equal "$(answer '[.node.id, .node.operator, .node.location] | @json')" "[\"$net:${node_port[market]}\",\"me@market.example\",\"Bremen\"]"
check "both are seen to wait" equal "$(node_get hub /api/nodes | jq -c '[.nodes[] | select(.status == "pending") | .id] | sort')" "[\"$net:${node_port[market]}\",\"shop\"]"
check "in a market's words, too" equal "$(node_get hub /federation/nodes | jq -c '.nodes[] | select(.region == "Bremen") | [.nodeUrl, .contactEmail]')" "[\"$(node_url market)\",\"me@market.example\"]"
check "but not among the stores that others search" equal "$(node_get hub /network-registry.json | jq -c '[.stores[].id]')" '["hub","friend"]'
search hub 'a book of the shop'
check "who waits is not searched" found_is '[.peers[].id] == ["friend"]'
check "and has no row among the peers" equal "$(node_get hub /federation/status | jq '.federationHealth | length')" 1

# ---- refused

for case in \
        '409|{"id":"shop","url":"http://192.0.2.99"}|taken' \
        "409|{\"id\":\"shop\",\"url\":\"$(node_url market)\"}|taken" \
        '403|{"id":"friend","url":"https://friend.example"}|reserved' \
        '403|{"id":"hub","url":"https://hub.example"}|own id' \
        "403|{\"id\":\"other\",\"url\":\"$(node_url hub)/shop\"}|own address" \
        "409|{\"id\":\"other\",\"url\":\"$(node_url friend)\"}|is \`friend\` here" \
        '400|{"id":"other"}|url' \
        '400|{"id":"a b","url":"https://a.example"}|id' \
        '400|{"id":"other","url":"javascript:alert(1)"}|http' \
        '400|{"id":"other","url":"ftp://a.example"}|http' \
        '400|{"id":"other","url":"https://user:x@a.example"}|url' \
        '400|{"id":"other","url":"http://10.1.2.3"}|private address' \
        '400|{"id":"other","url":"http://0x0a010203/"}|private address' \
        '400|{"id":"other","url":"http://167838211/"}|private address' \
        '400|{"id":"other","url":"http://[::ffff:10.1.2.3]/"}|private address' \
        '400|{"id":"other","url":"http://[fe80::1]/"}|private address' \
        '400|{"id":"other","url":"http://169.254.169.254/latest"}|private address' \
        '400|{"id":"other","url":"https://a.example","fallbackUrl":"http://192.168.0.1"}|private address' \
        '400|{"id":"other","url":"https://a.example","name":"a\u202eb"}|name' \
        '400|{"id":"other","url":"https://a.example","name":"a\u001b[31m"}|name' \
        '400|{"id":"other","url":"https://a.example","type":"king"}|type' \
        '400|["id"]|' \
        '400|{"id":"other","id":"another","url":"https://a.example"}|duplicate' \
        '400|nothing|'; do
        IFS='|' read -r status body words <<<"$case"
        check "$status: $body" posted "$status" "$body" "$words"
done
check "405: nothing is got there" equal "$(node_get hub /api/nodes/register -o /dev/null -w '%{http_code}')" 405
head -c 40000 /dev/zero | tr '\0' x | sed 's/^/{"id":"large","url":"https:\/\/a.example","x":"/; s/$/"}/' >"$shop/large"
check "413: 40 kB" equal "$(post "@$shop/large")" 413
check "nobody has joined by that" equal "$(node_get hub /api/nodes | jq '.nodes | length')" 4
check "a configured peer's software may register as what it is: nothing changes" posted 200 "{\"url\":\"$(node_url friend)\",\"name\":\"Somebody Else\"}"
check "as the operator named it" equal "$(answer '[.node.id, .node.name] | @json')" '["friend","Shop friend"]'

# ---- accepted

check "the operator sees who waits" contains "$(ctl nodes)" '2 wait for your word'
check "the table fits 80 columns" test "$(COLUMNS=80 ctl nodes | wc -L)" -le 80
check "and 40" test "$(COLUMNS=40 ctl nodes | wc -L)" -le 40
check "he accepts one" contains "$(ctl nodes accept shop)" '`shop` ('"$(node_url shop)"') is accepted'
search hub 'a book of the shop'
check "which is searched at once" found_is '[.peers[].id] == ["friend", "shop"] and .complete and .results[0].source_node == "shop" and .results[0].revenue_share_pct == 12'
check "twice is no mistake" contains "$(ctl nodes accept shop)" 'accepted already'
stands() {
        [[ $(in_registry shop .status) == active ]]
}
wait_for "and measured within 10 s" stands
check "it is a store of the network" equal "$(node_get hub /network-registry.json | jq -c '[.stores[].id]')" '["hub","friend","shop"]'
online() {
        node_get hub /federation/status | jq -e --arg url "$(node_url shop)" '.federationHealth[] | select(.node == $url) | .status == "ONLINE"' >/dev/null
}
wait_for "with a row among the peers" online
check "what does not sign is not changed any more" posted 409 "${legacy/The Shop/Your Shop}" 'operator only'
check "but may say the same" posted 200 "${legacy/The Shop/My Shop}"
wait_for "the file says so" in_file '[.nodes[] | select(.id == "shop" and .status == "active")] | length == 1'
check "it is for everybody to read" equal "$(stat -c %a "$shop/hub/state/network-registry.json")" 644
unchanged() { # it may be another between the two
        local etag
        etag=$(node_get hub /network-registry.json -D - -o /dev/null | sed -n 's/^ETag: //Ip' | tr -d '\r')
        [[ $(node_get hub /network-registry.json -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag") == 304 ]]
}
wait_for "the route answers who has it already" unchanged

# ---- after a restart

kill -KILL "${pid[hub]}"
wait "${pid[hub]}" 2>/dev/null || true
node_start hub
known() {
        [[ $(member shop .state) == accepted && $(member "$net:${node_port[market]}" .state) == pending ]]
}
wait_for "all of it is known after a kill" known
search hub 'a book of the shop'
check "and searched" found_is '.results[0].source_node == "shop"'

# ---- banned

check "banned" contains "$(ctl nodes ban shop)" 'is banned'
search hub 'a book of the shop'
check "it is gone at once, from kept answers, too" found_is '[.peers[].id] == ["friend"] and ([.results[] | select(.source_node == "shop")] | length == 0)'
check "from the registry" equal "$(in_registry shop .id)" null
gone_from_file() {
        in_file '[.nodes[], .stores[] | select(.id == "shop")] | length == 0'
}
wait_for "and from the file" gone_from_file
check "its id does not come again" posted 403 "$legacy" banned
check "nor its url" posted 403 "${legacy/\"shop\"/\"shop2\"}" banned
check "a configured peer can be banned" contains "$(ctl nodes ban friend)" 'network.peers'
search hub 'a book of the friend'
check "and is not asked" found_is '.peers == []'
kill -HUP "${pid[hub]}"
wait_for "a reload" grep -q reloaded "$shop/hub.log"
check "does not end the ban" equal "$(member friend .state)" banned
check "the operator does" contains "$(ctl nodes accept friend)" 'is accepted'
check "to what the file says" equal "$(member friend .state)" configured
check "forgotten" contains "$(ctl nodes forget shop)" 'is forgotten'
check "it may register again" posted 201 "$legacy"

# ---- the operator's mistakes, and the log

mistake() { # STATUS WORDS ARGUMENT...
        local wanted=$1 words=$2 status=0
        shift 2
        ctl "$@" >/dev/null || status=$?
        [[ $status == "$wanted" ]] && grep -qF -e "$words" "$shop/err"
}
check "nobody of that name" mistake 1 'there is no node `nobody`' nodes accept nobody
check "no such verb" mistake 2 'accept, ban, forget or rekey' nodes love shop
check "no id" mistake 2 'say which node' nodes ban
check "no key" mistake 1 '43 characters' nodes rekey shop --key abc
check "a key without rekey" mistake 2 'rekey' nodes accept shop --key abc
check "the log tells it in order" equal "$(ctl audit --json --limit 100 | jq -r '[.audit[] | select(.node == "shop") | .event] | reverse | join(" ")')" \
        'node-registered node-changed node-accepted node-banned node-forgotten node-registered'
check "with who did it" equal "$(ctl audit --json --limit 100 | jq -r '[.audit[] | select(.event == "node-accepted") | .actor] | unique[]')" "uid $EUID"
check "and is whole" contains "$(ctl audit --check)" 'The log is whole.'
stop hub || true

# ---- unreadable: half of a registry would be taken for all of it

file=$shop/hub/state/network-registry.json db=$shop/hub/state/federation.db
check "a node that registered stands in the file" in_file '[.nodes[].id] == ["hub", "'"$net:${node_port[market]}"'", "friend", "shop"]'
cp "$file" "$shop/before.json"
cp "$db" "$shop/whole.db"
rm -f "$db"-*
head -c 200000 /dev/urandom >"$db"
: >"$shop/hub.log"
node_start hub
wait_for "a database that cannot be read is told of" grep -q 'registry cannot be read from federation.db: .*stays as it is' "$shop/hub.log"
known_again() {
        [[ $(member shop .state) == pending ]]
}
refused_unread() { # at a start that takes its time it may first be not read yet
        [[ $(node_get hub /network-registry.json -o "$shop/answer" -w '%{http_code}') == 503 && $(answer .error) == *'registry cannot be read: '* ]]
}
check "the registry is refused rather than halved" refused_unread
check "the operator's list is no success" not ctl nodes
check "and says why" contains "$(ctl nodes || true)" 'has not been read, since '
check "so does the status" equal "$(curl -sS --unix-socket "$shop/hub/run/control.sock" http://hub/v1/status | jq ".registry.trouble | length > 0")" true
ctl nodes accept shop >/dev/null && fail "who cannot be kept is accepted"
kill -HUP "${pid[hub]}"
wait_for "a reload changes nothing of that" grep -q reloaded "$shop/hub.log"
check "the file is the last whole one" cmp "$shop/before.json" "$file"
cp "$shop/whole.db" "$db.new" && mv "$db.new" "$db"
wait_for "mended, it is read without a restart" known_again
check "and the operator's list is a success" ctl nodes
again_in_file() {
        ! cmp -s "$shop/before.json" "$file" && in_file '[.nodes[].id] == ["hub", "'"$net:${node_port[market]}"'", "friend", "shop"]'
}
wait_for "and all of it published" again_in_file
check "once" equal "$(grep -c 'registry cannot be read' "$shop/hub.log")" 1
stop hub || true
/usr/bin/python3 - "$shop/hub/state/federation.db" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("DROP TRIGGER audit_keeps")
db.execute("UPDATE audit SET detail = 'nothing' WHERE n = 3")
db.commit()
END
node_start hub
check "a line that was changed is found" mistake 1 'row 3' audit --check
