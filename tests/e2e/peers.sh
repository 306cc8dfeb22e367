# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2004,SC2034
# For the tests of notices: other nodes' inboxes, and the registry that names them.
need curl jq /usr/bin/python3
/usr/bin/python3 -c 'import nacl' 2>/dev/null || missing "python3-nacl is not installed"

key_make() { # NAME: the key of my-shop; its public half is $key
        key=$("$build/failoverctl" keygen --json --id "$1" "$shop/$1.key" | jq -r .public_key)
        key_id=$1
}

inbox_start() { # NAME [ARGUMENT...]: keeps its port and its journal when it is started again
        inbox_begin "$@"
        inbox_wait "$1"
}

inbox_begin() { # the same, without waiting
        local name=$1
        shift
        rm -f "$shop/$name.out"
        start "$name" "$source_dir/tests/parts/inbox.py" --control "$shop/$name.sock" --record "$shop/$name.jsonl" --id "$name" \
                --sender my-shop --key-id "$key_id" --key "$key" --port "${port[$name]-0}" "$@"
}

inbox_wait() { # NAME
        wait_for "the inbox of $1 is up" test -s "$shop/$1.out"
        port[$1]=$(<"$shop/$1.out")
}

node_entry() { # ID STATUS [MEMBERS]
        echo "{\"id\":\"$1\",\"name\":\"Shop $1\",\"url\":\"http://127.0.0.1:${port[$1]-9}/\",\"type\":\"full\",\"status\":\"$2\"${3-}}"
}

registry() { # ENTRY...: replaced as federationd does it
        local IFS=,
        echo "{\"version\":\"1.0.0\",\"protocol\":\"AAN/1.0\",\"network\":\"test\",\"nodes\":[$*]}" >"$shop/registry.new"
        mv "$shop/registry.new" "$shop/registry.json"
}

applied() { # INBOX FIELD: of the notices that it has acted on, in their order
        jq -r "select(.verdict == \"applied\") | .$2" "$shop/$1.jsonl" | tr '\n' ' '
}

heard() { # INBOX N
        (($(jq -c 'select(.verdict == "applied")' "$shop/$1.jsonl" | wc -l) == $2))
}

asked() { # INBOX N: requests
        (($(wc -l <"$shop/$1.jsonl") >= $2))
}

journal_is() { # INBOX [OPTION...] JQ-CONDITION: over all that it was asked
        local name=$1
        shift
        jq -es "$@" "$shop/$name.jsonl" >/dev/null
}

peer_row() { # PEER JQ-CONDITION: one of its rows in the status
        status_is "[.actions[] | select(.type == \"notify-peers\" and .target == \"$1\") | $2] | any"
}

all_told() {
        status_is '[.actions[] | select(.type == "notify-peers")] | length > 0 and all(.state == "done")'
}

break_cards() {
        order api "status 503"
        wait_for "buyers pay by crypto" pays_by crypto
}

mend_cards() {
        order api ok
        wait_for "buyers pay by card" pays_by primary
}

reread() { # the daemon reads configuration and registry again
        local before
        before=$(grep -c 'reloaded:' "$shop/failoverd.log" || true)
        kill -HUP "${pid[failoverd]}"
        wait_for "reloaded" reloaded_since "$before"
}

reloaded_since() {
        (($(grep -c 'reloaded:' "$shop/failoverd.log") > $1))
}

# The shop of lib.sh, with an action notify-peers.
shop_peers() { # KEYS of notify-peers
        node="{id: my-shop, url: \"https://shop.example\", fallback_url: \"https://backup.shop.example\", key_file: node.key}"
        part_start api payment-api
        part_start btcpay payment-api
        sink_start sink
        shop_config
        echo "  - {type: notify-peers, $1}" >>"$shop/failoverd.yaml"
        daemon_start
        wait_for "everything is up" all_up
}

changes_told() { # the ids of the changes that peers hear of, oldest first
        ask "/v1/history?limit=1000" | jq -r '[.changes[] | select(.from != "").id] | reverse | .[]' | tr '\n' ' '
}
