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

# A counterpart that sells, or refuses to; its orders stand in tests/parts/money-node.py.
other_shop_start() { # NAME SENDER
        start "$1" "$source_dir/tests/parts/money-node.py" serve --control "$shop/$1.sock" --record "$shop/$1.jsonl" --id "$1" \
                --sender "$2" --sender-key "${public[$2]}"
        wait_for "$1 is up" test -s "$shop/$1.out"
        port[$1]=$(<"$shop/$1.out")
}

other_shop() { # NAME SHARE: as a node's configuration names it
        echo "{id: $1, name: \"Shop $1\", url: \"http://127.0.0.1:${port[$1]}\", public_key: \"${public[$1]}\", revenue_share: $2}"
}

# Signs a message with an independent implementation and posts it: "STATUS ANSWER".
say_signed() { # FROM TO PATH JSON [ARGUMENT...]
        local from=$1 to=$2 path=$3 json=$4
        shift 4
        "$source_dir/tests/parts/money-node.py" send --key "$shop/$from/node.key" --node "$from" --to "$to" \
                --url "$(node_url "$to")$path" "$@" "$json"
}

new_referral() { # a ULID of now
        /usr/bin/python3 -c 'import os, time
n = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
print("".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[n >> 5 * i & 31] for i in range(25, -1, -1)))'
}
