#!/bin/bash
# SPDX-License-Identifier: MIT
# The times that check-config tells are those of the simulator, and of the daemon itself.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

declare -A worst mean
times() { # CONFIG PROBE: of the first mode: worst and mean of fail, hang and back, in seconds
        local way w m
        while read -r way w m; do
                worst[$way]=$w mean[$way]=$m
        done < <("$build/failoverd" --check --json --config "$1" 2>/dev/null | jq -r --arg p "$2" '[.times[] | select(.probe == $p)][0] |
                ("fail", "hang", "back") as $way | "\($way) \(.[$way].worst_s) \(.[$way].mean_s)"')
}
within() { # LOW VALUE HIGH
        awk -v a="$1" -v x="$2" -v b="$3" 'BEGIN { exit !(x >= a && x <= b) }' || { echo "$2 is not within $1 and $3" >&2 && return 1; }
}

# ---- the simulator, the whole shop of it, at moments spread over an interval

simulated() { # CONFIG PROBE BEHAVIOUR INTERVAL: "worst mean" of the way there, then of the way back
        local k
        for k in {0..11}; do
                awk -v k="$k" -v i="$4" -v p="$2" -v b="$3" 'BEGIN {
                        from = 300 + i * (k + 0.5) / 12; to = 1500 + i * (k * 5 % 12 + 0.5) / 12
                        printf "{\"t\":%.3f,\"probe\":\"%s\",\"behaviour\":\"%s\",\"latency\":0.01}\n", from, p, b
                        printf "{\"t\":%.3f,\"probe\":\"%s\",\"behaviour\":\"pass\"}\n{\"t\":3000,\"end\":true}\n", to, p }' >"$shop/trace"
                "$build/failoverd" --config "$1" --simulate "$shop/trace" | jq -r --argjson from "$(head -n 1 "$shop/trace" | jq .t)" \
                        --argjson to "$(sed -n 2p "$shop/trace" | jq .t)" 'select(.change) |
                        if .rule == "return" then "back \(.t - $to)" else "there \(.t - $from)" end'
        done | awk '{ n[$1]++; sum[$1] += $2; if ($2 > max[$1]) max[$1] = $2 }
                END { if (n["there"] == 12 && n["back"] == 12) print max["there"], sum["there"] / 12, max["back"], sum["back"] / 12 }'
}
close_to() { # CLAIM PLAYED TOLD BELOW ABOVE
        check "$1" within "$(awk -v x="$3" -v s="$4" 'BEGIN { print x - s }')" "$2" "$(awk -v x="$3" -v s="$5" 'BEGIN { print x + s }')"
}
agree() { # CONFIG PROBE INTERVAL
        local step behaviour
        local -a got backs=()
        step=$(awk -v i="$3" 'BEGIN { print i / 12 }')
        times "$1" "$2"
        for behaviour in fail hang; do
                read -ra got <<<"$(simulated "$1" "$2" "$behaviour" "$3")"
                check "$2 of ${1##*/} fails over and returns 12 times ($behaviour)" equal "${#got[@]}" 4
                close_to "$behaviour, worst: $1" "${got[0]}" "${worst[$behaviour]}" "$step" 0
                close_to "$behaviour, mean: $1" "${got[1]}" "${mean[$behaviour]}" "$step" "$step"
                backs+=("${got[2]} ${got[3]}")
        done
        read -ra got <<<"$(printf '%s\n' "${backs[@]}" | awk '{ if ($1 > max) max = $1; sum += $2 } END { print max, sum / NR }')"
        close_to "back, worst: $1" "${got[0]}" "${worst[back]}" "$step" 0
        close_to "back, mean: $1" "${got[1]}" "${mean[back]}" "$step" "$step"
}
agree "$source_dir/tests/sim/shop.yaml" payment-api 60

# ---- the daemon

fast=$impatient
shop_start
times "$shop/failoverd.yaml" payment-api

takes() { # WAY ORDER MODE LOW: from an order until buyers pay so no longer than is told, and how often we look; nor less than LOW
        local began=$EPOCHREALTIME
        order api "$2"
        wait_for "buyers pay by $3" pays_by "$3"
        seconds=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
        echo "$1: $seconds s, at worst ${worst[$1]}"
        within "$4" "$seconds" "$(awk -v x="${worst[$1]}" 'BEGIN { print x + 1.5 }')"
}
for round in 0 1; do
        for trouble in "fail status 503" "hang silent"; do
                there=0 back=0
                for try in {1..8}; do # a busy machine may be slower; a daemon that is slower than it says always is
                        nap "0.$(((round * 3 + try) % 10))" # another moment of the interval
                        if takes "${trouble%% *}" "${trouble#* }" crypto 0.15; then there=1; fi
                        if takes back ok primary 0.9; then back=1; fi
                        ((there && back)) && break
                done
                check "the daemon is no slower than it says ($trouble)" test $there = 1
                check "and on the way back" test $back = 1
        done
done
