#!/bin/bash
# SPDX-License-Identifier: MIT
# Catalogs as a whole: exported, fetched by nodes that may, checked, kept as copies that stand in for who is down, never shown as
# this node's own, and thrown away with whom they are of.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

# ---- three nodes: here, other (ours, too), and one of older software that is searched by its copy alone
printf 'title,author,price\nThe Own Book,Me,3.50\n' >"$shop/own.csv"
{
        echo 'id,title,author,isbn,price,currency,tags,description,popularity,year,url'
        echo 'b-1,The Exchanged Book,"Ada ""A"" Author",9780306406157,12.99,EUR,"old, rare","Of <b>tags</b> & signs",7,1999,https://o.example/1'
        echo 'b-2,Zweites Buch – ünïcode,Ö,,,,,,,,'
        for i in $(seq 3 400); do echo "b-$i,Filler $i,Somebody,,$i,USD,,,,,"; done
} >"$shop/other.csv"
legacy=$shop/legacy
mkdir "$legacy"
cat >"$legacy/export.json" <<'END'
{"exportedAt": 1, "hash": "whatever",
 "listings": [
  {"_id": "5f01", "userId": "u1", "type": "good", "title": "The Legacy Book", "description": "x", "price": 9.5, "tags": ["a"], "location": null},
  {"_id": "5f02", "title": "Free Legacy Book", "price": null}, 7, {"_id": "5f03"}],
 "transactions": [{"amount": 1}],
 "users": [{"email": "victim@example.org", "password": "$2b$10$topsecrethash"}, {"email": "b@example.org"}]}
END
start legacy /usr/bin/python3 "$source_dir/tests/parts/export-peer.py" "$legacy"
wait_for "the legacy node serves" grep -q . "$shop/legacy.out"
legacy_url=http://127.0.0.1:$(cat "$shop/legacy.out")
order_legacy() { echo "$1" >"$legacy/order.new" && mv "$legacy/order.new" "$legacy/order"; }

nodes_name here other
network_keys=', allow_private_peers: [127.0.0.0/8], search_timeout: 1s, check_interval: 1s'
node_config here other "{id: legacy, url: \"$legacy_url\"}" <<<''
sed -i 's/^limits: {/limits: {pull_interval: 4s, /' "$shop/here/federationd.yaml"
node_config other here </dev/null
node_import here "$shop/own.csv"
node_import other "$shop/other.csv"
node_start other
node_start here

# ---- the export, as somebody else's program sees it
curl -sS -D "$shop/head" -o "$shop/export.json" "$(node_url other)/federation/export"
/usr/bin/python3 - "$shop/export.json" "$shop/head" <<'END' || fail "the export is not as promised"
import datetime, hashlib, json, sys
data = open(sys.argv[1], "rb").read()
head = open(sys.argv[2]).read().lower()
d = json.loads(data)
assert d["schema"] == "aan-export/1" and d["node"] == "other" and isinstance(d["generation"], int), d
assert d["transactions"] == [] and d["users"] == []
begin = data.index(b'"listings":') + len(b'"listings":')
end = data.rindex(b',"transactions"')
assert hashlib.sha256(data[begin:end]).hexdigest() == d["hash"], "the hash"
assert f'etag: "{d["hash"]}"' in head and f"content-length: {len(data)}" in head, head
by = {x["id"]: x for x in d["listings"]}
assert len(by) == len(d["listings"]) == 400
one = by["other:b-1"]
assert one["title"] == "The Exchanged Book" and one["author"] == 'Ada "A" Author' and one["price"] == 12.99, one
assert one["price_minor"] == 1299 and one["currency"] == "EUR" and one["tags"] == ["old", "rare"], one
assert one["_id"] == one["id"] and one["userId"] == "other" and one["type"] and "location" in one
assert by["other:b-2"]["price"] is None
for key in "createdAt", "updatedAt":
    datetime.datetime.fromisoformat(one[key].replace("Z", "+00:00"))
END
etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/p' "$shop/head")
status() { curl -sS -o "$shop/answer.json" -w '%{http_code}' "$@"; }
check "who has it gets 304" equal "$(status -H "If-None-Match: $etag" "$(node_url other)/federation/export")" 304
check "HEAD has the tag, too" contains "$(curl -sS -I "$(node_url other)/federation/export")" "$etag"
check "nothing of it is left on the disk by name" equal "$(find "$shop/other/state" -name '*export*' | wc -l)" 0

# ---- pull
pull() { # URL [MORE]: HTTP status; the answer in $shop/answer.json
        status -X POST -d "{\"sourceUrl\":\"$1\"${2-}}" "$(node_url here)/federation/pull"
}
is() { jq -e "$1" "$shop/answer.json" >/dev/null || { cat "$shop/answer.json" >&2; return 1; }; }
check "a stranger's catalog is not fetched" equal "$(pull "http://$net:9")" 403
check "nor this node's own" equal "$(pull "$(node_url here)")" 403
check "without a URL nothing is" equal "$(status -X POST -d '{}' "$(node_url here)/federation/pull")" 400
other_url=$(node_url other)
check "nor is what only begins like a peer's" equal "$(pull "$other_url/x")$(pull "$other_url?x")$(pull "${other_url%?}")" 403403403
check "a peer's is, however it is written" equal "$(pull "HTTP://${other_url#http://}/")" 200
check "and told" is '.success and .listings == 400 and .unchanged == false and .source and (.lastSync | test("^20.*Z$"))'
check "again at once it is too early" equal "$(pull "$(node_url other)")" 429
retry=$(curl -sS -D - -o /dev/null -X POST -d "{\"sourceUrl\":\"$(node_url other)\"}" "$(node_url here)/federation/pull")
check "with the time" contains "$retry" 'Retry-After: '
later() { [[ $(pull "$(node_url other)") == 200 ]]; }
wait_for "it may be asked again" later
check "nothing had changed" is '.unchanged and .listings == 400'
check "older software's is fetched, too" equal "$(pull "$legacy_url")" 200
check "users and transactions are counted" is '.listings == 2 and .users == 2 and .transactions == 1 and .refused == 2'
check "and nowhere on the disk" not grep -raq 'topsecrethash\|victim@' "$shop/here/state"

health() { node_get here /federation/status | jq -r ".federationHealth[] | select(.node == \"$1\") | $2"; }
check "the status tells" equal "$(health "$legacy_url" '"\(.listings) \(.transactions) \(.users)"')" "2 1 2"
online() { [[ $(health "$legacy_url" .status) == ONLINE ]]; }
wait_for "who answers is online, search or not" online

# ---- what it is for: whoever does not answer is found in its copy
search here "legacy book"
check "a node without search is found in its copy" found_is \
        '[.network[] | select(.source_node == "legacy" and .copy and .asOf)] | length == 2'
check "its sellers say of when" found_is '[.results[].sellers[] | select(.source_node == "legacy")] | length > 0 and all(.copy and .asOf)'
check "so does failoverctl" contains "$(node_ctl here search legacy book)" " (copy of "
check "and the answer is not whole" found_is '.complete == false'
check "its row says so" found_is '.peers[] | select(.id == "legacy") | .status != "ok" and .copy.listings == 2 and .copy.asOf'
search here "exchanged book"
check "who answers is no copy" found_is '.peers[] | select(.id == "other") | .status == "ok" and (has("copy") | not)'
found '.network[0] | del(.relevance)' | jq -S . >"$shop/live.json"
stop other || fail "other does not end well"
copied() {
        search here "exchanged book" --data-urlencode "limit=$((RANDOM % 90 + 1))"
        found_is '.network[0].copy and .peers[1].copy.listings == 400 and .complete == false'
}
check "who is down is found in its copy at once" copied
found '.network[0] | del(.relevance, .copy, .asOf)' | jq -S . >"$shop/copied.json"
check "as the same book" equal "$(jq -S '{id, title, author, isbn, price, currency, price_minor, networkId, source_node, source_url, tags, year, url, category, description}' "$shop/copied.json")" \
        "$(jq -S '{id, title, author, isbn, price, currency, price_minor, networkId, source_node, source_url, tags, year, url, category, description}' "$shop/live.json")"
for _ in 1 2 3; do copied; done
check "also when it is skipped" contains "$(row other)" skipped
check "that costs next to nothing ($took ms)" test "$took" -lt 3000
check "streams show it" contains "$(curl -sSN --max-time 10 -G -H 'Accept: text/event-stream' --data-urlencode 'q=exchanged' \
        "$(node_url here)/api/network/search" || true)" '"copy":true'

# ---- copies are nobody's own books
check "not in this node's search" equal "$(node_get here '/api/search?q=exchanged' | jq '[.. | .title? // empty] | length')" 0
check "nor in its catalog" equal "$(node_get here /api/catalog | jq .totalBooks)" 1
check "nor in its export" equal "$(node_get here /federation/export | jq '.listings | length')" 1
check "nor in its figures" equal "$(node_get here /api/stats | jq .stats.totalBooks)" 1
check "peers shows it" contains "$(node_ctl here peers)" "in the copy of its catalog: 400 of them"

# ---- a bad export changes nothing
sync_says() { # WANTED: in what failoverctl sync says of the legacy node; it fails
        node_ctl here sync legacy --force >"$shop/sync.out" 2>&1 && return 1
        contains "$(cat "$shop/sync.out")" "$1"
}
still() { search here "legacy book" --data-urlencode "limit=$((RANDOM % 90 + 1))" && found_is '[.network[] | select(.copy and .source_node == "legacy")] | length == 2'; }
cp "$legacy/export.json" "$legacy/good.json"
bad() { # WANTED: in its reason
        check "failed: $1" sync_says "$1"
        check "its copy from before stays ($1)" still
}
order_legacy cut && bad "in the middle of its answer"
order_legacy gone && bad "it has no export (HTTP 404)"
order_legacy busy && bad "HTTP 503"
echo "http://169.254.169.254/export" >"$legacy/away"
order_legacy away && bad "not a public address"
order_legacy ok
echo '{"schema":"aan-export/1","hash":"00","listings":[{"title":"Forged"}]}' >"$legacy/export.json" && bad "hash is not that of its listings"
echo '{"schema":"aan-export/9","listings":[]}' >"$legacy/export.json" && bad "aan-export/9"
echo '{"listings":[{"title":"Half"}' >"$legacy/export.json" && bad "ends in its middle"
echo '<html>' >"$legacy/export.json" && bad "not an object"
echo '{"node":"other","listings":[{"title":"Foreign"}]}' >"$legacy/export.json" && bad "that of another node: \`other\`"
echo "{\"node\":\"$(node_url other)\",\"listings\":[{\"title\":\"Foreign\"}]}" >"$legacy/export.json" && bad "that of another node"
jq --arg url "${legacy_url/http/HTTP}/" '. + {node: $url}' "$legacy/good.json" >"$legacy/export.json"
check "one that names itself by its own URL is taken" node_ctl here sync legacy --force
jq '. + {node: "a name of its own"}' "$legacy/good.json" >"$legacy/export.json"
check "one with a name that nobody here knows is taken" node_ctl here sync legacy --force
echo '{"listings":[{"x":1},{"title":""}]}' >"$legacy/export.json" && bad "not one of its 2 listings"
mv "$legacy/good.json" "$legacy/export.json"
check "nothing is left behind" equal "$(find "$shop/here/state/copies" -name '*.db' | wc -l)" 2

# ---- sync: all at once, by line, and from outside
check "sync fails when one does" not node_ctl here sync
check "saying which" contains "$(node_ctl here sync 2>/dev/null || true)" "other: FAILED: refused"
node_start other
node_ctl here sync >"$shop/sync.out" || fail "sync fails: $(cat "$shop/sync.out")"
check "unchanged ones are told" contains "$(cat "$shop/sync.out")" "other: unchanged, 400 books"
echo '{"id":"b-401","title":"A New Book","price":1}' >"$shop/more.jsonl"
node_import other "$shop/more.jsonl"
node_ctl here sync other >"$shop/sync.out" || fail "sync fails: $(cat "$shop/sync.out")"
check "so are new ones" contains "$(cat "$shop/sync.out")" "other: fetched 401 books"
check "who is unknown is refused" not node_ctl here sync nobody
coalesced() { [[ $(status "$(node_url here)/federation/sync") == 202 ]] && is '.success and .started == 0'; }
check "cron's sync is answered" equal "$(status "$(node_url here)/federation/sync")" 202
wait_for "and again at once starts nothing" coalesced

# ---- killed in the middle: the old copy, and no remains
order_legacy drip
node_ctl here sync legacy --force >/dev/null 2>&1 &
watcher=$!
dripping() { curl -sS --unix-socket "$shop/here/run/control.sock" http://here/v1/sync | jq -e '.pulls[] | select(.node == "legacy" and .state == "running" and .bytes > 0)'; }
wait_for "a pull is under way" dripping
stop here KILL || true
wait "$watcher" || true
echo junk >"$shop/here/state/copies/01ORPHAN.db"
node_start here
order_legacy ok
check "the old copy is searched after a kill" still
clean() { [[ $(find "$shop/here/state/copies" -type f -name '*.db' | wc -l) == 2 ]]; }
wait_for "what was half is gone" clean

# ---- killed at any moment of a change from one whole catalog to another: one of the two, never a mix
version_make() { # WORD: 3,000 books that all have it
        /usr/bin/python3 -c "
import json, sys
print(json.dumps({'listings': [{'id': str(i), 'title': sys.argv[1] + ' edition', 'price': 1} for i in range(3000)]}))" "$1" >"$legacy/$1.json"
}
version_make first
version_make second
use() { cp "$legacy/$1.json" "$legacy/export.new" && mv "$legacy/export.new" "$legacy/export.json"; }
count() { # WORD: how many there are
        search here "$1 edition" --data-urlencode "limit=$((RANDOM % 90 + 1))"
        found "[.network[] | select(.source_node == \"legacy\" and .title == \"$1 edition\")] | length"
}
use first
node_ctl here sync legacy --force >/dev/null
versions=(first second) seen=''
for i in 1 2 3 4 5 6; do
        use "${versions[i % 2]}"
        node_ctl here sync legacy --force >/dev/null 2>&1 &
        watcher=$!
        sleep "0.$((i * 13 % 70 + 10))" # anywhere in it
        stop here KILL || true
        wait "$watcher" || true
        node_start here
        row_listings() { search here "edition" --data-urlencode "limit=$((RANDOM % 90 + 1))" && found_is '.peers[] | select(.id == "legacy") | .copy.listings == 3000'; }
        wait_for "the copy is whole after a kill" row_listings
        a=$(count first) b=$(count second)
        ((a > 0 && b == 0 || a == 0 && b > 0)) || fail "two versions in one copy, or none: $a/$b"
        seen+=" $a/$b"
        clean() { [[ $(find "$shop/here/state/copies" -type f -name '*.db' | wc -l) == 2 ]]; }
        wait_for "nothing is left of the other" clean
done
echo "after six kills the copy had first/second:$seen"

# ---- by itself, however often something else is changed meanwhile
syncs() { curl -sS --unix-socket "$shop/here/run/control.sock" http://here/v1/sync | jq .sync; }
sed -i 's/network: {/network: {sync_interval: 2s, /' "$shop/here/federationd.yaml"
before=$(syncs)
by_itself() {
        kill -HUP "${pid[here]}"
        (($(syncs) > before))
}
wait_for "catalogs are fetched every two seconds" by_itself

# ---- who leaves takes its copy along
network_keys=', allow_private_peers: [127.0.0.0/8], search_timeout: 1s' node_config here other </dev/null
kill -HUP "${pid[here]}"
gone() { [[ $(find "$shop/here/state/copies" -type f -name '*.db' | wc -l) == 1 ]]; }
wait_for "its copy is thrown away" gone
check "and it is refused" equal "$(pull "$legacy_url")" 403
stop here || fail "the node does not end well: $(tail -n 5 "$shop/here.log")"
stop other || fail "the other node does not end well"
