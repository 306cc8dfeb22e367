# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# What the tests of proxies share: a real node behind one, and what buyers and strangers see of it. Sourced with $build set.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
. "$source_dir/tests/e2e/federation.sh"
need openssl
packages=$(dirname "$build")/packages # what scripts/test unpacks
PATH=$PATH:$packages/usr/sbin:$packages/usr/bin

# A shop with failoverd and federationd, which trusts the proxy; and a bare server that records what the proxy sends.
edge_start() { # LIMITS
        shop_start
        nodes_name alpha
        certificates_make shop.example
        chmod 755 "$shop/tls"
        part_start silent evil-peer
        order silent silent
        mkdir -p "$shop/alpha"
        cat >"$shop/alpha/federationd.yaml" <<-END
		node: {id: alpha, name: Alpha, url: "https://shop.example"}
		listen: ["$net:${node_port[alpha]}"]
		network: {allow_private_peers: [127.0.0.0/8], peers: [$(part_peer silent)]}
		failover: {runtime_dir: "$shop/run", status_dir: "$shop/status"}
		limits: {$1}
	END
        chmod 640 "$shop/alpha/federationd.yaml"
        node_start alpha
        start raw /usr/bin/python3 "$source_dir/tests/parts/raw-backend.py" "$net" "$shop/raw"
        wait_for "the recording server is up" test -s "$shop/raw.out"
        port[raw]=$(<"$shop/raw.out")
}

edge() { # PATH [CURL-ARGUMENT...]: through the proxy, over TLS
        local path=$1
        shift
        curl -sS --max-time 15 --connect-to "shop.example:443:$net:8443" --connect-to "shop.example:80:$net:8080" \
                --cacert "$shop/tls/ca.crt" "$@" "https://shop.example$path"
}

edge_code() { # the same: the HTTP status; the body goes to $shop/got, the head to $shop/head
        edge "$@" -o "$shop/got" -D "$shop/head" -w '%{http_code}' || true
}

edge_answers() {
        [[ $(edge_code /api/config) == 200 ]]
}

has_head() { # REGEX
        grep -qiE "$1" "$shop/head" || { cat "$shop/head" >&2; return 1; }
}

event_seen() { # JQ-CONDITION: of some `config` event so far
        sed -n '/^event: config/{n;s/^data: //p}' "$shop/events.out" | jq -es "any($1)"
}

edge_passes() { # what must be the same through every proxy
        local path
        check "answers" equal "$(edge /api/config | jq -r .paymentMode)" primary
        check "is well" equal "$(edge_code /api/health)" 200
        check "speaks HTTP/2" equal "$(edge /api/config --http2 -o /dev/null -w '%{http_version}')" 2
        check "a slash at the end makes no difference" equal "$(edge_code /api/stats/)" 200
        check "the registry" equal "$(edge_code /network-registry.json)" 200
        check "the status page" equal "$(edge_code /status/)" 200
        check "its documents" equal "$(edge_code /status/api/v2/summary.json)" 200
        check "posts" equal "$(edge /api/network/ping --data '{}' | jq .success)" true
        check "federationd's own refusals are its own" contains "$(edge /api/search)" '"error":"q is missing'
        check "a body that is too large" equal "$(head -c 100000 /dev/zero | edge_code /api/network/ping --data-binary @-)" 413
        for path in /metrics /metrics/ //metrics /%6detrics '/metrics?x' /status/..%2fmetrics /status/%2e%2e/metrics \
                /api/network/../../metrics /metrics%2f /./metrics /METRICS /metrics%00 /federation/..%2f..%2fmetrics; do
                edge "$path" --path-as-is -o "$shop/got" || true
                check "strangers do not see metrics at $path" not grep -q federationd_build_info "$shop/got"
        done
        check "plain HTTP leads to TLS" equal \
                "$(curl -sS --max-time 10 -o /dev/null -w '%{http_code} %{redirect_url}' --connect-to "shop.example:80:$net:8080" \
                        'http://shop.example/api/search?q=a%20b&x')" '308 https://shop.example/api/search?q=a%20b&x'
}

edge_streams() { # nothing is held back
        start events curl -sSN --max-time 60 --connect-to "shop.example:443:$net:8443" --cacert "$shop/tls/ca.crt" \
                https://shop.example/events
        wait_for "the mode is told at once" event_seen '.paymentMode == "primary"'
        order api status 503
        wait_for "buyers pay by crypto" pays_by crypto
        wait_for "a change passes through" event_seen '.paymentMode == "crypto"'
        check "what edge workers ask says so" equal "$(edge_code /api/health)" 503
        check "in federationd's words" equal "$(jq -r .mode "$shop/got")" crypto
        order api ok
        wait_for "buyers pay by card" pays_by primary
        stop events || true

        start found curl -sSN --max-time 15 --connect-to "shop.example:443:$net:8443" --cacert "$shop/tls/ca.crt" \
                -H 'Accept: text/event-stream' 'https://shop.example/api/network/search?q=emma'
        wait_for "a search begins" grep -q '^event: local' "$shop/found.out"
        check "and has not ended" not grep -q '^event: done' "$shop/found.out"
        wait_for "a search ends" grep -q '^event: done' "$shop/found.out"
        stop found || true
}

edge_limits() { # who asks is who connects to the proxy
        local n last
        for n in {1..60}; do
                last=$(edge_code /api/config -H "X-Forwarded-For: 198.51.100.$n")
                [[ $last != 429 ]] || break
        done
        check "whatever a client says, it has one address" equal "$last" 429
        check "another one is not meant" equal "$(edge_code /api/config --interface 127.0.0.9)" 200
}

edge_refuses() { # HEADER
        [[ $(edge_code /api/config -H "$1") == 429 ]]
}

edge_limits_behind() { # HEADER in which a CDN, whom the proxy now believes, says who asks: each buyer has limits of his own again
        wait_for "a buyer behind a CDN has his limits" edge_refuses "$1: 198.51.100.1"
        check "and no other has them" equal "$(edge_code /api/config -H "$1: 198.51.100.2")" 200
}

edge_silent() { # federationd is not there
        stop alpha || true
        check "an honest status" equal "$(edge_code /api/config)" 503
        check "in the shape of its answers" equal "$(jq -c '[.success, (.error | type)]' "$shop/got")" '[false,"string"]'
        check "any page may read it" has_head '^Access-Control-Allow-Origin: [*]'
        check "nobody keeps it" has_head '^Cache-Control: no-store'
        check "once" test "$(grep -ci '^Content-Type' "$shop/head")" == 1
        node_start alpha
        check "and back" equal "$(edge_code /api/config)" 200
}

edge_smuggles() { # with the recording server in federationd's place
        /usr/bin/python3 "$source_dir/tests/edge/smuggle.py" "$net" 8443 "$shop/tls/ca.crt" "$shop/raw"
}

smuggling_is_noticed() { # where nothing stands between, the very same requests are found to be ambiguous
        start open /usr/bin/python3 "$source_dir/tests/parts/raw-backend.py" "$net" "$shop/open" "$shop/tls/valid.crt" "$shop/tls/valid.key"
        wait_for "a server without a proxy is up" test -s "$shop/open.out"
        /usr/bin/python3 "$source_dir/tests/edge/smuggle.py" "$net" "$(<"$shop/open.out")" "$shop/tls/ca.crt" "$shop/open" \
                direct >"$shop/noticed"
        stop open
        (($(grep -c '^not so' "$shop/noticed") >= 40)) && not grep -q '^not so: nothing wrong' "$shop/noticed"
}

public_routes() { # every route of federationd's table but / and /metrics, which are nobody's business
        sed -n '/^static const Route routes/,/^};/s/.*{"[A-Z]*", \("\([^"]*\)"\|NODE_DOCUMENT_PATH\), \(true\|false\).*/\2 \3/p' \
                "$source_dir/federation/routes.c" | sed 's|^ |/.well-known/aan-node.json |; s| true$|/x|; s| false$||' |
                grep -vx '/\|/metrics'
}

# All of them are let through, and nothing of a shop's own.
edge_routes() { # FILE that has the pattern
        local pattern route path
        pattern=$(grep -oE '\^/\([^ ]*\)/\?\$' "$1" | sed 's/(?:/(/g')
        [[ $pattern ]] || fail "no pattern in $1"
        while read -r route; do
                for path in "$route" "$route/"; do
                        check "$path is let through" grep -qE "$pattern" <<<"$path"
                done
        done < <(public_routes)
        for path in / /metrics /api/cart /checkout /statusquo /.well-known/acme-challenge/x /api /apis/health /events/x; do
                check "$path is the shop's" not grep -qE "$pattern" <<<"$path"
        done
}

nginx_config() { # DIRECTIVES-OF-http SITE: a machine's nginx.conf around a site
        cat >"$shop/nginx.conf" <<-END
		$([[ $EUID != 0 ]] || echo 'user root;')
		daemon off;
		worker_processes 1;
		pid $shop/nginx.pid;
		error_log stderr warn;
		events { worker_connections 768; }
		http {
		    access_log off;
		    client_body_temp_path $shop/nginx-body;
		    proxy_temp_path $shop/nginx-proxy;
		    fastcgi_temp_path $shop/nginx-fastcgi;
		    uwsgi_temp_path $shop/nginx-uwsgi;
		    scgi_temp_path $shop/nginx-scgi;
		    gzip on;
		    $1
		    include $2;
		}
	END
}

nginx_run() {
        nginx -t -q -e stderr -c "$shop/nginx.conf" 2>"$shop/nginx-test.log" || fail "nginx does not take it"
        check "without a warning" test ! -s "$shop/nginx-test.log"
        start nginx nginx -e stderr -c "$shop/nginx.conf"
}
