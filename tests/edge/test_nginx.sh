#!/bin/bash
# SPDX-License-Identifier: MIT
# The site for nginx as it is shipped, in a real nginx with a real node behind it: TLS, event streams, limits, what is not for
# strangers, an honest answer while federationd is away; and nothing ambiguous gets through.
build=$(realpath "$1")
. "$(dirname "$0")/edge.sh"
need nginx

site() { # PORT of the server behind it: the shipped files, at this test's addresses
        local routes=$source_dir/etc/edge/nginx/federationd-routes.conf
        sed "s|127\.0\.0\.1:8440|$net:$1|" "$routes" >"$shop/routes.conf"
        sed "/\[::\]/d; s|listen 80;|listen $net:8080;|; s|listen 443|listen $net:8443|
                s|/etc/letsencrypt/live/shop.example/fullchain.pem|$shop/tls/valid.crt|
                s|/etc/letsencrypt/live/shop.example/privkey.pem|$shop/tls/valid.key|
                s|/usr/share/failoverd/edge/nginx/federationd-routes.conf|$shop/routes.conf|" \
                "$source_dir/etc/edge/nginx/federationd-site.conf" >"$shop/site.conf"
        nginx_config '' "$shop/site.conf"
}

edge_routes "$source_dir/etc/edge/nginx/federationd-routes.conf"
edge_start 'requests_per_second: 0, trusted_proxies: [127.0.0.0/8]'
site "${node_port[alpha]}"
nginx_run
wait_for "nginx answers" edge_answers
edge_passes
edge_streams

streams() { # how many of 55 are taken, of one address
        local n
        for n in {1..55}; do
                start "stream-$n" curl -sSN --max-time 150 -o /dev/null -D "$shop/stream-$n.head" \
                        --connect-to "shop.example:443:$net:8443" --cacert "$shop/tls/ca.crt" https://shop.example/events
        done
        for n in {1..55}; do wait_for "stream $n is answered" grep -q '^HTTP' "$shop/stream-$n.head"; done
        cat "$shop"/stream-*.head | grep -c '^HTTP/2 200'
        for n in {1..55}; do stop "stream-$n" || true; done
}
check "one address has 50 streams and no more" equal "$(streams)" 50
wait_for "then it may come again" edge_answers
edge_silent

# As a node is by default, with limits.
sed -i 's/requests_per_second: 0/requests_per_second: 1, burst: 5/' "$shop/alpha/federationd.yaml"
stop alpha || true
node_start alpha
edge_limits

# Behind a CDN, as docs/edge.md says.
stop nginx || true
nginx_config 'set_real_ip_from 127.0.0.0/8; real_ip_header CF-Connecting-IP;' "$shop/site.conf"
nginx_run
edge_limits_behind CF-Connecting-IP

stop nginx || true
site "${port[raw]}"
nginx_run
wait_for "nginx answers again" edge_answers
edge_smuggles || fail "something ambiguous got through"
check "and that would be noticed" smuggling_is_noticed
stop nginx || true
