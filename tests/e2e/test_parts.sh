#!/bin/bash
# SPDX-License-Identifier: MIT
# The counterparts break as ordered: what curl and kdig see of them is what a probe will see.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq openssl kdig

certificates_make 127.0.0.1
part_start api payment-api --key sk_test
part_start tls payment-api --tls "$shop/tls"
sink_start sink

get() { # CURL-ARGUMENT...: "exit code, status, body"; waits for $seconds at most
        local code=0
        curl -s --max-time "${seconds-20}" -H "Authorization: Bearer ${key-sk_test}" -o "$shop/body" -w '%{http_code}' "$@" >"$shop/code" || code=$?
        echo "$code $(<"$shop/code") $(head -c 60 "$shop/body" 2>/dev/null | tr -d '\0')"
        rm -f "$shop/body"
}
url=http://127.0.0.1:${port[api]}/v1/account
secure=https://127.0.0.1:${port[tls]}/v1/account

see() { # ORDER PATTERN
        order api "$1"
        local got seconds=20
        [[ $2 != 28* ]] || seconds=1 # it is to run out
        got=$(get "$url")
        # shellcheck disable=SC2053 # a pattern
        [[ $got == $2 ]] || fail "ordered $1, got: $got"
}
see ok '0 200 *"charges_enabled":true*'
see frozen '0 200 *"charges_enabled":false*'
see "status 503" '0 503 *'
see refuse '7 000 '
see ok '0 200 *'
see blackhole '28 000 '
see ok '0 200 *'
see reset '56 000 '
see garbage '1 000 '
see truncated '18 200 {"charges_'
see html '0 200 <html>*'
see silent '28 000 '
see "alternate 503" '0 503 *'
see "alternate 503" '0 200 *'
see "alternate 503" '0 503 *'
see "drip 1" '0 200 {"charges_enabled":true}'
see "drip 100" '28 *'
see "slow 50" '0 200 *'
see huge '28 200 [[]0,0,*'
order api ok
check "a wrong key is refused" contains "$(key=sk_other get "$url")" "0 401"
check "an unknown order is refused" not curl -s --fail --unix-socket "$shop/api.sock" -d nonsense http://part/
check "requests are counted" test "$(requests api)" -ge 10

tls_see() { # CERTIFICATE PATTERN
        order tls "certificate $1"
        local got
        got=$(curl -sS --max-time 20 --cacert "$shop/tls/ca.crt" -o /dev/null -w '%{http_code}' "$secure" 2>&1 || true)
        # shellcheck disable=SC2053 # a pattern
        [[ $got == $2 ]] || fail "ordered certificate $1, got: $got"
}
tls_see valid 200
tls_see ends-soon 200
tls_see expired '*certificate has expired*'
tls_see not-yet '*not yet valid*'
tls_see wrong-name "*no alternative certificate subject name*"
tls_see self-signed '*self*signed*'

for how in "status 200" "status 500" "status 429"; do
        order sink "$how"
        curl -s -o /dev/null -H 'X-Test: a "b"' -d "{\"id\":\"$how\"}" "http://127.0.0.1:${port[sink]}/hook"
done
check "every request is recorded" equal "$(received_count sink '.method == "POST" and .path == "/hook"')" 3
check "with its headers and body" equal \
        "$(received sink '.status == 429' | jq -c '[.headers["x-test"], (.body | fromjson | .id)]')" '["a \"b\"","status 429"]'

if command -v knotd >/dev/null; then
        ask_dns() { # SECONDS
                kdig "@${dns%:*}" -p "${dns#*:}" "+time=$1" +retry=0 www.shop.example A 2>&1
        }
        dns_see() { # ORDER PART
                local seconds=20
                [[ $1 != silence && $1 != gone ]] || seconds=1
                dns_order "$1"
                check "DNS ordered $1" contains "$(ask_dns $seconds)" "$2"
        }
        dns_start shop.example
        dns_see ok 192.0.2.10
        dns_see nxdomain NXDOMAIN
        dns_see nodata "ANSWER: 0"
        dns_see wrong 198.51.100.66
        dns_see servfail SERVFAIL
        dns_see ok 192.0.2.10
        dns_see silence "timeout"
        dns_see ok 192.0.2.10
        dns_see gone "failed to query"
        dns_see ok 192.0.2.10
fi
