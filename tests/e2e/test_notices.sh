#!/bin/bash
# SPDX-License-Identifier: MIT
# A shop's payment API dies: its failoverd says so, signed, and other shops' federationds send its buyers to its fallback at once,
# also after a restart, until it is back. What is forged, for another, old, or on a full disk is refused as it should be.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
. "$(dirname "$0")/peers.sh"

nodes_name alpha beta gone
failover_dir=$shop/nowhere
key_make node

# The shop, its key and its books at alpha; beta and my-shop know each other. Its fallback is a page for payments.
part_start till payment-api
printf 'id,title,author,price,currency\n1,Northern Islands,Ann Other,9.99,USD\n' >"$shop/books.csv"
node_port[my-shop]=8449
node_config my-shop </dev/null
node_import my-shop "$shop/books.csv"
node_start my-shop
fallback=http://127.0.0.1:${port[till]}/pay
sender="{id: my-shop, name: My Shop, url: \"$(node_url my-shop)\", public_key: \"$key\", revenue_share: 10}"
network_keys=", allow_private_peers: [127.0.0.0/8], check_interval: 1h"
for name in alpha beta; do
        node_config "$name" "$sender" "{id: calm, url: \"http://127.0.0.1:9\", public_key: \"$key\"}" </dev/null
        node_start "$name"
done

status_of() { # NODE STATUS
        [[ $(node_ctl "$1" peers --json | jq -r '.peers[] | select(.id == "my-shop").status') == "$2" ]]
}
buyers_go() { # NODE URL
        local _
        for _ in {1..20}; do # the shop, which answers in a millisecond, has a tenth of a second to do so, and may miss it on a busy machine
                search "$1" northern
                [[ $(found '.results | length') == 0 ]] || break
                nap 0.5
        done
        [[ $(found '.results[0].source_url') == "$2" && $(found '.results[0].sellers[0].source_url') == "$2" ]]
}
healthy_is() { # NODE URL
        [[ $(node_get "$1" /api/config | jq -r .healthyNode) == "$2" ]]
}
notices() { # NODE RESULT: how many
        node_get "$1" /metrics | awk -v k="federationd_notices_total{result=\"$2\"}" '$1 == k {print $2}'
}
wait_for "alpha has asked the shop" status_of alpha active
wait_for "beta, too" status_of beta active
check "buyers go to the shop" buyers_go alpha "$(node_url my-shop)"
start events curl -sSN "$(node_url alpha)/events"

# The real supervisor, with its own registry of whom to tell.
shop_peers "peers: [{id: alpha, url: \"$(node_url alpha)\"}, {id: beta, url: \"$(node_url beta)\"}], timeout: 2s"
sed -i "s|fallback_url: \"[^\"]*\"|fallback_url: \"$fallback\"|" "$shop/failoverd.yaml"
reread
# alpha's own failoverd shows the others on its status page.
cat >"$shop/alpha/failoverd.yaml" <<-END
	node: {id: alpha, url: "$(node_url alpha)"}
	probes: {always: {type: exec, command: ["/bin/true"]}}
	modes: [{name: primary, requires: [always]}]
	actions: [{type: payment-mode}, {type: status-page, registry: "$shop/alpha/state/network-registry.json"}]
END
chmod 640 "$shop/alpha/failoverd.yaml"
start alpha-failoverd "$build/failoverd" --config "$shop/alpha/failoverd.yaml" --state-dir "$shop/alpha/failover-state" \
        --runtime-dir "$shop/alpha/failover-run" --status-dir "$shop/alpha/page"
on_page() { # TEXT
        grep -qF "$1" "$shop/alpha/page/index.html"
}
wait_for "the page shows the shop" on_page "href=\"$(node_url my-shop)\"><bdi>My Shop</bdi></a>"

break_cards
began=$(date +%s%N)
wait_for "alpha sends buyers to the fallback" buyers_go alpha "$fallback"
took=$((($(date +%s%N) - began) / 1000000))
echo "buyers of alpha are sent to the fallback $took ms after the flip was seen" >&2
check "within a second, or some beside other tests" test "$took" -lt 8000
wait_for "the page sends visitors there, too" on_page "href=\"$fallback\"><bdi>My Shop</bdi></a>"
took=$((($(date +%s%N) - began) / 1000000))
echo "the status page of alpha shows it after $took ms" >&2
check "soon" test "$took" -lt 10000 # with sanitizers, beside other tests
wait_for "beta, too" buyers_go beta "$fallback"
check "it is searched" found_is '.results[0].source_status == "fallback"'
wait_for "a shop without cards of its own sends its buyers there" healthy_is beta "$fallback"
wait_for "peers say so" status_of alpha fallback
node_ctl alpha peers >"$shop/peers.txt"
check "and where" contains "$(<"$shop/peers.txt")" "$fallback"
wait_for "listeners hear of it" grep -q '"status":"fallback"' "$shop/events.out"
check "with the place" grep -q "\"fallbackUrl\":\"$fallback\"" "$shop/events.out"
check "the local mode of alpha is its own affair" equal "$(node_get alpha /api/config | jq -r .paymentMode)" primary
wait_for "the sender is done" all_told
check "the log says what happened" grep -q "my-shop says that it has failed" "$shop/alpha.log"

# It survives restarts, orderly or not, and so does what was seen.
stop alpha KILL || true
node_start alpha
check "the first answer after a kill knows" buyers_go alpha "$fallback"
check "beta stops" stop beta
node_start beta
check "after a stop, too" buyers_go beta "$fallback"
before=$(grep -c reloaded "$shop/alpha.log" || true)
kill -HUP "${pid[alpha]}"
wait_for "reloaded" bash -c "((\$(grep -c reloaded '$shop/alpha.log') > $before))"
check "after a reload, too" buyers_go alpha "$fallback"

# It is back.
mend_cards
wait_for "buyers return to the shop at alpha" buyers_go alpha "$(node_url my-shop)"
wait_for "and at beta" buyers_go beta "$(node_url my-shop)"
wait_for "the sender is done" all_told
check "alpha says so" status_of alpha active
check "each was applied once" equal "$(notices alpha applied) $(notices beta applied)" "1 1"
check "and nothing refused" equal "$(node_get alpha /metrics | grep federationd_notices_total | awk '{s += $2} END {print s}')" 1

# What an independent signer sends. say ARGUMENT... -> "STATUS BODY"
say() {
        /usr/bin/python3 "$source_dir/tests/parts/notice.py" --key "$shop/node.key" --node my-shop --to alpha \
                --url "$(node_url alpha)" "$@"
}
refused() { # STATUS WORD ARGUMENT...
        local want=$1 word=$2 got n
        shift 2
        n=$(notices alpha "$word")
        got=$(say "$@")
        [[ ${got%% *} == "$want" && $(jq -r .refused <<<"${got#* }") == "$word" && $(jq -r .success <<<"${got#* }") == false ]] ||
                fail "refused $word $*: $got"
        check "it is counted" equal "$(notices alpha "$word")" "$((n + 1))"
}
base=$(($(date +%s%3N) + 1000))
refused 401 signature --forge
refused 401 signature --strip
refused 401 signature --change
refused 401 signature --as somebody
refused 403 unknown --node stranger
refused 409 recipient --recipient beta
refused 422 time --date -301
refused 422 time --date 330 # and not 301, since it takes a moment until it is read
check "it says by how much" jq -e '.offset_ms < -300000 and .offset_ms > -330000' <<<"$(say --date -303 | cut -d' ' -f2-)" >/dev/null
refused 422 type --type primary_bored
refused 400 malformed --fallback 'javascript:alert(1)'
refused 400 malformed --raw '{"type":'
refused 400 malformed --raw '[]'
refused 413 malformed --raw "$(printf '%20000s' x)"
check "nothing of it had any effect" buyers_go alpha "$(node_url my-shop)"
check "nor on the mark" equal "$(say --id x1 --seq "$base" --type primary_recovered | cut -d' ' -f1)" 200
refused 409 old --id x0 --seq "$((base - 1))"
refused 409 old --id x2 --seq "$base"
check "the same again is said to be" jq -e '.success and .duplicate' <<<"$(say --id x1 --seq "$base" | cut -d' ' -f2-)" >/dev/null
check "whatever it says now" buyers_go alpha "$(node_url my-shop)"
check "a failure is applied" equal "$(say --id x3 --seq "$((base + 10))" --fallback "$fallback" | cut -d' ' -f1)" 200
check "at once" buyers_go alpha "$fallback"
refused 409 old --id x4 --seq "$((base + 5))" --type primary_recovered
check "an older end undoes no newer failure" buyers_go alpha "$fallback"
check "a private fallback is passed over, and the failure counts" equal \
        "$(say --id x5 --seq "$((base + 20))" --fallback http://192.168.7.7/ | cut -d' ' -f1)" 200
check "nobody is sent there" buyers_go alpha ""
check "nor from the front end" healthy_is alpha null
taken=25
for taken_url in "$(node_url alpha | sed 's/http/HTTP/')/shop" http://0x7f.1:09/x; do
        check "that of another, $taken_url, is passed over" equal \
                "$(say --id "y$taken" --seq "$((base + taken))" --fallback "$fallback" | cut -d' ' -f1)$(say --id "x$taken" --seq "$((base + taken + 1))" --fallback "$taken_url" | cut -d' ' -f1)" 200200
        check "nobody is sent there" buyers_go alpha ""
        taken=$((taken + 2))
done
node_ctl alpha audit >"$shop/audit.txt"
check "the log says why" grep -q "this node's own address: not used here" "$shop/audit.txt"
check "for another's, too" grep -q "another node's address: not used here" "$shop/audit.txt"
stop alpha KILL || true
node_start alpha
third_start_is_ready() {
        (($(grep -c ': ready' "$shop/alpha.log") == 3))
}
wait_for "it has read what it had seen" third_start_is_ready
refused 409 old --id x6 --seq "$((base + 19))"
check "nor after a kill" buyers_go alpha ""
check "and back" equal "$(say --id x7 --seq "$((base + 30))" --type primary_recovered | cut -d' ' -f1)" 200
check "buyers return" buyers_go alpha "$(node_url my-shop)"

# One that never stops is held to its rate; another is heard as ever, and the log does not fill.
lines=$(wc -l <"$shop/alpha.log")
seen=$(say --repeat 400 --seq "$((base + 100))")
check "most of a flood is turned away" jq -e '."429" > 100 and ."200" >= 60' <<<"$seen" >/dev/null
check "and counted" test "$(notices alpha rate)" -ge 100
check "another is heard at once" equal "$(say --node calm --fallback https://calm.example | cut -d' ' -f1)" 200
check "the log has a line or two of it" test $(($(wc -l <"$shop/alpha.log") - lines)) -le 40

# A mirror stands by while its origin is well, and answers once that is gone.
node_config gone "$sender" </dev/null
sed -i 's/type: full/type: mirror, mirror_of: my-shop/' "$shop/gone/federationd.yaml"
node_import gone "$shop/books.csv"
node_start gone
answers() { # of a search of its own books: "TOTAL STANDBY"
        node_get gone "/api/search?q=northern" | jq -r '"\(.totalResults) \(.standby // false)"'
}
wait_for "the mirror knows its origin" status_of gone active
check "it stands by" equal "$(answers)" "0 true"
search gone northern
check "and the origin alone is found" found_is '.complete and (.results | length) == 1 and .results[0].source_node == "my-shop"'
stop my-shop || true
origin_has_failed() { # asked anew each time, not out of the cache
        search gone "northern $RANDOM"
        status_of gone failed
}
wait_for "the origin has failed" origin_has_failed
check "the mirror answers" equal "$(answers)" "1 false"
search gone northern
check "in searches of the network, too" found_is '.local | length == 1'
