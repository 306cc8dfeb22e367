#!/bin/bash
# SPDX-License-Identifier: MIT
# What a search of the network costs: federationd beside a fan-out by curl's multi interface with nothing around it, and beside a
# node as most people would write it first (bench/express: Express and axios). The peers are bench/peer-stub.c, 5 ms away and
# with ten books each; a third of these is sold by all of them. Every question is another one unless the cache is
# measured. Then one of 32 peers goes bad after twenty good searches: the first three searches afterwards, and those that follow,
# beside the same without it, and the most memory it took. At last, 256 users search the network while one asks for the mode, the
# health and this shop's own books. A search that went wrong is counted as such, and one that not all peers are in.
#
# bench/network.sh [SECONDS]    5
. "$(dirname "$0")/common.bash"
seconds=${1:-5}
packages=(wrk jq curl)
command -v npm >/dev/null || packages+=(nodejs npm)
bench_begin "${packages[@]}"
build_preset release bench-peer-stub bench-fan-out federationd
need wrk node npm

cp -r bench/express "$shop/express"
(cd "$shop/express" && quietly npm ci --no-audit --no-fund --omit=dev)
"$build/federationd" --import etc/sample-books.csv --state-dir "$shop/books" >/dev/null 2>"$shop/import.log" ||
        fail "the import of the sample"

free_port() {
        python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

peers_start() { # PEERS [BAD [later]]
        : >"$shop/ports"
        "$bench/bench-peer-stub" "$1" 5 "${@:2}" >"$shop/ports" 2>"$shop/peers.log" &
        pid[peers]=$!
        wait_for "the peers listen" eval "(( \$(wc -l <'$shop/ports') == $1 ))"
}

node_start() { # CACHE
        local i=0 peer
        port[node]=$(free_port)
        rm -rf "$shop/state" && cp -r "$shop/books" "$shop/state"
        {
                echo "node: {id: me, name: Me, url: \"http://127.0.0.1:${port[node]}\"}"
                echo "listen: [\"127.0.0.1:${port[node]}\"]"
                echo "failover: {runtime_dir: $shop/failover, status_dir: $shop/status}"
                echo "limits: {requests_per_second: 0, connections: 1000, per_address: 0}"
                echo "network:"
                echo "  cache: {size: $1}"
                echo "  peers:"
                while read -r peer; do
                        echo "    - {id: p$((i++)), url: \"http://127.0.0.1:$peer\"}"
                done <"$shop/ports"
        } >"$shop/federationd.yaml"
        "$build/federationd" --config "$shop/federationd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" \
                >"$shop/node.log" 2>&1 &
        pid[node]=$!
        wait_for "federationd answers" curl -sfo /dev/null "http://127.0.0.1:${port[node]}/api/config"
        wait_for "its peers are known" all_active
}

all_active() {
        curl -sf "http://127.0.0.1:${port[node]}/federation/status" |
                jq -e '.federationHealth | all(.[1:][]; .status == "ONLINE")' >/dev/null
}

express_start() {
        port[express]=$(free_port)
        NODE_ENV=production node "$shop/express/node.js" "${port[express]}" <"$shop/ports" >"$shop/express.log" 2>&1 &
        pid[express]=$!
        wait_for "the reference answers" curl -sfo /dev/null "http://127.0.0.1:${port[express]}/api/config"
}

end() { # NAME...
        local name
        for name in "$@"; do
                kill "${pid[$name]}"
                wait "${pid[$name]}" 2>/dev/null || true
                unset "pid[$name]"
        done
}

load() { # NAME CONNECTIONS VARY [PATH]: median and p99 in ms, requests a second, failures
        ASK=${4-/api/network/search?q=history+} VARY=$3 wrk -t1 -c"$2" -d"${5-$seconds}" -s bench/network.lua \
                --timeout 30s "http://127.0.0.1:${port[$1]}/" | tail -n 1
}

search_ms() { # one search, in milliseconds
        curl -sfo "$shop/answer" -w '%{time_total}\n' "http://127.0.0.1:${port[${2-node}]}/api/network/search?q=history+$1" |
                awk '{ printf "%.2f\n", $1 * 1000 }'
}

incomplete() { # shares of what was answered so far
        curl -sf "http://127.0.0.1:${port[node]}/metrics" | awk '
                $1 == "federationd_network_searches_incomplete_total" { printf "%d\n", $2 }'
}

latencies() {
        local n bare node express
        printf '\none connection, milliseconds\n%-40s%10s%10s%10s%10s%10s\n' "" bare "ours p50" p99 "express" p99
        for n in 8 32 128; do
                peers_start "$n"
                node_start 0
                express_start
                bare=$("$bench/bench-fan-out" bare 300 <"$shop/ports" 2>/dev/null | quantiles 0.5)
                load node 1 100000 >/dev/null
                node=$(load node 1 100000)
                express=$(load express 1 100000)
                # shellcheck disable=SC2046,SC2086
                printf '%-40s%10.2f%10.2f%10.2f%10.2f%10.2f\n' "$n peers, 5 ms away" $bare \
                        $(cut -d' ' -f1,2 <<<"$node") $(cut -d' ' -f1,2 <<<"$express")
                end node express peers
        done
}

throughput() {
        local n off on express missed
        printf '\n16 connections, searches a second\n%-40s%10s%10s%10s%10s\n' "" "ours" "partial" "cached" "express"
        for n in 8 32 128; do
                peers_start "$n"
                express_start
                express=$(load express 16 100000)
                end express
                node_start 0
                load node 1 100000 >/dev/null
                off=$(load node 16 100000)
                missed=$(incomplete)
                end node
                node_start 16MiB
                load node 1 20 >/dev/null
                on=$(load node 16 20)
                end node peers
                printf '%-40s%10s%10s%10s%10s\n' "$n peers" "$(cut -d' ' -f3 <<<"$off")" "$missed" \
                        "$(cut -d' ' -f3 <<<"$on")" "$(cut -d' ' -f3 <<<"$express")"
        done
}

# After its twenty good ones: the three that follow, and the median of thirty behind these.
bad_peers() {
        local bad i first after
        printf '\none of 32 peers goes bad: milliseconds\n%-40s%10s%10s%10s%10s%10s\n' "" first second third after "peak MiB"
        for bad in "" hole drip slow huge bomb reset; do
                # shellcheck disable=SC2086
                peers_start 32 ${bad:+$bad later}
                node_start 0
                for ((i = 0; i < 20; i++)); do search_ms "$i" >/dev/null; done
                [[ -z $bad ]] || kill -USR1 "${pid[peers]}"
                first=$(for i in 101 102 103; do search_ms "$i"; done)
                after=$(for ((i = 200; i < 230; i++)); do search_ms "$i"; done | quantiles 0.5)
                # shellcheck disable=SC2086
                printf '%-40s%10.1f%10.1f%10.1f%10.1f%10.1f\n' "${bad:-none does}" $first $after \
                        "$(awk '$1 == "VmHWM:" { print $2 / 1024 }' "/proc/${pid[node]}/status")"
                end node peers
        done
}

bad_from_the_start() {
        local bad
        printf '\none of 32 peers is bad from the start: milliseconds\n%-40s%10s%10s%10s\n' "" first second third
        for bad in hole drip slow; do
                peers_start 32 "$bad"
                node_start 0
                # shellcheck disable=SC2046,SC2183
                printf '%-40s%10.1f%10.1f%10.1f\n' "$bad" $(for i in 101 102 103; do search_ms "$i"; done)
                end node peers
        done
}

crowd() {
        local what path got
        printf '\n256 users search 32 peers; beside them, milliseconds\n%-40s%10s%10s%12s\n' "" p50 p99 "searches/s"
        peers_start 32
        node_start 0
        load node 1 100000 >/dev/null
        for what in "the mode" "the health" "this shop's books"; do
                case $what in
                *mode) path=/api/config ;;
                *health) path=/api/health ;;
                *) path='/api/search?q=love' ;;
                esac
                load node 256 1000000 "/api/network/search?q=history+" $((seconds + 2)) >"$shop/crowd" &
                pid[crowd]=$!
                sleep 1
                got=$(load node 1 0 "$path")
                wait "${pid[crowd]}"
                unset "pid[crowd]"
                # shellcheck disable=SC2046,SC2183
                printf '%-40s%10.2f%10.2f%10s\n' "$what" $(cut -d' ' -f1,2 <<<"$got") "$(cut -d' ' -f3 <"$shop/crowd")"
        done
        echo "partial answers: $(incomplete); peak $(awk '$1 == "VmHWM:" { printf "%.1f", $2 / 1024 }' "/proc/${pid[node]}/status") MiB"
        end node peers
}

machine
latencies
throughput
bad_peers
bad_from_the_start
crowd
