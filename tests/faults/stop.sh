#!/bin/bash
# SPDX-License-Identifier: MIT
# failoverd stands still (SIGSTOP) while attempts are in flight, and goes on: their age says nothing about the shop, so
# nothing is switched; the watchdog hears nothing meanwhile; a real outage afterwards is not forgotten. A daemon that does
# not notice that it stood still is caught by the same harness.
#
# stop.sh BUILD_DIR [--quick | --full]      --full: for a minute, too, and a real outage after each stop
build=$(realpath "$1")
. "$(dirname "$0")/common.bash"
full=
[[ ${2-} != --full ]] || full=1
fast="interval: 1s, fast_interval: 100ms, timeout: 2s" # for lib.sh's shop
expected_changes=1
stops=0 slowest=0

asked() { # COUNT
        (($(requests api) >= $1))
}

pings() {
        grep -cx WATCHDOG=1 "$shop/manager.out" || true
}

pinged() { # COUNT
        (($(pings) >= $1))
}

# As systemd starts it: with a watchdog.
shop_open() { # PROGRAM
        start failoverd env NOTIFY_SOCKET="$shop/notify" WATCHDOG_USEC=400000 "$1" --config "$shop/failoverd.yaml" \
                --state-dir "$shop/state" --runtime-dir "$shop/run" --status-dir "$shop/status"
        wait_for "failoverd answers" daemon_answers
        wait_for "everything is up" all_up
        wait_for "the watchdog is pinged" pinged 2
}

# As many attempts in flight as make an outage, all of which are too old when it goes on.
stand_still() { # SECONDS
        local before
        before=$(requests api)
        order api silent
        wait_for "three attempts are in flight" asked $((before + 3))
        kill -STOP "${pid[failoverd]}"
        wait_for "it stands still" stopped failoverd
        order api ok
        before=$(pings)
        sleep "$1"
        check "the watchdog hears nothing meanwhile" equal "$(pings)" "$before"
        kill -CONT "${pid[failoverd]}"
        ((stops += 1))
}

tilt_ends() {
        local patience=$((patience + 130))
        wait_for "the tilt is over" status_is '.tilt == false'
}

flips_after_tilt() { # a real outage is not forgotten
        local patience=$((patience + 130))
        order api "status 503"
        wait_for "buyers pay by crypto in an outage after a stop" pays_by crypto
        order api ok
        wait_for "and by card after it" pays_by primary
        expected_changes=$((expected_changes + 2))
        tilt_ends
}

story() { # SECONDS
        local asked_before pings_before began
        stand_still "$1"
        asked_before=$(requests api) pings_before=$(pings) began=$EPOCHREALTIME
        wait_for "it goes on to ask" asked $((asked_before + 1))
        began=$(milliseconds_since "$began")
        ((began <= slowest)) || slowest=$began
        wait_for "it notices that it stood still" status_is .tilt
        wait_for "the watchdog is pinged again" pinged $((pings_before + 2))
        wait_for "it has asked as often as makes an outage" asked $((asked_before + 5))
        check "no change" equal "$(changes)" "$expected_changes"
        check "buyers pay by card" pays_by primary
        check "every verdict stands" all_up
        [[ ! $full ]] || flips_after_tilt
}

part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
start manager "$parts/notify-listen" "$shop/notify"
wait_for "the manager listens" test -S "$shop/notify"

shop_open "$build/tests/failoverd-blind-to-stalls"
# On a busy machine one of the three may have been answered before the order: then it is no outage to anybody.
noticed=
for _ in 1 2 3 4; do
        stand_still 3
        asked_before=$(requests api)
        wait_for "it goes on to ask" asked $((asked_before + 5))
        if ask /v1/history | jq -e 'any(.changes[]; .cause | test("payment-api down: no answer"))' >/dev/null; then
                noticed=1
                break
        fi
        wait_for "everything is up" all_up
done
check "the planted bug is noticed: it takes old attempts for an outage" test "$noticed"
stop failoverd
rm -rf "$shop"/{state,run,status}
echo "planted bug (it does not notice that it stood still): noticed"

: >"$shop/manager.out"
: >"$shop/sink.jsonl"
shop_open "$build/failoverd"
stops=0
story 3
if [[ $full ]]; then
        for seconds in 5 60 60; do story "$seconds"; done
fi
check "failoverd stops" stop failoverd
audit "$expected_changes"
echo "stop: $stops stops with 3 attempts in flight, flips 0; asked again $slowest ms after it went on; pings of the watchdog meanwhile 0"
