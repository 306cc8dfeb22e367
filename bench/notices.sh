#!/bin/bash
# SPDX-License-Identifier: MIT
# What notices cost a federationd, and who searches meanwhile: 2,000 signed notices a second from 100 peers, each of which changes
# where buyers of its sender go, and is in federation.db before it is answered; beside them searches at a steady pace, of this
# shop's own catalog (100,000 books), and of the network, in which eight of the peers are searched and answer in 5 ms (no answer is kept: each notice would make it stale). Each ROUND is
# a stretch of searches alone and one with notices. Times are from when a request was due. Printed are the notices' and searches'
# milliseconds, the ratio of the searches' 99th percentiles in the same round (the medians of rounds last), and the processor time
# of federationd for a notice, all its threads, beyond what the searches alone took. Wanted: 1.5, and less than 1 ms.
#
# bench/notices.sh [ROUNDS] [SECONDS] [PER-SECOND]       3 10 2000
. "$(dirname "$0")/common.bash"
rounds=${1:-3} seconds=${2:-10} rate=${3:-2000}
peers=100 searched=8
bench_begin
address=$(own_loopback)
where=$address:8440
mkdir -p "$shop/keys" "$shop/state"

"$bench/bench-notices" keys "$shop/keys" $peers >"$shop/keys.txt"
start stubs "$bench/bench-peer-stub" $searched 5
wait_for "the peers are up" bash -c "((\$(wc -l <'$shop/stubs.out') == $searched))"
mapfile -t ports <"$shop/stubs.out"
{
        echo "node: {id: bench, url: \"http://$where\"}"
        echo "listen: [\"$where\"]"
        echo "limits: {requests_per_second: 0, per_address: 0, notices_per_second: 100}"
        echo "network:"
        echo "  allow_private_peers: [127.0.0.0/8]"
        echo "  check_interval: 1h"
        echo "  cache: {size: 0}"
        echo "  peers:"
        i=0
        while read -r id key; do
                if ((i < searched)); then
                        echo "    - {id: $id, url: \"http://127.0.0.1:${ports[i]}\", public_key: \"$key\"}"
                else # known, but not searched
                        echo "    - {id: $id, url: \"http://$address:9/$id\", public_key: \"$key\", type: affiliate}"
                fi
                i=$((i + 1))
        done <"$shop/keys.txt"
} >"$shop/federationd.yaml"
chmod 640 "$shop/federationd.yaml"
"$bench/make-books" 100000 >"$shop/books.csv"
"$build/federationd" --config "$shop/federationd.yaml" --state-dir "$shop/state" --import "$shop/books.csv" >/dev/null 2>&1
start federationd "$build/federationd" --config "$shop/federationd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run"
ready() {
        curl -sfo /dev/null "http://$where/api/catalog?limit=1"
}
wait_for "federationd answers" ready

stretch() { # NOTICES-PER-SECOND SEARCHES-PER-SECOND PATH: prints the figures, and the processor's milliseconds
        local before
        before=$(cpu_ms "${pid[federationd]}")
        "$bench/bench-notices" run "$where" "$shop/keys" $peers "$1" "$seconds" "$2" "$3" >"$shop/figures"
        echo "$(<"$shop/figures") $(cpu_ms "${pid[federationd]}") $before"
}

echo "$(machine); $rate notices a second from $peers peers for $seconds s; milliseconds"
for what in "local 200 /api/search" "network 50 /api/network/search"; do
        read -r name searches path <<<"$what"
        stretch 0 "$searches" "$path" >/dev/null # once, to warm up
        printf '%-8s %9s %8s %8s %8s   %9s %9s %7s %9s\n' "$name" taken refused "p50" "p99" "p99 alone" "p99 with" ratio "CPU each"
        for ((round = 1; round <= rounds; round++)); do
                { stretch 0 "$searches" "$path"; stretch "$rate" "$searches" "$path"; } | awk -v n="$name" '
                        { alone = p99; p99 = $11; cpu0 = cpu; cpu = $13 - $14; if ($8 != $7) bad = 1 }
                        NR == 2 { printf "%-8s %9d %8d %8.2f %8.2f   %9.2f %9.2f %7.2f %9.3f%s\n", n, $2, $3, $4, $5, alone, p99,
                                p99 / alone, (cpu - cpu0) / $1, bad ? "  (searches failed)" : "" }' | tee -a "$shop/$name.rows"
        done
        read -r ratio each <<<"$(awk '{ print $8 }' "$shop/$name.rows" | quantiles 0.5) $(awk '{ print $9 }' "$shop/$name.rows" | quantiles 0.5)"
        printf '%-8s ratio of the 99th percentiles %.2f, %.3f ms of the processor for a notice\n' "$name" "$ratio" "$each"
done
