#!/bin/bash
# SPDX-License-Identifier: MIT
# check-config says what can be known before an outage: each file of tests/check/ with what is expected of it, secrets,
# hostile files, disks that do not answer, a terminal. `--update` takes over what tests/check/ should expect.
build=$(realpath "$1")
update=${2-}
. "$(dirname "$0")/lib.sh"
need jq

if ((EUID == 0)) && getent passwd failoverd >/dev/null; then # whose rights it would take
        private_mounts "$@"
        grep -v '^failoverd:' /etc/passwd >"$shop/passwd"
        mount --bind "$shop/passwd" /etc/passwd
fi
examined() { # FILE [OPTION...]: as people see it: findings, then the table
        timeout 60 "$build/failoverd" --check --config "$1" --state-dir "$shop/state" --runtime-dir "$shop/run" "${@:2}" 2>&1
}
judged() { # JQ-FILTER: of all of $shop/found.json
        jq -e "$1" "$shop/found.json" >/dev/null
}
found() { # JQ-FILTER: of the findings of $shop/failoverd.yaml
        jq -e "[.findings[] | select($1)] | length > 0" "$shop/found.json" >/dev/null
}
look() { # [OPTION...]: $shop/failoverd.yaml into $shop/found.json; its exit code into $code
        code=0
        timeout 60 "$build/failoverd" --check --json --config "$shop/failoverd.yaml" --state-dir "$shop/state" \
                --runtime-dir "$shop/run" "$@" >"$shop/found.json" 2>"$shop/said" || code=$?
}

# ---- what is expected of each file

cd "$source_dir/tests/check"
different=0
for file in *.yaml; do
        examined "$file" >"$shop/got" || fail "$file: exit code $?"
        [[ $update != --update ]] || cp "$shop/got" "${file%.yaml}.expected"
        diff -u "${file%.yaml}.expected" "$shop/got" >&3 || different=$((different + 1))
        check "the table of $file has 80 columns at most" equal "$(sed -n '/^When/,/^$/p' "$shop/got" | grep -c '.\{81\}')" 0
done
check "every file is judged as expected" equal "$different" 0
for file in *.expected; do
        check "$file belongs to a file" test -f "${file%.expected}.yaml"
done
check "the sample has no surprise" equal "$(cd "$source_dir/etc" && "$build/failoverd" --check --json --config failoverd.yaml |
        jq -r '.findings[] | select(.severity != "note" and (.code | IN("not-there", "no-socket") | not)) | .code')" nothing-left
for file in *.yaml; do
        "$build/failoverd" --check --json --config "$file" --state-dir "$shop/state" --runtime-dir "$shop/run" 2>/dev/null
done | jq -r '.findings[].code' | sort -u >"$shop/codes"
check "many codes are seen" test "$(wc -l <"$shop/codes")" -ge 20
while read -r code; do
        check "docs/configuration.md knows $code" grep -qF "\`$code\`" "$source_dir/docs/configuration.md"
done <"$shop/codes"
cd "$shop"

# ---- a whole shop with three modes: no alarm but for what this machine lacks, and a mode that DNS has no records for

cat >"$shop/failoverd.yaml" <<'END'
node:
  id: my-shop
  name: My Shop
  url: https://shop.example
  fallback_url: https://backup.shop.example
  key_file: node.key
probes:
  payment-api:
    type: http
    url: https://api.stripe.com/v1/account
    bearer_file: stripe.key
    expect_json: {charges_enabled: true}
    scope: external
  domain:
    type: dns
    name: shop.example
    record: A
    scope: external
  database:
    type: postgresql
    dsn: host=/var/run/postgresql dbname=shop
  disk:
    type: disk
    path: /var/lib/shop
  checkout:
    type: passive
    from: [www-data]
  btcpay:
    type: http
    url: http://127.0.0.1:23000/api/v1/health
  peers:
    type: peers
    registry: /var/lib/federationd/network-registry.json
  reference-a: {type: http, url: https://www.wikipedia.org/}
  reference-b: {type: dns, name: example.org, record: A, servers: ["9.9.9.9:53"]}
vantage: [reference-a, reference-b]
modes:
  - name: primary
    requires: [payment-api, domain, database, disk]
  - name: crypto
    requires: [btcpay, database, disk]
    payment: crypto
    checkout: cryptoCheckout
    message: Using backup payment system. All books still available.
  - name: federated
    requires: [peers]
failback: {hold: 5m, flap_window: 1h, hold_max: 1h, max_changes_per_day: 6}
metrics_listen: 127.0.0.1:9440
heartbeat: {url: https://hc.example/ping, every: 1m}
actions:
  - type: payment-mode
  - type: status-page
  - type: dns
    provider: rfc2136
    server: 127.0.0.1
    zone: shop.example
    key_file: dns.key
    records: {primary: ["shop.example. 60 A 192.0.2.1"], crypto: ["shop.example. 60 A 198.51.100.7"]}
  - type: notify-peers
    registry: /var/lib/federationd/network-registry.json
  - type: alert
    webhook: {url: https://ntfy.example/shop, format: ntfy}
  - type: exec
    command: [/usr/local/bin/on-change]
END
chmod 640 "$shop/failoverd.yaml"
look
check "a whole shop has no false alarm" equal "$(jq -r '.findings[] | select(.code | IN("not-there", "no-socket") | not) | .code' \
        "$shop/found.json" | sort | tr '\n' ' ')" "dns-mode-unlisted probe-unused "
check "and always somewhere to go" judged '[.times[] | select(.mode == "primary") | .to] == ["crypto", "crypto", "federated", "federated"]'

# ---- what docs/operations.md shows is what comes

block() { # NUMBER: of the section's blocks
        awk -v n="$1" '/^## /{ inside = /Before the outage/ } inside && /^```/ { k++; next } inside && k == 2 * n - 1' \
                "$source_dir/docs/operations.md"
}
block 1 >"$shop/shop.yaml"
chmod 640 "$shop/shop.yaml"
script -qec "stty cols 96; $build/failoverctl check-config shop.yaml" /dev/null | tr -d '\r' >"$shop/got"
block 2 | diff -u - "$shop/got" >&3 || fail "docs/operations.md shows something else"

# ---- the same for programs

cp "$source_dir/tests/check/nothing-left.yaml" "$shop/failoverd.yaml"
look
check "warnings are no failure" equal "$code" 0
check "JSON says what the text says" judged '.success and .probes == 3 and .modes == 2 and .actions == 2 and
        .errors == 0 and .warnings == 1 and .notes == 0 and
        (.findings | length == 1) and (.findings[0] | .severity == "warning" and .code == "nothing-left" and .line == 6 and
                .column == 13 and .key == "probes.database" and .more == 0 and (.file | endswith("failoverd.yaml")) and
                (.message | contains("`database`")) and (.meaning | contains("buyers cannot pay")) and (.advice | length > 0)) and
        (.times | map([.mode, .probe, .to]) == [["primary","api","crypto"],["primary","database",null],
                ["crypto","btcpay",null],["crypto","database",null]]) and
        (.times[0] | (.fail.worst_s - 70 | fabs) < 0.1 and (.fail.mean_s - 40 | fabs) < 0.1 and
                (.hang.worst_s - 75 | fabs) < 0.1 and (.back.worst_s - 365 | fabs) < 0.1 and .reports == null) and
        (.times[1] | .fail == null and .hang == null and .back == null)'
check "failoverctl says it, too" contains "$("$build/failoverctl" check-config "$shop/failoverd.yaml" 2>&1)" "no mode is left when"
check "on a terminal lines are wrapped" equal "$(script -qec "stty cols 80; $build/failoverd --check --config $shop/failoverd.yaml" \
        /dev/null | awk '{ gsub(/\r/, ""); if (length($0) > 80) n++ } END { print n + 0 }')" 0
echo "modes: [" >"$shop/failoverd.yaml"
look
check "what is no YAML is told as JSON, too" judged '.success == false and .errors == 1 and .times == [] and
        (.findings[0] | .severity == "error" and .line > 0)'
check "with exit code 6" equal "$code" 6
check "which is 1 of failoverctl" equal "$("$build/failoverctl" check-config "$shop/failoverd.yaml" >/dev/null 2>&1; echo $?)" 1

# ---- secrets

config() { # EXTRA-OF-API EXTRA-ACTION
        cat >"$shop/failoverd.yaml" <<-END
		node: {id: shop}
		probes:
		  api: {type: http, url: "https://api.payments.example/"${1-}}
		  btcpay: {type: tcp, host: 127.0.0.1, port: 9}
		modes:
		  - {name: primary, requires: [api]}
		  - {name: crypto, requires: [btcpay]}
		actions:
		  - {type: payment-mode}
		  - {type: alert, webhook: {url: "https://ntfy.example/shop", format: ntfy}}
		${2-}
		END
        chmod 640 "$shop/failoverd.yaml"
}
config ", bearer_file: \"$shop/open.key\""
echo secret >"$shop/open.key"
chmod 644 "$shop/open.key"
look
check "a secret that others can read is an error" equal "$code $(jq .errors "$shop/found.json")" "6 1"
check "at its key" found '.key == "probes.api.bearer_file" and .line == 3'
chmod 600 "$shop/open.key"
look
check "and one that they cannot is none" equal "$code $(jq .warnings "$shop/found.json")" "0 0"
mkdir "$shop/credentials"
config ", bearer_file: api.token"
CREDENTIALS_DIRECTORY=$shop/credentials look
check "a missing credential is named with its folder" found '.message | contains("credentials/api.token")'
echo secret >"$shop/credentials/api.token"
CREDENTIALS_DIRECTORY=$shop/credentials look
check "a credential is found" not found '.key | startswith("probes.api")'
CREDENTIALS_DIRECTORY=$shop/nowhere look
check "a missing folder of credentials is told" found '.code == "no-credentials"'
printf '#!/bin/sh\n' >"$shop/on-change"
config "" "  - {type: exec, command: [$shop/on-change]}"
look
check "a program that nobody may run is told" found '.key == "actions[2].command" and (.message | contains("Permission denied"))'
chmod 755 "$shop/on-change"
look
check "and one that may be run is not" equal "$(jq .warnings "$shop/found.json")" 0

# ---- as root, files are looked at with the rights of the daemon's user

if ((EUID == 0)) && unshare --mount --propagation private true 2>/dev/null; then
        { cat /etc/passwd && echo "failoverd:x:54321:54321::/:/bin/false"; } >"$shop/known"
        mkdir "$shop/closed"
        echo secret >"$shop/closed/api.key"
        chmod 640 "$shop/closed/api.key"
        chmod 700 "$shop/closed"
        config ", bearer_file: \"$shop/closed/api.key\""
        look
        check "root may read it" equal "$(jq .warnings "$shop/found.json")" 0
        unshare --mount --propagation private bash -c 'mount --bind "$0/known" /etc/passwd && "$1/failoverd" --check --json \
                --config "$0/failoverd.yaml" --state-dir "$0/state" --runtime-dir "$0/run"' "$shop" "$build" >"$shop/found.json"
        check "and failoverd may not" found '.key == "probes.api.bearer_file" and (.message | contains("Permission denied"))'
        echo secret >"$shop/api.token"
        chmod 600 "$shop/api.token"
        config ", bearer_file: api.token"
        unshare --mount --propagation private bash -c 'mount --bind "$0/known" /etc/passwd && "$1/failoverd" --check --json \
                --config "$0/failoverd.yaml" --state-dir "$0/state" --runtime-dir "$0/run"' "$shop" "$build" >"$shop/found.json"
        check "but what systemd hands to it is read by root" equal "$(jq .warnings "$shop/found.json")" 0
fi

# ---- units, where systemd runs

if ((EUID == 0)) && unshare --mount --propagation private true 2>/dev/null; then
        config "" "  - {type: unit, start: [known.service, instance@one.service, unknown.service]}"
        unshare --mount --propagation private bash -c 'mount -t tmpfs none /run && mkdir -p /run/systemd/system &&
                touch /run/systemd/system/known.service /run/systemd/system/instance@.service && "$1/failoverd" --check --json \
                --config "$0/failoverd.yaml" --state-dir "$0/state" --runtime-dir "$0/run"' "$shop" "$build" >"$shop/found.json"
        check "the unit that systemd does not have is told, and no other" equal \
                "$(jq -r '.findings[] | select(.code == "no-unit") | .key' "$shop/found.json")" "actions[2].start[2]"
fi

# ---- names, on request only

config ", resolve: 127.0.0.1" '  - {type: http, url: "http://no-such-name.invalid./"}'
look --online
check "names are looked up when asked to" found '.code == "not-found" and .key == "actions[2].url"'
check "but not of what needs no name" not found '.code == "not-found" and (.key | startswith("probes."))'
look
check "and not otherwise" not found '.code == "not-found"'

# ---- hostile files

many() { # COUNT EXTRA MODES
        echo "node: {id: shop}"
        echo "probes:"
        awk -v n="$1" -v extra="$2" 'BEGIN { for (i = 0; i < n; i++) printf "  p%d: {type: tcp, host: h%d.example, port: 1%s}\n", i, i, extra }'
        echo "modes:"
}
list() { # FROM TO: of probes
        awk -v a="$1" -v b="$2" 'BEGIN { for (i = a; i <= b; i++) printf "%sp%d", (i > a ? ", " : ""), i }'
}
{
        many 10000 ""
        echo "  - {name: primary, requires: [$(list 0 9989)]}"
        echo "  - {name: crypto, requires: [$(list 9990 9999)]}"
} >"$shop/failoverd.yaml"
began=$SECONDS
look
check "10,000 probes are checked in seconds" test $((SECONDS - began)) -lt 30
check "and each has its times" judged '(.times | length == 10000) and (.times[:9990] | all(.fail.worst_s > 60))'
check "in a table of a few lines" test "$(examined "$shop/failoverd.yaml" | wc -l)" -lt 30
{
        many 400 ", interval: 1d, fast_interval: 1h, timeout: 10m, fall: 16, window: 64, rise: 16, scope: external"
        for mode in $(seq 0 199); do echo "  - {name: m$mode, payment: crypto, requires: [$(list "$mode" $((mode + 199)))]}"; done
} >"$shop/failoverd.yaml"
began=$SECONDS
look
check "200 modes of 200 probes are checked in seconds" test $((SECONDS - began)) -lt 30
check "and told in a few findings" test "$(jq '.findings | length' "$shop/found.json")" -lt 100
check "of which the rest is counted" judged '[.findings[].more] | add > 0'
{
        echo "a: &a [x, x, x, x, x, x, x, x]"
        for i in b c d e f g; do echo "$i: &$i [*a, *a, *a, *a, *a, *a, *a, *a]"; done
} >"$shop/failoverd.yaml"
look
check "a bomb is refused" equal "$code" 6
mkfifo "$shop/pipe"
code=0
timeout 20 "$build/failoverd" --check --config "$shop/pipe" >"$shop/said" 2>&1 || code=$?
check "a file that never ends is not waited for" equal "$code" 6

# ---- a disk that does not answer

if ((EUID == 0)) && [[ -e /dev/fuse ]] && command -v bindfs >/dev/null; then
        mkdir "$shop/behind" "$shop/hung"
        loosen() {
                local status=$?
                set +e
                umount -l "$shop/hung" 2>/dev/null
                stop hung KILL 2>/dev/null
                return "$status"
        }
        trap 'loosen; cleanup' EXIT
        start hung bindfs -f "$shop/behind" "$shop/hung"
        wait_for "the mount is there" mountpoint -q "$shop/hung"
        echo secret >"$shop/hung/api.key"
        printf '#!/bin/sh\n' >"$shop/hung/on-change"
        chmod 755 "$shop/hung/on-change"
        cat >"$shop/failoverd.yaml" <<-END
		node: {id: shop}
		probes:
		  disk: {type: disk, path: $shop/hung}
		  btcpay: {type: tcp, host: 127.0.0.1, port: 9}
		modes: [{name: primary, requires: [disk]}, {name: crypto, requires: [btcpay]}]
		actions:
		  - {type: payment-mode}
		  - {type: exec, command: [$shop/hung/on-change]}
		  - {type: exec, name: elsewhere, command: [/bin/true]}
		  - {type: alert, webhook: {url: "https://ntfy.example/shop", format: ntfy}}
		END
        look --state-dir "$shop/hung/not/there/yet" --status-dir "$shop/status"
        check "what lies on a watched disk is told" equal \
                "$(jq -r '[.findings[] | select(.code == "on-watched-disk") | .message | split(" (")[0]] | join(", ")' "$shop/found.json")" \
                "the program of an action, the state directory"
        chmod 600 "$shop/hung/api.key"
        config ", bearer_file: \"$shop/hung/api.key\"" "  - {type: exec, command: [$shop/hung/on-change]}"
        cp "$shop/failoverd.yaml" "$shop/hung/failoverd.yaml"
        kill -STOP "${pid[hung]}"
        began=$SECONDS
        look
        check "a hung disk is not waited for" test $((SECONDS - began)) -lt 20
        check "and named" found '.code == "no-answer" and .key == "probes.api"'
        check "each time" found '.code == "no-answer" and .key == "actions[2]"'
        check "and all else is told" judged '.times | length == 2'
        code=0
        timeout 20 "$build/failoverd" --check --config "$shop/hung/failoverd.yaml" >"$shop/said" 2>&1 || code=$?
        check "a configuration on it is not waited for" equal "$code $(grep -c 'does not answer' "$shop/said")" "6 1"
fi
