#!/bin/bash
# SPDX-License-Identifier: MIT
# A change of mode stops, starts, restarts and reloads units of a real systemd, as an ordinary user whom polkit lets; says what to do when it does not; each once, whatever fails or is killed meanwhile.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq
machine_boot
machine test -x /usr/lib/polkit-1/polkitd || missing "polkitd is not installed"

# Every unit writes down what happens to it.
mkdir "$shop/units"
chmod 777 "$shop/units"
happened() { # UNIT: "start reload stop …"
        tr '\n' ' ' <"$shop/units/$1" 2>/dev/null
}
shop_unit() { # NAME < MORE LINES
        machine_unit "$1.service" <<-END
		[Service]
		ExecStartPre=/bin/sh -c 'echo start >>$shop/units/$1; while [ -e $shop/units/hold-$1 ]; do sleep 0.02; done; [ ! -e $shop/units/break-$1 ]'
		ExecStart=/bin/sleep infinity
		ExecReload=/bin/sh -c 'echo reload >>$shop/units/$1'
		ExecStop=/bin/sh -c 'echo stop >>$shop/units/$1'
	END
}
for unit in cards crypto front worker idle; do shop_unit $unit; done
machine_unit till.service <<-END # the shop itself: knows how buyers pay from its environment
	[Service]
	EnvironmentFile=-$shop/run/payment.env
	ExecStart=/bin/sh -c 'echo \$PAYMENT_MODE >>$shop/units/till; exec sleep infinity'
END
machine systemctl start cards front worker

config <<-END
	node: $node
	probes:
	  # the shop's health is a file, so that this test decides
	  cards: {type: exec, command: [/bin/sh, -c, "[ ! -e $shop/units/outage ] || exit 2"], $fast}
	modes:
	  - {name: primary, requires: [cards]}
	  - {name: crypto, requires: [], $to_crypto}
	failback: {hold: 100ms, hold_max: 100ms, max_changes_per_day: 0}
	actions:
	  - {type: payment-mode, restart: till}
	  - {type: unit, name: "off", modes: [crypto], stop: cards, start: crypto, restart: worker, reload: [front, idle], timeout: 1s}
	  - {type: unit, name: "on", modes: [primary], stop: crypto, start: cards}
END
machine_failoverd </dev/null
action() { # NAME JQ
        status_is ".actions[] | select(.name == \"$1\") | $2"
}
outage() {
        touch "$shop/units/outage"
        wait_for "buyers pay by crypto" pays_by crypto
}
recovery() {
        rm -f "$shop/units/outage"
        wait_for "buyers pay by card" pays_by primary
        wait_for "the units are those of primary" action on '.state == "done"'
}
is_done() { # after a retry, for which an operator would wait
        action off '.state == "done"'
}
refused() {
        action off '.attempts > 0 and (.message | test("'"$1"'"))'
}

# Nobody has told polkit.
patience=40
wait_for "what is so already needs no permission" action on '.state == "done"'
outage
wait_for "the refusal is told" refused "stop of cards.service: systemd does not let us \\\\(user id [0-9]+\\\\), polkit has to allow it: see operations.md"
refused_too() {
        action payment-mode '.attempts > 0 and (.message | test("payment.env written; restart of till.service: .*polkit has to allow"))'
}
wait_for "the refusal of payment-mode's restart, too" refused_too
check "nothing was touched" equal "$(happened cards)$(happened front)" "start start "
sed -n '/^polkit.addRule/,/^});/p' "$source_dir/docs/operations.md" |
        sed 's/\["shop.service", .*\]/["cards.service", "crypto.service", "front.service", "worker.service", "idle.service", "till.service"]/' |
        machine_file /etc/polkit-1/rules.d/50-failoverd.rules
wait_for "allowed, it is done at the next attempt" is_done
check "cards is stopped" unit_is cards.service inactive
check "crypto is started" unit_is crypto.service active
check "worker is restarted once" equal "$(happened worker)" "start stop start "
check "front is reloaded once" equal "$(happened front)" "start reload "
check "what does not run is neither started nor reloaded" unit_is idle.service inactive
check "what was done is told" action off '.message | startswith("cards.service stopped; crypto.service started; worker.service restarted; ")'
check "what was not needed, too" action off '.message | contains("idle.service does not run, and needs no reload")'
for unit in dbus.service machine.target; do
        check "the rule allows nothing else: $unit" not machine setpriv --reuid failoverd --regid failoverd --clear-groups \
                systemctl --no-ask-password stop "$unit" 2>/dev/null
done
till_read() {
        [[ $(happened till) == "$1" ]]
}
wait_for "the shop was restarted to read its mode" till_read "crypto "
recovery
wait_for "and again" till_read "crypto primary "
check "cards sells again" unit_is cards.service active
check "crypto is stopped" unit_is crypto.service inactive

# One that fails holds up nobody, and is tried again; what is done is not done twice.
for unit in worker front; do : >"$shop/units/$unit"; done
touch "$shop/units/break-crypto"
outage
wait_for "its failure is told" refused "start of crypto.service: failed \\\\(exit-code\\\\) since"
wait_for "the others are done" action off '.message | test("worker.service restarted; .*front.service reloaded")'
rm "$shop/units/break-crypto"
wait_for "it is done once it can be" is_done
check "worker was restarted once" equal "$(happened worker)" "stop start "
check "front was reloaded once" equal "$(happened front)" "reload "
recovery

# One that takes longer than the deadline is waited for again.
touch "$shop/units/hold-crypto"
outage
wait_for "the deadline holds" refused "start of crypto.service: systemd is still at it after"
check "the job goes on" unit_is crypto.service activating
rm "$shop/units/hold-crypto"
wait_for "it is done in the end" is_done
recovery

# Killed in the middle of it.
for unit in crypto worker front; do : >"$shop/units/$unit"; done
touch "$shop/units/hold-crypto"
outage
wait_for "crypto is being started" unit_is crypto.service activating
machine systemctl kill --signal=KILL failoverd.service
wait_for "failoverd is dead" unit_is failoverd.service failed
rm "$shop/units/hold-crypto"
machine systemctl start failoverd.service
wait_for "failoverd answers" status
wait_for "a restart finishes it" is_done
check "crypto was started once" equal "$(happened crypto)" "start "
check "worker was restarted once" equal "$(happened worker)" "stop start "
check "front was reloaded once" equal "$(happened front)" "reload "

# Without the bus.
machine systemctl stop dbus.socket dbus.service
rm -f "$shop/units/outage"
wait_for "buyers pay by card without the bus" pays_by primary
bus_is_missed() {
        action on '.attempts > 0 and (.message | test("the system bus cannot be reached"))'
}
wait_for "its absence is told" bus_is_missed
machine systemctl start dbus.socket
wait_for "the units are those of primary" action on '.state == "done"'
check "cards sells again" unit_is cards.service active
