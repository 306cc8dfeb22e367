#!/bin/bash
# SPDX-License-Identifier: MIT
# The onion service as it is shipped: tor takes it and makes an address (it asks nobody); nginx lets no visitor pose as somebody else.
build=$(realpath "$1")
. "$(dirname "$0")/edge.sh"
need nginx tor

torrc() {
        sed "s|/var/lib/tor/|$shop/tor/|; s|127\.0\.0\.1:8441|$net:8441|" "$source_dir/etc/edge/onion/torrc"
}
mkdir -m 700 "$shop/tor"
torrc >"$shop/torrc"
tor --verify-config --defaults-torrc /dev/null -f "$shop/torrc" --DataDirectory "$shop/tor/data" >"$shop/tor-test.log" || fail "tor does not take it"
check "without a warning" not grep -E '\[(warn|err)\]' <(grep -v 'running Tor as root' "$shop/tor-test.log")
start tor tor --defaults-torrc /dev/null -f "$shop/torrc" --DataDirectory "$shop/tor/data" --SocksPort 0 --DisableNetwork 1
wait_for "there is an address" grep -qE '^[a-z2-7]{56}\.onion$' "$shop/tor/federationd/hostname"
check "which nobody else can take" equal "$(stat -c %a "$shop/tor/federationd")" 700
stop tor || true # it may not have got so far as to end in order

edge_start 'requests_per_second: 1, burst: 3, trusted_proxies: [127.0.0.0/8]'
sed "s|127\.0\.0\.1:8440|$net:${node_port[alpha]}|" "$source_dir/etc/edge/nginx/federationd-routes.conf" >"$shop/routes.conf"
sed "s|/usr/share/failoverd/edge/nginx/federationd-routes.conf|$shop/routes.conf|; s|127\.0\.0\.1:8441|$net:8441|
        s|set_real_ip_from 127\.0\.0\.1|set_real_ip_from 127.0.0.0/8|" "$source_dir/etc/edge/nginx/federationd-onion.conf" >"$shop/onion.conf"
nginx_config 'limit_conn_zone $binary_remote_addr zone=federationd:10m;' "$shop/onion.conf"
nginx_run

onion() { # CIRCUIT PATH [HEADER]: as tor sends it, and nginx answers
        exec 9<>"/dev/tcp/$net/8441"
        printf 'PROXY TCP6 fc00:dead:beef:4dad::%s ::1 65535 80\r\nGET %s HTTP/1.1\r\nHost: x.onion\r\nConnection: close\r\n%s\r\n' \
                "$1" "$2" "${3:+$3$'\r\n'}" >"$shop/request"
        cat "$shop/request" >&9
        timeout 10 cat <&9 || true
        exec 9>&-
}
onion_code() {
        onion "$@" | sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
}
onion_answers() {
        [[ $(onion_code 1:1 /api/config) == 200 ]]
}
wait_for "it answers" onion_answers
check "with the mode" contains "$(onion 1:1 /api/config)" '"paymentMode":"primary"'
check "no metrics" equal "$(onion_code 1:1 /metrics)" 404
check "the status page is where one begins" contains "$(onion 1:1 /)" '/status/'
for n in {1..20}; do
        last=$(onion_code "1:$n" /api/config "X-Forwarded-For: 198.51.100.$n")
        [[ $last != 429 ]] || break
done
check "whatever visitors say, they share one limit" equal "$last" 429
check "which is not the others'" equal "$(curl -s -o /dev/null -w '%{http_code}' -H 'X-Forwarded-For: 192.0.2.7' "$(node_url alpha)/api/config")" 200

stop nginx || true
