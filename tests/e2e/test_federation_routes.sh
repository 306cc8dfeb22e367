#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016
# Every route answers as the contract has it: each field, of its type; wrong questions are refused with a reason.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
need promtool

node_name[shop]='My \"<Shop>\"' # as YAML has it
nodes_name shop other gone
node_config other shop </dev/null
node_config shop other gone <<-END
	limits: {requests_per_second: 0, per_address: 0, body: 4KiB}
END
sed -i '/^limits: .*per_address: 0}$/d; s/operator: Test/operator: Test, contact: "shop@shop.example", tagline: Old and new, location: Bremen, specialties: [old, new], features: [gifts], payment_methods: [stripe]/' \
        "$shop/shop/federationd.yaml"
node_import shop "$source_dir/etc/sample-books.csv"
printf '%s\n' '{"id":"b/1","title":"Time after Time & <b>Again</b>"}' '{"id":"2","title":"The Time Machine","author":"H. G. Wells","price":"7.5","currency":"EUR","category":"Science fiction"}' \
        >"$shop/other.jsonl"
node_import other "$shop/other.jsonl"
node_start other
node_start shop
url=$(node_url shop)
books=545

defs='def s: type == "string"; def n: type == "number"; def i: type == "number" and . == floor; def a: type == "array"; def o: type == "object";
	def result: (.id | s) and (.title | s and . != "") and (.author | s) and (.isbn | s) and (.description | s) and (.category | s)
		and (.price | n or . == null) and (.currency | s and length == 3) and (.price_minor | i or . == null)
		and .storeId == "shop" and .storeName == "My \"<Shop>\"" and .storeUrl == $url
		and .networkId == "shop-default-" + .id and (.relevance | n and . >= 0 and . <= 1);
	def store: (.id | s) and (.name | s) and (.url | s and (endswith("/") | not)) and .api == .url + "/api"
		and (.type | s) and (.status | s) and (.verified | type == "boolean") and has("joined") and (.tagline | s)
		and (.specialties | a) and (.features | a) and (.owner | s) and (.contact | s);
	def node: (.id | s) and (.name | s) and (.url | s) and has("fallbackUrl") and has("onionUrl") and .api == .url + "/api"
		and .type == "full" and (.status | s) and (.paymentMethods | a) and (.catalog | o)
		and (.revenueShare | (.accepts | type == "boolean") and (.percentage | i))
		and (.verified | type == "boolean") and (.operator | s) and (.location | s) and has("joined");
	def iso: s and test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$");'

is() { # PATH JQ-CONDITION [CURL-ARGUMENT...]: 200, JSON, and so
        local path=$1 condition=$2 code
        shift 2
        code=$(node_get shop "$path" "$@" -o "$shop/got.json" -w '%{http_code} %{content_type}')
        [[ $code == '200 application/json' ]] || { echo "$path: $code" >&2 && return 1; }
        jq -e --arg url "$url" "$defs $condition" "$shop/got.json" >/dev/null ||
                { echo "$path: not $condition:" >&2 && head -c 2000 "$shop/got.json" >&2 && return 1; }
}

refused() { # STATUS PATH PART-OF-THE-REASON [CURL-ARGUMENT...]
        local status=$1 path=$2 part=$3 code
        shift 3
        code=$(node_get shop "$path" "$@" -o "$shop/got.json" -w '%{http_code}')
        equal "$code" "$status" && equal "$(jq -r '.success' "$shop/got.json")" false &&
                contains "$(jq -r '.error' "$shop/got.json")" "$part"
}

headers() { # PATH [CURL-ARGUMENT...]
        node_get shop "$@" -o /dev/null -D - | tr -d '\r'
}

# ---- this shop's books

check "a search" is '/api/search?q=time&limit=2' '.success == true and .query == "time" and (.store | store) and .store.id == "shop"
	and .totalResults > 2 and (.generation | i and . > 0) and (.results | length == 2 and all(.[]; result))
	and .results[0].title == "The Time Machine" and .results[0].price == 8.99 and .results[0].price_minor == 899'
check "by its other name" is '/api/search?query=time' '.results | length > 2'
check "in the other dialect" is '/api/catalog/search?query=time' '.success and (.books | length > 2 and all(.[]; result)) and (.totalResults | i)'
check "pages do not overlap" is '/api/search?q=the&limit=5&offset=5' "(.results | map(.id)) - $(
        node_get shop '/api/search?q=the&limit=5' | jq -c '[.results[].id]') | length == 5"
check "a huge limit is the largest there is" is '/api/search?q=the&limit=999999999999999999999' '.limit == 100 and (.results | length <= 100)'
check "no category by any of its names" is '/api/search?q=time&category=undefined' '.totalResults > 2'
check "a category" is '/api/search?q=time&category=science+FICTION' '.results | length > 0 and all(.[]; .category == "Science fiction")'
check "a price in major units" is '/api/search?q=the&maxPrice=8.99&limit=100' '.results | length > 0 and all(.[]; .price <= 8.99)'
check "nothing found is no error" is '/api/search?q=zxqwvk' '.success and .totalResults == 0 and .results == []'
check "nothing asked is one" refused 400 /api/search 'q is missing'
check "an empty question, too" refused 400 '/api/search?q=+' 'q is empty'
check "no number" refused 400 '/api/search?q=x&limit=ten' 'limit: `ten`'
check "no price" refused 400 '/api/search?q=x&maxPrice=cheap' 'maxPrice'
check "a negative price" refused 400 '/api/search?q=x&minPrice=-1' 'minPrice'
check "no way up" refused 400 '/api/search?q=x&brand=..' 'brand'
check "no way up in the catalog" refused 400 '/api/catalog?brand=a.b' 'brand'
check "no UTF-8" refused 400 '/api/network/search?q=%e9' 'UTF-8'

check "the catalog" is '/api/catalog?limit=3&offset=2' ".success and (.store | store) and .totalBooks == $books and .offset == 2 and .limit == 3
	and (.books | length == 3 and all(.[]; result))"
check "all of it" is /api/books ".limit == 1000 and (.books | length == $books and (map(.id) | unique | length == $books))"
check "a limit that is too large is told" is '/api/books?limit=20000&offset=540' '.limit == 10000 and (.books | length == 5)'
check "behind its end" is '/api/catalog?offset=5000' ".books == [] and .totalBooks == $books"
check "no limit of none" refused 400 '/api/catalog?limit=0' 'at least 1'
check "a book" is /api/book/time-machine '.success and (.book | result and .available == true and (.purchaseUrl | s))'
check "by its network's id" is /api/book/shop-default-time-machine '.book.title == "The Time Machine"'
check "no such book" refused 404 /api/book/nothing 'no such book'
check "another shop's" refused 404 /api/book/other-default-2 'no such book'
check "no book" refused 404 /api/book 'which'
check "another shop's book with a slash in its id" equal \
        "$(node_get other /api/book/b%2F1 | jq -r .book.title)" 'Time after Time & <b>Again</b>'
check "nothing in it ends a page's script" not grep -q '<b>' <<<"$(node_get other '/api/search?q=again')"

check "the shop" is /api/store/info '.success and (.store | store) and .store == {id: "shop", name: "My \"<Shop>\"", url: $url, api: ($url + "/api"),
	type: "full", status: "active", verified: true, joined: null, tagline: "Old and new", specialties: ["old", "new"],
	features: ["gifts"], owner: "Test", contact: "shop@shop.example"}'
check "its size" is /api/stats ".success and .store == \"shop\" and (.stats | .totalBooks == $books and .totalBrands == 1 and (.totalCollections | i)
	and (.totalCategories | i) and (.categories | length == 90 and all(.[]; s)) and (.lastUpdated | iso))"
check "a ping" is /api/network/ping '.success and .store == "shop" and .status == "active" and (.timestamp | iso) and (.message | s)' \
        --json '{"fromStore":"other","timestamp":"now"}'
check "an empty one" is /api/network/ping .success --json '{}'
check "one without a body" is /api/network/ping .success -X POST
check "one that is no JSON" refused 400 /api/network/ping 'no JSON' -d 'fromStore=other'
check "one that is too large" refused 413 /api/network/ping 'too large' --data-binary "@$source_dir/etc/sample-books.csv"

# ---- the network

known() { # that one peer answers, and the other does not
        is /federation/status '[.federationHealth[].status] == ["OFFLINE", "ONLINE"]'
}
wait_for "the peers' state settles" known
check "how the peers are" is /federation/status '.federationHealth | length == 2 and all(.[]; (.node | s) and (.listings | i) and .transactions == 0
	and .users == 0 and has("lastSync") and has("error")) and (.[0] | .lastSync == null and (.error | s)) and (.[1] | (.lastSync | iso) and .error == null)'
check "who they are" is /api/nodes '.success and (.nodes | length == 3 and all(.[]; node)) and [.nodes[].id] == ["shop", "gone", "other"]'
check "in a market's words" is /federation/nodes ".success and (.nodes | all(.[]; node and .nodeUrl == .url and .nodeId == .id and (.region | s) and (.contactEmail | s)
	and has(\"lastSyncAt\"))) and .nodes[0].region == \"Bremen\""
check "the registry" is /network-registry.json '.protocol == "AAN/1.0" and (.version | s) and (.network | s) and (.nodes | length == 3 and all(.[]; node))
	and (.stores | length == 3 and all(.[]; store)) and .connections == [] and (.updated | iso)
	and (.networkStats | .totalStores == 3 and .activeStores == 2 and (.totalBooks | i) and (.totalCategories | i))'

seller='(.source_node | s) and (.source_name | s) and (.source_url | s) and has("price") and has("price_minor") and (.currency | s) and (.revenue_share_pct | i)'
check "a search of the network" is '/api/network/search?q=time' ".query == \"time\" and (.local | length > 2 and all(.[]; result))
	and (.network | length == 2 and all(.[]; .source_node == \"other\" and (.source_name | s) and (.source_url | s) and .revenue_share_pct == 10))
	and (.totalResults | i) and .complete == false and (.results | length > 0 and all(.[]; .sellers | length > 0 and all(.[]; $seller)))
	and (.peers | length == 2 and all(.[]; (.id | s) and (.status | s) and (.ms | n) and (.count | i) and has(\"error\")))"
check "one work, two sellers" is '/api/network/search?query=time+machine' \
        '.results[0] | .title == "The Time Machine" and ([.sellers[].source_node] | sort == ["other", "shop"]) and ([.sellers[].price] | sort == [7.5, 8.99])'
check "a node is told what is here" is '/api/network/search?q=time+machine' '.network == [] and .peers == [] and .complete and (.local | length > 0 and all(.[]; result))
	and (.results[0].sellers | length == 1 and .[0].source_node == "shop")' -H 'X-Node-Id: other'

node_get shop '/api/network/search?q=time' -N -H 'Accept: text/event-stream' -D "$shop/head" >"$shop/stream"
check "a stream is one" contains "$(<"$shop/head")" 'text/event-stream'
check "what is here first, then each peer, then all" equal "$(sed -n 's/^event: //p' "$shop/stream" | paste -sd' ')" 'local peer peer done'
check "the last event is the whole answer" equal "$(sed -n 's/^data: //p' "$shop/stream" | tail -n 1 | jq -c '[.results[].title]')" \
        "$(node_get shop '/api/network/search?q=time' | jq -c '[.results[].title]')"
check "a wrong question gets no stream" refused 400 '/api/network/search' 'q is missing' -H 'Accept: text/event-stream'

# ---- what holds for all of them

for path in /api/search?q=x /api/health /api/config /nothing /metrics / '/api/search'; do
        check "$path: any page may read it" contains "$(headers "$path")" 'Access-Control-Allow-Origin: *'
        check "$path: it is what it says" contains "$(headers "$path")" 'X-Content-Type-Options: nosniff'
done
options=$(headers /api/network/search -X OPTIONS -H 'Origin: http://shop.example' -H 'Access-Control-Request-Method: GET')
check "OPTIONS" contains "$options" ' 204 '
check "OPTIONS: methods" contains "$options" 'Access-Control-Allow-Methods: GET, POST, OPTIONS'
check "OPTIONS: headers" contains "$options" 'Access-Control-Allow-Headers: Content-Type, X-Node-Id, X-Network-Store'
check "a wrong method" refused 405 /api/search 'GET only' -X DELETE
check "says which are right" contains "$(headers /api/network/ping)" 'Allow: POST, OPTIONS'
check "nothing there" refused 404 '/api/%3Cscript%3E' 'no such thing'
check "a slash at the end is fine" is '/api/stats/' .success
check "HEAD" contains "$(node_get shop '/api/stats' -I)" ' 200 '
check "any Host" is /api/stats .success -H 'Host: shop.example:1'
for path in '/api/catalog?limit=2' /api/store/info /api/stats /network-registry.json /api/book/time-machine /; do
        etag=$(headers "$path" | sed -n 's/^ETag: //p')
        check "$path: has an ETag" contains "$etag" '"'
        check "$path: 304 to who has it" contains "$(headers "$path" -H "If-None-Match: $etag")" ' 304 '
done
etag=$(headers '/api/catalog?limit=2' | sed -n 's/^ETag: //p')
echo '{"id":"new","title":"A new book","popularity":99999999}' >"$shop/new.jsonl"
check "a book is added" contains "$(node_ctl shop catalog import "$shop/new.jsonl")" '1 row: 1 added'
check "the catalog is another one then" contains "$(headers '/api/catalog?limit=2' -H "If-None-Match: $etag")" ' 200 '
check "and found at once" is '/api/search?q=new+book' '.results[0].id == "new"'

node_get shop /metrics >"$shop/metrics"
check "Prometheus understands it" promtool check metrics <"$shop/metrics"
for metric in 'federationd_build_info{version=' 'federationd_http_requests_total{route="/api/search",status="200"}' \
        'federationd_http_requests_total{route="other",status="404"}' 'federationd_local_search_duration_seconds_bucket{le="+Inf"}' \
        'federationd_network_search_duration_seconds_count' 'federationd_peer_up{peer="other"} 1' 'federationd_peer_up{peer="gone"} 0' \
        'federationd_peer_breaker{peer="gone",state="' 'federationd_cache_hits_total' 'federationd_catalog_books 546' 'federationd_mode_stale 1'; do
        check "metrics: $metric" contains "$(<"$shop/metrics")" "$metric"
done
