#!/bin/bash
# SPDX-License-Identifier: MIT
# The snippet for Caddy as it is shipped, in a real Caddy with a real node behind it: what test_nginx.sh asks for, but a limit of
# connections, which Caddy has not.
build=$(realpath "$1")
. "$(dirname "$0")/edge.sh"
need caddy
export HOME=$shop XDG_DATA_HOME=$shop XDG_CONFIG_HOME=$shop

site() { # PORT of the server behind it
        sed "s|127\.0\.0\.1:8440|$net:$1|" "$source_dir/etc/edge/caddy/federationd.caddy" >"$shop/federationd.caddy"
        cat >"$shop/Caddyfile" <<-END
		{
		    admin unix/$shop/caddy.sock
		    http_port 8080
		    https_port 8443
		    default_bind $net
		    skip_install_trust
		    log {
		        level warn
		    }
		}
		import federationd.caddy
		shop.example {
		    tls $shop/tls/valid.crt $shop/tls/valid.key
		    import federationd
		    respond "the shop's own page"
		}
	END
}

run() {
        caddy validate --config "$shop/Caddyfile" --adapter caddyfile >"$shop/caddy-test.log" 2>&1 || fail "Caddy does not take it"
        start caddy caddy run --config "$shop/Caddyfile" --adapter caddyfile
}

check "it is written as Caddy likes it" diff <(caddy fmt "$source_dir/etc/edge/caddy/federationd.caddy") \
        "$source_dir/etc/edge/caddy/federationd.caddy"
edge_routes "$source_dir/etc/edge/caddy/federationd.caddy"
check "both proxies let the same through" equal \
        "$(grep -oE '\^/\(.*/\?\$' "$source_dir/etc/edge/caddy/federationd.caddy")" \
        "$(grep -oE '\^/\(.*/\?\$' "$source_dir/etc/edge/nginx/federationd-routes.conf")"
edge_start 'requests_per_second: 0, trusted_proxies: [127.0.0.0/8]'
site "${node_port[alpha]}"
run
wait_for "Caddy answers" edge_answers
check "the shop's pages are its own" equal "$(edge /cart)" "the shop's own page"
edge_passes
edge_streams
edge_silent

sed -i 's/requests_per_second: 0/requests_per_second: 1, burst: 5/' "$shop/alpha/federationd.yaml"
stop alpha || true
node_start alpha
edge_limits

# Behind a CDN, as docs/edge.md says.
stop caddy || true
sed -i 's|^\( *\t*\)reverse_proxy .* {|&\n trusted_proxies 127.0.0.0/8|' "$shop/federationd.caddy"
run
edge_limits_behind X-Forwarded-For

stop caddy || true
site "${port[raw]}"
run
wait_for "Caddy answers again" edge_answers
edge_smuggles || fail "something ambiguous got through"
stop caddy || true
