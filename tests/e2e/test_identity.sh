#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016
# Who a node is: its document as another implementation reads it, a key that is changed, stolen, lost and forged while another
# node looks on, and registration elsewhere.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
/usr/bin/python3 -c 'import signedjson' 2>/dev/null || missing "python3-signedjson is not installed"

nodes_name shop hub open market
fast=', allow_private_peers: [127.0.0.0/8], document_interval: 1s'
shop_config() { # MORE-OF-NODE
        network_keys="$fast" node_config shop </dev/null
        sed -i "1s|type: full|type: full, $1|" "$shop/shop/federationd.yaml"
}
reload() { # NODE
        kill -HUP "${pid[$1]}"
}
document() { # NODE
        node_get "$1" /.well-known/aan-node.json
}
node_of() { # HUB JQ-FILTER: of the shop, as that hub knows it
        curl -sS --max-time 5 --unix-socket "$shop/$1/run/control.sock" http://x/v1/nodes | jq -r "[.nodes[] | select(.id == \"shop\")][0] | $2"
}
node_is() { # HUB JQ-CONDITION
        [[ $(node_of "$1" "$2") == true ]]
}
events() { # HUB
        node_ctl "$1" audit --json | jq -r '[.entries[]? , .audit[]? | select(.node == "shop") | .event] | reverse | join(" ")'
}
# Every signature in the document, by an implementation that is not ours.
verified() { # NODE: how many
        document "$1" | python3 -c '
import json, sys
d = json.load(sys.stdin)
for key, signature in d["signatures"][d["id"]].items():
    print(d["id"], key.split(":")[1], d["keys"][key]["key"], json.dumps(d), sep="\t")' >"$shop/lines"
        /usr/bin/python3 "$source_dir/tests/parts/signed-json.py" check "$shop/lines"
}
keygen() { # ARGUMENT...
        "$build/failoverctl" keygen --json "$@" 2>"$shop/err"
}

shop_config "key_file: $shop/shop/node.key, fallback_url: \"https://backup.example/\""
first=$(keygen "$shop/shop/node.key" | jq -r .key_id)
network_keys="$fast" node_config hub shop </dev/null
network_keys="$fast, registration: open" node_config open </dev/null
node_start shop
node_start hub
node_start open

# ---- the document

check "another implementation verifies it" equal "$(verified shop)" 1
check "it says who the shop is" equal "$(document shop | jq -rc '[.id, .url, .fallbackUrl, .revenueShare.percentage, (.status // "none")]')" \
        "[\"shop\",\"$(node_url shop)\",\"https://backup.example\",15,\"none\"]"
check "it is kept by who has it" equal "$(node_get shop /.well-known/aan-node.json -o /dev/null -w '%{http_code}' -H "If-None-Match: $(node_get shop /.well-known/aan-node.json -D - -o /dev/null | sed -n 's/^ETag: //Ip' | tr -d '\r')")" 304
check "no secret is in it" not grep -qF "$(cut -d ' ' -f 3 "$shop/shop/node.key")" <(document shop)
wait_for "a peer without public_key: what stands at its url is pinned" node_is hub '.proven and (.keys | length) == 1'
check "it is that key" equal "$(node_of hub '.keys[0].id')" "ed25519:$first"

# ---- a change of keys

keygen --rotate "$shop/shop/node.key" >"$shop/step"
next=$(jq -r .next.key_id "$shop/step")
reload shop
wait_for "the next key is announced to others" node_is hub "[.keys[].id] == [\"ed25519:$first\", \"ed25519:$next\"] or [.keys[].id] == [\"ed25519:$next\", \"ed25519:$first\"]"
check "both sign" equal "$(verified shop)" 2
check "too early is refused" not keygen --rotate "$shop/shop/node.key"
check "and says when" contains "$(<"$shop/err")" 'do this again after'
keygen --rotate --force "$shop/shop/node.key" >/dev/null
reload shop
wait_for "the old key has an end" node_is hub "[.keys[] | select(.id == \"ed25519:$first\") | .expired != null] == [true]"
check "nothing is wrong" equal "$(node_of hub .trouble)" null

# ---- stolen

keygen --revoke --force "$shop/shop/node.key" >"$shop/step"
third=$(jq -r .key_id "$shop/step")
reload shop
wait_for "a revoked key is revoked elsewhere" node_is hub "[.keys[] | select(.id == \"ed25519:$next\") | .revoked != null] == [true]"
check "all that are listed sign" equal "$(verified shop)" 3

# ---- forged: somebody else answers at the shop's address

stop shop
mv "$shop/shop/node.key" "$shop/shop/kept.key"
"$build/failoverctl" keygen "$shop/shop/node.key" >/dev/null 2>&1
node_start shop
wait_for "another key at the same url is refused" node_is hub '.trouble != null'
check "in words" contains "$(node_of hub .trouble)" 'not signed by a key that is known'
check "what was pinned stays" node_is hub "[.keys[].id] | index(\"ed25519:$third\") != null"
check "the operator is told" contains "$(node_ctl hub peers)" 'not signed by a key that is known'
stop hub
node_start hub
wait_for "also after a restart" node_is hub '.trouble != null'
check "what was pinned stays" node_is hub "[.keys[].id] | index(\"ed25519:$third\") != null"
stop shop
mv "$shop/shop/kept.key" "$shop/shop/node.key"
node_start shop
wait_for "the shop itself is known again" node_is hub '.trouble == null'

# ---- a file that is gone, and one that others read

mv "$shop/shop/node.key" "$shop/shop/kept.key"
(umask 077 && echo "ed25519 k1 AAAA" >"$shop/shop/node.key")
reload shop
shop_identity() { # JQ-CONDITION
        curl -sS --max-time 5 --unix-socket "$shop/shop/run/control.sock" http://x/v1/status | jq -e ".identity | $1"
}
wait_for "it is said that the key cannot be read" shop_identity '.trouble != null'
check "it goes on with the key that it has" equal "$(verified shop)" 3
check "and says so in metrics" contains "$(node_get shop /metrics)" 'federationd_key_trouble 1'
stop shop
node_start shop
wait_for "a start without a key that is one says the same" shop_identity '.trouble != null'
check "in the log, too" contains "$(<"$shop/shop.log")" "this node cannot sign: node.key_file"
mv "$shop/shop/kept.key" "$shop/shop/node.key"
reload shop
wait_for "all is well" shop_identity '.trouble == null'

# ---- registered elsewhere

answer=$(node_ctl shop register --registry "$(node_url open)/")
check "it says what came of it" contains "$answer" 'pending, until its operator accepts'
wait_for "registration: open: its key was found at its url" node_is open '.state == "accepted" and .proven'
wait_for "it is searched" node_is open .searched
check "once more" contains "$(node_ctl shop register --registry "$(node_url open)")" 'knew this node already'
check "it is remembered" contains "$(node_ctl shop register)" "$(node_url open): "
stop shop
node_start shop
remembered() {
        contains "$(node_ctl shop register)" "$(node_url open): "
}
wait_for "after a restart, too" remembered
check "a registry that is not there" not node_ctl shop register --registry "http://$net:1" 2>"$shop/err"
check "in words" contains "$(<"$shop/err")" 'refused'
check "this node itself" not node_ctl shop register --registry "$(node_url shop)" 2>"$shop/err"
check "what is no URL" not node_ctl shop register --registry "javascript:x" 2>"$shop/err"
node_ctl shop register --registry "$(node_url open)" --forget >/dev/null
check "it is forgotten" contains "$(node_ctl shop register)" 'no other node'

# Without a key: legacy, and it says so.
shop_config 'location: Lisbon'
reload shop
wait_for "no key" shop_identity '.key_id == null'
node_config market </dev/null
node_start market
check "a registration without a key is legacy" contains "$(node_ctl shop register --registry "$(node_url market)")" 'NOT SIGNED'
check "it waits" equal "$(node_of market .state)" pending

for name in shop hub open market; do
        check "$name keeps secrets out of its log" not grep -qF -f <(cut -d ' ' -f 3 "$shop/shop/node.key") "$shop/$name.log"
done
