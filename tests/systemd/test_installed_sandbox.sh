#!/bin/bash
# SPDX-License-Identifier: MIT
# In the sandbox of failoverd.service, which systemd itself rates 1.2 or better, everything works: HTTP over TLS, DNS, PostgreSQL by its socket, disks, SQLite, plug-ins, signed DNS updates, commands, mail, restarts through polkit. Credentials are used and show nowhere; the journal explains each change of mode.
build=$(realpath "$1")
. "$(dirname "$0")/installed.sh"
need curl jq nsupdate dig psql sqlite3
[[ -x /usr/lib/nagios/plugins/check_load ]] || missing "monitoring-plugins-basic is not installed"
installed_boot
parts_in=(machine)

# ---- the counterparts: a payment API, a name server, a database, a mail server, the shop itself

certificates_make shop.example
part_start api payment-api --tls "$shop/tls" --key "$canary"
part_start btcpay payment-api
mail_start mail
dns_start shop.example
machine install -d -o postgres /run/postgresql
postgres_start database "unix_socket_directories=$shop/database,/run/postgresql"
machine_unit till.service <<-'END' # the shop: knows how buyers pay from its environment
	[Service]
	EnvironmentFile=/run/failoverd/payment.env
	ExecStart=/bin/sh -c 'echo $PAYMENT_MODE >>/var/lib/till; exec sleep infinity'
END
machine systemctl start till.service
machine install -d -m 2770 -o www-data -g failoverd /srv/shop
machine sqlite3 /srv/shop/orders.db "CREATE TABLE orders (id); INSERT INTO orders VALUES (1)"
machine chown www-data:failoverd /srv/shop/orders.db
machine chmod 660 /srv/shop/orders.db
machine_file /usr/local/bin/on-change <<-'END'
	#!/bin/sh
	echo "$FAILOVER_MODE" >>/srv/shop/changes
END
machine chmod 755 /usr/local/bin/on-change
machine install -m 644 "$shop/tls/ca.crt" /etc/failoverd/tls-ca.crt
machine install -m 644 "$shop/mail-tls/ca.crt" /etc/failoverd/mail-ca.crt
echo "127.0.0.1 mail.shop.example shop.example" | machine tee -a /etc/hosts >/dev/null
echo "$canary" >"$shop/stripe.key"
for key in stripe.key dns.key mail.password; do
        machine install -m 600 "$shop/$key" "/etc/failoverd/$key"
        rm "$shop/$key"
done

# ---- an operator's configuration, and what `failoverctl setup` writes down for it

quick="interval: 500ms, fast_interval: 100ms, timeout: 3s"
machine_config <<-END
	node: {id: my-shop, name: My Shop, url: "https://shop.example", key_file: node.key}
	probes:
	  payment-api: {type: http, url: "https://shop.example:${port[api]}/v1/account", resolve: 127.0.0.1, ca_file: /etc/failoverd/tls-ca.crt, bearer_file: stripe.key, expect_json: {charges_enabled: true}, $quick}
	  payment-port: {type: tcp, host: shop.example, port: ${port[api]}, resolve: 127.0.0.1, tls: true, ca_file: /etc/failoverd/tls-ca.crt, $quick}
	  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $quick}
	  domain: {type: dns, name: www.shop.example, record: A, servers: ["$dns"], $quick}
	  database: {type: postgresql, dsn: "host=/var/run/postgresql port=${port[database]} user=postgres dbname=shop", $quick}
	  orders-db: {type: sqlite, path: /srv/shop/orders.db, query: "SELECT count(*) FROM orders", expect: "1", $quick}
	  disk: {type: disk, path: /srv/shop, min_free: 1MiB, $quick}
	  var: {type: disk, path: /var/log, write_test: false, min_free: 1MiB, $quick}
	  plugin: {type: exec, command: [/usr/lib/nagios/plugins/check_load, -w, "99,99,99", -c, "999,999,999"], $quick}
	  script: {type: exec, command: [/usr/bin/python3, -c, "print('python is well')"], $quick}
	  till: {type: unit, name: till.service, $quick}
	  checkout: {type: passive, from: [www-data]}
	modes:
	  - {name: primary, requires: [payment-api, payment-port, domain, database, orders-db, disk, plugin, script, checkout]}
	  - {name: crypto, requires: [btcpay, database], $to_crypto}
	failback: {hold: 500ms, hold_max: 500ms, max_changes_per_day: 0}
	metrics_listen: 127.0.0.1:9440
	actions:
	  - {type: payment-mode, restart: [till.service]}
	  - {type: status-page}
	  - type: dns
	    provider: rfc2136
	    server: $dns
	    zone: shop.example
	    key_file: dns.key
	    records: {primary: ["pay.shop.example. 1 A 192.0.2.1"], crypto: ["pay.shop.example. 1 A 198.51.100.7"]}
	  - {type: exec, name: on-change, command: [/usr/local/bin/on-change]}
	  - type: alert
	    smtp: {url: "smtp://mail.shop.example:${port[mail]}", from: failoverd@shop.example, to: [ops@shop.example], username: ops, password_file: mail.password, ca_file: /etc/failoverd/mail-ca.crt}
END
machine failoverctl setup --drop-ins >"$shop/setup.log" 2>&1 || fail "setup --drop-ins"
drop_in failoverd.service 95-strict <<<$'[Service]\nSystemCallErrorNumber=kill' # nothing that is denied goes unnoticed
drop_in failoverd.service 90-closed <<<$'[Service]\nReadWritePaths=' # none of those that setup has opened
machine systemctl restart failoverd.service || fail "failoverd does not start"

# ---- a path that it may not write to is said to be the sandbox, and no outage

outcome_is() { # PROBE OUTCOME PART-OF-THE-MESSAGE
        status_is ".probes[] | select(.name == \"$1\") | .outcome == \"$2\" and (.message | contains(\"$3\"))"
}
wait_for "the sandbox is no outage of the disk" outcome_is disk inconclusive "in our sandbox alone: ReadWritePaths="
wait_for "nor of the SQLite file" outcome_is orders-db inconclusive "in our sandbox alone: ReadWritePaths="
wait_for "a disk that is only measured needs nothing" outcome_is var pass ""
machine rm /etc/systemd/system/failoverd.service.d/90-closed.conf
machine systemctl daemon-reload
machine systemctl restart failoverd.service

# ---- everything works

wait_for "every probe is up in the sandbox" all_up
check "systemd rates it 1.2 or better" machine systemd-analyze security --threshold=12 --no-pager failoverd.service >/dev/null
check "and federationd" machine systemd-analyze security --threshold=12 --no-pager federationd.service >/dev/null
dns_says() { # ADDRESS
        [[ $(machine dig +short "@${dns%:*}" -p "${dns#*:}" pay.shop.example) == "$1" ]]
}
all_done() {
        status_is 'all(.actions[]; .state == "done")'
}
wait_for "DNS says where to pay by card" dns_says 192.0.2.1
wait_for "all is as it should be" all_done
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "DNS follows, by a signed update" dns_says 198.51.100.7
till_says() {
        [[ $(machine tail -n 1 /var/lib/till) == "$1" ]]
}
wait_for "the shop is restarted through polkit, and reads the new mode" till_says crypto
last_change() {
        [[ $(machine tail -n 1 /srv/shop/changes) == "$1" ]]
}
wait_for "the operator's command ran, and wrote where it may" last_change crypto
mailed() {
        (($(mails mail) > 0))
}
wait_for "mail was sent, with TLS and a login" mailed
wait_for "every action is done" all_done
check "the status page is there" machine grep -q "My Shop" /var/lib/failoverd/status/index.html
check "metrics are served" contains "$(machine curl -sS http://127.0.0.1:9440/metrics)" failoverd_mode
check "the shop's user may report" machine setpriv --reuid=www-data --regid=www-data --init-groups \
        curl -sSf --unix-socket /run/failoverd/control.sock http://failoverd/v1/report -d '{"probe":"checkout","outcome":"pass"}' -o /dev/null
order api ok
wait_for "buyers pay by card again" pays_by primary
wait_for "the shop was told" till_says primary

# ---- the journal explains each kind

explained() { # ID WORDS
        machine journalctl --sync
        contains "$(machine journalctl --no-pager -x MESSAGE_ID="$(id "$1")" | tr -s ' \n░' ' ')" "$2"
}
id() {
        sed -n "s/^#define $1 *\"\(.*\)\"/\1/p" "$source_dir/base/message_id.h"
}
wait_for "the failover is explained" explained MESSAGE_FAILOVER "failed over from primary to crypto"
wait_for "with its cause" explained MESSAGE_FAILOVER "is down: payment-api down: HTTP 503"
wait_for "the return, too" explained MESSAGE_RETURN "returned from crypto to primary"
machine failoverctl force-fallback --mode crypto --reason "a test" >/dev/null
wait_for "what an operator does, too" explained MESSAGE_OPERATOR "An operator has put the shop into mode crypto"
machine failoverctl auto >/dev/null
wait_for "buyers pay by card once more" pays_by primary

# ---- what is denied, and what opens it, as the documentation has it

check "nothing that it needed was denied" equal "$(machine systemctl show -P NRestarts failoverd.service)" 0
machine rm /etc/systemd/system/failoverd.service.d/95-strict.conf
machine systemctl daemon-reload
sed -n '/^sandboxed() {/,/^}/p' "$source_dir/docs/sandbox.md" >"$shop/sandboxed.sh"
sandboxed() { # [-p SETTING=VALUE]... COMMAND...
        machine bash -c '. "$1"; shift; sandboxed "$@"' sandboxed "$shop/sandboxed.sh" "$@" >"$shop/sandboxed.out" 2>&1
}
jit='import mmap; mmap.mmap(-1, 4096, prot=7)' # memory that is written to and run, as by Node.js and Java
check "what it may, it does" sandboxed /usr/bin/python3 -c 'print(6 * 7)'
check "no memory is written to and run" not sandboxed /usr/bin/python3 -c "$jit"
check "MemoryDenyWriteExecute= opens it" sandboxed -p MemoryDenyWriteExecute=no /usr/bin/python3 -c "$jit"
machine mkdir -p /home/shop/data
check "homes are closed" not sandboxed ls /home/shop/data
check "a folder of one can be shown" sandboxed -p ProtectHome=tmpfs -p BindReadOnlyPaths=/home/shop/data ls /home/shop/data
check "nothing is given away" not sandboxed sh -c 'touch /tmp/a && chgrp failover /tmp/a'
check "@chown opens it" sandboxed -p SystemCallFilter=@chown sh -c 'touch /tmp/a && chgrp failover /tmp/a'
check "other users' processes are not seen" not sandboxed test -e /proc/1
check "paths are read-only" not sandboxed touch /srv/x
check "setup has opened its own" sandboxed touch /srv/shop/x

# ---- what a probe leaves behind ends with it, in the sandbox, too

machine_file /usr/local/bin/leaves <<-'END'
	#!/bin/sh
	setsid sleep 4242 &
	(setsid sleep 4242 &) &
	exec sleep 4242
END
machine chmod 755 /usr/local/bin/leaves
machine sed -i 's/^  checkout:/  leaves: {type: exec, command: [\/usr\/local\/bin\/leaves], interval: 1h, fast_interval: 1h, timeout: 2s}\n&/' \
        /etc/failoverd/failoverd.yaml
machine systemctl reload failoverd.service
sleepers() {
        machine pgrep -cf "^sleep 4242" || true
}
three_sleep() {
        [[ $(sleepers) == 3 ]]
}
nobody_sleeps() {
        [[ $(sleepers) == 0 ]]
}
wait_for "it has started two more, in sessions of their own" three_sleep
wait_for "a plug-in that hangs is ended" outcome_is leaves fail "no answer"
wait_for "with all that it has started" nobody_sleeps

# ---- the credentials show nowhere

check "the key was used" test "$(requests api)" -gt 0
mkdir "$shop/answers"
machine journalctl --no-pager -o export >"$shop/answers/journal"
machine systemctl show failoverd.service >"$shop/answers/show"
machine systemctl status --no-pager -l failoverd.service >"$shop/answers/systemctl-status" || true
status >"$shop/answers/status"
machine failoverctl explain >"$shop/answers/explain"
machine cp -r /var/lib/failoverd "$shop/answers/state"
machine cp /run/failoverd/{mode.json,payment.env} "$shop/answers/"
# shellcheck disable=SC2016
machine bash -c 'for i in $(seq 40); do for p in $(cat "/sys/fs/cgroup$1/cgroup.procs"); do cat /proc/$p/environ /proc/$p/cmdline; done; done' \
        look "$(machine systemctl show -P ControlGroup failoverd.service)" 2>/dev/null | tr "\0" "\n" | sort -u >"$shop/answers/processes" || true
check "its processes were looked at" grep -qx /usr/sbin/failoverd "$shop/answers/processes"
for word in "$canary" "$dns_secret" "$mail_password"; do
        found=$(grep -rlaF -- "$word" "$shop/answers" || true)
        check "$word is nowhere, but in: $found" equal "$found" ""
done
