#!/bin/bash
# SPDX-License-Identifier: MIT
# Other marketplace software at our routes, and we at theirs: registration by both routes and without signatures, the lists of
# nodes, health, export and pull, in the shapes that its clients read. The other side is a small server in the manner of Express.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/network.sh"

market_start() { # NAME
        start "$1" "$source_dir/tests/parts/market.py" --control "$shop/$1.sock" --listings "$shop/$1.jsonl" --address "$net" --port "${port[$1]-0}"
        wait_for "$1 is up" test -s "$shop/$1.out"
        port[$1]=$(<"$shop/$1.out")
}
market_url() { # NAME
        echo "http://$net:${port[$1]}"
}
post() { # PATH JSON: the status; the answer into $shop/answer
        node_get here "$1" -H 'Content-Type: application/json' --data "$2" -D "$shop/headers" -o "$shop/answer" -w '%{http_code}'
}
answer_is() { # JQ-CONDITION
        jq -e "$1" "$shop/answer" >/dev/null || { cat "$shop/answer" >&2 && return 1; }
}
get_is() { # PATH JQ-CONDITION
        node_get here "$1" -o "$shop/answer"
        answer_is "$2"
}

cat >"$shop/market.jsonl" <<'LISTINGS'
{"_id":"l1","userId":"u1","title":"Market Atlas of Roads","description":"Worn","price":12.5,"type":"sell","location":"Lisbon","tags":["maps"],"createdAt":"2024-01-05T10:00:00.000Z","updatedAt":"2024-02-05T10:00:00.000Z"}
{"_id":"l2","userId":"u2","title":"Market Garden Almanac","price":null,"type":"swap","tags":[],"createdAt":"2024-01-06T10:00:00.000Z"}
{"_id":3,"title":"<script>executed=1</script> Market Herbal","price":"7.00","currency":"EUR"}
{"title":""}
LISTINGS
shops_make here
market_start market
network_peer="{id: market, name: Market, url: \"$(market_url market)\"}"
shop_federation here "$network_peer"
sed -i 's/registration: open/registration: approve/' "$shop/here/federationd.yaml"
sed -i 's/^limits: {/limits: {pull_interval: 0, /' "$shop/here/federationd.yaml"
node_import here "$shop/here.csv"
node_start here

# ---- registration, unsigned: it waits for the operator
old='{"storeId":"old-store","name":"Old Store","publicUrl":"https://old.example/","revenueSharePct":12,"paymentMethods":["stripe"],
        "publicKey":"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----","futureField":{"x":[1]},"registeredAt":"2024-01-01T00:00:00Z"}'
check "a store registers" equal "$(post /api/nodes/register "$old")" 201
check "and is told how it stands" answer_is '.success and (.node | .id == "old-store" and .url == "https://old.example" and .status == "pending" and .futureField.x == [1])'
check "once more is no change" equal "$(post /api/nodes/register "${old/2024-01-01/2024-03-01}")" 200
check "another one may not take its name" equal "$(post /api/nodes/register "${old/old.example/new.example}")" 409
check "with the reason" answer_is '.success == false and (.error | length > 5)'
check "a market registers" equal "$(post /federation/node/register '{"nodeUrl":"https://market.example:8443","contactEmail":"ops@market.example","region":"EU"}')" 201
check "under its address" answer_is '.success and (.node | .id == "market.example:8443" and .url == "https://market.example:8443" and .operator == "ops@market.example" and .location == "EU")'
check "neither name nor address: 400" equal "$(post /api/nodes/register '{"name":"Nobody"}')" 400
check "no URL: 400" equal "$(post /api/nodes/register '{"id":"x","url":"javascript:alert(1)"}')" 400
check "what the operator configured is not for others to say" grep -qx '40[39]' <<<"$(post /api/nodes/register '{"id":"market","url":"https://thief.example"}')"
check "with the reason" answer_is '.success == false and (.error | length > 5)'
check "a share as number or object" equal \
        "$(post /api/nodes/register '{"id":"s1","url":"https://s1.example","revenueShare":15,"publicKey":null}') $(post /api/nodes/register '{"id":"s2","url":"https://s2.example","revenueShare":{"accepts":true,"percentage":15}}')" "201 201"

get_is /api/nodes '.success' || fail "/api/nodes"
check "all are listed, those that wait included" answer_is '[.nodes[].id] | contains(["here","market","market.example:8443","old-store","s1","s2"])'
check "with their state" answer_is '.nodes[] | select(.id == "old-store") | .status == "pending" and .verified == false and .type == "full" and .revenueShare.percentage == 12'
check "under the names of markets, too" get_is /federation/nodes '.nodes[] | select(.nodeId == "market.example:8443") |
        .nodeUrl == "https://market.example:8443" and .region == "EU" and .contactEmail == "ops@market.example" and has("lastSyncAt")'
check "clients that search every store find no one who waits" get_is /network-registry.json '([.stores[].id] | sort) == ["here","market"] and (.nodes | length > 3) and .protocol == "AAN/1.0"'

node_ctl here nodes accept old-store >/dev/null || fail "the operator cannot accept"
wait_for "accepted, it is one of the stores" get_is /network-registry.json '([.stores[].id] | sort) == ["here","market","old-store"]'
node_ctl here nodes ban old-store >/dev/null
wait_for "banned, it is none" get_is /network-registry.json '([.stores[].id] | sort) == ["here","market"]'
check "nor does it come back by registering" equal "$(post /api/nodes/register "$old" | cut -c1)" 4

# ---- health
market_is() { # STATUS LISTINGS
        get_is /federation/status ".federationHealth[] | select(.node == \"$(market_url market)\") | .status == \"$1\" and .listings == $2 and has(\"lastSync\")"
}

# ---- export: what we give
node_get here /federation/export -D "$shop/headers" -o "$shop/export" || fail "no export"
check "an export has our books, and neither buyers nor sales" jq -e '.schema == "aan-export/1" and .node == "here" and (.listings | length == 3) and
        .transactions == [] and .users == [] and ([.listings[].id] | unique | length == 3) and
        all(.listings[]; (.id | startswith("here:")) and (.price == null or (.price | type == "number")) and (.title | length > 0) and
                has("updatedAt") and has("_id") and has("userId") and has("type") and has("location") and has("tags") and has("createdAt"))' "$shop/export" >/dev/null
/usr/bin/python3 - "$shop/export" <<'PYTHON' || fail "the hash of the export is not that of its bytes"
import hashlib, json, sys
body = open(sys.argv[1], "rb").read()
said = json.loads(body)["hash"]
begin = body.index(b'"listings":') + len(b'"listings":')
end, depth, text, skip = begin, 0, False, False
for end in range(begin, len(body)):
    c = body[end:end + 1]
    if skip:
        skip = False
    elif text:
        text, skip = c != b'"', c == b"\\"
    elif c == b'"':
        text = True
    elif c in (b"[", b"{"):
        depth += 1
    elif c in (b"]", b"}"):
        depth -= 1
        if depth == 0:
            break
sys.exit(said.removeprefix("sha256:") != hashlib.sha256(body[begin:end + 1]).hexdigest())
PYTHON
etag=$(sed -n 's/^[Ee][Tt][Aa][Gg]: *\(.*\)\r$/\1/p' "$shop/headers")
check "unchanged it is not sent again" equal "$(node_get here /federation/export -H "If-None-Match: $etag" -o /dev/null -w '%{http_code}')" 304

# ---- pull: what we take
pull() { # [MEMBERS]
        post /federation/pull "{\"sourceUrl\":\"$(market_url market)/\"${1-}}"
}
code=$(pull)
check "a pull is taken" grep -qx '20[02]' <<<"$code"
wait_for "the market is healthy, with what we have of it" market_is ONLINE 3
finds() { # WORDS JQ-CONDITION on the first result
        search here "$1"
        found_is ".results[0] | $2"
}
wait_for "its books are found here" finds "market atlas" '.source_node == "market" and .price == 12.5'
check "and are never ours" get_is "/api/search?q=market" '.totalResults == 0'
check "nor exported as ours" not grep -q "Market Atlas" <(node_get here /federation/export)
check "whoever sold and bought there is not kept" not grep -rqa "canary" "$shop/here/state"
check "we speak of it without believing it" get_is "/api/network/search?q=market+herbal" '.results[0].title | contains("<script>")'

check "not accepted: 403" equal "$(post /federation/pull '{"sourceUrl":"https://s1.example"}')" 403
check "unknown: 403" equal "$(post /federation/pull '{"sourceUrl":"http://169.254.169.254/latest"}')" 403
check "none: 400" equal "$(post /federation/pull '{}')" 400
check "sync of all" equal "$(node_get here /federation/sync -o "$shop/answer" -w '%{http_code}')" 202
check "says how many" answer_is '.success and (.started | type == "number")'

# What it answers wrongly spoils nothing.
for how in garbage html "status 500" wrong-shape wrong-hash; do
        order market "$how"
        check "no pull of: $how" grep -qx '20[02]\|502' <<<"$(pull ',"force":true')"
        check "the last copy stays: $how" finds "market atlas" '.source_node == "market"'
done
stop market || true
wait_for "it is down, and we say so" market_is OFFLINE 3
check "gone: 502" grep -qx '502\|202' <<<"$(pull)"
wait_for "its books are still found, marked as a copy" finds "market garden" '.source_node == "market"'
check "its row says so" found_is '.peers[] | select(.id == "market") | tostring | test("copy")'
sed -i '/Garden/d' "$shop/market.jsonl"
echo '{"_id":"l9","title":"Market Sea Tales","price":3}' >>"$shop/market.jsonl"
market_start market
patience=60 # it is asked again after 5 s, 10 s, 20 s
wait_for "it is back" market_is ONLINE 3
check "the operator fetches it himself" node_ctl here sync --force market >/dev/null
wait_for "a new copy takes the place of the old one" finds "market sea tales" '.source_node == "market"'
search here "market garden"
check "as a whole" found_is 'all(.results[]; .title | contains("Garden") | not)'
metrics_are_well here
