#!/bin/bash
# SPDX-License-Identifier: MIT
# Units of a real systemd as probes: stopped, failed, killed, restarted for ever, still starting, not there; and nothing is switched while the bus is away.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq
fast=$impatient
machine_boot

# Ends with 3 when there is a file "crash", and is not ready until there is none named "slow".
machine_unit shop.service <<-END
	[Service]
	Type=notify
	NotifyAccess=all
	ExecStart=/bin/bash -c 'while [ -e $shop/slow ]; do sleep 0.02; done; systemd-notify --ready; while [ ! -e $shop/crash ]; do sleep 0.02; done; exit 3'
	Environment=PATH=/usr/bin:/bin
END
machine_unit prepared.service <<-END
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/true
END
machine systemctl start shop.service prepared.service

config <<-END
	node: $node
	probes:
	  shop: {type: unit, name: shop, $fast}
	  prepared: {type: unit, name: prepared.service, $fast}
	  socket: {type: unit, name: dbus.socket, $fast}
	  absent: {type: unit, name: absent.service, $fast}
	  masked: {type: unit, name: masked.service, $fast}
	modes:
	  - {name: primary, requires: [shop, prepared]}
	  - {name: crypto, requires: [socket], $to_crypto}
	failback: {hold: 100ms, hold_max: 100ms, max_changes_per_day: 0}
	actions:
	  - {type: payment-mode}
END
machine ln -s /dev/null /run/systemd/system/masked.service
machine_failoverd </dev/null
like() { # TEXT PATTERN
        # shellcheck disable=SC2053
        [[ $1 == $2 ]] || { echo "got: $1, wanted: $2" >&2 && return 1; }
}
says() { # PROBE PATTERN
        like "$(probe_message "$1")" "$2"
}
when="since 20??-??-?? ??:??:?? UTC"
wait_for "a running service is up" verdict_is shop up
wait_for "a oneshot that remains is up" verdict_is prepared up
wait_for "a socket is up" verdict_is socket up
wait_for "a unit that is not there is down" verdict_is absent down
wait_for "a masked one is down" verdict_is masked down
check "running is said" says shop "shop.service: active (running) $when"
check "exited is said" says prepared "prepared.service: active (exited) $when"
check "not found is said" says absent "absent.service: not found"
check "masked is said" says masked "masked.service: masked"
check "the shop sells by card" pays_by primary

loaded() { # UNIT: does systemd keep it in memory?
        machine busctl --quiet call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager \
                GetUnit s "$1" 2>/dev/null
}

# goes CLAIM PATTERN COMMAND...: the command breaks the shop, the shop falls back with that cause and returns
goes() {
        local claim=$1 pattern=$2
        shift 2
        "$@"
        wait_for "crypto when it is $claim" pays_by crypto
        check "the cause of $claim is told" says_cause "$pattern"
        rm -f "$shop/crash" "$shop/slow"
        machine systemctl reset-failed shop.service 2>/dev/null || true
        machine systemctl start shop.service
        wait_for "back when it is not $claim any more" pays_by primary
}
says_cause() {
        like "$(cause)" "shop down: shop.service: $1 (3 of 5)"
}
crash() {
        touch "$shop/crash"
        wait_for "shop.service has failed" unit_is shop.service failed
}
starts_slowly() {
        touch "$shop/slow"
        machine systemctl restart --no-block shop.service
}
goes stopped "inactive (dead)*" machine systemctl stop shop.service
goes failed "failed (exit-code, status 3) $when" crash
goes killed "failed (signal, SIGKILL) $when" machine systemctl kill --signal=KILL shop.service
goes "being started" "activating (start) $when" starts_slowly
check "what is down is not loaded again and again" not loaded absent.service

# Restarted for ever: up most of the times one looks, or waiting.
loop() { # RESTART-DELAY
        machine mkdir -p /run/systemd/system/shop.service.d
        machine_unit shop.service.d/loop.conf <<-END
		[Unit]
		StartLimitIntervalSec=0
		[Service]
		Type=simple
		Restart=always
		RestartSec=$1
		ExecStart=
		ExecStart=/bin/bash -c 'while [ ! -e $shop/crash ]; do sleep 0.02; done; sleep 0.1; exit 3'
	END
        machine systemctl restart shop.service
        wait_for "the shop is up before it loops" verdict_is shop up
        touch "$shop/crash"
}
loop 1ms
wait_for "crypto in a fast loop" pays_by crypto
check "the loop is told" says_cause "*restarted*"
rm "$shop/crash"
wait_for "back after the loop" pays_by primary
loop 60s
wait_for "crypto while it waits for its restart" pays_by crypto
check "the wait is told" says_cause "waiting to be restarted after exit-code, status 3 (0 restarts so far) $when"
rm "$shop/crash"
machine systemctl restart shop.service
wait_for "back after the wait" pays_by primary

# One restart is no outage.
before=$(changes)
machine systemctl restart --no-block shop.service
wait_for "the unit is up again" verdict_is shop up

# Without the bus nothing is known, and nothing is switched.
inconclusive() { # PROBE
        status_is ".probes[] | select(.name == \"$1\") | .outcome == \"inconclusive\""
}
machine systemctl stop dbus.socket dbus.service
wait_for "without a bus nothing is known" inconclusive shop
check "the reason is told" says shop "shop.service: the system bus cannot be reached: *"
machine systemctl start dbus.socket
conclusive() {
        not inconclusive "$1"
}
wait_for "the bus is back" conclusive shop
daemon=$(machine systemctl show -P MainPID dbus.service)
machine kill -STOP "$daemon"
wait_for "a bus that hangs tells nothing" inconclusive shop
check "the hang is told" says shop "shop.service: the system bus does not answer after 500 ms"
machine kill -CONT "$daemon"
wait_for "the bus goes on" conclusive shop
check "nothing was switched" equal "$(changes)" "$before"
check "the shop still sells by card" pays_by primary
