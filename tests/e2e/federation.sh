# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Shops of a network, each with a federationd of its own, on an address of 127/8 that no other test uses.
need curl jq python3
net=$(own_loopback)
declare -A node_port=() node_name=() node_address=() node_within=() # within: a command that runs others where the node lives
# Freed memory goes back soon, so that what is measured is what is used.
export ASAN_OPTIONS=${ASAN_OPTIONS-}${ASAN_OPTIONS:+:}quarantine_size_mb=4

node_url() { # NAME
        echo "http://${node_address[$1]-$net}:${node_port[$1]}"
}

# The configuration of a node whose peers are other nodes by name, or flow mappings. More keys of `network` may stand in
# $network_keys, more sections on stdin.
node_config() { # NAME [PEER...]
        local name=$1 peer peers=''
        shift
        mkdir -p "$shop/$name"
        for peer in "$@"; do
                [[ $peer == *:* ]] || peer="{id: $peer, name: \"${node_name[$peer]-Shop $peer}\", url: \"$(node_url "$peer")\", revenue_share: 10}"
                peers+="$peer, "
        done
        {
                cat <<-END
			node: {id: $name, name: "${node_name[$name]-Shop $name}", url: "$(node_url "$name")", type: full, operator: Test, revenue_share: 15 ${node_keys-}}
			listen: ["${node_address[$name]-$net}:${node_port[$name]}"]
			network: {enabled: true, peers: [$peers] ${network_keys-, allow_private_peers: [127.0.0.0/8]}}
			failover: {runtime_dir: "${failover_dir-$shop/$name/failover}", status_dir: "${status_dir-$shop/$name/status}"}
			limits: {requests_per_second: 0, per_address: 0}
		END
                [[ -t 0 ]] || cat
        } >"$shop/$name/federationd.yaml"
        chmod 640 "$shop/$name/federationd.yaml"
}

# Gives each a port first, since they name each other.
nodes_name() { # NAME...
        local name
        for name in "$@"; do node_port[$name]=$((8440 + ${#node_port[@]})); done
}

federationd() { # NAME ARGUMENT...
        local name=$1
        shift
        "$build/federationd" --config "$shop/$name/federationd.yaml" --state-dir "$shop/$name/state" \
                --runtime-dir "$shop/$name/run" "$@"
}

node_import() { # NAME FILE
        mkdir -p "$shop/$1/state"
        federationd "$1" --import "$2" >"$shop/$1.imported" 2>&1 || fail "$1 does not import $2: $(tail -n 3 "$shop/$1.imported")"
}

node_launch() { # NAME: without waiting
        # shellcheck disable=SC2086 # a command and its arguments
        start "$1" ${node_within[$1]-} "$build/federationd" --config "$shop/$1/federationd.yaml" --state-dir "$shop/$1/state" \
                --runtime-dir "$shop/$1/run"
}

node_answers() { # NAME
        alive "$1" || fail "$1 has ended"
        # shellcheck disable=SC2086
        ${node_within[$1]-} curl -sS --max-time 5 -o /dev/null "$(node_url "$1")/api/config"
}

node_start() { # NAME
        node_launch "$1"
        wait_for "$1 answers" node_answers "$1"
}

node_get() { # NAME PATH [CURL-ARGUMENT...]
        local name=$1 path=$2
        shift 2
        curl -sS --max-time 20 "$@" "$(node_url "$name")$path"
}

node_ctl() { # NAME ARGUMENT...
        local name=$1
        shift
        "$build/failoverctl" --socket "$shop/$name/run/control.sock" "$@"
}

search() { # NAME WORDS [CURL-ARGUMENT...]: of the network, into $shop/found.json; milliseconds into $took
        local name=$1 words=$2
        shift 2
        took=$(curl -sS --max-time 20 --get --data-urlencode "q=$words" "$@" -o "$shop/found.json" -w '%{time_total}' \
                "$(node_url "$name")/api/network/search") || fail "$name does not answer a search"
        took=$(awk -v s="$took" 'BEGIN { printf "%.0f", s * 1000 }')
}

found() { # JQ-FILTER
        jq -r "$1" "$shop/found.json"
}

found_is() { # JQ-CONDITION
        jq -e "$1" "$shop/found.json" >/dev/null || { head -c 3000 "$shop/found.json" >&2; return 1; }
}

row() { # PEER: its row in the answer, "status error"
        found ".peers[] | select(.id == \"$1\") | \"\\(.status) \\(.error // \"\")\""
}

part_report() { # NAME JQ-FILTER
        curl -sS --max-time 10 --unix-socket "$shop/$1.sock" http://part/ | jq -r "$2"
}

part_peer() { # NAME: a counterpart as a node's configuration names it
        echo "{id: $1, name: \"Shop $1\", url: \"http://127.0.0.1:${port[$1]}\", revenue_share: 12}"
}

# The shop's page at $web_url, another origin than the node's: served from a copy of web/ that names the node.
web_start() { # NODE
        mkdir -p "$shop/web"
        cp "$source_dir"/web/*.* "$shop/web/"
        sed -i "s|http://127.0.0.1:8440|$(node_url "$1")|" "$shop"/web/*.html
        start web /usr/bin/python3 -u -m http.server --bind 127.0.0.1 --directory "$shop/web" 0
        wait_for "the shop's page is served" grep -q ' port ' "$shop/web.out"
        web_url=http://127.0.0.1:$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$shop/web.out")
}

memory_high() { # NAME: MiB that it had resident at most, ever
        awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/${pid[$1]}/status"
}
