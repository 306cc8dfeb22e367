#!/bin/bash
# SPDX-License-Identifier: MIT
# What the service manager is told: READY only when the shop can read its mode, RELOADING, STATUS, STOPPING, the watchdog; and the sockets and folders that it gives are taken.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq systemd-socket-activate

part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
start manager "$parts/notify-listen" "$shop/notify"
wait_for "the manager listens" test -S "$shop/notify"
said() { # LINE
        grep -qxF -- "$1" "$shop/manager.out"
}

# As systemd starts it: folders, credentials and the manager's socket by the environment.
start failoverd env NOTIFY_SOCKET="$shop/notify" WATCHDOG_USEC=400000 STATE_DIRECTORY="$shop/state" \
        RUNTIME_DIRECTORY="$shop/run" "$build/failoverd" --config "$shop/failoverd.yaml"
wait_for "READY" said READY=1
check "when it is READY the shop can read its mode" pays_by primary
check "and so can others" jq -e '.mode == "primary"' "$shop/run/mode.json" >/dev/null
wait_for "it answers" daemon_answers
wait_for "STATUS names the mode" said "STATUS=mode primary"
pings() {
        grep -cx WATCHDOG=1 "$shop/manager.out" || true
}
several_pings() {
        (($(pings) >= 4))
}
wait_for "the watchdog is pinged" several_pings

order api "status 503"
wait_for "STATUS follows the mode" said "STATUS=mode crypto"
: >"$shop/manager.out"
kill -HUP "${pid[failoverd]}"
wait_for "RELOADING" grep -q RELOADING=1 "$shop/manager.out"
wait_for "and READY again" said READY=1
: >"$shop/manager.out"
echo "nonsense: 1" >>"$shop/failoverd.yaml"
kill -HUP "${pid[failoverd]}"
wait_for "READY again after a reload that was refused" said READY=1
check "STATUS says what is wrong, and where" grep -q "^STATUS=mode crypto; a reload was refused: .*failoverd.yaml:[0-9]*:1: " "$shop/manager.out"
sed -i '$d' "$shop/failoverd.yaml"
: >"$shop/manager.out"
kill -HUP "${pid[failoverd]}"
wait_for "and no more once it is mended" said "STATUS=mode crypto"

stop failoverd
wait_for "STOPPING" said STOPPING=1

# A socket that systemd made.
mkdir -p "$shop/run"
rm -f "$shop/run/control.sock" # the last daemon's: it would be taken for the new one
start failoverd systemd-socket-activate --listen="$shop/run/control.sock" \
        --setenv=STATE_DIRECTORY="$shop/state" --setenv=RUNTIME_DIRECTORY="$shop/run" \
        "$build/failoverd" --config "$shop/failoverd.yaml"
wait_for "the socket is there before the daemon" test -S "$shop/run/control.sock"
inode=$(stat -c %i "$shop/run/control.sock")
wait_for "the daemon answers on it" daemon_answers
check "it did not make one of its own" equal "$(stat -c %i "$shop/run/control.sock")" "$inode"
check "the mode is remembered" status_is '.mode == "crypto"'
