#!/bin/bash
# SPDX-License-Identifier: MIT
# The package on a machine of its own, over several boots: both services are there at once; the flip, inside the sandbox, with a credential that is seen nowhere; a pin over a reboot (with a file that is refused, too) and a power cut; no network, a clock in the past, a full /var.
build=$(realpath "$1")
. "$(dirname "$0")/installed.sh"
need curl jq cmake openssl
installed_boot

front_says() { # MODE: federationd, to pages
        equal "$(machine curl -sS http://127.0.0.1:8440/api/config | jq -r .paymentMode)" "$1"
}

story "installed, nobody was asked anything, and both run"
wait_for "both are active" both_active
check "the supervisor answers" equal "$(machine failoverctl status --json | jq -r .mode)" primary
wait_for "the federation service answers" front_says primary

story "a shop, and who may look at it"
installed_shop
wait_for "the shop read its mode" shop_read primary
machine truncate --size 0 /var/lib/shop/till
machine useradd --system watcher
machine useradd --system stranger
check "root looks" machine failoverctl status >/dev/null
check "the group looks" as watcher failover -- failoverctl status >/dev/null
refused() { # CODE TEXT COMMAND...
        local code=$1 text=$2 status=0 said
        shift 2
        said=$("$@" 2>&1 >/dev/null) || status=$?
        equal "$status" "$code" && contains "$said" "$text"
}
check "a stranger does not" refused 3 "become a member of the group failover" as stranger -- failoverctl status
check "the group does not change anything" refused 1 "failover-admin" as watcher failover -- failoverctl pause
check "an administrator does" as watcher failover,failover-admin -- failoverctl pause >/dev/null
check "and takes it back" as watcher failover,failover-admin -- failoverctl resume >/dev/null

story "the payment API dies"
wait_for "the shop runs" unit_is shop.service active
before=$(main_pid shop.service)
order api status 503
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the shop was restarted" is_replaced shop.service "$before"
wait_for "and has read it" shop_read crypto
check "it was restarted once" equal "$(till)" "crypto "
wait_for "somebody was told" received_some sink '.body | tostring | contains("crypto")'
wait_for "the page says so" machine grep -q "Using backup payment system" /var/lib/failoverd/status/index.html
front_shows() { # TEXT: on the status page
        contains "$(machine curl -sS http://127.0.0.1:8440/status/)" "$1"
}
wait_for "and federationd serves it" front_shows "Using backup payment system"
wait_for "pages are told" front_says crypto
order api ok
wait_for "and back" pays_by primary
wait_for "the shop, too" shop_read primary

story "the credential was used, and is seen nowhere"
check "the API wants it" equal "$(machine curl -sSk --max-time 5 -o /dev/null -w '%{http_code}' --resolve "api.shop.example:8443:$uplink" \
        https://api.shop.example:8443/v1/account)" 401
seen() { # FILE...: in which of these texts
        machine grep -alF "$canary" "$@" 2>/dev/null
}
machine bash -c 'journalctl --no-pager -o export; systemctl show --all failoverd federationd shop; systemctl cat failoverd;
        failoverctl status --json; failoverctl history --json; failoverctl explain --json; curl -s http://127.0.0.1:8440/metrics' >"$shop/texts" 2>&1
for pid_of in $(main_pid failoverd) $(main_pid federationd) $(main_pid shop); do
        cat "/proc/$machine_pid/root/proc/$pid_of"/{environ,cmdline} | tr "\0" "\n" >>"$shop/texts"
done
check "there is something to search" contains "$(<"$shop/texts")" "CREDENTIALS_DIRECTORY"
check "not in the journal, systemctl show, status, environments" not grep -aqF "$canary" "$shop/texts"
check "not in a file" equal "$(seen -r /run/failoverd /run/federationd /var/lib/failoverd /var/lib/federationd /run/log /etc |
        grep -v '^/etc/\(failoverd/stripe.key\|systemd/system/api.service\)$')" ""
check "nobody else reads it" not as stranger failover,failover-admin -- cat /run/credentials/failoverd.service/stripe.key 2>/dev/null

story "pinned to the fallback over a reboot and a power cut"
machine failoverctl force-fallback --reason "stock-taking" >/dev/null
wait_for "buyers pay by crypto" pays_by crypto
wait_for "and the shop knows" shop_read crypto
count=$(changes)
goes_on_pinned() {
        wait_for "both are active again" both_active
        check "still pinned" status_is '.operator.pinned == "crypto" and .mode == "crypto" and .durable'
        check "buyers pay by crypto from the start" pays_by crypto
        wait_for "everything is up" all_up
        wait_for "the shop runs" unit_is shop.service active
        check "the shop never read another mode" shop_read "crypto"
        check "no change was made up" equal "$(changes)" "$count"
}
started_usec() { # UNIT: since the boot
        echo $(($(machine systemctl show -P ActiveEnterTimestampMonotonic "$1") - $(machine systemctl show -P UserspaceTimestampMonotonic)))
}
machine chmod 600 /etc/failoverd/failoverd.yaml
machine chown root:root /etc/failoverd/failoverd.yaml
installed_reboot
wait_for "a supervisor that cannot read its file has failed" unit_is failoverd.service failed
wait_for "the shop runs nevertheless" unit_is shop.service active
check "buyers pay by crypto" pays_by crypto
wait_for "pages are told" front_says crypto
machine chown root:failoverd /etc/failoverd/failoverd.yaml
machine chmod 640 /etc/failoverd/failoverd.yaml
installed_reboot
goes_on_pinned
for unit in failoverd federationd; do
        took=$(started_usec $unit.service)
        echo "     $unit was active $((took / 1000)) ms after systemd began"
        check "$unit is active within 2 s of the boot, or some on a busy machine" test "$took" -lt 10000000
done
till_is() {
        equal "$(till)" "$1"
}
wait_for "the shop has started" till_is "crypto primary crypto crypto crypto "
check "once" till_is "crypto primary crypto crypto crypto "
machine_cut
installed_on
goes_on_pinned
machine failoverctl auto >/dev/null
wait_for "free again" pays_by primary
wait_for "the shop, too" shop_read primary
count=$(changes)

story "a boot with no network"
machine touch /etc/uplink-is-down
installed_reboot
wait_for "both are active" both_active
cannot_see() {
        probe_is payment-api inconclusive && probe_is world inconclusive
}
wait_for "it cannot see, and says so" cannot_see
check "with the reason" contains "$(probe_message payment-api)" "etwork is unreachable"
check "it stays with cards" pays_by primary
wait_for "what is near is seen" verdict_is btcpay up
check "root can ask" contains "$(machine failoverctl status || true)" "etwork is unreachable"
wait_for "pages are told" front_says primary
machine rm /etc/uplink-is-down
machine systemctl start uplink
wait_for "the network comes" all_up
check "nothing was switched" equal "$(changes)" "$count"

story "a boot with the clock ten years back"
# A clock of its own is what no namespace gives a machine; so both daemons are told another time than it has.
machine install -m 755 "$parts/libfake-clock.so" /usr/lib/fake-clock.so
machine_file /etc/clock <<<-315360000
for unit in failoverd federationd; do
        drop_in $unit.service clock <<-END
		[Service]
		Environment=LD_PRELOAD=/usr/lib/fake-clock.so FAKE_CLOCK=/etc/clock
	END
done
machine failoverctl force-fallback --for 2h >/dev/null
wait_for "pinned for two hours" shop_read crypto
count=$(changes)
installed_reboot
wait_for "both are active" both_active
wait_for "the API's certificate is not judged by our clock" probe_is payment-api inconclusive
check "it is the clock" contains "$(probe_message payment-api)" "clock"
check "the year is another" contains "$(status | jq -r .updated)" "$(date -d '-3650 days' +%Y)"
check "still pinned" status_is '.operator.pinned == "crypto" and .mode == "crypto"'
machine_file /etc/clock <<<0
wait_for "the time is set" all_up
check "that ends no pin" status_is '.operator.pinned == "crypto"'
check "which is for two hours, as before" test "$(($(date -d "$(status | jq -r .operator.until)" +%s) - $(date +%s)))" -gt 7000
check "nothing was switched" equal "$(changes)" "$count"
machine failoverctl force-primary >/dev/null # automation rests for half a minute when a clock is set, an operator does not
wait_for "buyers pay by card" pays_by primary
machine failoverctl auto >/dev/null
machine rm /etc/systemd/system/{failoverd,federationd}.service.d/clock.conf
count=$(changes)

story "a boot with a full /var"
wait_for "the shop, too" shop_read primary
machine_var_fill
check "it is full" not machine sh -c 'echo something >/var/something' 2>/dev/null
installed_reboot
wait_for "both are active" both_active
wait_for "all is up" all_up
check "it stays with cards" pays_by primary
check "nothing was switched" equal "$(changes)" "$count"
order api status 503
wait_for "and still fails over" pays_by crypto
wait_for "the page, too" machine grep -q "Using backup payment system" /var/lib/failoverd/status/index.html
change=$(status | jq -r .change)
machine_cut
installed_on # with it, the payment API is well again
wait_for "both are active" both_active
journal_says() { # TEXT: of the supervisor; what it said may be on its way into the journal
        contains "$(machine journalctl --no-pager -o cat -u failoverd)" "$1"
}
wait_for "the change was on the disk" journal_says "running in mode crypto"
wait_for "and it returns" pays_by primary
check "from that one" equal "$(ask /v1/history?limit=2 | jq -r '.changes[1].id')" "$change"

story "a first start ever on a full /var"
machine_var_empty
machine systemctl stop failoverd federationd.socket federationd-control.socket federationd
machine find /var/lib/failoverd /var/lib/federationd -mindepth 1 -delete
machine_var_fill
installed_reboot
wait_for "both are active" both_active
says() { # TEXT COMMAND...: in the machine
        contains "$(machine "${@:2}" || true)" "$1"
}
wait_for "it says that nothing is kept" says "NOT DURABLE" failoverctl status
wait_for "to systemd, too" says "not durable" systemctl show -P StatusText failoverd
wait_for "and why" journal_says "disk is full"
wait_for "federationd says why it finds nothing" says "disk is full" curl -sS http://127.0.0.1:8440/api/search?q=war
order api status 503
wait_for "it fails over all the same" pays_by crypto
wait_for "pages are told" front_says crypto
machine_var_empty
wait_for "what is known is saved" status_is .durable
wait_for "federationd searches" machine curl -sSf http://127.0.0.1:8440/api/search?q=war
wait_for "which systemd knows, too" not says "not durable" systemctl show -P StatusText failoverd
order api ok
wait_for "and returns" pays_by primary
