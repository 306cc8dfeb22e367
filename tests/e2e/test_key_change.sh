#!/bin/bash
# SPDX-License-Identifier: MIT
# A shop changes its key while its failoverd goes on telling others of its outages: nothing is lost on the way, and what a
# stolen key signs counts no more.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

nodes_name shop other
network_keys=', allow_private_peers: [127.0.0.0/8], document_interval: 1s'
key=$shop/shop/node.key
node_config shop </dev/null
sed -i "1s|type: full|type: full, key_file: $key|" "$shop/shop/federationd.yaml"
"$build/failoverctl" keygen "$key" >/dev/null 2>&1
node_config other shop </dev/null
cat >"$shop/shop/failoverd.yaml" <<-END
	node: {id: shop, name: Shop, url: "$(node_url shop)", fallback_url: "https://backup.example", key_file: $key}
	probes:
	  p: {type: exec, command: [/bin/sh, -c, "test ! -e $shop/broken || exit 2"], interval: 1s, fast_interval: 100ms, timeout: 20s, fall: 1, window: 1, rise: 1}
	modes:
	  - {name: primary, requires: [p]}
	  - {name: crypto, requires: []}
	failback: {hold: 100ms, max_changes_per_day: 64}
	actions:
	  - {type: notify-peers, peers: [{id: other, url: "$(node_url other)"}]}
END
chmod 640 "$shop/shop/failoverd.yaml"

# As the other shop sees it.
peer_is() { # STATUS
        [[ $(node_ctl other peers --json | jq -r '.peers[0].status') == "$1" ]]
}
key_is() { # JQ-CONDITION on its keys
        curl -sS --max-time 5 --unix-socket "$shop/other/run/control.sock" http://x/v1/nodes | jq -e ".nodes[0].keys | $1"
}
outage() { # CLAIM: an outage and its end are believed
        : >"$shop/broken"
        wait_for "$1: an outage is believed" peer_is fallback
        rm "$shop/broken"
        wait_for "$1: so is its end" peer_is active
}
change() { # ARGUMENT of keygen...: and federationd reads it; failoverd goes on with what it has
        "$build/failoverctl" keygen --force --json "$@" "$key" >"$shop/step"
        kill -HUP "${pid[shop]}"
}

node_start shop
node_start other
wait_for "the key is known" key_is 'length == 1'
start failoverd "$build/failoverd" --config "$shop/shop/failoverd.yaml" --state-dir "$shop/shop/failover-state" \
        --runtime-dir "$shop/shop/failover" --status-dir "$shop/shop/status"
wait_for "failoverd is up" test -e "$shop/shop/failover/mode.json"

outage "the first key"
change --rotate
wait_for "a next key is announced" key_is 'length == 2'
outage "while it is announced"
change --rotate
wait_for "it is in force" key_is '[.[] | select(.expired != null)] | length == 1'
outage "failoverd, not restarted yet, signs with the old one"
kill -HUP "${pid[failoverd]}"
wait_for "failoverd has the new one" grep -q 'reloaded' "$shop/failoverd.log"
outage "the new key"

change --revoke
wait_for "it is revoked" key_is '[.[] | select(.revoked != null)] | length == 1'
refused() { # so many notices, by a key that does not count
        node_get other /metrics | sed -nE 's/^federationd_notices_total\{result="key"\} //p'
}
before=$(refused)
counted() {
        (($(refused) > ${before:-0}))
}
: >"$shop/broken"
wait_for "what a revoked key signs is refused" counted
check "and changes nothing" peer_is active
kill -HUP "${pid[failoverd]}"
wait_for "signed by the new key it is believed: the notice was kept" peer_is fallback
