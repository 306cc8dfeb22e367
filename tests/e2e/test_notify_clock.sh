#!/bin/bash
# SPDX-License-Identifier: MIT
# A clock set back by a day: sequence numbers go on rising, and a peer that finds our time wrong is told again until it is
# right.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peers.sh"

asan=$(ldd "$build/failoverd" | awk '/libasan/ { print $3 }')
with_fake_clock() { # COMMAND...: its wall clock, and only that, is what $shop/clock says
        LD_PRELOAD="${asan:+$asan }$build/tests/libfake-clock.so" FAKE_CLOCK=$shop/clock exec "$@"
}

clock() { # OFFSET in seconds, from a new start on; as after a reboot, nothing is left in the runtime directory
        check "failoverd stops" stop failoverd
        rm -rf "$shop/run"
        echo "$1" >"$shop/clock"
        start failoverd with_fake_clock "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" \
                --runtime-dir "$shop/run" --status-dir "$shop/status"
        wait_for "failoverd answers" daemon_answers
        wait_for "what is well is up" verdict_is btcpay up
}

rises() { # INBOX
        journal_is "$1" '[.[] | select(.verdict == "applied").seq] | . == (sort | unique)'
}

key_make node
inbox_start strict
inbox_start lenient --any-time
shop_peers "peers: [{id: strict, url: \"http://127.0.0.1:${port[strict]}\"}, {id: lenient, url: \"http://127.0.0.1:${port[lenient]}\"}]"
break_cards
wait_for "both hear of it" heard strict 1
wait_for "both hear of it" heard lenient 1
clock -86400
mend_cards
wait_for "who does not look at the time hears of the end" heard lenient 2
check "its time is of yesterday" journal_is lenient '.[-1].timestamp < .[0].timestamp'
check "and its number is not" rises lenient
wait_for "who does look refuses, and it is tried again" asked strict 3
wait_for "the status says why" peer_row strict '.state == "pending" and (.message | contains("your clock is off by -86"))'
clock 0
wait_for "once the clock is right, it hears of the end" heard strict 2
break_cards
wait_for "and of what comes then" heard strict 3
mend_cards
wait_for "and of its end" heard strict 4
wait_for "all is done" all_told
check "in order" equal "$(applied strict type)" "primary_failure primary_recovered primary_failure primary_recovered "
check "with numbers that rise" rises strict
check "the same for the other" equal "$(applied lenient seq)" "$(applied strict seq)"
