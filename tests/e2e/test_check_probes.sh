#!/bin/bash
# SPDX-License-Identifier: MIT
# check-config --probes: every probe is run once, as failoverd would, and what came of it is told; and what the system must
# give for a configuration is found in it.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq

patient="interval: 60s, timeout: 20s"
part_start api payment-api
mkdir "$shop/disk"
echo canary >"$shop/stripe.key"
chmod 600 "$shop/stripe.key"
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", bearer_file: stripe.key, $patient}
  nobody: {type: tcp, host: 127.0.0.1, port: 1, $patient}
  silent: {type: exec, command: [/bin/sleep, "60"], $impatient}
  disk: {type: disk, path: $shop/disk, $patient}
  looked-at: {type: disk, path: /usr, write_test: false}
  books: {type: sqlite, path: $shop/books.db, $patient}
  checkout: {type: passive, from: [www-data, nobody]}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [disk], $to_crypto}
actions:
  - {type: payment-mode, restart: [shop], reload: [nginx, shop.service]}
  - {type: unit, modes: [crypto], start: btcpay, stop: [shop.service]}
  - {type: alert, smtp: {url: "smtp://127.0.0.1:1", from: a@shop.example, to: [b@shop.example], username: u, password_file: mail.password}}
END

code=0
ctl check-config --probes "$shop/failoverd.yaml" >"$shop/said" 2>/dev/null || code=$?
check "a probe that does not pass makes it 1" equal $code 1
for line in 'payment-api +pass +[0-9]+ ms' 'nobody +FAIL +[0-9]+ ms +refused' 'silent +FAIL +[0-9]+ ms +no answer in 500 ms' \
        'disk +pass' 'books +cannot tell' 'checkout +not run'; do
        check "it says: $line" grep -qE "^$line" "$shop/said"
done

ctl check-config --probes --json "$shop/failoverd.yaml" >"$shop/said" || true
check "it is told to programs" jq -e '[.runs[] | .outcome] == ["pass", "fail", "fail", "pass", "pass", "inconclusive", null]' "$shop/said"
check "its needs are found" jq -e --arg shop "$shop" '.needs | .credentials == ["stripe.key", "mail.password"] and
        .writes == [$shop + "/disk", $shop + "/books.db"] and .users == ["www-data", "nobody"] and
        .units == {"shop.service": ["restart", "reload", "stop"], "nginx.service": ["reload"], "btcpay.service": ["start"]}' "$shop/said"
check "no secret is shown" not grep -q canary "$shop/said"

# Nothing was run that was not asked for.
before=$(requests api)
ctl check-config "$shop/failoverd.yaml" >"$shop/said" 2>&1
check "without it, nothing is run" equal "$(requests api)" "$before"

# All pass: 0. A file that cannot be used: nothing is run.
config <<END
node: $node
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $patient}
modes:
  - {name: primary, requires: [payment-api]}
END
check "all well is 0" ctl check-config --probes "$shop/failoverd.yaml" >"$shop/said" 2>&1
before=$(requests api)
sed -i 's/requires: .payment-api./requires: [paymnet]/' "$shop/failoverd.yaml"
check "what cannot be used is 1" not ctl check-config --probes "$shop/failoverd.yaml" >"$shop/said" 2>&1
check "… and not run" equal "$(requests api)" "$before"
check "federationd has no probes" contains "$(ctl check-config --probes "$source_dir/etc/federationd.yaml" 2>&1)" "federationd has none"
