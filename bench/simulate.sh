#!/bin/bash
# SPDX-License-Identifier: MIT
# An hour with ten probes in `failoverctl simulate`, and a million decisions: the release build, best of ten.
. "$(dirname "$0")/common.bash"
bench_begin

{
        echo 'node: {id: bench}'
        echo 'probes:'
        for i in 0 1 2 3 4 5 6 7 8 9; do
                echo "  p$i: {type: http, url: \"http://127.0.0.1:900$i/\"}"
        done
        echo 'modes:'
        echo '  - {name: primary, requires: [p0, p1, p2, p3, p4]}'
        echo '  - {name: crypto, requires: [p5, p6, p7]}'
        echo '  - {name: federated, requires: [p8, p9]}'
} >"$shop/failoverd.yaml"
cat >"$shop/hour.trace" <<'END'
{"t":600,"probe":"p0","behaviour":"fail","latency":0.02}
{"t":1200,"probe":"p0","behaviour":"pass"}
{"t":2400,"probe":"p1","behaviour":"fail","p":0.5}
{"t":3600,"end":true}
END

best=
for _ in 1 2 3 4 5 6 7 8 9 10; do
        begin=${EPOCHREALTIME/./}
        "$build/failoverd" --config "$shop/failoverd.yaml" --simulate "$shop/hour.trace" >"$shop/out"
        took=$((${EPOCHREALTIME/./} - begin))
        if [[ -z $best ]] || ((took < best)); then
                best=$took
        fi
done
printf 'simulate: an hour with ten probes in %d.%d ms, start of the program included (target 50 ms)\n' \
        $((best / 1000)) $((best % 1000 / 100))

"$bench/bench-steps"
