# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# A machine on which the package is installed and a shop runs, for the stories of test_installed_*.sh: beside what package.sh
# offers. Everything in it is where an operator has it; what the shop depends on are units of the machine, which the
# functions of e2e/lib.sh break on order.
. "$(dirname "${BASH_SOURCE[0]}")/package.sh"

uplink=198.51.100.1 # where the world is
canary=sk_live_canary_3f9a27c1

# Boots it with the package, and sees to it that from here the daemon's folder is $shop/run after every boot.
installed_boot() {
        machine_boot
        machine test -x /usr/lib/polkit-1/polkitd || missing "polkitd is not installed"
        machine_install
        run_link
}

story() { # TEXT: what the next part of a long test tells, and when it began
        echo "$((SECONDS / 60)):$((SECONDS % 60)) $*"
}

status() { # through the socket: it is asked often
        ask /v1/status
}

run_link() {
        ln -sfn "/proc/$machine_pid/root/run/failoverd" "$shop/run"
}

installed_on() {
        machine_on
        run_link
}

installed_reboot() {
        machine_off
        installed_on
}

# service NAME < LINES FOR [Service]: a unit that starts with the machine, and when services_start is called.
service() {
        {
                printf '[Unit]\nAfter=uplink.service\n[Install]\nWantedBy=multi-user.target\n[Service]\n'
                cat
        } | machine_file "/etc/systemd/system/$1.service"
        services+=("$1")
}
services=()

services_start() {
        machine systemctl --quiet enable "${services[@]}" # this reloads, too
        machine systemctl start "${services[@]}" || fail "not every service starts"
}

# part NAME PROGRAM ARGUMENT...: a service of one of tests/parts, there before failoverd.
part() {
        local name=$1 program=$2
        shift 2
        service "$name" <<-END
		Type=exec
		StandardOutput=null
		ExecStartPre=/bin/rm -f $shop/$name.sock
		ExecStart=$parts/$program --control $shop/$name.sock $*
		ExecStartPost=/bin/sh -c 'until [ -S $shop/$name.sock ]; do sleep 0.02; done'
		[Unit]
		Before=failoverd.service
	END
}

# A shop that sells by card through an API on the other side of its uplink, behind TLS, with a key that only systemd can
# read; whose own service reads how buyers pay at its start; and which has crypto to fall back to.
installed_shop() {
        service uplink <<-END
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/sh -c 'ip address add $uplink/24 dev lo'
		ExecStop=/sbin/ip address delete $uplink/24 dev lo
		[Unit]
		ConditionPathExists=!/etc/uplink-is-down
	END
        certificates_make api.shop.example
        machine install -m 644 "$shop/tls/ca.crt" /etc/failoverd/payment-ca.crt
        echo "$uplink api.shop.example" | machine tee -a /etc/hosts >/dev/null
        part api payment-api --listen "$uplink:8443" --tls "$shop/tls" --key "$canary"
        part btcpay payment-api --listen 127.0.0.1:23000
        part world webhook-sink --listen "$uplink:80" --record "$shop/world.jsonl"
        part sink webhook-sink --listen 127.0.0.1:9000 --record "$shop/sink.jsonl"
        service shop <<-'END'
		EnvironmentFile=/run/failoverd/payment.env
		StateDirectory=shop
		ExecStart=/bin/sh -c 'echo $PAYMENT_MODE >>/var/lib/shop/till; exec sleep infinity'
		[Unit]
		After=failoverd.service
	END
        (umask 077 && echo "$canary" | machine_file /etc/failoverd/stripe.key)
        machine_config <<-END
		node: {id: my-shop, name: My Shop, url: "https://shop.example", fallback_url: "https://backup.shop.example", key_file: node.key}
		probes:
		  payment-api: {type: http, url: "https://api.shop.example:8443/v1/account", bearer_file: stripe.key, ca_file: /etc/failoverd/payment-ca.crt, expect_json: {charges_enabled: true}, scope: external, $fast}
		  btcpay: {type: http, url: "http://127.0.0.1:23000/api/v1/health", expect_json: {synchronized: true}, $fast}
		  world: {type: http, url: "http://$uplink/", method: POST, $fast}
		vantage: [world]
		modes:
		  - {name: primary, requires: [payment-api]}
		  - {name: crypto, requires: [btcpay], $to_crypto}
		failback: $quick_return
		actions:
		  - {type: payment-mode, restart: shop}
		  - {type: status-page}
		  - {type: alert, webhook: {url: "http://127.0.0.1:9000/alert", format: json}}
	END
        machine failoverctl setup --drop-ins >"$shop/said" # its credential, and polkit's rule
        services_start
        machine systemctl restart failoverd || fail "failoverd does not start"
        wait_for "everything is up" all_up
}

machine_config() { # TEXT on stdin
        machine_file /etc/failoverd/failoverd.yaml
        machine chown root:failoverd /etc/failoverd/failoverd.yaml
        machine chmod 640 /etc/failoverd/failoverd.yaml
}

as() { # USER [GROUP,...] -- COMMAND...: in the machine
        local user=$1 groups=--clear-groups
        shift
        if [[ $1 != -- ]]; then groups=--groups=$1 && shift; fi
        shift
        machine setpriv --reuid "$user" --regid nogroup "$groups" "$@"
}

till() { # what the shop read at each of its starts
        machine cat /var/lib/shop/till | tr '\n' ' '
}

shop_read() { # MODE: last
        [[ $(till) == *"$1 " ]]
}

both_active() {
        unit_is failoverd.service active && unit_is federationd.service active
}

is_replaced() { # UNIT PID: another process, and ready
        local now
        now=$(main_pid "$1")
        [[ $now != 0 && $now != "$2" ]] && unit_is "$1" active
}

probe_is() { # PROBE OUTCOME
        status_is ".probes[] | select(.name == \"$1\") | .outcome == \"$2\""
}
