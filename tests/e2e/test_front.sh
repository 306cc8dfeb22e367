#!/bin/bash
# SPDX-License-Identifier: MIT
# What a shop's front end sees of an outage: federationd beside the real failoverd, through failures of the payment API, of
# failoverd itself, of a clock, of the status page's disk, and through its own restart.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq bindfs
private_mounts "$@"

host=$(own_loopback)
front=http://$host:18440
mkdir -p "$shop/real" "$shop/status"
start mount bindfs -f -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$shop/real" "$shop/status"
wait_for "the disk of the status page is mounted" mountpoint -q "$shop/status"
disk_thaw() { # what lib.sh calls before it ends everything
        kill -CONT "${pid[mount]}" 2>/dev/null || true
}

cat >"$shop/federationd.yaml" <<END
node: {id: my-shop, name: My Shop, url: "$front"}
listen: ["$host:18440"]
failover: {runtime_dir: "$shop/run", status_dir: "$shop/status"}
limits: {requests_per_second: 0}
network:
  check_interval: 1s
  allow_private_peers: [127.0.0.0/8]
  peers: [{id: one, url: "http://$host:18441"}, {id: two, url: "http://$host:18442/"}]
END
declare -A door=([one]=18441 [two]=18442)
peer_start() { # ID: another shop
        mkdir -p "$shop/$1"
        echo "{node: {id: $1, url: \"http://$host:${door[$1]}\"}, listen: [\"$host:${door[$1]}\"]}" >"$shop/$1/federationd.yaml"
        start "$1" "$build/federationd" --config "$shop/$1/federationd.yaml" --state-dir "$shop/$1" --runtime-dir "$shop/$1/run"
}
asan=$(ldd "$build/federationd" | sed -n 's/.*=> \(.*libasan[^ ]*\) .*/\1/p')
echo 0 >"$shop/clock"
federation_start() { # its wall clock is off by as many seconds as $shop/clock says
        LD_PRELOAD="${asan:+$asan }$parts/libfake-clock.so" FAKE_CLOCK=$shop/clock start federationd "$build/federationd" \
                --config "$shop/federationd.yaml" --state-dir "$shop/federation" --runtime-dir "$shop/federation-run"
        wait_for "federationd answers" code /api/config 200
}

get() { # PATH [CURL-ARGUMENT...]
        local path=$1
        shift
        curl -sS --noproxy '*' --max-time 5 "$@" "$front$path"
}

code() { # PATH STATUS
        equal "$(get "$1" -o "$shop/answer" -w '%{http_code}')" "$2"
}

answer_is() { # JQ-CONDITION: to the last code
        jq -e "$1" "$shop/answer" >/dev/null
}

config_is() { # JQ-CONDITION
        get /api/config | jq -e "$1" >/dev/null
}

told() { # EVENT JQ-CONDITION: has the listener heard of it?
        grep -A1 "^event: $1\$" "$shop/listener.out" | sed -n 's/^data: //p' | jq -e -s "any($2)" >/dev/null
}

all_well() { # a listener who came later is not told of what is as it should be
        curl -sS --max-time 5 --unix-socket "$shop/federation-run/control.sock" http://federationd/v1/peers | jq -e 'all(.peers[]; .status == "active")'
}

# ---- nobody has said anything yet

peer_start one
peer_start two
federation_start
check "cards are assumed, and that this is stale is said" config_is \
        'del(.healthyNode) == {paymentMode: "primary", stripeEnabled: true, cryptoEnabled: false, checkoutRoute: "checkout",
               networkEnabled: true, selling: "unknown", banner: null, since: null, stale: true}'
check "an edge worker leaves buyers here" code /api/health 200
check "it is told to be stale, too" answer_is .stale
check "no status page is 404" code /status/ 404

# ---- all is well

shop_start
wait_for "the mode is known" config_is '.stale | not'
check "it is the first one" config_is '.paymentMode == "primary" and .stripeEnabled'
check "health is good" code /api/health 200
start listener curl -sS -N --noproxy '*' "$front/events"
wait_for "a listener is told what holds" told config '.paymentMode == "primary" and (.stale | not)'
tag=$(get /api/config -D - -o /dev/null | tr -d '\r' | sed -n 's/^ETag: //p')
check "who has it is told so" equal "$(get /api/config -H "If-None-Match: $tag" -w '%{http_code}')" 304
wait_for "the status page is served" code /status/ 200
check "as failoverd wrote it" grep -q "<title>.*My Shop" "$shop/answer"
wait_for "the banner says that all is well" bash -c "curl -sS --noproxy '*' $front/banner | grep -q 'Orders and payment work as usual'"
wait_for "its documents, too" bash -c "curl -sS --noproxy '*' $front/status/api/v2/status.json | jq -e '.status.indicator == \"none\"'"
check "without its slash it leads there" equal "$(get /status -o /dev/null -w '%{http_code} %{redirect_url}')" "308 $front/status/"

# ---- the operator leaves the network

cp "$shop/federationd.yaml" "$shop/federationd.good"
sed -i 's/^network:$/&\n  enabled: false/' "$shop/federationd.yaml"
kill -HUP "${pid[federationd]}"
wait_for "pages and listeners know: nobody is asked, and buyers are sent to nobody" \
        told config '.networkEnabled == false and .healthyNode == null'
cp "$shop/federationd.good" "$shop/federationd.yaml"
kill -HUP "${pid[federationd]}"
wait_for "and when it is back" config_is '.networkEnabled and .healthyNode != null'
tag=$(get /api/config -D - -o /dev/null | tr -d '\r' | sed -n 's/^ETag: //p')

# ---- the payment API fails

order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
begin=${EPOCHREALTIME/./}
wait_for "the front end knows" config_is '.paymentMode == "crypto"'
wait_for "the listener knows" told mode '.paymentMode == "crypto" and (.first | not)'
check "both within a second, or some on a busy machine" test $((${EPOCHREALTIME/./} - begin)) -lt 8000000
check "which buttons to show, and what to say" config_is '(.stripeEnabled | not) and .cryptoEnabled and (.stale | not) and
        .checkoutRoute == "cryptoCheckout" and (.banner | startswith("Using backup payment system")) and (.since | test("^20"))'
check "an edge worker sends buyers elsewhere" code /api/health 503
check "with the reason" answer_is '.success == false and (.error | contains("crypto"))'
check "what somebody had is no longer it" equal \
        "$(get /api/config -H "If-None-Match: $tag" -o /dev/null -w '%{http_code}')" 200
wait_for "the status page tells" bash -c "curl -sS --noproxy '*' $front/status/ | grep -q 'backup payment system'"

# ---- crypto fails, too

order btcpay "status 503"
begin=${EPOCHREALTIME/./}
wait_for "the front end says that nobody can buy" config_is '.selling == "not" and (.banner | startswith("Buying is not possible right now")) and .paymentMode == "crypto"'
check "long before the mode would be written again anyway" test $((${EPOCHREALTIME/./} - begin)) -lt 12000000
wait_for "a listener has heard it" told config '.selling == "not"'
check "the banner for shops without scripts says the same" grep -q "Buying is not possible right now" <<<"$(get /banner/piece)"
check "and promises nothing" test -z "$(get /banner | grep "still available")"
order btcpay ok
wait_for "crypto is back" config_is '.selling == "backup" and (.banner | startswith("Using backup payment system"))'

# ---- a clock that jumps makes nothing old

echo 86400 >"$shop/clock"
jq -c '.message = "a day ahead"' "$shop/run/mode.json" >"$shop/run/.ahead"
mv "$shop/run/.ahead" "$shop/run/mode.json"
wait_for "a file that was written when it says is not stale a day ahead" told config \
        '.banner == "a day ahead" and .paymentMode == "crypto" and (.stale | not)'
echo 0 >"$shop/clock"

# ---- the disk of the status page hangs

kill -STOP "${pid[mount]}"
wait_for "the disk hangs" stopped mount
begin=${EPOCHREALTIME/./}
check "what was not read before is not waited for long" code /status/history.atom 503
took=$((${EPOCHREALTIME/./} - begin))
check "two seconds, that is" test "$took" -ge 1000000 -a "$took" -lt 8000000
check "with the reason" grep -q "the status page cannot be read: its disk does not answer" "$shop/answer"
check "what was read a moment ago is served" code /status/ 200
check "nobody else waits longer" equal "$(get '/status/{badge.svg,history.atom,api/v2/components.json}' -o /dev/null -w '%{http_code} ')" \
        "503 503 503 "
check "nothing else is held up" test "$(get '/api/config?[1-20]' -o /dev/null -w '%{http_code} %{time_total}\n' |
        awk '$1 == 200 && $2 < 1.9' | wc -l)" = 20
kill -CONT "${pid[mount]}"
wait_for "the page is back" code /status/history.atom 200

# ---- where buyers go who cannot pay here

wait_for "a shop that is well is named, without a final slash" config_is '.healthyNode | test("^http://[0-9.]+:1844[12]$")'
node=$(get /api/config | jq -r .healthyNode)
chosen=one other=two
[[ $node == *1 ]] || chosen=two other=one
wait_for "the listener knows it" told config ".healthyNode == \"$node\""
wait_for "both are known to be well" all_well
stop "$chosen" KILL || true
wait_for "when it is gone, the other one is named" config_is ".healthyNode == \"http://$host:${door[$other]}\""
wait_for "the listener is told of both" told peer ".id == \"$chosen\" and (.status == \"suspect\" or .status == \"failed\") and .error"
stop "$other" KILL || true
wait_for "in the end there is nobody" config_is '.healthyNode == null'
wait_for "which is told" told config '.healthyNode == null and .paymentMode == "crypto"'

# ---- failoverd is gone

stop failoverd KILL || true
jq -c '.updated = "2026-01-01T00:00:00.000Z"' "$shop/run/mode.json" >"$shop/run/.old"
mv "$shop/run/.old" "$shop/run/mode.json"
wait_for "that it says nothing any more is told" config_is .stale
check "the mode holds" config_is '.paymentMode == "crypto" and .cryptoEnabled'
wait_for "the listener is told" told config '.paymentMode == "crypto" and .stale'
check "health is what it was" code /api/health 503
check "the log says why" grep -q "the payment mode is not being told: .*mode.json was last written at 2026-01-01T00:00:00.000Z: is failoverd running?; the last one holds: crypto" "$shop/federationd.log"
rm -r "$shop/run"
check "a stop is orderly" stop federationd
federation_start
check "a restart keeps the mode" config_is '.paymentMode == "crypto" and .stale and .selling == "backup"'
check "health, too" code /api/health 503

# ---- and back

order api ok
daemon_start
wait_for "cards are taken again" config_is '.paymentMode == "primary" and .stripeEnabled and (.stale | not)'
check "health is good again" code /api/health 200
check "a stop is orderly" stop federationd
