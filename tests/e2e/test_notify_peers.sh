#!/bin/bash
# SPDX-License-Identifier: MIT
# Peers hear of an outage and of its end: signed, in order, once each, whatever becomes of them or of us meanwhile.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peers.sh"

key_make node
for name in alpha beta gamma; do
        inbox_start $name
done
registry_now() { # STATUS of beta
        registry "$(node_entry my-shop active)" "$(node_entry alpha active)" "$(node_entry beta "$1" ',"catalog":{"books":3.5}')" \
                "$(node_entry delta pending)" "$(node_entry echo banned)"
}
registry_now failed
peers="{type: notify-peers, registry: $shop/registry.json, allow_private_peers: [127.0.0.0/8], timeout: 1s"
peers+=", peers: [{id: gamma, url: \"http://127.0.0.1:${port[gamma]}\"}]}"
node="{id: my-shop, url: \"https://shop.example\", fallback_url: \"https://backup.shop.example\", key_file: node.key}"
part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
echo "  - $peers" >>"$shop/failoverd.yaml"
daemon_start
wait_for "everything is up" all_up

break_cards
for name in alpha beta gamma; do
        wait_for "$name hears of it" heard $name 1
done
mend_cards
for name in alpha beta gamma; do
        wait_for "$name hears of the end" heard $name 2
        check "in order" equal "$(applied $name type)" "primary_failure primary_recovered "
done
wait_for "all is done" all_told
status | jq -c '.actions[]'
jq -c . "$shop/alpha.jsonl"
