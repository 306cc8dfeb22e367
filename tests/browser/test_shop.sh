#!/bin/bash
# SPDX-License-Identifier: MIT
# A real browser (Chromium) on the shop's page, served from another origin than the node: search as a stream, payment mode as it
# changes, nothing executed that shops wrote.
build=$(realpath "$1")
. "$(dirname "$0")/../e2e/lib.sh"
. "$source_dir/tests/e2e/federation.sh"
. "$(dirname "$0")/rig.sh"

# alpha with its failoverd, beta, a peer that is slow, one that is silent, and one whose titles are hostile.
shop_start
nodes_name alpha beta
cat >"$shop/hostile.jsonl" <<'END'
{"id":1,"title":"Hostile <script>executed=1;alert('evil')</script>","author":"<img src=x onerror=\"executed=1;fetch('//evil')\">","price":1}
{"id":2,"title":"\"><svg onload=executed=1>Hostile</svg>","author":"'-alert(1)-'","price":2,"url":"javascript:executed=1","storeUrl":"javascript:executed=1"}
{"id":3,"title":"Hostile \u202egnp.evil\u202c \u2066turned","author":"\u0001\u0007\u001b[31mred\u0085\u2028","price":3,"currency":"<b>"}
{"id":4,"title":"Hostile </title></h2></li></ol><iframe src=//evil></iframe>","author":"{{constructor.constructor('executed=1')()}}","price":4}
END
echo '{"id":1,"title":"The Common Book of the slow","author":"S. Low","price":3}' >"$shop/slow.jsonl"
for name in slow silent hostile; do
        [[ -e $shop/$name.jsonl ]] || : >"$shop/$name.jsonl"
        part_start $name evil-peer --books "$shop/$name.jsonl"
done
echo 'id,title,author,isbn,price,currency
1,The Common Book of alpha,A. Lpha,,10,USD
2,The Common Book of all,C. Ommon,9780306406157,12,USD' >"$shop/alpha.csv"
echo 'id,title,author,isbn,price,currency
1,The Common Book of beta,B. Eta,,9,EUR
2,The Common Book of All,"Ommon, C.",0-306-40615-2,11.50,EUR' >"$shop/beta.csv"
failover_dir=$shop/run status_dir=$shop/status node_config alpha beta "$(part_peer slow)" "$(part_peer silent)" "$(part_peer hostile)" </dev/null
node_config beta alpha </dev/null
for name in alpha beta; do
        node_import $name "$shop/$name.csv"
        node_start $name
done
order slow slow 700
order silent silent
web_start alpha

mode() { # MODE
        if [[ $1 == primary ]]; then ctl force-primary; else ctl force-fallback --mode "$1"; fi
}
node_stops() {
        stop alpha
}
node_starts() {
        node_start alpha
}

browse shop "$web_url/shop.html" "$(node_url alpha)/status/"
check "both pages are valid HTML" html_valid "$shop/web/shop.html" "$shop/status/index.html"
