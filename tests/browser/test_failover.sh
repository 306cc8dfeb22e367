#!/bin/bash
# SPDX-License-Identifier: MIT
# A shop's own page with failover.js in it, in a real browser beside the real daemons: banner and checkout through every mode, a node
# that is away, silent, or lies; and the banner for who has no JavaScript.
build=$(realpath "$1")
. "$(dirname "$0")/../e2e/lib.sh"
. "$source_dir/tests/e2e/federation.sh"
. "$(dirname "$0")/rig.sh"

shop_start
sed -i '/name: crypto,/a\  - {name: federated, requires: []}' "$shop/failoverd.yaml"
kill -HUP "${pid[failoverd]}"
wait_for "it knows a third mode" status_is '.modes | length == 3'
nodes_name alpha beta
failover_dir=$shop/run status_dir=$shop/status network_keys=', check_interval: 1s, allow_private_peers: [127.0.0.0/8]' node_config alpha beta </dev/null
node_config beta </dev/null
node_start beta
node_start alpha
web_start alpha

mode() { # MODE
        if [[ $1 == auto ]]; then ctl auto; else ctl force-fallback --mode "$1"; fi
}
api_fails() {
        order api status 503
}
api_is_well() {
        order api ok
}
coins_fail() {
        order btcpay status 503
}
coins_are_well() {
        order btcpay ok
}
other_shop() { # stops | starts | is_known
        case $1 in
        stops) stop beta KILL || true ;;
        starts) node_start beta ;;
        is_known) wait_for "alpha knows it" bash -c "curl -sS $(node_url alpha)/api/config | jq -e .healthyNode" ;;
        esac
}
node() { # stops | starts | hangs | goes_on
        case $1 in
        stops) stop alpha ;;
        starts) node_start alpha ;;
        hangs) kill -STOP "${pid[alpha]}" ;;
        goes_on) kill -CONT "${pid[alpha]}" ;;
        esac
}
disk_thaw() { # what lib.sh calls before it ends everything
        [[ ! ${pid[alpha]-} ]] || kill -CONT "${pid[alpha]}"
}

piece_is() { # TEXT [LANGUAGE]
        equal "$(node_get alpha "/banner/piece${2:+?lang=$2}")" "$1"
}

check "a server that puts pages together has nothing to put in while all is as usual" piece_is ""
check "failover.js is small enough to go with every page" test "$(stat -c %s "$source_dir/web/failover.js")" -lt 6000
browse failover "$web_url" "$shop/web" "$(node_url alpha)" "$(node_url beta)"
mode federated >/dev/null
wait_for "a server that puts pages together is told, too" piece_is '<div class="failover-banner" role="status" lang="de">Wir können gerade keine Bestellungen annehmen. Hier können Sie stattdessen kaufen: <a href="'"$(node_url beta)"'" target="_top">'"${net}:${node_port[beta]}"'</a></div>' de
node_get alpha /banner >"$shop/banner.html"
node_get alpha "/banner?lang=de" >"$shop/banner-de.html"
check "the pages are valid HTML" html_valid "$shop/web/book.html" "$shop/web/checkout.html" "$shop/banner.html" "$shop/banner-de.html"
check "what is below a banner is said to be nothing" equal "$(node_get alpha /banner/else -o /dev/null -w '%{http_code}')" 404
