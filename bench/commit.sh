#!/bin/bash
# SPDX-License-Identifier: MIT
# How long buyers wait once an outage is certain: from the moment at which a shop sends the third failed checkout to the
# control socket until payment.env is renamed (the change and all it causes are on disk by then), and in turn with each,
# one bare SQLite commit with synchronous=FULL of the same rows on the same disk. The difference is what failoverd adds.
# First with payment-mode alone, then with targets that are slow or dead beside it (an exec that sleeps 5 s, a request
# and an alert to servers that accept and never answer): the figures should not differ, but for the rows that those
# actions have. Milliseconds: median, 95th and 99th percentile.
#
# bench/commit.sh [ROUNDS]       200
. "$(dirname "$0")/common.bash"
rounds=${1:-200}
bench_begin

part_start hang payment-api
order hang silent
run=$(mktemp -d /dev/shm/commit.XXXXXX) # where /run would be
trap 'rm -rf "$run"; cleanup' EXIT

run_with() { # NAME ACTIONS
        mkdir -p "$run/$1"
        config <<-END
		node: {id: commit}
		probes:
		  checkout: {type: passive, from: [$(id -un)], fall: 3, window: 3}
		modes:
		  - {name: primary, requires: [checkout]}
		  - {name: crypto, payment: crypto, checkout: cryptoCheckout}
		failback: {hold: 50ms, hold_max: 50ms, max_changes_per_day: 0}
		actions: [{type: payment-mode}$2]
	END
        start failoverd "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/$1" \
                --runtime-dir "$run/$1" --status-dir "$shop/$1-status" --log-level err
        wait_for "failoverd answers" curl -sf --unix-socket "$run/$1/control.sock" http://failoverd/v1/status
        "$bench/bench-commit" "$run/$1/control.sock" "$run/$1/payment.env" "$shop/$1/state.db" "$shop/$1.bare" \
                "$rounds" >"$shop/$1.ms" 2>>"$shop/$1.log" || fail "the rounds with $1"
        stop failoverd || true
        rows=$(sed -n 's/^rows a commit: //p' "$shop/$1.log")
        print "$1: report to rename" 1
        print "$1: a bare commit of its $rows rows" 3
        awk '{ print $1 - $3 }' "$shop/$1.ms" | quantiles .5 | xargs printf '%-48s %7.2f\n' "$1: the one above the other"
}

print() { # TITLE COLUMN
        local median p95 p99
        read -r median p95 p99 < <(awk -v column="$2" '{ print $column }' "$shop/${1%%:*}.ms" | quantiles .5 .95 .99)
        printf '%-48s %7.2f %7.2f %7.2f\n' "$1" "$median" "$p95" "$p99"
}

echo "$(machine); $rounds rounds; milliseconds"
printf '%-48s %7s %7s %7s\n' "" median p95 p99
run_with alone ""
run_with slow ", {type: exec, command: [/bin/sleep, \"5\"]}, {type: http, url: \"http://127.0.0.1:${port[hang]}/x\"}, {type: alert, webhook: {url: \"http://127.0.0.1:${port[hang]}/y\", format: json}}"
