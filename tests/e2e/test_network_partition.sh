#!/bin/bash
# SPDX-License-Identifier: MIT
# Four shops, each on a machine of its own (a network namespace), at two switches: whoever is at the other one is not reached. They
# are parted while one fails, while it recovers, and while two do both; healed, every shop has heard everything, once, in order.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_network "$@"
. "$(dirname "$0")/network.sh"
need ip nsenter
patience=90 # the longer they are parted, the longer a notice waits for its next attempt

names=(ada bea cleo dora)
machine_make() { # NAME N
        node_address[$1]=10.66.0.$2
        start "machine-$1" unshare --net sleep 1000
        wait_for "$1 has a network of its own" not same_network "$1"
        node_within[$1]="nsenter --net=/proc/${pid[machine-$1]}/ns/net --"
        ip link add "port-$1" type veth peer name eth0 netns "${pid[machine-$1]}"
        ip link set "port-$1" master east up
        ${node_within[$1]} sh -c "ip link set lo up && ip address add 10.66.0.$2/24 dev eth0 && ip link set eth0 up"
}
same_network() { # NAME
        [[ $(readlink "/proc/${pid[machine-$1]}/ns/net") == "$(readlink /proc/self/ns/net)" ]]
}
apart() { # NAME...: these at one switch, all others at the other
        local name
        for name in "${names[@]}"; do
                if [[ " $* " == *" $name "* ]]; then ip link set "port-$name" master west; else ip link set "port-$name" master east; fi
        done
}

ip link set lo up
for switch in east west; do ip link add "$switch" type bridge && ip link set "$switch" up; done
shops_make "${names[@]}"
for i in "${!names[@]}"; do machine_make "${names[i]}" "$((i + 1))"; done
for name in "${names[@]}"; do
        shop_federation "$name" "${names[@]}"
        # shellcheck disable=SC2086 # a command and its arguments
        start "api-$name" ${node_within[$name]} "$parts/payment-api" --control "$shop/api-$name.sock"
        node_import "$name" "$shop/$name.csv"
        node_launch "$name"
done
for name in "${names[@]}"; do
        wait_for "the payment API of $name is up" test -s "$shop/api-$name.out"
        shop_failover "$name" "http://127.0.0.1:$(<"$shop/api-$name.out")"
        wait_for "$name answers" node_answers "$name"
        wait_for "$name knows the others" shop_knows "$name" 3
        shop_launch_failover "$name"
done
for name in "${names[@]}"; do wait_for "$name takes cards" shop_mode_is "$name" primary; done

fails() { # NAME
        order "api-$1" "status 503"
        wait_for "$1 takes other payments" shop_mode_is "$1" crypto
}
recovers() { # NAME
        order "api-$1" ok
        wait_for "$1 takes cards again" shop_mode_is "$1" primary
}
hears() { # NAME PEER STATUS
        wait_for "$1 hears that $2 is $3" peer_is "$1" "$2" "$3"
}
is_untold() { # NAME PEER: an attempt has failed, for want of a network
        shop_ask "$1" /v1/status | jq -e --arg peer "$2" '.actions[] | select(.type == "notify-peers" and .target == $peer) |
                .state == "pending" and .attempts >= 1 and .message != ""' >/dev/null
}
reaches() { # NAME PEER: says its own measurement
        search_as "$1" | jq -e --arg peer "$2" '.peers[] | select(.id == $peer).status | . == "ok" or . == "empty"' >/dev/null
}
search_as() { # NAME
        node_ask "$1" "/v1/search?q=common+book"
}

# Parted while ada fails.
apart cleo dora
fails ada
hears bea ada fallback
wait_for "ada cannot tell cleo" is_untold ada cleo
wait_for "ada cannot tell dora" is_untold ada dora
check "cleo has not heard" not peer_is cleo ada fallback
apart
hears cleo ada fallback
hears dora ada fallback

# Parted otherwise while it recovers.
apart bea dora
recovers ada
hears cleo ada active
wait_for "ada cannot tell bea" is_untold ada bea
wait_for "ada cannot tell dora" is_untold ada dora
check "bea has not heard" not peer_is bea ada active
apart
hears bea ada active
hears dora ada active

# Both sides fail and recover while they are parted, and one more fails for good.
apart ada bea
fails ada
fails dora
hears bea ada fallback
hears cleo dora fallback
wait_for "ada cannot tell cleo" is_untold ada cleo
wait_for "dora cannot tell bea" is_untold dora bea
recovers ada
recovers dora
fails cleo
apart
for name in "${names[@]}"; do
        for peer in "${names[@]}"; do
                status=active
                [[ $peer != cleo ]] || status=fallback
                [[ $name == "$peer" ]] || hears "$name" "$peer" "$status"
        done
done
for name in "${names[@]}"; do wait_for "$name has nothing left to tell" nothing_left "$name"; done
for name in "${names[@]}"; do
        for peer in "${names[@]}"; do
                [[ $name == "$peer" ]] || check "$name has acted on each notice of $peer once, in order" \
                        equal "$(applied_by "$name" "$peer")" "$(notices_of "$peer")"
                [[ $name == "$peer" ]] || wait_for "$name reaches $peer" reaches "$name" "$peer"
        done
done
