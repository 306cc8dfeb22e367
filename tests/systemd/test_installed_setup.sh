#!/bin/bash
# SPDX-License-Identifier: MIT
# From the installed package to a shop that fails over, by failoverctl setup and its questions alone: credentials, sandbox, polkit and
# groups are as the answers need them, every probe was run as the daemon will run it; and after an edit by hand, check-config says what
# the system does not give, and setup --drop-ins gives it.
build=$(realpath "$1")
. "$(dirname "$0")/installed.sh"
need curl jq
installed_boot
said=$shop/said
: >"$said"

story "a shop: its payment API, its fallback, its own service, the user that it runs as"
part api payment-api --listen 127.0.0.1:8443 --key "$canary"
part btcpay payment-api --listen 127.0.0.1:23000
part sink webhook-sink --listen 127.0.0.1:9000 --record "$shop/sink.jsonl"
service shop <<-'END'
	EnvironmentFile=/run/failoverd/payment.env
	StateDirectory=shop
	ExecStart=/bin/sh -c 'echo $PAYMENT_MODE >>/var/lib/shop/till; exec sleep infinity'
	[Unit]
	After=failoverd.service
END
services_start
machine useradd --system --gid nogroup seller

story "setup asks"
TAB=$'\t'
machine /usr/bin/python3 "$source_dir/tests/parts/answer.py" "$said" failoverctl setup <<-END || fail "setup ended with $?: $(<"$said")"
	Id [${TAB}corner-shop
	for people [${TAB}Corner Shop
	URL:${TAB}http://127.0.0.1
	Fallback URL:${TAB}
	Payment API:${TAB}http://127.0.0.1:8443/v1/account
	Key (not shown):${TAB}$canary
	Fallback:${TAB}http://127.0.0.1:23000
	Domain:${TAB}
	Database:${TAB}
	Disk [${TAB}/srv
	User:${TAB}seller
	Units:${TAB}shop
	Alerts:${TAB}http://127.0.0.1:9000/alert
	json [${TAB}
	Other shops:${TAB}
	Write it${TAB}y
	Start both${TAB}y
END
check "every probe was run in the sandbox" grep -q "as failoverd and in its sandbox" "$said"
for probe in payment-api disk btcpay; do
        check "$probe was run and passes" grep -qE "^$probe +pass" "$said"
done
check "all is well" grep -q "All of it is well" "$said"
check "no secret is shown" not grep -q "$canary" "$said"
check "a copy of the system is not opened" not machine grep -q ReadWritePaths /etc/systemd/system/failoverd.service.d/50-setup.conf

probed() { # COMMAND...: so, after one more run of every probe: their pace is that of a real shop
        machine failoverctl probe >"$said" 2>&1
        "$@"
}

story "it runs"
wait_for "everything is up" probed all_up
check "both are active" both_active
check "the secret is for root" equal "$(machine stat -c '%U:%G %a' /etc/failoverd/payment.key)" "root:root 600"
check "the configuration is for the daemon" equal "$(machine stat -c '%U:%G %a' /etc/failoverd/failoverd.yaml)" "root:failoverd 640"
check "check-config has nothing to say about the system" equal \
        "$(machine failoverctl check-config --json | jq -c '[.findings[].code | select(test("cred|read-only|member"))]')" "[]"
report_as_seller() {
        machine setpriv --reuid seller --regid nogroup --init-groups curl -sS --fail-with-body --unix-socket /run/failoverd/control.sock \
                http://failoverd/v1/report --data '{"probe":"checkout","outcome":"pass"}'
}
check "the shop's user may report" report_as_seller

story "the payment API dies"
order api status 503
wait_for "buyers pay by crypto" probed pays_by crypto
wait_for "polkit lets failoverd restart the shop, which reads it" shop_read crypto
check "somebody was told" received_some sink '.body | tostring | contains("crypto")'
order api ok
machine failoverctl force-primary >"$said"
wait_for "and back, by the operator's word" pays_by primary
check "other units are not its business" not machine setpriv --reuid failoverd --regid failoverd --clear-groups \
        systemctl --no-ask-password restart btcpay.service

story "an edit by hand"
machine install -d -o failoverd /srv/books
machine install -d -o failoverd /home/books '/tmp/a:b %c'
machine install -d /home/clerk/bin
machine_file /home/clerk/bin/probe.py <<-'END'
	import os, time
	print("old", flush=True)
	while not os.path.exists("/home/clerk/bin/go"): time.sleep(0.02)
END
machine sed -i '/^probes:/a\  colon: {type: disk, path: "/tmp/a:b %c"}\n  script: {type: exec, timeout: 4s, command: [/usr/bin/python3, /home/clerk/bin/probe.py]}\n  books: {type: disk, path: /srv/books, fast_interval: 100ms}\n  home: {type: disk, path: /home/books}\n  other: {type: http, url: "http://127.0.0.1:8443/v1/account", bearer_file: other.key}' /etc/failoverd/failoverd.yaml
(umask 077 && echo "$canary" | machine_file /etc/failoverd/other.key)
machine useradd --system clerk
machine sed -i '/^network:/a\  orders_from: [clerk]' /etc/failoverd/federationd.yaml
machine failoverctl check-config --json >"$shop/report" || fail "it cannot be used"
check "check-config says what is not given" jq -e '[.findings[].code | select(. == "no-credential" or . == "read-only")] | length == 4' "$shop/report"
check "… of what a command is given, too" jq -e '[.findings[] | select(.code == "hidden") | .message] | length == 1 and (.[0] | contains("probe.py"))' "$shop/report"
machine failoverctl check-config --json /etc/failoverd/federationd.yaml >"$shop/report" || fail "it cannot be used"
check "of federationd, too" jq -e 'any(.findings[]; .code == "no-member")' "$shop/report"
not machine failoverctl setup --trial >"$said" 2>&1 || fail "the trial passes without it"
check "a script behind its interpreter is hidden" grep -qE "^script +FAIL" "$said"
for probe in books home other colon; do
        check "$probe cannot tell" grep -qE "^$probe +cannot tell" "$said"
done
machine failoverctl setup --drop-ins >"$said"
check "it says when it counts" grep -q "systemctl restart" "$said"
argv_canary=canary_in_argv_9c1d
printf '[Service]\nSetCredential=tok:%s\nEnvironment=SPELL=%s\n' $argv_canary $argv_canary | drop_in failoverd.service token
machine chmod 600 /etc/systemd/system/failoverd.service.d/token.conf
printf 'in its sandbox\t^C\n' | machine /usr/bin/python3 "$source_dir/tests/parts/answer.py" "$said" failoverctl setup --trial &&
        fail "the trial goes on after ^C"
check "who ends a trial is not sent to look for a mistake" grep -q "ended before it was over" "$said"
left_behind() {
        machine sh -c 'ls -d /run/failoverctl.* /run/systemd/system/failoverd-trial*' 2>/dev/null
}
check "nor is anything left of it" equal "$(left_behind)" ""
machine failoverctl setup --trial >"$said" 2>&1 &
trial=$!
command_lines() {
        machine sh -c 'cat /proc/[0-9]*/cmdline' 2>/dev/null | tr '\0' '\n'
}
script_runs() {
        [[ $(command_lines) == *probe.py* ]]
}
wait_for "the trial runs the script" script_runs
check "no command line of a trial has a secret of a drop-in" not contains "$(command_lines)" "$argv_canary"
machine touch /home/clerk/bin/go
wait "$trial" || fail "the trial does not pass: $(<"$said")"
check "a trial leaves nothing behind" equal "$(left_behind)" ""
machine failoverctl check-config --json >"$shop/report"
check "check-config is content" jq -e '[.findings[].code | select(. == "no-credential" or . == "read-only")] == []' "$shop/report"
machine failoverctl check-config --json /etc/failoverd/federationd.yaml >"$shop/report"
check "of federationd, too, it is" jq -e 'all(.findings[]; .code != "no-member")' "$shop/report"
machine systemctl restart failoverd
wait_for "everything is up" probed all_up
echo 'print("new")' | machine tee /home/clerk/bin/next >/dev/null
machine mv /home/clerk/bin/next /home/clerk/bin/probe.py
script_says() {
        [[ $(probe_message script) == "$1" ]]
}
wait_for "a new version of a script is run" probed script_says new

story "a secret is lost: what needs it says so, and the rest runs"
machine rm /etc/failoverd/other.key
machine systemctl restart failoverd || fail "it does not start without it"
wait_for "it cannot tell" probe_is other inconclusive
check "it says why" contains "$(probe_message other)" "is the file there"
check "the others are well" probe_is payment-api pass
machine mv /etc/failoverd/node.key /etc/failoverd/lost
machine systemctl restart failoverd federationd || fail "it takes the node's key to start"
wait_for "without the node's key both run" both_active

story "what cannot be started is said, and the other is"
machine systemctl mask --quiet --now federationd.service
before=$(main_pid failoverd)
printf 'Replace it?\tn\nStart both\ty\n' | machine /usr/bin/python3 "$source_dir/tests/parts/answer.py" "$said" failoverctl setup &&
        fail "both were started, though one is masked"
check "it says so" grep -q "not both are started" "$said"
check "failoverd was restarted" is_replaced failoverd "$before"
story "done"
