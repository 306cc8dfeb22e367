#!/bin/bash
# SPDX-License-Identifier: MIT
# What strangers may take of federationd, seen from outside: requests, connections, bodies, time; and where it listens.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
need openssl

nodes_name shop
address=$net:${node_port[shop]}
certificates_make shop.example
cp "$shop/tls/valid.crt" "$shop/tls/node.crt"
cp "$shop/tls/valid.key" "$shop/tls/node.key"

config() { # LISTEN LIMITS [SECTION]
        mkdir -p "$shop/shop"
        cat >"$shop/shop/federationd.yaml" <<-END
		node: {id: shop, name: Shop, url: "http://$address"}
		listen: [$1]
		limits: {$2}
		failover: {runtime_dir: "$shop/failover", status_dir: "$shop/status"}
		${3-}
	END
        chmod 640 "$shop/shop/federationd.yaml"
}

reloads() {
        grep -c 'reloaded' "$shop/shop.log" || true
}

reload_count_is() { (($(reloads) > $1)); }
reload() { # and waits until it is done
        local before
        before=$(reloads)
        kill -HUP "${pid[shop]}"
        wait_for "the configuration is read again" reload_count_is "$before"
}

status_of() { # CURL-ARGUMENT...: of /api/config
        curl -s -o "$shop/got" -D "$shop/head" -w '%{http_code}' --max-time 10 "$@" "http://$address/api/config" || true
}

say() { # BYTES: as printf has them, over TCP; what comes back until it is closed
        exec 9<>"/dev/tcp/$net/${node_port[shop]}"
        # shellcheck disable=SC2059
        printf "$1" >"$shop/request"
        cat "$shop/request" >&9 # in one piece: the shell writes line by line, and is reset in the middle
        timeout 15 cat <&9 || true
        exec 9>&-
}

# ---- requests of one address

config "\"$address\"" 'requests_per_second: 1, burst: 3, per_address: 20, trusted_proxies: [127.0.0.0/8]'
node_launch shop
wait_for "it answers" node_answers shop
is_limited() { # FORWARDED-FOR: a crowd from there is; 30 within a second or two
        local last n
        for n in {1..30}; do
                last=$(status_of -H "X-Forwarded-For: ${1//%/$n}")
                [[ $last != 429 ]] || return 0
        done
        return 1
}
check "the first is answered" equal "$(status_of -H 'X-Forwarded-For: 192.0.2.1')" 200
check "a crowd is not" is_limited 192.0.2.1
check "in the contract's shape" equal "$(jq -c '[.success, (.error | type)]' "$shop/got")" '[false,"string"]'
check "and says when to come again" grep -qi '^Retry-After: [1-9]' "$shop/head"
check "any page may read that, too" grep -q '^Access-Control-Allow-Origin: [*]' "$shop/head"
check "another address is not meant" equal "$(status_of -H 'X-Forwarded-For: 192.0.2.2')" 200
check "what a client puts in front counts for nothing" is_limited '198.51.100.%, 192.0.2.3'

config "\"$address\"" 'requests_per_second: 1, burst: 3, per_address: 20'
reload
check "nobody is trusted unless it is said" is_limited '203.0.113.%'
config "\"$address\"" 'requests_per_second: 0, per_address: 2, body: 1KiB'
reload
freed() { [[ $(status_of) == 200 ]]; }
wait_for "0 is off" freed # once it has seen that those of the crowd have gone

# ---- connections, bodies

refused_third() { # whose connection was closed a moment ago may still count in place of one of the two
        local status
        exec 7<>"/dev/tcp/$net/${node_port[shop]}" 8<>"/dev/tcp/$net/${node_port[shop]}"
        status=$(status_of)
        exec 7>&- 8>&-
        [[ $status == 000 || $status == 503 ]]
}
wait_for "a third connection of one address is refused" refused_third
wait_for "and taken again" freed
ping=http://$address/api/network/ping
head -c 1000 /dev/zero | tr '\0' ' ' >"$shop/fits"
head -c 1100 /dev/zero | tr '\0' ' ' >"$shop/large"
check "a body that fits" equal "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "{}$(<"$shop/fits")" "$ping")" 200
check "one that is too large" equal "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "{}$(<"$shop/large")" "$ping")" 413
check "one of unknown length that is too large" equal \
        "$(curl -s -o /dev/null -w '%{http_code}' -H 'Transfer-Encoding: chunked' --data-binary "{}$(<"$shop/large")" "$ping")" 413

# ---- requests that could be understood in two ways, and slow ones

config "\"$address\"" 'requests_per_second: 0'
reload
next='GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
smuggles() { # HEADERS: refused, closed, and what follows is never looked at
        local answer
        for _ in {1..20}; do # it is closed with bytes unread, at which the answer may be lost on its way
                answer=$(say "POST /api/network/ping HTTP/1.1\r\nHost: a\r\n$1\r\n${2-0\r\n\r\n}$next" 2>>"$shop/say.log")
                [[ ! $answer ]] || break
        done
        if [[ $answer != 'HTTP/1.1 400 '* || $answer == *smuggled* ]] || grep '^HTTP/' <<<"$answer" | grep -qv ' 400 '; then
                echo "$answer" >&2
                return 1
        fi
}
check "length and chunked" smuggles 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'
check "two lengths" smuggles 'Content-Length: 0\r\nContent-Length: 5\r\n'
check "white space before the colon" smuggles 'Content-Length : 5\r\n'
check "a length that is none" smuggles 'Content-Length: +5\r\n'
check "two encodings" smuggles 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n'
check "two hosts" smuggles 'Host: b\r\n'
before=$SECONDS
check "half a head is not waited for" equal "$(say 'GET / HTTP/1.1\r\nHost: a\r\nX: ')" ''
check "for long" test $((SECONDS - before)) -le 9

# ---- where it listens

config "\"$address\", \"unix:$shop/public.sock\"" 'requests_per_second: 0' "tls: {cert_file: $shop/tls/node.crt, key_file: $shop/tls/node.key}"
chmod 600 "$shop/tls/node.key"
reload
over_tls() {
        curl -sS --max-time 10 --resolve "shop.example:${node_port[shop]}:$net" --cacert "$shop/tls/ca.crt" "https://shop.example:${node_port[shop]}/api/config"
}
check "TLS" contains "$(over_tls)" paymentMode
check "no plain HTTP any more" equal "$(status_of)" 000
check "a Unix socket, as public as a port" equal "$(stat -c %a "$shop/public.sock")" 666
check "which answers" contains "$(curl -sS --unix-socket "$shop/public.sock" http://shop/api/config)" paymentMode

fingerprint() {
        openssl s_client -connect "$address" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
}
listening() { # the inode of the socket at our address; other tests have the same port on others
        local bytes
        IFS=. read -ra bytes <<<"$net"
        awk -v at="$(printf '%02X%02X%02X%02X:%04X' "${bytes[3]}" "${bytes[2]}" "${bytes[1]}" "${bytes[0]}" "${node_port[shop]}")" \
                '$2 == at && $4 == "0A" { print $10 }' /proc/net/tcp
}
old=$(fingerprint)
certificates_make shop.example
cp "$shop/tls/valid.key" "$shop/tls/node.key"
cp "$shop/tls/valid.crt" "$shop/tls/node.crt"
inode=$(listening)
reload
check "another certificate takes effect" test "$(fingerprint)" != "$old"
check "its socket is known" test -n "$inode"
check "on the same socket" equal "$(listening)" "$inode"

# All or nothing: a port that is taken leaves all as it was.
sockets() {
        find "/proc/${pid[shop]}/fd" -lname 'socket:*' | wc -l
}
open=$(sockets)
config "\"$address\", \"192.0.2.1:1\"" 'requests_per_second: 0'
kill -HUP "${pid[shop]}"
wait_for "it is told why not" grep -q '192.0.2.1:1' "$shop/shop.log"
check "TLS still" contains "$(over_tls)" paymentMode
check "the Unix socket still" contains "$(curl -sS --unix-socket "$shop/public.sock" http://shop/api/config)" paymentMode
as_before() { (($(sockets) <= open)); }
wait_for "nothing is left open" as_before
config "\"$address\"" 'requests_per_second: 0'
reload
check "plain again" equal "$(status_of)" 200
check "the Unix socket is closed" not curl -s --max-time 5 --unix-socket "$shop/public.sock" http://shop/api/config
check "it stops in order" stop shop
