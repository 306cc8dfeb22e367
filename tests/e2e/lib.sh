# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the end-to-end tests and the demo share: a shop in a folder of its own, the parts it depends on, and waiting for
# conditions. Everything is on loopback; everything ends with the script, by process id.
set -euo pipefail
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin
for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done
unset -v http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NOTIFY_SOCKET WATCHDOG_USEC LISTEN_FDS LISTEN_PID \
        CREDENTIALS_DIRECTORY RUNTIME_DIRECTORY STATE_DIRECTORY CONFIGURATION_DIRECTORY JOURNAL_STREAM || true
source_dir=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
parts=${build:?the build folder}/tests

skip() {
        echo "skipped: $*"
        exit 77
}

missing() { # TEXT: what no capability is needed for; scripts/test has just installed everything (REQUIRE=1), and there it fails
        [[ ! ${REQUIRE-} ]] || fail "$*"
        skip "$*"
}

in_full() { # is this `scripts/test --full`, and time no matter?
        [[ ${FULL-} ]]
}

need() { # PROGRAM...
        local program
        for program in "$@"; do
                command -v "$program" >/dev/null || missing "$program is not installed"
        done
}

need_root() {
        [[ $EUID == 0 ]] || skip "needs root"
}

private_mounts() { # ARGUMENTS of the script: it runs again in a mount namespace of its own, or is skipped
        [[ ${PRIVATE_MOUNTS-} ]] && return
        need_root
        unshare --mount --propagation private true 2>/dev/null || skip "cannot make a mount namespace (CAP_SYS_ADMIN)"
        rm -rf "$shop"
        PRIVATE_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$@"
}

private_network() { # ARGUMENTS of the script: it runs again in a network namespace of its own, or is skipped
        [[ ${PRIVATE_NETWORK-} ]] && return
        need_root
        unshare --net true 2>/dev/null || skip "cannot make a network namespace (CAP_SYS_ADMIN)"
        rm -rf "$shop"
        PRIVATE_NETWORK=1 exec unshare --net bash "$0" "$@"
}

# ---- waiting and judging

declare -A pid=()
shop=$(mktemp -d /tmp/shop.XXXXXX)
chmod 755 "$shop"
patience=${PATIENCE:-30} # seconds until a wait is given up; generous, since sanitizers and neighbours are slow

exec 3>&2 # where failures are told, whatever a wait silences
fail() {
        local name
        set +e
        {
                echo "FAILED: $*"
                echo "  at: ${BASH_SOURCE[*]: -1}:${BASH_LINENO[*]: -2:1}"
                [[ -S $shop/run/control.sock ]] && { echo "---- status"; status; echo; }
                for name in "${!pid[@]}"; do
                        echo "---- processes of $name"
                        ps -o pid,ppid,stat,etimes,wchan:20,args -p "${pid[$name]}" --ppid "${pid[$name]}"
                done
                for name in "$shop"/*.log; do
                        [[ -s $name ]] || continue
                        echo "---- ${name##*/}"
                        tail -n "${LOG_LINES:-40}" "$name"
                done
        } >&3 2>&3
        exit 1
}

wait_for() { # CLAIM COMMAND...: until the command succeeds
        local claim=$1 end=$((SECONDS + patience)) polls=0
        shift
        until "$@" >/dev/null 2>&1; do
                ((SECONDS < end)) || fail "not within $patience s: $claim"
                if ((++polls < 30)); then nap; else nap 0.1; fi # a long wait asks less often: asking starts curl and jq
        done
}

nap() { # [SECONDS]: without a process; 30 ms
        read -rt "${1:-0.03}" <>"$shop/.nap" || true
}
mkfifo "$shop/.nap"

check() { # CLAIM COMMAND...
        local claim=$1
        shift
        "$@" || fail "not so: $claim"
}

equal() { # GOT WANTED
        [[ $1 == "$2" ]] || { echo "got: $1, wanted: $2" >&2 && return 1; }
}

contains() { # TEXT PART
        [[ $1 == *"$2"* ]] || { echo "\"$2\" is not in: $1" >&2 && return 1; }
}

not() {
        ! "$@"
}

# ---- processes

start() { # NAME COMMAND...: in the background; output to NAME.out and NAME.log
        local name=$1
        shift
        : >"$shop/$name.out"
        "$@" >>"$shop/$name.out" 2>>"$shop/$name.log" 3>&- & # so that a test may empty it meanwhile
        pid[$name]=$!
}

alive() { # NAME
        [[ ${pid[$1]-} ]] && kill -0 "${pid[$1]}" 2>/dev/null
}

stop() { # NAME [SIGNAL]: ends it, after $patience with SIGKILL, and returns its exit status
        local p=${pid[$1]-} status=0 end=$((SECONDS + patience))
        [[ $p ]] || return 0
        unset "pid[$1]"
        kill -CONT "$p" 2>/dev/null || true
        kill "-${2:-TERM}" "$p" 2>/dev/null || true
        while kill -0 "$p" 2>/dev/null && ((SECONDS < end)); do nap; done
        kill -KILL "$p" 2>/dev/null || true
        wait "$p" 2>/dev/null || status=$?
        return "$status"
}

cleanup() {
        local status=$? name
        set +e
        disk_thaw
        for name in "${!pid[@]}"; do
                stop "$name"
        done
        mountpoint -q "$shop/disk" && umount -l "$shop/disk"
        if [[ ${KEEP-} ]]; then echo "kept: $shop" >&2; else rm -rf "$shop"; fi
        exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# ---- counterparts

parts_in=() # where they run: a command that runs another, `machine` say

part_start() { # NAME PROGRAM ARGUMENT...: a program of tests/parts; its port becomes port[NAME]
        local name=$1 program=$2
        shift 2
        start "$name" "${parts_in[@]}" "$parts/$program" --control "$shop/$name.sock" "$@"
        wait_for "$name is up" test -s "$shop/$name.out"
        port[$name]=$(<"$shop/$name.out")
}
declare -A port=()

order() { # NAME ORDER...: takes effect before it returns
        local name=$1
        shift
        curl -sS --fail-with-body --max-time 10 --unix-socket "$shop/$name.sock" --data-binary "$*" http://part/ >/dev/null ||
                fail "$name does not obey: $*"
}

requests() { # NAME: how many it has answered or ignored
        curl -sS --max-time 10 --unix-socket "$shop/$1.sock" http://part/ | jq .requests
}

certificates_make() { # HOST: $shop/tls/{ca,valid,expired,...}.crt
        mkdir -p "$shop/tls"
        "$parts/certificates" "$shop/tls" "$1"
}

sink_start() { # NAME: records into $shop/NAME.jsonl
        part_start "$1" webhook-sink --record "$shop/$1.jsonl"
}

received() { # NAME JQ-FILTER: the recorded requests that it selects, one a line
        jq -c "select($2)" "$shop/$1.jsonl"
}

received_count() { # NAME JQ-FILTER
        received "$@" | wc -l
}

received_some() { # NAME JQ-FILTER
        (($(received_count "$@") > 0))
}

# A mail server (aiosmtpd) at mail.shop.example:${port[NAME]}, with STARTTLS and a login unless other arguments are
# given; its orders are told in parts/mail-server.py. Mails come to $shop/NAME/1.eml and so on.
mail_start() { # NAME [ARGUMENT...]
        local name=$1
        shift
        have_mail || missing "python3-aiosmtpd is not installed"
        mkdir -p "$shop/mail-tls"
        [[ -e $shop/mail-tls/valid.crt ]] || "$parts/certificates" "$shop/mail-tls" mail.shop.example
        echo "127.0.0.1 mail.shop.example" >"$shop/hosts"
        export FAILOVERD_HOSTS=$shop/hosts
        (umask 077 && echo "$mail_password" >"$shop/mail.password")
        start "$name" "${parts_in[@]}" /usr/bin/python3 "$source_dir/tests/parts/mail-server.py" --control "$shop/$name.sock" \
                --store "$shop/$name" "${@:---tls=$shop/mail-tls/valid}" --login "$mail_password"
        wait_for "$name is up" test -s "$shop/$name.out"
        port[$name]=$(<"$shop/$name.out")
}
mail_password=s3cret-pass-word
have_mail() {
        /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null
}

mail_config() { # NAME [KEYS]: the smtp settings of an alert, as a flow mapping
        echo "{url: \"smtp://mail.shop.example:${port[$1]}\", from: failoverd@shop.example, to: [ops@shop.example]," \
                "username: ops, password_file: mail.password, ca_file: \"$shop/mail-tls/ca.crt\"${2:+, $2}}"
}

mail_read() { # NAME NUMBER JQ-FILTER: of the mail as a parser reads it
        /usr/bin/python3 "$source_dir/tests/parts/mail-read.py" "$shop/$1/$2.eml" >"$shop/mail.json" &&
                jq -r "$3" "$shop/mail.json"
}

mails() { # NAME: how many have come
        find "$shop/$1" -name '*.json' | wc -l
}

mails_are() { # NAME NUMBER
        [[ $(mails "$1") == "$2" ]]
}

# An address of 127/8 that no other running process takes: made of our process id, which has 22 bits.
own_loopback() {
        echo "127.$((64 + ($$ >> 16))).$((($$ >> 8) & 255)).$(($$ & 255))"
}

key_write() { # FILE NAME SECRET: a TSIG key as nsupdate reads it
        printf 'key "%s" {\n\talgorithm hmac-sha256;\n\tsecret "%s";\n};\n' "$2" "$3" >"$1"
        chmod 600 "$1"
}

# An authoritative server (Knot) at $dns, which knows www.ZONE A 192.0.2.10, and takes updates signed with $shop/dns.key.
dns_start() { # ZONE
        need knotd knotc openssl
        dns_zone=$1
        dns=$(own_loopback):10053
        dns_serial=1
        mkdir -p "$shop/dns"
        dns_secret=$(openssl rand -base64 32)
        key_write "$shop/dns.key" shop "$dns_secret"
        cat >"$shop/dns/knot.conf" <<-END
		server:
		    rundir: $shop/dns
		    listen: ${dns%:*}@${dns#*:}
		    udp-workers: 1
		    tcp-workers: 1
		    background-workers: 1
		log:
		  - target: stderr
		    any: warning
		database:
		    storage: $shop/dns
		key:
		  - id: shop
		    algorithm: hmac-sha256
		    secret: $dns_secret
		acl:
		  - id: update
		    key: shop
		    action: update
		zone:
		  - domain: $dns_zone
		    storage: $shop/dns
		    file: zone
		    acl: update
		    zonefile-sync: -1
		    zonefile-load: whole
		    journal-content: none
		END
        dns_records "www A 192.0.2.10"
        start dns "${parts_in[@]}" knotd -c "$shop/dns/knot.conf"
        wait_for "the DNS server answers" dns_answers
}

dns_answers() { # with what was last given to it, and perhaps updates since
        local serial
        serial=$(knotc -s "$shop/dns/knot.sock" zone-status "$dns_zone" | sed -n 's/.*serial: \([0-9]*\).*/\1/p')
        ((serial >= dns_serial))
}

dns_records() { # RECORD...: what the zone has, beside SOA and NS
        dns_serial=$((dns_serial + 1000)) # each update adds one
        {
                echo "\$ORIGIN $dns_zone."
                echo "\$TTL 1"
                echo "@ SOA ns hostmaster $dns_serial 60 60 600 1"
                echo "@ NS ns"
                echo "ns A ${dns%:*}"
                printf '%s\n' "$@"
        } >"$shop/dns/zone"
}

dns_reload() {
        knotc -f -b -s "$shop/dns/knot.sock" zone-reload "$dns_zone" >>"$shop/dns.log" 2>&1
        wait_for "the zone is reloaded" dns_answers
}

stopped() { # NAME
        ! cat /proc/"${pid[$1]}"/task/*/status | grep '^State:' | grep -qv 'T (stopped)'
}

dns_order() { # ok | nxdomain | nodata | wrong | servfail | silence | gone
        kill -CONT "${pid[dns]-0}" 2>/dev/null || true
        case $1 in
        ok)
                alive dns || start dns "${parts_in[@]}" knotd -c "$shop/dns/knot.conf"
                wait_for "the DNS server is up" knotc -s "$shop/dns/knot.sock" status
                dns_records "www A 192.0.2.10"
                dns_reload
                ;;
        nxdomain) dns_records "else A 192.0.2.10" && dns_reload ;;
        nodata) dns_records "www TXT nothing" && dns_reload ;;
        wrong) dns_records "www A 198.51.100.66" && dns_reload ;;
        servfail) # a zone that cannot be loaded
                stop dns || true
                rm -f "$shop/dns/zone"
                start dns "${parts_in[@]}" knotd -c "$shop/dns/knot.conf"
                wait_for "the DNS server is up" knotc -s "$shop/dns/knot.sock" status
                ;;
        silence) # SIGSTOP reaches a thread that is at work when it gets around to it
                kill -STOP "${pid[dns]}"
                wait_for "every thread of the DNS server has stopped" stopped dns
                ;;
        gone) stop dns || true ;;
        *) fail "no such order for the DNS server: $1" ;;
        esac
}

# ---- a database server; end it with `stop NAME INT` (in order) or `stop NAME QUIT` (as in a crash)

postgres_start() { # NAME [SETTING=VALUE...]: a PostgreSQL server with the database `shop`; again: the same data
        local name=$1
        shift
        need psql initdb
        [[ ${port[$name]-} ]] || port[$name]=$((15432 + ${#port[@]}))
        start "$name" "${parts_in[@]}" bash "$source_dir/tests/parts/postgres.sh" "$shop/$name" "$(own_loopback)" "${port[$name]}" "$@"
        wait_for "$name answers" postgres_sql "$name" "SELECT 1"
}

postgres_socket() { # NAME: a dsn for its Unix socket, which trusts everybody
        echo "host=$shop/$1 port=${port[$1]} user=postgres dbname=shop"
}

postgres_tcp() { # NAME: a dsn for loopback
        echo "host=$(own_loopback) port=${port[$1]} user=postgres password=right-password dbname=shop"
}

postgres_sql() { # NAME SQL
        psql -XqAt -v ON_ERROR_STOP=1 "$(postgres_socket "$1")" -c "$2"
}

# ---- a disk that can be filled, frozen or made read-only (needs private_mounts)

disk_make() { # MIB: ext4 at $shop/disk
        need mkfs.ext4
        mkdir "$shop/disk"
        truncate -s "$1M" "$shop/disk.img"
        mkfs.ext4 -q -m 0 -O ^has_journal "$shop/disk.img"
        mount -o loop "$shop/disk.img" "$shop/disk" 2>>"$shop/disk.log" || skip "cannot mount a loop device"
        rm -rf "$shop/disk/lost+found"
        chmod 755 "$shop/disk"
}

disk_fill() {
        dd if=/dev/zero of="$shop/disk/.filler" bs=64k status=none 2>/dev/null || true
        dd if=/dev/zero of="$shop/disk/.filler2" bs=1k status=none 2>/dev/null || true
        sync -f "$shop/disk"
}

disk_empty() {
        rm -f "$shop/disk"/.filler*
}

disk_readonly() { # retried: it is refused while somebody has a file open for writing
        wait_for "the disk is read-only" mount -o remount,ro "$shop/disk"
}

disk_abort() { # as after an I/O error: read-only for good, under those who have files open
        mount -o remount,abort "$shop/disk"
}

disk_writable() {
        mount -o remount,rw "$shop/disk"
}

disk_freeze() {
        fsfreeze --freeze "$shop/disk"
        disk_frozen=1
}

disk_thaw() {
        [[ ${disk_frozen-} ]] || return 0
        fsfreeze --unfreeze "$shop/disk"
        disk_frozen=
}

# ---- the shop

# Short times, so that a story takes seconds: for flow mappings of probes. Who is well has time to answer, however busy the
# machine is; a test in which somebody is silent says fast=$impatient first.
fast="interval: 1s, fast_interval: 100ms, timeout: 5s"
impatient="interval: 1s, fast_interval: 100ms, timeout: 500ms"

# A return after a second of health, as often as it takes.
quick_return="{hold: 1s, hold_max: 1s, max_changes_per_day: 0}"
node='{id: my-shop, name: My Shop, url: "https://shop.example", fallback_url: "https://backup.shop.example"}'
to_crypto='payment: crypto, checkout: cryptoCheckout, message: "Using backup payment system. All books still available."'

# The shop of most tests: a payment API and a fallback, both ours to break, and somebody to alert.
shop_start() { # [KEYS for payment-api]
        part_start api payment-api
        part_start btcpay payment-api
        sink_start sink
        shop_config "$@"
        daemon_start
        wait_for "everything is up" all_up
}

shop_config() { # [KEYS for payment-api]
        config <<-END
		node: $node
		probes:
		  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", expect_json: {charges_enabled: true}, $fast ${1-}}
		  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", expect_json: {synchronized: true}, $fast}
		modes:
		  - {name: primary, requires: [payment-api]}
		  - {name: crypto, requires: [btcpay], $to_crypto}
		failback: $quick_return
		actions:
		  - {type: payment-mode}
		  - {type: status-page}
		  - {type: alert, webhook: {url: "http://127.0.0.1:${port[sink]}/alert", format: json}}
		END
}

config() { # TEXT on stdin
        cat >"$shop/failoverd.yaml"
        chmod 640 "$shop/failoverd.yaml"
}

daemon() { # ARGUMENT...: failoverd with the shop's folders
        "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" --runtime-dir "$shop/run" \
                --status-dir "$shop/status" "$@"
}

daemon_start() { # ARGUMENT...
        start failoverd "${program:-$build/failoverd}" --config "$shop/failoverd.yaml" --state-dir "$shop/state" \
                --runtime-dir "$shop/run" --status-dir "$shop/status" --log-level "${LOG_LEVEL:-info}" "$@"
        wait_for "failoverd answers" daemon_answers
}

daemon_answers() {
        alive failoverd || fail "failoverd has ended"
        status | jq -e .mode
}

ask() { # PATH [CURL-ARGUMENT...]: the control socket
        local path=$1
        shift
        curl -sS --max-time 10 --unix-socket "$shop/run/control.sock" "http://failoverd$path" "$@"
}

ask_code() { # the same: the HTTP status; the body goes to $shop/answer
        ask "$@" -o "$shop/answer" -w '%{http_code}'
}

status() {
        ask /v1/status
}

status_is() { # JQ-CONDITION
        status | jq -e "$1" >/dev/null
}

ctl() { # ARGUMENT...
        "$build/failoverctl" --socket "$shop/run/control.sock" "$@"
}

payment_mode() { # what the shop reads
        sed -n 's/^PAYMENT_MODE=//p' "$shop/run/payment.env" 2>/dev/null
}

pays_by() { # MODE
        [[ $(payment_mode) == "$1" ]]
}

cause() { # of the last change
        status | jq -r .cause
}

# Break the payment API, see the fallback; mend it, see the return.
flips_and_returns() { # ORDER PART-OF-THE-CAUSE
        order api "$1"
        wait_for "buyers pay by crypto when the payment API is: $1" pays_by crypto
        check "the cause of $1 is told" contains "$(cause)" "$2"
        order api ok
        wait_for "buyers pay by card again after: $1" pays_by primary
}

verdict_is() { # PROBE VERDICT
        status_is ".probes[] | select(.name == \"$1\") | .verdict == \"$2\""
}

probe_message() { # PROBE
        status | jq -r ".probes[] | select(.name == \"$1\") | .message"
}

all_up() {
        status_is 'all(.probes[]; .verdict == "up" or .type == "passive")'
}

changes() { # how many changes the history holds
        ask "/v1/history?limit=100" | jq '.changes | length'
}

report() { # PROBE OUTCOME [MESSAGE]: the shop's checkout reports
        ask /v1/report --fail-with-body -o /dev/null -H 'Content-Type: application/json' \
                --data "{\"probe\":\"$1\",\"outcome\":\"$2\"}"
}
