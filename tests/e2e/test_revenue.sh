#!/bin/bash
# SPDX-License-Identifier: MIT
# A buyer goes from one shop to another: both ledgers have the sale, its payment and its refund to the minor unit, and nobody keeps the
# buyer's address. Orders that are forged, for another, old, or on other terms are refused.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
. "$(dirname "$0")/money.sh"
need sqlite3
/usr/bin/python3 -c 'import nacl' 2>/dev/null || missing "python3-nacl is not installed"

nodes_name alpha beta gamma
keys_make alpha beta gamma
money_node alpha 10 beta
node_keys=", checkout_url: \"https://pay.beta.example/buy/{bookId}?from={node}&id={id}\"" money_node beta 15 alpha \
        "{id: gamma, url: \"http://$net:9\", public_key: \"${public[gamma]}\"}"
printf 'id,title,price,currency\nb1,A book,12.50,USD\nb2,A book without price,,\nb/3 ü,A book with an odd id,7,JPY\n' >"$shop/beta.csv"
printf 'id,title,price,currency,url\na1,A book of alpha,10,EUR,\na2,Another,10,EUR,https://alpha.example/a2\n' >"$shop/alpha.csv"
for name in beta alpha; do
        node_import $name "$shop/$name.csv"
        node_start $name
done
keys_are_known() { # the registry is read behind the first answers
        [[ $(say_signed gamma beta /api/network/orders '{"type":"order"}') == 400* ]]
}
wait_for "beta knows whose keys are whose" keys_are_known
share_is_known() {
        checkout alpha b1 beta && [[ $(said .revenueShare) == 15 ]]
}
wait_for "alpha has read what beta pays" share_is_known

# ---- one sale

check "a buyer is sent" equal "$(checkout alpha b1 beta ',"email":"canary@buyers.example"')" 200
id=$(said .referral)
check "to beta's checkout, with the referral" equal "$(said .checkoutUrl)" "https://pay.beta.example/buy/b1?from=alpha&id=$id"
check "and is told the share" equal "$(said '[.state, .revenueShare, .price_minor, .currency, .share_minor] | tostring')" '["confirmed",15,1250,"USD",188]'
check "nothing is owed yet" equal "$(revenue alpha '[.owed_to_us[] | .share_minor]')" '[0]'
check "beta's shop says that it was paid" equal "$(settle beta "$id" paid)" 200
paid() { referral_is alpha "$id" '.state == "paid"' && referral_is beta "$id" '.state == "paid" and .told'; }
wait_for "alpha hears of it" paid
check "alpha is owed" equal "$(revenue alpha '[.owed_to_us[] | [.peer, .currency, .sales, .share, .share_minor, .paid]]')" '[["beta","USD","12.50","1.88",188,1]]'
check "what beta owes" equal "$(revenue beta '[.owed_by_us[] | [.peer, .currency, .sales, .share, .share_minor, .paid]]')" '[["alpha","USD","12.50","1.88",188,1]]'
check "again changes nothing" equal "$(settle beta "$id" paid)" 200
check "and says so" equal "$(jq .changed "$shop/settled.json")" false
check "it is refunded" equal "$(settle beta "$id" refunded)" 200
refunded() { referral_is alpha "$id" '.state == "refunded"' && referral_is beta "$id" '.told'; }
wait_for "alpha hears of it, too" refunded
check "nothing is owed" equal "$(revenue alpha '[.owed_to_us[] | .share_minor, .refunded_minor]')$(revenue beta '[.owed_by_us[] | .share_minor, .refunded_minor]')" '[0,188][0,188]'
check "paid after refunded is refused" equal "$(settle beta "$id" paid)" 409
check "alpha cannot settle what beta owes" equal "$(settle alpha "$id" paid)" 404
check "nobody settles by another word" equal "$(settle beta "$id" confirmed)" 400

# ---- books without a price, with odd ids, of one's own; pages that ask twice

checkout alpha b2 beta >/dev/null
id2=$(said .referral)
check "without a price there is no share yet" equal "$(said '[.state, .price_minor, .share_minor] | tostring')" '["confirmed",null,null]'
check "whoever says that it was paid says the price" equal "$(settle beta "$id2" paid)" 422
check "and then it is" equal "$(settle beta "$id2" paid ',"price_minor":999,"currency":"EUR"')" 200
known() { referral_is alpha "$id2" '.state == "paid" and .share_minor == 150 and .currency == "EUR"'; }
wait_for "alpha hears of price and share" known
checkout alpha "b/3 ü" beta >/dev/null
check "an odd id is one" equal "$(said '[.state, .price_minor, .currency, .share_minor, .checkoutUrl] | tostring')" \
        "[\"confirmed\",7,\"JPY\",1,\"https://pay.beta.example/buy/b%2F3%20%C3%BC?from=alpha&id=$(said .referral)\"]"
checkout alpha b1 beta ',"idempotencyKey":"click-1"' >/dev/null
first=$(said .referral)
checkout alpha b1 beta ',"idempotencyKey":"click-1"' >/dev/null
check "a page that asks twice with one word gets one referral" equal "$(said '[.referral, .state, .share_minor] | tostring')" "[\"$first\",\"confirmed\",188]"
checkout alpha b2 beta ',"idempotencyKey":"click-1"' >/dev/null
check "and for another book another one" test "$(said .referral)" != "$first"
again() {
        node_get alpha /api/network/checkout -H 'Idempotency-Key: click-1' --data '{"bookId":"b1","sourceNodeId":"beta"}' | jq -r .referral
}
check "a header says the same" equal "$(again)" "$first"
check "one's own book" equal "$(checkout alpha a1 alpha)$(said '[.checkoutUrl, .referral] | tostring')" "200[\"$(node_url alpha)/checkout?book=a1\",null]"
check "has its own page" equal "$(checkout alpha a2 alpha)$(said .checkoutUrl)" "200https://alpha.example/a2"
check "or is none" equal "$(checkout alpha a9 alpha)" 404
check "a book that beta does not sell" equal "$(checkout alpha b9 beta)" 404
check "an unknown shop" equal "$(checkout alpha b1 nobody)" 404
for body in '' '[]' '{"bookId":"b1"}' '{"bookId":"b1","sourceNodeId":"a b"}' '{"bookId":["b1"],"sourceNodeId":"beta"}' \
        '{"bookId":"b1","sourceNodeId":"beta","email":"x"}' '{"bookId":"b1","sourceNodeId":"beta","sourceNodeId":"x"}'; do
        check "malformed: $body" equal "$(node_get alpha /api/network/checkout -o /dev/null -w '%{http_code}' --data-binary "$body")" 400
done
search alpha "a book"
check "results name each seller's book" found_is '[.results[].sellers[] | select(.source_node == "beta") | .bookId] | sort == ["b/3 ü", "b1", "b2"]'

# ---- an order by hand, signed by an independent implementation

order_json() { # REFERRAL MEMBERS
        echo "{\"type\":\"order\",\"referral\":\"$1\",\"bookId\":\"b1\",\"referrer\":\"gamma\"$2}"
}
orders=/api/network/orders
terms=',"price_minor":1250,"currency":"USD","revenue_share_pct":15'
id3=$(new_referral)
answer=$(say_signed gamma beta $orders "$(order_json "$id3" "$terms")")
check "an order is taken" contains "$answer" '201 '
check "with its terms" equal "$(jq -c '[.success, .referral, .price_minor, .currency, .revenue_share_pct, .share_minor]' <<<"${answer#* }")" "[true,\"$id3\",1250,\"USD\",15,188]"
check "again it is the same one" contains "$(say_signed gamma beta $orders "$(order_json "$id3" "$terms")")" '200 '
check "another under the same id is none" contains "$(say_signed gamma beta $orders "$(order_json "$id3" "$terms" | sed 's/b1/b2/')")" '409 '
refused() { # STATUS REASON MEMBERS [ARGUMENT...]
        local status=$1 reason=$2 members=$3 answer
        shift 3
        answer=$(say_signed gamma beta $orders "$(order_json "$(new_referral)" "$members")" "$@")
        check "refused: $reason" contains "$answer" "$status "
        check "$reason is said" contains "$answer" "$reason"
}
refused 409 '"price_minor":1250' ',"price_minor":1,"currency":"USD","revenue_share_pct":15'
refused 409 '"revenue_share_pct":15' ',"price_minor":1250,"currency":"USD","revenue_share_pct":100'
refused 409 'terms' ',"price_minor":1250,"currency":"EUR","revenue_share_pct":15'
refused 400 'price_minor' ',"price_minor":-5,"currency":"USD"'
refused 400 'currency' ',"price_minor":1250'
refused 400 'type' ',"type":"settlement"'
refused 400 'referrer' ',"referrer":"alpha"'
refused 422 'no such book' ',"bookId":"b9"'
refused 401 'signature' "$terms" --forge
refused 401 'signature' "$terms" --change
refused 401 'not signed' "$terms" --strip
refused 422 'offset_ms' "$terms" --date -400
refused 422 'offset_ms' "$terms" --date 400
refused 409 'it is for' "$terms,\"to\":\"alpha\""
refused 401 'delta' "$terms,\"node\":\"delta\",\"referrer\":\"delta\""
old=$(printf '01%s' "${id3:2}" | sed 's/^01./00Z/')
check "one of long ago is refused" contains "$(say_signed gamma beta $orders "$(order_json "$old" "$terms")")" '422 '
check "beta owes gamma for one" equal "$(revenue beta '[.owed_by_us[] | select(.peer == "gamma") | .referrals, .confirmed]')" '[1,1]'

# Only the source settles: gamma can say nothing of alpha's, nor alpha of its own.
settlement="{\"type\":\"settlement\",\"referral\":\"$first\",\"status\":\"paid\"$terms,\"share_minor\":188}"
check "gamma is not beta" contains "$(say_signed gamma beta "$orders/$first" "$settlement")" '404 '
check "alpha knows no gamma" contains "$(say_signed gamma alpha "$orders/$first" "$settlement")" '403 '
check "beta says another price" contains "$(say_signed beta alpha "$orders/$first" "${settlement/1250/99}")" '409 '
check "beta says another share" contains "$(say_signed beta alpha "$orders/$first" "${settlement/188/1}")" '409 '
check "the address and the body name one referral" contains "$(say_signed beta alpha "$orders/$id" "$settlement")" '400 '
check "beta says what was agreed" contains "$(say_signed beta alpha "$orders/$first" "$settlement")" '"state":"paid"'
check "twice" contains "$(say_signed beta alpha "$orders/$first" "$settlement")" '"duplicate":true'
check "paid is replayed after refunded" contains "$(say_signed beta alpha "$orders/$id" "${settlement/$first/$id}")" '"state":"refunded"'

# ---- what is shown, and to whom

check "strangers see nothing of it" equal "$(node_get alpha /api/network/revenue -o /dev/null -w '%{http_code}')" 403
network_keys=", revenue_from: [127.0.0.0/8]" money_node alpha 10 beta
kill -HUP "${pid[alpha]}"
shown() { node_get alpha "/api/network/revenue?month=$(date -u +%Y-%m)" | jq -e '[.owed_to_us[].currency] | contains(["EUR", "JPY", "USD"])'; }
wait_for "who is named does" shown
check "months are those of the calendar" equal "$(node_get alpha "/api/network/revenue?month=2026-13" -o /dev/null -w '%{http_code}')" 400
check "another month has none" equal "$(node_get alpha "/api/network/revenue?month=2020-01" | jq -c '[.owed_to_us, .owed_by_us]')" '[[],[]]'

# ---- after a restart it is all there; and nobody has kept the buyer's address

before=$(revenue alpha '[.owed_to_us, .owed_by_us]')$(revenue beta '[.owed_to_us, .owed_by_us]')
for name in alpha beta; do
        stop $name
        ! grep -ra "canary@" "$shop/$name/state" "$shop/$name.log" "$shop/$name/run" >&2 || fail "$name has kept the buyer's address"
        sqlite3 "$shop/$name/state/federation.db" "PRAGMA integrity_check" | grep -qx ok || fail "$name's database is damaged"
        node_start $name
done
check "a restart forgets nothing" equal "$(revenue alpha '[.owed_to_us, .owed_by_us]')$(revenue beta '[.owed_to_us, .owed_by_us]')" "$before"

# ---- the operator's view

month=$(date -u +%Y-%m)
check "failoverctl says what is owed" contains "$(node_ctl alpha revenue --month "$month" | tr -s ' ')" "beta 1.88 USD 12.50 USD 1 1 "
check "and by whom" contains "$(node_ctl beta revenue)" "Owed by us, for buyers that were sent to us"
node_ctl alpha revenue --csv >"$shop/alpha.csv"
/usr/bin/python3 - "$shop/alpha.csv" "$first" <<'END' || fail "the CSV is not what a reader of RFC 4180 expects"
import csv, sys
rows = {r["referral"]: r for r in csv.DictReader(open(sys.argv[1], newline=""), strict=True)}
r = rows[sys.argv[2]]
assert (r["side"], r["peer"], r["book"], r["price"], r["currency"], r["percent"], r["share"], r["state"]) == \
    ("owed_to_us", "beta", "b1", "12.50", "USD", "15", "1.88", "paid"), r
assert all(len(v) == 14 for v in rows.values()) and len(rows) > 5
END
checkout alpha b1 beta >/dev/null
check "it is settled by hand" contains "$(node_ctl beta revenue settle "$(said .referral)" paid)" "Recorded as paid: 1.88 of 12.50 USD are owed to alpha"
check "again is said to be so" contains "$(node_ctl beta revenue settle "$(said .referral)" paid)" "It is already paid"
check "by nonsense it is not" contains "$(node_ctl beta revenue settle "$(said .referral)" maybe 2>&1 || true)" "paid or refunded"
check "nor what there is not" contains "$(node_ctl beta revenue settle "$(new_referral)" paid 2>&1 || true)" "no buyer was sent"
check "a month is written so" contains "$(node_ctl alpha revenue --month 11/2026 2>&1 || true)" "2026-11"
check "metrics count what came of it" contains "$(node_get beta /metrics)" 'federationd_orders_total{result="taken"}'
if command -v promtool >/dev/null; then
        node_get beta /metrics | promtool check metrics >&2 || fail "promtool finds fault with the metrics"
fi

# ---- a price that is gone while an order is on its way

no_price=$(say_signed gamma beta $orders "$(order_json "$(new_referral)" ',"bookId":"b2","price_minor":5,"currency":"USD"')")
check "a price that beta does not know is not taken" contains "$no_price" '"price_minor":null'

# ---- one who plays buyer

curl -sS --max-time 60 -o "$shop/many.#1" --data '{"bookId":"b1","sourceNodeId":"beta"}' "$(node_url alpha)/api/network/checkout?n=[1-300]"
said_by_many() { # JQ-CONDITION: how many
        jq -s "[.[] | select($1)] | length" "$shop"/many.*
}
check "he always gets to the shop" equal "$(said_by_many '.success and (.checkoutUrl | startswith("https://pay.beta.example/buy/b1"))')" 300
check "and fills no ledger" test "$(said_by_many '.state == "unrecorded" and .referral == null')" -gt 20

curl -sS --max-time 60 --interface 127.99.1.2 -o "$shop/more.#1" --data '{"bookId":"b1","sourceNodeId":"beta"}' \
        "$(node_url alpha)/api/network/checkout?n=[1-200]"
check "another address has its own share" test "$(jq -s '[.[] | select(.referral != null)] | length' "$shop"/more.*)" -gt 150
stop alpha
of_ledger() { # SQL
        sqlite3 "$shop/alpha/state/federation.db" "SELECT count(*) FROM $1"
}
lines=$(of_ledger "audit WHERE event LIKE 'referral-%'")
rows=$(of_ledger referral)
check "and they fill no audit log ($lines lines of $rows referrals)" test "$lines" -lt 680
check "which the ledger has all the same" test "$rows" -gt 350

# ---- and a node that does nothing but order

flood() { # how many of 700 orders that gamma has signed are put off
        PYTHONPATH=$source_dir/tests/parts /usr/bin/python3 - "$shop/gamma/node.key" "$(node_url beta)$orders" <<'END'
import http.client, json, signed, sys, urllib.parse
key, to = signed.Key(file=sys.argv[1]), urllib.parse.urlsplit(sys.argv[2])
beta = http.client.HTTPConnection(to.netloc, timeout=60)
put_off = 0
for n in range(700):
    order = key.sign({"type": "order", "node": "gamma", "to": "beta", "timestamp": signed.now(), "seq": n, "bookId": "b1"}, "gamma")
    beta.request("POST", to.path, json.dumps(order).encode(), {"Content-Type": "application/json"})
    answer = beta.getresponse()
    answer.read()
    put_off += answer.status == 429
print(put_off)
END
}
put_off=$(flood)
check "fills no ledger, either ($put_off of 700 orders are put off)" test "$put_off" -gt 20
