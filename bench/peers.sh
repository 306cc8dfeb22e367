#!/bin/bash
# SPDX-License-Identifier: MIT
# What peers, mail and DNS that hang cost those who do not: the same shop fails over and returns again and again, once with
# payment-mode alone, once with 50 peers that are all well, and once with everything against it: 10 of the 50 peers are
# black holes (their connection requests get no answer at all), the mail server accepts and never says a word, an alert's
# webhook likewise, and the DNS provider answers in 5 s. Printed are milliseconds from the third failed checkout, sent to
# the control socket, to the renamed payment.env (and beside it one bare SQLite commit of the same rows on the same disk,
# in turn with it), and to the moment at which the last of the 40 peers that are well has the notice; then the memory of
# the process before and after, while what could not be said waits. Median, 95th and 99th percentile, and worst.
#
# bench/peers.sh [ROUNDS]       50
. "$(dirname "$0")/common.bash"
rounds=${1:-50} peers=50 holes=10
bench_begin

part_start inbox webhook-sink --record "$shop/inbox.jsonl"
part_start hole payment-api
part_start silent payment-api
token=v1.0-bench-4f8e0b7a91c2
printf '%s\n' "$token" >"$shop/token"
chmod 600 "$shop/token"
part_start dns cloudflare-api --token "$token"
order hole blackhole
order silent silent
order dns slow 5000
run=$(mktemp -d /dev/shm/peers.XXXXXX) # where /run would be
trap 'rm -rf "$run"; cleanup' EXIT
failoverctl="$build/failoverctl"
"$failoverctl" keygen "$shop/node.key" >/dev/null 2>&1

peer_list() { # BLACK-HOLES: the first ones
        local i list=
        for ((i = 1; i <= peers; i++)); do
                if ((i <= $1)); then
                        list+=", {id: p$i, url: \"http://127.0.0.1:${port[hole]}/p$i\"}"
                else
                        list+=", {id: p$i, url: \"http://127.0.0.1:${port[inbox]}/p$i\"}"
                fi
        done
        echo "{type: notify-peers, peers: [${list#, }]}"
}

daemon_with() { # NAME ACTIONS
        mkdir -p "$run/$1"
        config <<-END
		node: {id: $1, url: "https://shop.example", fallback_url: "https://backup.shop.example", key_file: node.key}
		probes:
		  checkout: {type: passive, from: [$(id -un)], fall: 3, window: 3}
		modes:
		  - {name: primary, requires: [checkout]}
		  - {name: crypto, payment: crypto, checkout: cryptoCheckout}
		failback: {hold: 300ms, hold_max: 300ms, max_changes_per_day: 0}
		actions: [{type: payment-mode}$2]
	END
        start "failoverd-$1" "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/$1" \
                --runtime-dir "$run/$1" --status-dir "$shop/$1-status" --log-level err
        wait_for "failoverd answers" curl -sf --unix-socket "$run/$1/control.sock" http://failoverd/v1/status
}

flip() { # NAME ROUNDS
        "$bench/bench-commit" "$run/$1/control.sock" "$run/$1/payment.env" "$shop/$1/state.db" "$shop/$1.bare" \
                "$2" 300 >>"$shop/$1.ms" 2>>"$shop/$1.log" || fail "the rounds with $1"
        rm -f "$shop/$1.bare"*
}

told() { # NAME N: milliseconds from each report until the last of N peers had that outage's notice
        jq -r --arg node "$1" '(.body | fromjson) as $b | select($b.type == "primary_failure" and $b.node == $node) | "\(.at) \($b.id) \($b.to)"' "$shop/inbox.jsonl" |
                awk -v n="$2" -v sent="$shop/$1.ms" '
                BEGIN { while ((getline line < sent) > 0) { split(line, f, " "); at[++rounds] = f[4] } }
                !seen[$2 " " $3]++ { if (!($2 in first)) first[$2] = $1; last[$2] = $1; heard[$2]++ }
                END {
                        for (id in first) {
                                r = 0
                                for (i = 1; i <= rounds; i++) if (at[i] <= first[id]) r = i
                                if (!r) continue
                                if (heard[id] != n) print "round", r, "reached", heard[id], "of", n > "/dev/stderr"
                                print (last[id] - at[r]) * 1000
                        }
                }'
}

print() { # TITLE: numbers on stdin
        local median p95 p99 worst
        read -r median p95 p99 worst < <(quantiles .5 .95 .99 1)
        printf '%-52s %8.2f %8.2f %8.2f %8.2f\n' "$1" "$median" "$p95" "$p99" "$worst"
}

against=", $(peer_list $holes)"
against+=", {type: alert, name: mail, smtp: {url: \"smtp://127.0.0.1:${port[silent]}\", from: failoverd@shop.example, to: [ops@shop.example]}}"
against+=", {type: alert, name: hook, webhook: {url: \"http://127.0.0.1:${port[silent]}/alert\", format: json}}"
against+=", {type: dns, provider: cloudflare, zone: shop.example, token_file: token, url: \"http://127.0.0.1:${port[dns]}/client/v4\","
against+=" records: {primary: [\"shop.example. 60 A 192.0.2.1\"], crypto: [\"shop.example. 60 A 198.51.100.7\"]}}"

echo "$(machine); $rounds rounds; milliseconds"
printf '%-52s %8s %8s %8s %8s\n' "" median p95 p99 worst
daemon_with alone ""
daemon_with well ", $(peer_list 0)"
daemon_with against "$against"
flip well 1 # everything has been used once
flip against 1
rm -f "$shop"/{well,against}.ms
memory() { # NAME: RSS and private dirty memory in KiB
        echo "$(rollup_kib "${pid[failoverd-$1]}" Rss) $(rollup_kib "${pid[failoverd-$1]}" Private_Dirty)"
}
declare -A before=([well]=$(memory well) [against]=$(memory against)) middle=()
: >"$shop/inbox.jsonl"
# In turn, so that what else the machine does falls on all alike.
for ((i = 0; i < rounds; i += 5)); do
        for name in alone well against; do
                flip $name 5
        done
        if ((i == 5)); then
                middle=([well]=$(memory well) [against]=$(memory against))
        fi
done
for name in alone well against; do
        awk '{ print $1 }' "$shop/$name.ms" | print "$name: report to payment.env"
        awk '{ print $3 }' "$shop/$name.ms" | print "$name: a bare commit of its rows"
done
told well $peers >"$shop/well.told"
told against $((peers - holes)) >"$shop/against.told"
print "well: report to the last of $peers peers" <"$shop/well.told"
print "against: report to the last of the $((peers - holes)) that are well" <"$shop/against.told"
ratio() { # NAME: of its median to that of alone
        paste -d ' ' <(awk '{ print $1 }' "$shop/$1.ms" | quantiles .5) <(awk '{ print $1 }' "$shop/alone.ms" | quantiles .5) |
                awk '{ printf "%.2f", $1 / $2 }'
}
echo "payment.env beside alone (medians): well x $(ratio well), against x $(ratio against)"
waiting=$(curl -sf --unix-socket "$run/against/control.sock" http://failoverd/v1/status | jq '[.actions[] | select(.state == "pending")] | length')
for name in well against; do
        echo "$name: RSS and private dirty memory in KiB before, after 10 and after $rounds outages: ${before[$name]}; ${middle[$name]}; $(memory $name)"
done
echo "against: $waiting deliveries wait"
