#!/bin/bash
# SPDX-License-Identifier: MIT
# What federationd tells the service manager: READY when it listens and the catalog has spoken, RELOADING, STATUS, STOPPING, the watchdog while it serves; and the sockets and folders that it gives are taken.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/one_node.sh"
need systemd-socket-activate

plain_config
start manager "$parts/notify-listen" "$shop/notify"
wait_for "the manager listens" test -S "$shop/notify"
heard() { # LINE
        grep -qxF -- "$1" "$shop/manager.out"
}
start federationd env NOTIFY_SOCKET="$shop/notify" WATCHDOG_USEC=400000 STATE_DIRECTORY="$shop/state" \
        RUNTIME_DIRECTORY="$shop/run" "$build/federationd" --config "$shop/federationd.yaml"
wait_for "READY" heard READY=1
check "when it is READY, it answers" answers
check "and its catalog is open" status_is .catalog.open
check "STATUS names the shop" heard "STATUS=My Shop, 0 peers"
pings() {
        grep -cx WATCHDOG=1 "$shop/manager.out" || true
}
more_pings() { # THAN
        (($(pings) > $1))
}
wait_for "the watchdog is pinged while nobody asks" more_pings 4

: >"$shop/manager.out"
sed -i 's/My Shop/Our Shop/' "$shop/federationd.yaml"
reload
wait_for "RELOADING" grep -q RELOADING=1 "$shop/manager.out"
wait_for "and READY again" heard READY=1
check "STATUS has its new name" heard "STATUS=Our Shop, 0 peers"
: >"$shop/manager.out"
echo "nonsense: 1" >>"$shop/federationd.yaml"
reload
wait_for "READY again after a reload that was refused" heard READY=1
sed -i '$d' "$shop/federationd.yaml"
check "SIGTERM ends it with 0" stop federationd
wait_for "STOPPING" heard STOPPING=1

# Sockets that systemd made: two for the public, one by its name for control. They win over `listen`, reloads included.
sockets=("$net:8450" "$shop/http.sock" "$shop/run/control.sock")
activate() { # FD-NAME...
        start federationd systemd-socket-activate "${sockets[@]/#/--listen=}" --fdname="$1" \
                --setenv=STATE_DIRECTORY="$shop/state" --setenv=RUNTIME_DIRECTORY="$shop/run" \
                "$build/federationd" --config "$shop/federationd.yaml"
}
rm -f "$shop/run/control.sock"
activate web:local:control
wait_for "the socket is there before the daemon" test -S "$shop/run/control.sock"
inode=$(stat -c %i "$shop/run/control.sock")
wait_for "it answers on the TCP socket" answers "$net:8450"
check "and on the Unix socket" curl -sSf --max-time 5 -o /dev/null --unix-socket "$shop/http.sock" http://x/api/config
check "control is not public" equal "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$shop/http.sock" http://x/v1/status)" 404
wait_for "control answers" is_ready
check "on the socket that was passed" equal "$(stat -c %i "$shop/run/control.sock")" "$inode"
check "listen does not count" not answers 2>/dev/null
sed -i "s|^listen: .*|listen: [\"$net:8451\"]|" "$shop/federationd.yaml"
reload_and reloaded
check "after a reload neither" not answers "$net:8451" 2>/dev/null
check "the passed ones stay" answers "$net:8450"
check "it ends with 0" stop federationd

# Without a name, all are public, and control is made.
plain_config
sockets=("$net:8450")
rm -f "$shop/run/control.sock"
activate web
wait_for "the socket waits" curl -s --max-time 5 -o /dev/null "http://$net:8450/api/config"
wait_for "control was made" is_ready
stop federationd
