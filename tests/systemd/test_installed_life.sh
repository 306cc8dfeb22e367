#!/bin/bash
# SPDX-License-Identifier: MIT
# The package on a machine of its own, while it runs: hung, killed over and over, given a bad configuration, upgraded in the middle of a failover. It is always back, knows what it knew, and does nothing twice.
build=$(realpath "$1")
. "$(dirname "$0")/installed.sh"
need curl jq openssl
installed_boot
installed_shop
config_edit() { # SED-COMMAND
        machine sed -i "$1" /etc/failoverd/failoverd.yaml
}
window_is() { # PROBE WINDOW
        status_is ".probes[] | select(.name == \"$1\") | .window == \"$2\""
}
told() { # PATTERN
        machine journalctl --no-pager -o cat -u failoverd.service | grep "$1" >/dev/null # all is read: pipefail
}

story "a bad configuration is refused by a reload"
config_edit 's/^probes:$/probes:\n  checkout: {type: passive, from: [root]}/; s/requires: \[payment-api\]/requires: [payment-api, checkout]/'
main=$(main_pid failoverd)
machine systemctl reload failoverd
wait_for "a good one is taken" verdict_is checkout unknown
machine cp -p /etc/failoverd/failoverd.yaml /root/good.yaml
config_edit 's/type: payment-mode/type: payment-moed/'
machine systemctl reload failoverd
wait_for "the place is told" told '/etc/failoverd/failoverd.yaml:[0-9]*:[0-9]*: .*payment-moed'
refused=$(machine failoverctl status) && fail "status is content with a file that would end a restart"
check "status says what a restart would do" contains "$(tr -s ' \n' ' ' <<<"$refused")" "a restart would end here: /etc/failoverd/failoverd.yaml:"
check "the same process runs" equal "$(main_pid failoverd)" "$main"
order api status 503
wait_for "on the old one" pays_by crypto
order api ok
wait_for "and back" pays_by primary

story "and ends a start for good, with its place in systemctl status"
machine systemctl restart failoverd 2>/dev/null && fail "a bad configuration starts"
check "it has failed" unit_is failoverd.service failed
place_is_shown() { # what it said may be on its way into the journal
        contains "$(machine systemctl status --no-pager failoverd || true)" "/etc/failoverd/failoverd.yaml:"
}
wait_for "the place is shown" place_is_shown
check "the shop goes on reading its mode" pays_by primary
check "pages are told what was last" equal "$(machine curl -sS http://127.0.0.1:8440/api/config | jq -r .paymentMode)" primary
machine cp -p /root/good.yaml /etc/failoverd/failoverd.yaml
machine systemctl start failoverd
wait_for "all is up" all_up

story "hung: the watchdog restarts it, and it knows what it knew"
check "each has a watchdog" equal "$(machine systemctl show -P WatchdogUSec failoverd federationd)" $'30s\n\n30s'
for unit in failoverd federationd; do # what the package waits for costs this test half a minute
        drop_in $unit.service quick <<-END
		[Service]
		WatchdogSec=4
		TimeoutAbortSec=100ms
		RestartSec=20ms
	END
done
machine systemctl restart failoverd federationd
wait_for "all is up" all_up
report checkout fail
report checkout fail
check "two reports are against it" window_is checkout ff
main=$(main_pid failoverd)
machine kill -STOP "$main"
wait_for "it is replaced" is_replaced failoverd.service "$main"
wait_for "by the watchdog" told "atchdog timeout"
wait_for "it answers" status
check "the window is as it was" window_is checkout ff
check "and the mode" pays_by primary
report checkout fail
wait_for "so that the third one counts" pays_by crypto
wait_for "the shop was told" shop_read crypto

story "killed 50 times, each as soon as it was back; the first times as the package has it, then without its second's rest"
for unit in failoverd federationd; do machine rm /etc/systemd/system/$unit.service.d/quick.conf; done
machine systemctl daemon-reload
check "each rests for a second" equal "$(machine systemctl show -P RestartUSec failoverd federationd)" $'1s\n\n1s'
machine failoverctl force-primary >/dev/null
wait_for "buyers pay by card" pays_by primary
wait_for "the shop, too" shop_read primary
machine failoverctl force-fallback >/dev/null
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the shop, too" shop_read crypto
before=$(changes) read_before=$(till)
machine_file /root/kill <<'END'
pid() { systemctl show -P MainPID "$1"; }
state() { systemctl show -P ActiveState "$1"; }
for unit in failoverd federationd; do
        for _ in $(seq $1); do
                old=$(pid $unit)
                kill -KILL "$old"
                until now=$(pid $unit) && [ "$now" != 0 ] && [ "$now" != "$old" ] && is=$(state $unit) && [ $is = active ]; do
                        case $is in failed | inactive) echo "$unit is $is" ;; esac
                        sleep 0.02
                done
        done &
done
wait
END
restarts() { # so far, of both
        machine systemctl show -P NRestarts failoverd federationd | paste -s -d ' '
}
read -r supervisor federation < <(restarts)
check "each is always back" equal "$(machine bash /root/kill 5)" ""
for unit in failoverd federationd; do
        drop_in $unit.service quick <<<$'[Service]\nRestartSec=20ms'
done
check "each is always back" equal "$(machine bash /root/kill 45)" ""
check "50 times each" equal "$(restarts)" "$((supervisor + 50))  $((federation + 50))"
wait_for "it answers" status
check "pinned as before" status_is '.operator.pinned == "crypto" and .mode == "crypto" and .durable'
check "no change was made up" equal "$(changes)" "$before"
check "the shop was left alone" equal "$(till)" "$read_before"
check "pages are told" equal "$(machine curl -sS http://127.0.0.1:8440/api/config | jq -r .paymentMode)" crypto
machine failoverctl force-primary >/dev/null
machine failoverctl auto >/dev/null
wait_for "buyers pay by card" pays_by primary
wait_for "the shop, too" shop_read primary

story "upgraded in the middle of a failover"
drop_in shop.service slow <<-'END'
	[Service]
	ExecStartPre=/bin/sh -c 'while [ -e /run/hold ]; do sleep 0.02; done'
END
machine touch /run/hold
order sink hang
machine truncate --size 0 /var/lib/shop/till
before=$(changes)
order api status 503
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the shop is being restarted" unit_is shop.service activating
main=$(main_pid failoverd)
machine_dpkg --install "$(package_as 0.2.0-1)" || fail "the upgrade fails"
wait_for "failoverd is another" is_replaced failoverd.service "$main"
check "buyers pay by crypto" pays_by crypto
order sink status 200
machine rm /run/hold
finished() {
        status_is 'all(.actions[]; .state == "done")'
}
patience=60 wait_for "all actions are done" finished
check "the shop began once" equal "$(till)" "crypto "
check "one change" equal "$(changes)" "$((before + 1))"
told_of() { # CHANGE: ids of what the operator was told of it
        received sink '.answered == "status" and .status == 200' | jq -r ".body | fromjson | select(.type == \"change\" and .data.change == \"$1\") | .id" | sort | uniq
}
check "the operator was told" equal "$(told_of "$(status | jq -r .change)" | wc -l)" 1
