#!/bin/bash
# SPDX-License-Identifier: MIT
# failoverd itself is in trouble: stopped for a while, out of descriptors, its clock jumps. None of that is an outage of
# the shop, so none of it may switch the mode.
#
# stop.sh BUILD_DIR [--quick | --full]      --full: stopped for a minute, too, and a real outage after each tilt
build=$(realpath "$1")
. "$(dirname "$0")/common.bash"
need prlimit
full=
[[ ${2-} != --full ]] || full=1
shop_start

runs() { # how often the payment API was asked
        requests api
}

asked_again() { # BEFORE: at least five times more
        (($(runs) >= $1 + 5))
}

nothing_happened() { # WHAT
        check "$1 is no outage: no change" equal "$(changes)" "$expected_changes"
        check "$1 is no outage: buyers pay by card" pays_by primary
        check "$1 is no outage: every verdict stands" all_up
}
expected_changes=1

flips_after_tilt() { # WHAT: a real outage is not forgotten
        [[ $full ]] || return 0
        local patience=$((patience + 130))
        order api "status 503"
        wait_for "buyers pay by crypto in an outage after $1" pays_by crypto
        order api ok
        wait_for "and by card after it" pays_by primary
        expected_changes=$((expected_changes + 2))
}

tilt_ends() {
        local patience=$((patience + 130))
        wait_for "the tilt is over" status_is '.tilt == false'
}

# ---- no descriptor left

cpu() { # ticks that it has used
        awk '{ print $14 + $15 }' "/proc/${pid[failoverd]}/stat"
}

limit=$(prlimit --pid "${pid[failoverd]}" --nofile --noheadings --output SOFT,HARD | tr -s ' ' :)
p=${pid[failoverd]}
before=$(cpu)
prlimit --pid "$p" --nofile="1:${limit#*:}" # of those that are open, none is taken
order api "status 503"
timeout 3 curl -sS --unix-socket "$shop/run/control.sock" http://failoverd/v1/status >/dev/null 2>&1 & # somebody asks, too
sleep 4
order api ok
ticks=$(($(cpu) - before))
check "it does not spin while it has no descriptor ($ticks ticks in 4 s)" test "$ticks" -lt 100
prlimit --pid "$p" --nofile="$limit"
wait_for "it answers again" daemon_answers
wait_for "the probes pass again" all_up
check "the attempts that could not be made count as inconclusive" contains \
        "$(status | jq -r '.probes[] | select(.name == "payment-api") | .window')" i
nothing_happened "a lack of descriptors"
echo "no descriptors for 4 s: no change, $ticks ticks of CPU, then as before"

# ---- stopped, with an attempt in flight that takes too long meanwhile

stopped() { # SECONDS
        local before
        order api "slow 300"
        sleep 0.5 # attempts are in flight now more often than not; each run is another try
        kill -STOP "${pid[failoverd]}"
        sleep "$1"
        order api ok
        before=$(runs)
        kill -CONT "${pid[failoverd]}"
        wait_for "it notices that it stood still" status_is .tilt
        wait_for "it goes on to ask" asked_again "$before"
        nothing_happened "a stop of $1 s"
        echo "stopped for $1 s: tilt, no change, asked again"
        flips_after_tilt "a stop"
}

stopped 5
if [[ $full ]]; then
        tilt_ends
        stopped 60
fi

# ---- the wall clock jumps

asan=$(ldd "$build/failoverd" | awk '/libasan/ { print $3 }')

with_fake_clock() { # COMMAND...: its wall clock, and only that, is what $shop/clock says
        LD_PRELOAD="${asan:+$asan }$build/tests/libfake-clock.so" FAKE_CLOCK=$shop/clock exec "$@"
}

clock_is() { # OFFSET in seconds: is that what the daemon's clock says?
        local off
        off=$(($(date -d "$(status | jq -r .updated)" +%s) - $(date +%s) - ${1#+}))
        ((off >= -3 && off <= 3))
}

jumped() { # OFFSET: the clock is off by so much from now on
        local before
        before=$(runs)
        echo "$1" >"$shop/clock"
        wait_for "the clock says $1" clock_is "$1"
        wait_for "it notices the jump to $1" status_is .tilt
        wait_for "it goes on to ask" asked_again "$before"
        check "mode.json is written in the new time" mode_json_is_fresh "$1"
        nothing_happened "a clock that says $1"
        echo "clock at $1 s: tilt, no change, asked again"
}

mode_json_is_fresh() { # OFFSET
        local age
        age=$(($(date +%s) + ${1#+} - $(date -d "$(jq -r .updated "$shop/run/mode.json")" +%s)))
        ((age >= -3 && age <= 10))
}

check "failoverd stops" stop failoverd
echo 0 >"$shop/clock"
start failoverd with_fake_clock "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" \
        --runtime-dir "$shop/run" --status-dir "$shop/status"
wait_for "failoverd answers" daemon_answers
wait_for "everything is up" all_up
jumped +3600
[[ ! $full ]] || flips_after_tilt "a jump forwards"
jumped -86400
[[ ! $full ]] || flips_after_tilt "a jump backwards"
check "failoverd stops" stop failoverd
audit "$expected_changes"
