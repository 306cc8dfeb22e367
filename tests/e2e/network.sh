# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Whole shops of a network: each with a key, a failoverd, a federationd and a payment API to break. Who knows whom is said by
# configuration, with public keys; a shop that registers is accepted because it proves itself (`registration: open`).
. "$source_dir/tests/e2e/federation.sh"
declare -A public_key=() shop_api=() listener=()
fallback_url() { # NAME: where its buyers go while it fails
        echo "http://${node_address[$1]-$net}:9000/$1"
}

# A key for each, and three books: one that all sell, one that only it sells, in its own words.
shops_make() { # NAME...
        local name
        nodes_name "$@"
        for name in "$@"; do
                mkdir -p "$shop/$name"
                public_key[$name]=$("$build/failoverctl" keygen --json --id k1 "$shop/$name/node.key" | jq -r .public_key)
                printf 'id,title,author,isbn,price,currency\n%s\n' "1,The Common Book,C. Ommon,9780306406157,12,USD" \
                        "2,Only at $name,O. Nly,,20,USD" "3,The $name Reader,R. Eader,,7.35,EUR" >"$shop/$name.csv"
        done
}

shop_peer() { # NAME: as another's configuration names it
        echo "{id: $1, name: \"Shop $1\", url: \"$(node_url "$1")\", public_key: \"${public_key[$1]}\", revenue_share: 10}"
}

# More keys of `network` may stand in $network_more.
shop_federation() { # NAME PEER...: shops by name, or flow mappings
        local name=$1 peer peers=()
        shift
        for peer in "$@"; do
                if [[ $peer == *:* ]]; then peers+=("$peer"); elif [[ $peer != "$name" ]]; then peers+=("$(shop_peer "$peer")"); fi
        done
        node_keys=", key_file: \"$shop/$name/node.key\"" \
                network_keys=", allow_private_peers: [127.0.0.0/8, 10.0.0.0/8], registration: open, check_interval: 1s ${network_more-}" \
                node_config "$name" "${peers[@]}" </dev/null
}

# Its payment API is asked every 0.1 s while in doubt. Whom to tell stands in what its federationd publishes.
shop_failover() { # NAME API-URL
        cat >"$shop/$1/failoverd.yaml" <<-END
		node: {id: $1, name: "Shop $1", url: "$(node_url "$1")", fallback_url: "$(fallback_url "$1")", key_file: "$shop/$1/node.key"}
		probes:
		  payment-api: {type: http, url: "$2/v1/account", expect_json: {charges_enabled: true}, $fast}
		modes:
		  - {name: primary, requires: [payment-api]}
		  - {name: crypto, requires: [], $to_crypto}
		failback: $quick_return
		actions:
		  - {type: payment-mode}
		  - {type: status-page}
		  - {type: notify-peers, registry: "$shop/$1/state/network-registry.json", allow_private_peers: [127.0.0.0/8, 10.0.0.0/8], timeout: 1s}
	END
        chmod 640 "$shop/$1/failoverd.yaml"
}

shop_launch_failover() { # NAME
        # shellcheck disable=SC2086
        start "$1-failoverd" ${node_within[$1]-} "$build/failoverd" --config "$shop/$1/failoverd.yaml" --state-dir "$shop/$1/failover-state" \
                --runtime-dir "$shop/$1/failover" --status-dir "$shop/$1/status"
}

shop_ask() { # NAME PATH: on failoverd's control socket
        curl -sS --max-time 10 --unix-socket "$shop/$1/failover/control.sock" "http://failoverd$2"
}

node_ask() { # NAME PATH [CURL-ARGUMENT...]: on federationd's
        local name=$1 path=$2
        shift 2
        curl -sS --max-time 20 --unix-socket "$shop/$name/run/control.sock" "$@" "http://federationd$path"
}

shop_mode_is() { # NAME MODE
        alive "$1-failoverd" || fail "failoverd of $1 has ended"
        [[ $(shop_ask "$1" /v1/status | jq -r .mode) == "$2" ]]
}

shop_knows() { # NAME N: so many peers whom its failoverd would tell
        [[ $(jq --arg me "$1" '[.nodes[] | select(.id != $me and (.status != "pending" and .status != "banned"))] | length' \
                "$shop/$1/state/network-registry.json") == "$2" ]]
}

peer_is() { # NAME PEER STATUS: as failoverctl peers of NAME says
        [[ $(node_ctl "$1" peers --json | jq -r ".peers[] | select(.id == \"$2\").status") == "$3" ]]
}

# What it last said of its peers at /events, and when, into $shop/NAME.events
shop_listen() { # NAME
        # shellcheck disable=SC2086
        start "events-$1" ${node_within[$1]-} /usr/bin/python3 "$source_dir/tests/parts/stream.py" "$(node_url "$1")/events"
        wait_for "$1 tells its listeners" grep -q '"config"' "$shop/events-$1.out"
}

heard_of() { # NAME PEER STATUS [SINCE]: seconds of the wall clock at which its listeners were told, or nothing
        jq -s --arg peer "$2" --arg status "$3" --argjson since "${4-0}" '[.[] | select(.event == "peer" and .data.id == $peer and
                .data.status == $status and .at > $since) | .at] | first // empty' "$shop/events-$1.out"
}
has_heard_of() {
        [[ $(heard_of "$@") ]]
}

changed_at() { # NAME [FIELD]: of its last change; seconds of the wall clock
        shop_ask "$1" '/v1/history?limit=1' | jq -r '.changes[0].at | (.[:19] + "Z" | fromdate) + (.[19:-1] | if . == "" then 0 else tonumber end)'
}

nothing_left() { # NAME: to be said to others
        shop_ask "$1" /v1/status | jq -e '[.actions[] | select(.type == "notify-peers")] | all(.state == "done" or .state == "superseded")' >/dev/null
}

notices_of() { # NAME: the ids of the changes that others are told of, in order
        shop_ask "$1" "/v1/history?limit=100" | jq -r '[.changes[] | select(.from != "").id] | reverse | .[]'
}

applied_by() { # NAME PEER: the ids of PEER's notices that NAME has acted on, in order, as its audit log has them
        node_ask "$1" "/v1/audit?limit=1000" | jq -r --arg peer "$2" '[.audit[] | select(.event == "notice-applied" and .node == $peer)] |
                reverse | .[].detail | capture("^primary_[a-z]+ (?<id>[^ :]+):").id'
}

notices() { # NAME RESULT-REGEX: how many were counted so
        node_get "$1" /metrics | awk -v of="^federationd_notices_total.*result=\"($2)\"" '$0 ~ of { n += $NF } END { print n + 0 }'
}

metrics_are_well() { # NAME: Prometheus understands them, and people find what they mean
        local family
        node_get "$1" /metrics >"$shop/metrics"
        check "promtool is silent on the metrics of $1" equal "$(promtool check metrics <"$shop/metrics" 2>&1)" ""
        while read -r family; do
                check "docs/federation-http.md knows $family" is_documented "$family"
        done < <(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$shop/metrics")
}
is_documented() { # METRIC: as it is, as `…_its_end`, or as `federationd_its-beginning_*`
        local rest=$1 docs=$source_dir/docs/federation-http.md
        while [[ $rest == *_* ]]; do
                grep -qF -e "\`$1" -e "\`${1%"_${rest#*_}"}_*" -e "\`…_${rest#*_}" "$docs" && return
                rest=${rest#*_}
        done
        return 1
}
