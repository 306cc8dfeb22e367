#!/bin/bash
# SPDX-License-Identifier: MIT
# How fast it thinks: steps of the decision core a second (random outcomes, outages among them, three modes; with ten,
# a hundred and ten thousand probes), and how long failoverd --simulate takes for an hour of a shop with ten probes that
# sees one outage (median and 95th percentile of RUNS, the start of the process included). Wanted: a million steps a
# second, and 50 ms for the hour.
#
# bench/decide.sh [RUNS]       20
. "$(dirname "$0")/common.bash"
runs=${1:-20}
bench_begin

machine
"$bench/bench-decide" 10 3000000
"$bench/bench-decide" 100 3000000
"$bench/bench-decide" 10000 300000

{
        echo "node: {id: decide}"
        echo "probes:"
        for i in {0..9}; do echo "  p$i: {type: tcp, host: 127.0.0.1, port: 1}"; done
        echo "modes:"
        echo "  - {name: primary, requires: [p0, p1, p2, p3]}"
        echo "  - {name: crypto, requires: [p4, p5], payment: crypto, checkout: cryptoCheckout}"
        echo "  - {name: federated, requires: [p6], payment: federated, checkout: federatedCheckout}"
        echo "actions: [{type: payment-mode}]"
} | config
cat >"$shop/trace" <<END
{"t":0,"probe":"p0","behaviour":"pass","latency":0.08}
{"t":600,"probe":"p0","behaviour":"fail","latency":0.02}
{"t":1800,"probe":"p0","behaviour":"pass","latency":0.08}
{"t":3600,"end":true}
END
for ((i = 0; i < runs; i++)); do
        began=${EPOCHREALTIME/./}
        "$build/failoverd" --config "$shop/failoverd.yaml" --simulate "$shop/trace" >"$shop/simulated"
        echo $((${EPOCHREALTIME/./} - began))
done | awk '{ print $1 / 1000 }' | quantiles .5 .95 | {
        read -r median p95
        echo "an hour with ten probes, $(grep -c '"change"' "$shop/simulated") changes of mode: $median ms (p95 $p95 ms)"
}
