# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# The demo's second half: the shop joins two others, one question finds all their books, one of them fails, the shop's front
# end hears how buyers pay, and when the shop's payment API dies once more the others hear of that, too.
. "$source_dir/tests/e2e/federation.sh"
node_name=([my-shop]="My Shop" [harbour]="Harbour Books" [attic]="The Attic")
shops=(my-shop harbour attic)

# The sample catalog: each shop has two thirds of it, at its own prices.
books_split() {
        python3 - "$source_dir/etc/sample-books.csv" "$shop" "${shops[@]}" <<'END'
import csv, sys
source, folder, *shops = sys.argv[1:]
with open(source, encoding="utf-8", newline="") as f:
    rows = list(csv.DictReader(f))
for i, shop in enumerate(shops):
    with open(f"{folder}/{shop}.csv", "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, rows[0].keys())
        out.writeheader()
        for n, row in enumerate(rows):
            if n % 3 != i:
                row = dict(row)
                if row["currency"] not in ("JPY", "KRW"):
                    row["price"] = f"{float(row['price']) + i * 0.75 - n % 4 * 0.5:.2f}"
                out.writerow(row)
END
}

network_opens() {
        local name
        nodes_name "${shops[@]}"
        books_split
        mkdir -p "$shop/harbour" "$shop/attic"
        for name in harbour attic; do "$build/failoverctl" keygen "$shop/$name/node.key" >/dev/null 2>&1; done
        local node_keys=', key_file: ../node.key'
        failover_dir=$shop/run status_dir=$shop/status node_config my-shop harbour attic </dev/null
        node_keys=', key_file: node.key'
        node_config harbour my-shop attic </dev/null
        node_config attic my-shop harbour </dev/null
        for name in "${shops[@]}"; do
                node_import "$name" "$shop/$name.csv"
                node_start "$name"
                say "${node_name[$name]}, a node of its own at $(node_url "$name"): $(node_get "$name" /api/stats | jq .stats.totalBooks) books"
        done
}

each_is_known() {
        node_ctl my-shop peers --json | jq -e 'all(.peers[]; .listings > 0 and .status == "active")'
}

# One question to My Shop, as its operator asks it, and as its front end does.
ask_all() { # WORDS
        node_ctl my-shop search --limit 3 "$1" | show "failoverctl search $1"
        search my-shop "$1"
        say "a front end has the whole answer after $took ms, from $(found '[.peers[] | select(.status == "ok" or .status == "empty")] | length') of $(found '.peers | length') other shops"
}
nobody_missing() {
        search my-shop "$@"
        found_is .complete
}

network_searches() {
        wait_for "My Shop knows the others" each_is_known
        node_ctl my-shop peers | show "failoverctl peers"
        ask_all "war and peace"
        check "every shop answers" found_is .complete
        check "each work stands there once, with its sellers" found_is '[.results[].sellers | length] | max >= 2'
        ask_all "dostoyevski crime"
        ask_all "紅樓夢"
}

network_fails() {
        local i
        kill -STOP "${pid[attic]}"
        say "The Attic hangs: it takes connections and says nothing"
        for i in 1 2 3; do
                search my-shop "christmas number $i"
                say "search $i: $took ms, $(found '.results | length') books, The Attic: $(row attic)"
                check "the others' books are there" found_is '(.complete | not) and (.results | length > 0)'
        done
        ask_all "christmas carol"
        check "and then it is not waited for any more" equal "$(found '.peers[] | select(.id == "attic").status')" skipped
        kill -CONT "${pid[attic]}"
        began=$EPOCHREALTIME
        wait_for "The Attic is asked again" nobody_missing "christmas carol"
        say "The Attic goes on; $(seconds_since "$began") later it is searched again"
        stop harbour || true
        say "Harbour Books is closed"
        ask_all "jane eyre"
        check "a shop that is gone is named" found_is '(.complete | not) and (.peers[] | select(.id == "harbour").status == "error")'
        node_ctl my-shop peers | show "failoverctl peers"
        node_start harbour
}

# The last document that the stream of events brought.
event_says() { # JQ-CONDITION
        [[ $(sed -n 's/^data: *//p' <<<"$(grep -A1 '^event: *config' "$shop/events.out")" | tail -n 1 | jq -r "$1") == true ]]
}
network_follows() {
        start events curl -sN "$(node_url my-shop)/events"
        wait_for "the front end is told how buyers pay" event_says '.paymentMode == "primary"'
        began=$EPOCHREALTIME
        ctl force-fallback --reason "demo" >/dev/null
        wait_for "the front end hears of it" event_says '.paymentMode == "crypto"'
        say "$(seconds_since "$began") after failoverctl force-fallback the stream of events says:"
        node_get my-shop /api/config | jq . | show "$(node_url my-shop)/api/config"
        check "an edge worker hears of it, too" equal "$(node_get my-shop /api/health -o /dev/null -w '%{http_code}')" 503
        stop failoverd KILL || true
        check "the mode outlives the supervisor" equal "$(node_get my-shop /api/config | jq -r .paymentMode)" crypto
        say "failoverd is killed: /api/config still says $(node_get my-shop /api/config | jq -r .paymentMode)"
        daemon_start
        ctl auto >/dev/null
        wait_for "the front end hears of the return" event_says '.paymentMode == "primary"'
        say "started again, returned: the stream says $(node_get my-shop /api/config | jq -r .paymentMode)"
        stop events || true
}

# Its notices reach the others, who send its buyers to where they can pay; what they sell for each other is money owed.
network_reroutes() {
        local registry="registry: \"$shop/my-shop/state/network-registry.json\""
        sed -i "s|{type: status-page}|{type: status-page, $registry}|" "$shop/failoverd.yaml"
        echo "  - {type: notify-peers, $registry, allow_private_peers: [127.0.0.0/8]}" >>"$shop/failoverd.yaml"
        kill -HUP "${pid[failoverd]}"
        wait_for "failoverd has read it" grep -q 'reloaded:' "$shop/failoverd.log"
        say "My Shop's failoverd is told to notify its peers: those in the registry that its federationd publishes"
        wait_for "the status page names the other shops" grep -q '<bdi>Harbour Books</bdi>' "$shop/status/index.html"
        say "its status page: other shops, $(grep -oP '(?<=<bdi>)(The Attic|Harbour Books)(?=</bdi>)' "$shop/status/index.html" | paste -sd, | sed 's/,/, /g')"
        wait_for "Harbour Books finds My Shop's books" sold_by_my_shop "$(node_url my-shop)"
        node_ctl my-shop nodes | show "failoverctl nodes"
        say "at Harbour Books, $(book_of_my_shop .title) is sold by My Shop, too: buyers go to $(book_of_my_shop .source_url)"
        began=$EPOCHREALTIME
        api "status 503"
        wait_for "Harbour Books sends buyers to the fallback" sold_by_my_shop https://backup.shop.example
        say "My Shop's payment API answers 503; $(seconds_since "$began") later Harbour Books sends buyers to $(book_of_my_shop .source_url)"
        node_ctl harbour peers | show "failoverctl peers, at Harbour Books"
        buyer_is_sent
        began=$EPOCHREALTIME
        api ok
        wait_for "buyers are sent to My Shop again" sold_by_my_shop "$(node_url my-shop)"
        say "mended; $(seconds_since "$began") later Harbour Books sends buyers to $(book_of_my_shop .source_url)"
        check "the operator sees it" equal "$(node_ctl harbour peers --json | jq -r '.peers[] | select(.id == "my-shop").status')" active
}
sold_by_my_shop() { # WHERE: says Harbour Books
        search harbour "war and peace"
        [[ $(book_of_my_shop .source_url) == "$1" ]]
}
book_of_my_shop() { # JQ-FILTER: of the first work that it sells
        found "[.results[] | .title as \$title | .sellers[] | select(.source_node == \"my-shop\") | {title: \$title} + .] | first | $1"
}

# A buyer at Harbour Books wants that book of My Shop's.
buyer_is_sent() {
        local referral
        node_get harbour /api/network/checkout -H 'Content-Type: application/json' \
                --data "{\"bookId\": $(book_of_my_shop '.bookId | tojson'), \"sourceNodeId\": \"my-shop\", \"email\": \"buyer@example.org\"}" >"$shop/checkout.json"
        jq . "$shop/checkout.json" | show "POST /api/network/checkout, at Harbour Books"
        check "the buyer is sent to where he can pay" jq -e '.success and (.checkoutUrl | startswith("https://backup.shop.example/"))' "$shop/checkout.json" >/dev/null
        referral=$(jq -r .referral "$shop/checkout.json")
        curl -sS --fail-with-body --max-time 10 --unix-socket "$shop/my-shop/run/control.sock" -H 'Content-Type: application/json' \
                --data '{"status": "paid"}' "http://federationd/v1/orders/$referral" >/dev/null
        wait_for "both have it in their books" in_both_books
        node_ctl harbour revenue | show "he has paid: failoverctl revenue, at Harbour Books"
        node_ctl my-shop revenue | show "and at My Shop"
}
in_both_books() {
        [[ $(node_ctl harbour revenue | grep -c my-shop) -gt 0 && $(node_ctl my-shop revenue | grep -c harbour) -gt 0 ]]
}
