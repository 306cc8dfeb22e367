#!/bin/bash
# SPDX-License-Identifier: MIT
# The same payment API is watched at the same time by failoverd, HAProxy, keepalived and monit, and is broken at a random
# phase of their intervals in four ways: errors (503), refused, black hole (accepts and never answers), and every second
# check failing; then it is well again. Printed are seconds from the switch of the API's behaviour to the change that
# others can see: payment.env renamed, HAProxy's log line of the server's new state, a file written by the notify script
# of keepalived and by monit's exec (median and 95th percentile), and how often each flipped while every second check
# failed. keepalived and monit stand there twice: as patient as HAProxy (3 fails, 2 passes) and as quick as they can be (1
# and 1). Then each is killed by SIGKILL in a black hole and restarted,
# in it or after it: what it says first, and when it is right. failoverd has interval
# 1s, fast_interval 100ms, timeout 1s, fall 3, window 3, rise 2, hold 0s; HAProxy inter 1s fastinter 100ms fall 3 rise 2;
# the others one second, which is their shortest. keepalived runs as VRRP with a tracked script, alone on a veth pair:
# all of this happens in a network namespace of its own. Needs root.
#
# bench/race.sh [PHASES] [SECONDS of every second check failing] [KILLS]       20 60 5
. "$(dirname "$0")/common.bash"
phases=${1:-20} flip_seconds=${2:-60} kills=${3:-5}
bench_begin iproute2 haproxy keepalived monit
private_network "$@"

# ---- the target and a healthy fallback

part_start api payment-api
part_start fallback payment-api
url=http://127.0.0.1:${port[api]}/v1/account

# ---- the contestants: start_NAME, and what is watched of each

contestants=(failoverd haproxy keepalived-3/2 monit-3/2 keepalived-1/1 monit-1/1)
run=$(mktemp -d /dev/shm/race.XXXXXX) # where /run would be
trap 'rm -rf "$run"; cleanup' EXIT
mkdir "$run/failoverd"
ln -s "$run/failoverd" "$shop/run"

config <<END
node: {id: race}
probes:
  payment-api: {type: http, url: "$url?failoverd", expect_json: {charges_enabled: true}, interval: 1s, fast_interval: 100ms, timeout: 1s, fall: 3, window: 3, rise: 2}
  fallback: {type: http, url: "http://127.0.0.1:${port[fallback]}/api/v1/health", interval: 1s, fast_interval: 100ms, timeout: 1s, fall: 3, window: 3, rise: 2}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [fallback], payment: crypto, checkout: cryptoCheckout}
failback: {hold: 0s, max_changes_per_day: 0}
actions: [{type: payment-mode}]
END
start_failoverd() {
        start failoverd "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" \
                --runtime-dir "$run/failoverd" --status-dir "$shop/status" --log-level warning
}

cat >"$shop/haproxy.cfg" <<END
global
	log $shop/haproxy.log-socket local0
defaults
	mode http
	log global
	timeout connect 1s
	timeout client 1s
	timeout server 1s
backend race
	option httpchk GET /v1/account?haproxy
	server api 127.0.0.1:${port[api]} check inter 1s fastinter 100ms fall 3 rise 2
frontend health
	bind unix@$shop/haproxy.sock
	monitor-uri /up
	monitor fail if { nbsrv(race) lt 1 }
END
start_haproxy() {
        start haproxy haproxy -db -q -f "$shop/haproxy.cfg"
}

say() { # NAME: prints a script that writes "up" or "down" where $1 is watched
        local script=$shop/say-${1%/*}
        cat >"$script" <<-END
		#!/bin/sh
		echo "\$1" >"$run/${1%/*}.new" && mv "$run/${1%/*}.new" "$run/${1%/*}"
	END
        chmod 755 "$script"
        echo up >"$run/${1%/*}"
        echo "$script"
}

keepalived_config() { # FALL RISE LAST-OCTET
        local said
        said=$(say "keepalived-$1/$2")
        cat >"$shop/keepalived-$1.conf" <<-END
		global_defs {
		        router_id race
		        vrrp_version 3
		        script_user root
		        vrrp_garp_master_delay 0
		}
		vrrp_script api {
		        script "/usr/bin/curl -fsS -o /dev/null -m 1 $url?keepalived-$1"
		        interval 1
		        timeout 2
		        fall $1
		        rise $2
		}
		vrrp_instance shop {
		        state MASTER
		        interface race0
		        virtual_router_id 5$1
		        priority 200
		        advert_int 0.01
		        track_script {
		                api
		        }
		        virtual_ipaddress {
		                192.0.2.$3/32 dev race0
		        }
		        notify_master "$said up"
		        notify_fault "$said down"
		}
	END
}
ip link add race0 type veth peer name race1
ip address add 192.0.2.254/24 dev race0
ip link set race0 up
ip link set race1 up
keepalived_config 3 2 3
keepalived_config 1 1 1
start_keepalived() { # FALL
        start "keepalived-$1" keepalived --dont-fork --vrrp --log-console -f "$shop/keepalived-$1.conf" \
                -p "$shop/keepalived-$1.pid" -r "$shop/vrrp-$1.pid"
}
start_keepalived-3/2() { start_keepalived 3; }
start_keepalived-1/1() { start_keepalived 1; }

monit_config() { # FALL RISE
        local said
        said=$(say "monit-$1/$2")
        mkdir "$shop/monit-$1"
        cat >"$shop/monit-$1.conf" <<-END
		set daemon 1
		set pidfile $shop/monit-$1/pid
		set idfile $shop/monit-$1/id
		set statefile $shop/monit-$1/state
		set log $shop/monit-$1.log
		check host api with address 127.0.0.1
		        if failed port ${port[api]} protocol http request "/v1/account?monit-$1" with timeout 1 seconds for $1 cycles
		                then exec "$said down"
		                else if succeeded for $2 cycles then exec "$said up"
	END
        chmod 600 "$shop/monit-$1.conf"
}
monit_config 3 2
monit_config 1 1
start_monit() { # FALL
        start "monit-$1" monit -I -c "$shop/monit-$1.conf"
}
start_monit-3/2() { start_monit 3; }
start_monit-1/1() { start_monit 1; }


# ---- the observer: what it tells becomes `state` and `since`

observe=("$bench/bench-observe" --target "$shop/api.sock" --haproxy "haproxy=$shop/haproxy.log-socket"
        --file "failoverd=$run/failoverd/payment.env")
for name in "${contestants[@]:2}"; do
        observe+=(--file "$name=$run/${name%/*}")
done
coproc observer { exec "${observe[@]}" 2>>"$shop/observer.log"; }
# shellcheck disable=SC2154 # by coproc
pid[observer]=$observer_PID
declare -A state=() since=() flips=()

hear() { # SECONDS: takes in one line, if one comes in that time
        local usec name word
        read -rt "$1" -u "${observer[0]}" usec name word || return 1
        [[ $name == target ]] || flips[$name]=$((${flips[$name]-0} + 1))
        state[$name]=${word%% *}
        since[$name]=$usec
}

target() { # ORDER: returns once it has been obeyed; ordered=time
        echo "$1" >&"${observer[1]}"
        state[target]=
        until [[ ${state[target]} == "${1%% *}" ]]; do
                hear 5 || fail "the target does not obey: $1"
        done
        ordered=${since[target]}
}

all_are() { # STATE
        local name
        for name in "${contestants[@]}"; do
                [[ ${state[$name]-} == "$1" ]] || return 1
        done
}

listen() { # SECONDS [STATE]: so long, or until all contestants are in that state
        local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) left
        while left=$((end - ${EPOCHREALTIME/./})) && ((left > 0)); do
                [[ ${2-} ]] && all_are "$2" && return
                printf -v left '%d.%06d' $((left / 1000000)) $((left % 1000000))
                hear "$left" || true
        done
        [[ ! ${2-} ]] || all_are "$2" || echo "not all are $2 after $1 s: $(declare -p state)" >&2
}

measure() { # WHAT STATE: since the last order
        local name
        listen 20 "$2"
        for name in "${contestants[@]}"; do
                [[ ${state[$name]-} == "$2" ]] || continue
                echo "$name $1 $(((since[$name] - ordered) / 1000))" >>"$shop/samples"
        done
}

# ---- the race

for name in "${contestants[@]}"; do
        "start_$name"
done
listen 20 up
echo "$(machine); $phases phases, $flip_seconds s of every second check failing, $kills kills of each kind"
# Random, but spread evenly over the second that is everybody's interval, each part of it once and in random order.
pause_to_phase() { # NAME of a series, MILLISECONDS at least
        local now target
        [[ ${series[$1]-} ]] || series[$1]=$(shuf -i 0-$((phases - 1)) | tr '\n' ' ')
        target=$(((${series[$1]%% *} * 1000 + $(random_ms 0 1000)) / phases))
        series[$1]=${series[$1]#* }
        now=$((${EPOCHREALTIME/./} / 1000 % 1000))
        pause_ms $(($2 + (1000 + target - (now + $2) % 1000) % 1000))
}
declare -A series=()

for ((phase = 0; phase < phases; phase++)); do
        for behaviour in "status 503" refuse silent; do
                pause_to_phase "${behaviour%% *}" 2500
                target "$behaviour"
                measure "${behaviour%% *}" down
                pause_to_phase "after-${behaviour%% *}" 1500
                target ok
                measure "after-${behaviour%% *}" up
        done
done
pause_ms 2500
listen 1
flips=()
target "alternate 503"
listen "$flip_seconds"
declare -A flips_counted=()
for name in "${contestants[@]}"; do
        flips_counted[$name]=${flips[$name]-0}
done
target ok
listen 20 up

milliseconds() { # NAME WHAT: median and 95th percentile in seconds
        awk -v name="$1" -v what="$2" '$1 == name && $2 ~ what { print $3 / 1000 }' "$shop/samples" | quantiles .5 .95
}
row() { # NAME CELL...
        printf '%-15s' "$1"
        shift
        printf ' %7s' "$@"
        echo
}
echo
echo "seconds until others can see it; 'back' is after all three"
row "" errors p95 refused p95 b.hole p95 back p95 flips
for name in "${contestants[@]}"; do
        # shellcheck disable=SC2046
        row "$name" $(for what in '^status$' '^refuse$' '^silent$' '^after-'; do
                milliseconds "$name" "$what" | awk '{ printf "%.2f %.2f ", $1, $2 }'
        done) "${flips_counted[$name]}"
done

# ---- after SIGKILL

says() { # NAME: up, down, or nothing when it does not answer
        case $1 in
        failoverd) curl -sf -m 1 --unix-socket "$run/failoverd/control.sock" http://failoverd/v1/status |
                jq -r 'if .mode == "primary" then "up" else "down" end' ;;
        haproxy) case $(curl -s -m 1 -o /dev/null -w '%{http_code}' --unix-socket "$shop/haproxy.sock" http://haproxy/up) in
                200) echo up ;;
                503) echo down ;;
                esac ;;
        *) cat "$run/${1%/*}" ;;
        esac
}

declare -A first=() began=() wrong=()
restart_all() { # CASE RIGHT: asks each what it says, first and for 12 s, and when it is right for good
        local name word end=$((${EPOCHREALTIME/./} + 12000000))
        for name in "${contestants[@]}"; do
                began[$name]=${EPOCHREALTIME/./}
                "start_$name"
                until first[$name]=$(says "$name") && [[ ${first[$name]} ]]; do
                        alive "${name%/*}" || fail "$name does not start again"
                done
                wrong[$name]=${began[$name]}
                [[ ${first[$name]} == "$2" ]] || wrong[$name]=${EPOCHREALTIME/./}
        done
        while ((${EPOCHREALTIME/./} < end)); do
                for name in "${contestants[@]}"; do
                        word=$(says "$name") || word=
                        [[ ! $word || $word == "$2" ]] || wrong[$name]=${EPOCHREALTIME/./}
                done
                nap
        done
        for name in "${contestants[@]}"; do
                echo "$name $1 ${first[$name]} $(((wrong[$name] - began[$name]) / 1000))" >>"$shop/kills"
        done
}

for ((kill = 0; kill < kills; kill++)); do
        for well in false true; do
                target silent
                listen 20 down
                pause_ms "$(random_ms 1000 2000)"
                for name in "${contestants[@]}"; do
                        stop "${name%/*}" KILL || true
                done
                ! $well || target ok
                pause_ms 1000
                rm -f "$run/failoverd/control.sock" "$shop/haproxy.sock"
                if $well; then
                        restart_all well up
                else
                        restart_all broken down
                fi
                target ok
                # Who sticks is helped: a new outage ends it.
                listen 5 up || true
                for name in "${contestants[@]}"; do
                        [[ $(says "$name") == up ]] || { stop "${name%/*}"; rm -rf "$shop/${name%/*}/state"; "start_$name"; }
                done
                listen 10
        done
done

echo
echo "killed in a black hole and restarted after 1 s: what it says first; seconds until it is right for good"
row "" "in the" "outage" "after" "it"
for name in "${contestants[@]}"; do
        # shellcheck disable=SC2046
        row "$name" $(for case in broken well; do
                awk -v name="$name" -v kind="$case" '$1 == name && $2 == kind { print $3 }' "$shop/kills" | sort | uniq -c |
                        awk '{ printf "%s%sx%s", (NR > 1 ? "," : ""), $1, $2 } END { print "" }'
                awk -v name="$name" -v kind="$case" '$1 == name && $2 == kind { print $4 / 1000 }' "$shop/kills" |
                        quantiles .5 | awk '{ print ($1 > 10) ? "stuck" : sprintf("%.1f", $1) }'
        done)
done
