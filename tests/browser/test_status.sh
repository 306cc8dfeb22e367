#!/bin/bash
# SPDX-License-Identifier: MIT
# The status page beside the real daemons, through an outage, in a real browser: live, by keyboard, without JavaScript, with the operator's
# own words, and when what stands there is too old.
build=$(realpath "$1")
. "$(dirname "$0")/../e2e/lib.sh"
. "$source_dir/tests/e2e/federation.sh"
. "$(dirname "$0")/rig.sh"

part_start api payment-api
part_start btcpay payment-api
nodes_name alpha
mkdir -p "$shop/alpha/state"
# Its network has three ordinary shops, and as many as the page shows whose names are hostile.
node --input-type=module -e "import { payloads } from '$source_dir/tests/browser/hostile.mjs';
        const some = payloads.filter((_, i) => i % 5 === 0).slice(0, 96).map((name, i) => ({ id: 'x' + i, name, url: 'https://x' + i + '.example', type: 'full', status: 'active' }));
        console.log(JSON.stringify({ nodes: [{ id: 'my-shop', url: 'http://a.example', type: 'full', status: 'active' },
                { id: 'b', name: 'Harbour Books', url: 'https://harbour.example', type: 'full', status: 'active' },
                { id: 'd', name: 'In its fallback', url: 'https://d.example', type: 'full', status: 'fallback', fallbackUrl: 'javascript:executed=1' }, ...some] }));" >"$shop/registry.json"
config <<END
node: {id: my-shop, name: My Shop, url: "https://shop.example"}
probes:
  secret-bank-gateway: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [secret-bank-gateway]}
  - {name: crypto, requires: [btcpay], $to_crypto}
components:
  cards: {name: Card payments, description: Visa and Mastercard., group: Checkout, probes: [secret-bank-gateway], impact: {crypto: down}}
  coins: {name: Cryptocurrency, group: Checkout, probes: [btcpay]}
  shelf: {name: "Books & more <b>now</b>"}
failback: $quick_return
actions: [{type: payment-mode}, {type: status-page, registry: "$shop/registry.json"}]
END
daemon_start
wait_for "everything is up" all_up
failover_dir=$shop/run status_dir=$shop/status node_config alpha </dev/null
node_start alpha
page_is_well() {
        node_get alpha /status/ | grep -q "Everything works"
}
wait_for "the page says that all is well" page_is_well

api_fails() {
        order api status 503
}
api_is_well() {
        order api ok
}
operator() { # VERB WORD...: _ for a space in a word
        local words=("$@")
        ctl "${words[@]//_/ }"
}
shop_node() { # stops | starts
        case $1 in
        stops) stop alpha ;;
        starts) node_start alpha ;;
        esac
}

browse status "$(node_url alpha)"
find "$shop/status" -type f -print0 | xargs -0 cat >"$shop/everything"
for secret in secret-bank-gateway 127.0.0.1 ":${port[api]}" "HTTP 503" "$shop" v1/account; do
        check "what is private is on no page: $secret" not grep -qF "$secret" "$shop/everything"
done
check "the page that was left is valid" html_valid "$shop/status/index.html"
