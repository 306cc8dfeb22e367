#!/bin/bash
# SPDX-License-Identifier: MIT
# One process with very many probes at the default interval of 60 s: TCP only, HTTP only, and a mixture of TCP, HTTP and
# DNS of which each hundredth is a black hole. The targets are on loopback and not counted. After the first runs (a
# thousand a second) and 30 s more it is watched for SECONDS. Printed are the runs a second, its share of one core (the
# scheduler's own count), its resident memory and the peak of it, and how late attempts began after their due time: the
# upper bounds of the histogram's buckets that hold the median, the 99th percentile and the worst. Wanted for 10,000:
# less than 10 % of one core and 64 MiB, 99th percentile under 50 ms.
#
# bench/many.sh [PROBES] [SECONDS]       10000 120
. "$(dirname "$0")/common.bash"
probes=${1:-10000} seconds=${2:-120}
bench_begin

part_start api payment-api
part_start hole payment-api
order hole silent
dns_start many.example

row() { # NAME CELL...
        printf '%-8s' "$1"
        shift
        printf ' %9s' "$@"
        echo
}

probe_tcp() { echo "{type: tcp, host: 127.0.0.1, port: ${port[$1]}}"; }
probe_http() { echo "{type: http, url: \"http://127.0.0.1:${port[$1]}/v1/account\"}"; }
probe_dns() { echo "{type: dns, name: www.many.example, record: A, servers: [\"$dns\"]}"; }

tcp() { # COUNT: the probes' lines
        local i probe
        probe=$(probe_tcp api)
        for ((i = 0; i < $1; i++)); do echo "  p$i: $probe"; done
}
http() {
        local i probe
        probe=$(probe_http api)
        for ((i = 0; i < $1; i++)); do echo "  p$i: $probe"; done
}
mixed() {
        local i kinds
        kinds=("$(probe_tcp api)" "$(probe_http api)" "$(probe_dns)")
        for ((i = 0; i < $1; i++)); do
                if ((i % 100 == 99)); then echo "  p$i: $(probe_http hole)"; else echo "  p$i: ${kinds[i % 3]}"; fi
        done
}

lateness() { # PATH: "bound count" a line, cumulative
        ask /metrics | sed -n 's/^failoverd_schedule_lateness_seconds_bucket{le="\(.*\)"} /\1 /p' >"$1"
}

status_kib() { # FIELD of /proc/PID/status
        awk -v field="$1:" '$1 == field { print $2 }' "/proc/${pid[failoverd]}/status"
}

many() { # KIND
        config <<-END
		node: {id: many}
		probes:
		$("$1" "$probes")
		modes:
		  - {name: primary, requires: [p0]}
		  - {name: crypto, requires: [p1], payment: crypto, checkout: cryptoCheckout}
		actions: [{type: payment-mode}, {type: status-page}]
	END
        rm -rf "$shop/state" "$shop/run" "$shop/status"
        daemon_start --log-level err
        pause_ms $((probes + 30000))
        local cpu began took
        lateness "$shop/before"
        cpu=$(cpu_ms "${pid[failoverd]}") began=${EPOCHREALTIME/./}
        pause_ms $((seconds * 1000))
        cpu=$(awk -v a="$cpu" -v b="$(cpu_ms "${pid[failoverd]}")" 'BEGIN { print b - a }')
        took=$((${EPOCHREALTIME/./} - began))
        lateness "$shop/after"
        # shellcheck disable=SC2046
        row "$1" $(paste -d' ' "$shop/before" "$shop/after" | awk -v cpu="$cpu" -v us="$took" -v rss="$(status_kib VmRSS)" -v peak="$(status_kib VmHWM)" '
                { bound[NR] = $1; n[NR] = $4 - $2 }
                function at(q, i) { for (i = 1; n[i] < q * n[NR]; i++); return bound[i] == "+Inf" ? ">2s" : bound[i] * 1000 "ms" }
                END { printf "%.0f/s %.1f%% %.1fMiB %.1fMiB <=%s <=%s <=%s\n", n[NR] / us * 1e6, cpu / us * 1e5, rss / 1024, peak / 1024, at(.5), at(.99), at(1) }')
        stop failoverd || true
}

echo "$(machine); $probes probes every 60 s, watched for $seconds s each"
row "" runs CPU RSS peak median p99 worst
for kind in ${KINDS:-tcp http mixed}; do
        many "$kind"
done
