# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
# Shops that send each other buyers: nodes with keys, who know each other's (on top of federation.sh).
declare -A public=()

keys_make() { # NAME...
        local name
        for name in "$@"; do
                mkdir -p "$shop/$name"
                public[$name]=$("$build/failoverctl" keygen --json --id k1 "$shop/$name/node.key" | jq -r .public_key)
        done
}

money_node() { # NAME SHARE PEER...: more keys of `node` in $node_keys, of `network` in $network_keys
        local name=$1 share=$2 peer peers=''
        shift 2
        for peer in "$@"; do
                [[ $peer == *:* ]] || peer="{id: $peer, name: \"Shop $peer\", url: \"$(node_url "$peer")\", public_key: \"${public[$peer]}\"}"
                peers+="$peer, "
        done
        cat >"$shop/$name/federationd.yaml" <<-END
		node: {id: $name, name: "Shop $name", url: "$(node_url "$name")", revenue_share: $share, key_file: node.key ${node_keys-}}
		listen: ["$net:${node_port[$name]}"]
		network: {peers: [$peers], allow_private_peers: [127.0.0.0/8], check_interval: 1s ${network_keys-}}
		failover: {runtime_dir: "$shop/$name/failover", status_dir: "$shop/$name/status"}
		limits: {requests_per_second: 0, per_address: 0}
	END
        chmod 640 "$shop/$name/federationd.yaml"
}

checkout() { # NODE BOOK SOURCE [MEMBERS]: the answer into $shop/checkout.json, its status on stdout
        curl -sS --max-time 20 -o "$shop/checkout.json" -w '%{http_code}' -H 'Content-Type: application/json' \
                --data "{\"bookId\":\"$2\",\"sourceNodeId\":\"$3\"${4-}}" "$(node_url "$1")/api/network/checkout"
}

said() { # JQ-FILTER: of the last checkout
        jq -r "$1" "$shop/checkout.json"
}

control() { # NODE PATH [CURL-ARGUMENT...]
        local name=$1 path=$2
        shift 2
        curl -sS --max-time 20 --unix-socket "$shop/$name/run/control.sock" "$@" "http://federationd$path"
}

settle() { # NODE REFERRAL STATUS [MEMBERS]: HTTP status; the answer into $shop/settled.json
        control "$1" "/v1/orders/$2" -o "$shop/settled.json" -w '%{http_code}' --data "{\"status\":\"$3\"${4-}}"
}

revenue() { # NODE JQ-FILTER
        control "$1" /v1/revenue | jq -c "$2"
}

referral_is() { # NODE REFERRAL JQ-CONDITION
        control "$1" "/v1/orders/$2" | jq -e "$3" >/dev/null
}
