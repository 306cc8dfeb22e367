# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# One federationd on an address of 127/8 that no other test uses: its life, not its network.
need curl jq
net=$(own_loopback)
public=$net:8440
node="{id: my-shop, name: My Shop, url: \"http://$public\"}"

config() { # < TEXT
        cat >"$shop/federationd.yaml"
        chmod 600 "$shop/federationd.yaml"
}

plain_config() { # [LINE...]: the smallest one that tests can use
        {
                echo "node: $node"
                echo "listen: [\"$public\"]"
                echo "failover: {runtime_dir: \"$shop/failoverd\", status_dir: \"$shop/status\"}"
                echo "limits: {requests_per_second: 0}"
                if (($#)); then printf '%s\n' "$@"; fi
        } | config
}

daemon() { # ARGUMENT...
        "$build/federationd" --config "$shop/federationd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" "$@"
}

daemon_launch() {
        start federationd "$build/federationd" --config "$shop/federationd.yaml" --state-dir "$shop/state" \
                --runtime-dir "$shop/run"
}

daemon_start() {
        daemon_launch
        wait_for "federationd is ready" is_ready
}

is_ready() {
        alive federationd || fail "federationd has ended"
        status_is .ready
}

ask() { # PATH [CURL-ARGUMENT...]: on the control socket
        local path=$1
        shift
        curl -sS --max-time 20 --unix-socket "$shop/run/control.sock" "$@" "http://federationd$path"
}

status() {
        ask /v1/status
}

status_is() { # JQ-CONDITION
        status | jq -e "$1" >/dev/null
}

get() { # PATH [CURL-ARGUMENT...]: as anybody
        local path=$1
        shift
        curl -sS --max-time 20 "$@" "http://$public$path"
}

answers() { # [ADDRESS]
        curl -sSf --max-time 5 -o /dev/null "http://${1-$public}/api/config"
}

reload() {
        kill -HUP "${pid[federationd]}"
}

said() { # TEXT: in its log
        grep -qF -- "$1" "$shop/federationd.log"
}

told() { # how often it has said so
        grep -cF -- "$1" "$shop/federationd.log" || true
}

told_more() { # TEXT TIMES
        (($(told "$1") > $2))
}

reload_and() { # reloaded | refused: and waits until it is
        local text="reloaded:" before
        [[ $1 == reloaded ]] || text="reload refused, nothing has changed:"
        before=$(told "$text")
        reload
        wait_for "the reload is $1" told_more "$text" "$before"
}
