#!/bin/bash
# SPDX-License-Identifier: MIT
# A reload is all or nothing: a bad file changes nothing and is told with its place; a good one keeps what did not change.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
runs=$(requests api)
cp "$shop/failoverd.yaml" "$shop/good.yaml"
chmod 640 "$shop/good.yaml"
state() {
        status | jq -c '[.mode, .change, .since, [.probes[].name], [.modes[].name]]'
}
before=$(state)

reload_bad() { # TEXT PLACE-AND-WORDS
        : >"$shop/failoverd.log"
        sed "$1" "$shop/good.yaml" >"$shop/failoverd.yaml"
        kill -HUP "${pid[failoverd]}"
        wait_for "the reason is told: $2" grep -qE "failoverd\.yaml:[0-9]+:[0-9]+: .*$2" "$shop/failoverd.log"
        check "nothing changed" equal "$(state)" "$before"
}
reload_bad 's/charges_enabled: true/&, /;s/interval: 1s/intervall: 1s/' "intervall"
reload_bad 's/interval: 1s/interval: 1/' ""
reload_bad 's/requires: \[btcpay\]/requires: [nobody]/' "nobody"
reload_bad 's/type: http/type: hhttp/' "hhttp"
reload_bad '$a modes: {' ""
check "the probes go on" test "$(requests api)" -ge "$runs"

# A good one: the window of a probe that did not change is kept, a new one joins.
sed '/^probes:/a\  reference: {type: tcp, host: 127.0.0.1, port: '"${port[sink]}, $fast}" "$shop/good.yaml" >"$shop/failoverd.yaml"
since=$(status | jq -r .since)
kill -HUP "${pid[failoverd]}"
wait_for "the new probe is there and up" verdict_is reference up
check "the mode was kept" status_is ".mode == \"primary\" and .since == \"$since\""
check "no change was made" equal "$(changes)" 1

# The mode that is pinned may not go.
ctl force-fallback >/dev/null
wait_for "pinned" pays_by crypto
sed '/name: crypto/d' "$shop/good.yaml" >"$shop/failoverd.yaml"
: >"$shop/failoverd.log"
kill -HUP "${pid[failoverd]}"
wait_for "a reload that drops the pinned mode is refused" grep -q crypto "$shop/failoverd.log"
check "the pin holds" status_is '.operator.pinned == "crypto" and .mode == "crypto"'
