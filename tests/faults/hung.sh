#!/bin/bash
# SPDX-License-Identifier: MIT
# A mount hangs (a FUSE server that is stopped), in every place that failoverd touches: probed paths, programs, secrets,
# certificates, the registry, the configuration at a reload, the state, the status page, the runtime folder; and its log is
# read by nobody. Other probes are not late, and flips still happen. A daemon that reads a secret on its loop is caught by
# the same harness.
#
# hung.sh BUILD_DIR [--quick | --full]      --full: each place by itself, for a minute
build=$(realpath "$1")
how=${2:---quick}
. "$(dirname "$0")/common.bash"
need bindfs
private_mounts "$@"
places=(probed programs secrets config state status run)

fast=$impatient

# ---- mounts that can hang

hang_make() { # NAME: $shop/NAME leads to $shop/real/NAME, through a server that can be stopped
        mkdir -p "$shop/real/$1" "$shop/$1"
        start "mount-$1" bindfs -f -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$shop/real/$1" "$shop/$1"
        wait_for "$1 is mounted" mountpoint -q "$shop/$1"
}

hang() { # NAME...
        local name
        for name in "$@"; do
                kill -STOP "${pid["mount-$name"]}"
                wait_for "the server of $name has stopped" stopped "mount-$name"
        done
}

release() { # NAME...
        local name
        for name in "$@"; do kill -CONT "${pid["mount-$name"]}" 2>/dev/null || true; done
}

# What lib.sh calls before it ends everything: whoever waits for a mount cannot be ended.
disk_thaw() {
        local name
        for name in "${places[@]}"; do
                [[ ! ${pid["mount-$name"]-} ]] || release "$name"
        done
}

# ---- the shop

part_start api payment-api --key sk_test
part_start keyed payment-api
part_start btcpay payment-api
sink_start sink
sink_start pulse
for place in "${places[@]}"; do hang_make "$place"; done

printf 'sk_test\n' >"$shop/real/secrets/api.key"
printf 'secret\n' >"$shop/real/secrets/hook.key"
cp /etc/ssl/certs/ca-certificates.crt "$shop/real/secrets/ca.pem"
chmod 600 "$shop"/real/secrets/*.key
printf '#!/bin/sh\necho OK\n' >"$shop/real/programs/plugin"
chmod 755 "$shop/real/programs/plugin"
echo '{"nodes": [{"id": "other", "name": "Other", "url": "https://other.example", "type": "full", "status": "active"}]}' \
        >"$shop/real/probed/registry.json"

configure() { # into the folder that can hang, by its other door
        config <<-END
		node: $node
		probes:
		  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", headers: {Authorization: Bearer sk_test}, $fast}
		  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
		  pulse: {type: http, url: "http://127.0.0.1:${port[pulse]}/pulse", interval: 100ms, fast_interval: 100ms, timeout: 1s}
		  disk: {type: disk, path: "$shop/probed", min_free: 1, min_inodes: 0, $fast}
		  registry: {type: peers, registry: "$shop/probed/registry.json", $fast}
		  plugin: {type: exec, command: ["$shop/programs/plugin"], $fast}
		  secret: {type: http, url: "http://127.0.0.1:${port[keyed]}/", bearer_file: "$shop/secrets/api.key", $fast}
		  authority: {type: tcp, host: 127.0.0.1, port: ${port[keyed]}, tls: true, ca_file: "$shop/secrets/ca.pem", $fast}
		modes:
		  - {name: primary, requires: [payment-api]}
		  - {name: crypto, requires: [btcpay], $to_crypto}
		failback: $quick_return
		actions:
		  - {type: payment-mode}
		  - {type: status-page}
		  - {type: alert, webhook: {url: "http://127.0.0.1:${port[sink]}/alert", format: json}}
		  - {type: alert, name: signed, webhook: {url: "http://127.0.0.1:${port[sink]}/signed", format: json, secret_file: "$shop/secrets/hook.key"}}
		  - {type: http, url: "http://127.0.0.1:${port[sink]}/http", bearer_file: "$shop/secrets/api.key"}
		  - {type: exec, command: ["$shop/programs/plugin"]}
		END
        mv "$shop/failoverd.yaml" "$shop/real/config/failoverd.yaml"
}

failoverd_start() { # PROGRAM
        start failoverd "$1" --config "$shop/config/failoverd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" \
                --status-dir "$shop/status"
        wait_for "failoverd answers" daemon_answers
        wait_for "everything is up that can be" status_is '[.probes[] | select(.verdict != "up") | .name] == ["authority"]'
}

# The longest time between two runs of a probe that is due every 100 ms, in ms, since the last call.
worst() {
        jq -s "map(.at) as \$at | [\$at | range(1; length) as \$i | .[\$i] - .[\$i - 1]] | max * 1000 | floor" "$shop/pulse.jsonl"
        : >"$shop/pulse.jsonl"
}

heard_since() { # COUNT
        (($(wc -l <"$shop/pulse.jsonl") >= $1))
}

watch_pulse() { # from now on
        : >"$shop/pulse.jsonl"
        wait_for "the probe runs" heard_since 2
}

# ---- stories

flips() { # WHAT: an outage and its end, while it hangs
        local began=$EPOCHREALTIME
        order api "status 503"
        wait_for "buyers pay by crypto while $1" pays_by crypto
        slowest=$(milliseconds_since "$began")
        order api ok
        wait_for "and by card again while $1" pays_by primary
}

lateness=0
they_hang() { # WHAT SECONDS [PLACE...]: the places, for so long; the worst gap meanwhile is $gap
        local what=$1 seconds=$2
        shift 2
        watch_pulse
        hang "$@"
        [[ " $* " != *" config "* ]] || kill -HUP "${pid[failoverd]}"
        if [[ " $* " == *" run "* ]]; then # what buyers see hangs as well: the decision does not
                wait_for "the probes go on while $what" heard_since 20
        else
                flips "$what"
        fi
        ((seconds < 5)) || wait_for "it has lasted" heard_since $((seconds * 8))
        wait_for "the probe has run" heard_since 5
        gap=$(worst)
        release "$@"
        wait_for "all is well after $what" status_is '.durable and all(.probes[]; .verdict == "up" or .name == "authority")'
        wait_for "every action is done after $what" all_done
        [[ ! ${VERBOSE-} ]] || echo "$what: worst gap $gap ms"
}

story() { # WHAT SECONDS [PLACE...]
        local gap
        for _ in 1 2 3 4; do # a busy machine may keep a probe waiting; what waits for the disk always does
                they_hang "$@"
                ((gap >= ${LATEST:-1500})) || break
        done
        ((gap <= lateness)) || lateness=$gap
        check "no other probe is late while $1 (worst gap $gap ms of 100)" test "$gap" -lt "${LATEST:-1500}"
}

configure
failoverd_start "$build/tests/failoverd-reads-on-loop"
watch_pulse
hang secrets
sleep 4 # longer than any gap of a healthy one
before=$(wc -l <"$shop/pulse.jsonl")
release secrets
wait_for "the probe runs again" heard_since $((before + 5))
gap=$(worst)
check "the planted bug is noticed: a gap of $gap ms" test "$gap" -ge 2000
stop failoverd
echo "planted bug (a secret is read on the loop): noticed, a gap of $gap ms"

rm -rf "$shop"/real/{state,status,run}/*
failoverd_start "$build/failoverd"
if [[ $how == --full ]]; then
        patience=150
        for place in "${places[@]}"; do story "$place hangs" 60 "$place"; done
fi
story "probed paths, programs, secrets and the configuration hang" 0 probed programs secrets config
wait_for "the reload ends" grep -q "reloaded" "$shop/failoverd.log"
story "the state and the status page hang" 0 state status
story "the runtime folder hangs" 0 run
check "failoverd stops" stop failoverd
found=$(python3 "$faults_dir/audit.py" "$shop/real/state" payment-mode,status-page alert,exec,http,signed --alerts-may-be-lost \
        --received "alert=$shop/sink.jsonl" --received "signed=$shop/sink.jsonl" --received "http=$shop/sink.jsonl") ||
        fail "the audit finds: $found"
echo "hung: ${#places[@]} places; worst gap of a probe that is due every 100 ms: $lateness ms; last outage to payment.env in $slowest ms"
