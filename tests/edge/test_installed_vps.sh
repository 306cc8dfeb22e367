#!/bin/bash
# SPDX-License-Identifier: MIT
# setup-vps on a plain machine, with Caddy and then (scripts/test --full) with nginx: from the packages to certificates of a real authority (pebble, ACME)
# and answers over TLS; run again, it changes nothing; what others have written stays; nobody notices a restart of federationd.
build=$(realpath "$1")
. "$(dirname "$0")/../systemd/package.sh"
need curl jq openssl dpkg-deb
packages=$(dirname "$build")/packages
[[ -e $packages/archive/.packages && -x $packages/usr/bin/pebble ]] || missing "$packages has no packages: scripts/test puts them there"
deb=$(package)

# ---- a plain machine: its apt knows what Debian has, its name leads to it, and it trusts the authority

apt_archive() {
        local file
        mkdir "$shop/apt"
        cp "$packages"/archive/*.deb "$shop/apt/"
        for file in "$shop"/apt/*.deb; do
                dpkg-deb --field "$file"
                printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)"
        done >"$shop/apt/Packages"
}

machine_boot
machine_prepare
apt_archive
machine find /etc/apt/sources.list.d /etc/apt/apt.conf.d /var/lib/apt/lists -type f -delete
echo "deb [trusted=yes] file:$shop/apt ./" | machine_file /etc/apt/sources.list
printf '127.0.0.1 localhost shop.example acme.example\n192.0.2.1 elsewhere.example\n' | machine_file /etc/hosts

certificates_make acme.example
cat >"$shop/pebble.json" <<END
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": "$shop/tls/valid.crt",
 "privateKey": "$shop/tls/valid.key", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
END
cp "$packages/usr/bin/pebble" "$shop/"
machine systemd-run --quiet --unit=pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 "$shop/pebble" -config "$shop/pebble.json"
trust() {
        machine curl -sSk --max-time 5 https://127.0.0.1:15000/roots/0 | machine_file /usr/local/share/ca-certificates/pebble.crt &&
                machine grep -q BEGIN /usr/local/share/ca-certificates/pebble.crt
}
wait_for "the authority answers" trust
machine_file /usr/local/share/ca-certificates/acme.crt <"$shop/tls/ca.crt"
machine update-ca-certificates >/dev/null 2>&1

script=$(realpath "$(dirname "$0")/../../etc/vps/setup-vps")
vps() { # ARGUMENT...: into $shop/said; its exit code into $code
        code=0
        machine bash "$script" "$@" >"$shop/said" 2>&1 </dev/null || code=$?
        cp "$shop/said" "$shop/vps.log"
}
buyer() { # PATH [CURL-ARGUMENT...]: with nothing but what the machine trusts
        local path=$1
        shift
        machine curl -sS --max-time 10 "$@" "https://shop.example$path"
}
code_of() {
        buyer "$1" -o /dev/null -w '%{http_code}'
}
said() { # TEXT
        grep -qF -- "$1" "$shop/said"
}

# ---- what it refuses, before it touches anything

for arguments in '' 'no_host' 'shop.example other.example' 'shop.example --proxy apache' \
        192.0.2.1 shop.300 "$(printf '%064d' 0 | tr 0 a).example" "$(printf '%0.sshop.' {1..50})example" 'shop.example --shop $(reboot)' \
        'shop.example;reboot' 'shop.example --email' 'shop.example --acme http://plain.example' '--no-such-option shop.example'; do
        # shellcheck disable=SC2086
        vps $arguments
        check "a wrong line is refused: $arguments" equal "$code" 2
done
vps nowhere.example
check "a name that leads nowhere is told" said "nowhere.example has no address yet"
check "which is a failure" equal "$code" 1
check "and nothing is installed" not machine test -e /usr/sbin/failoverd

# ---- with Caddy

common=(shop.example --acme https://acme.example:14000/dir)
caddy=("${common[@]}" --proxy caddy --email me@shop.example)
vps "${caddy[@]}"
check "without a package, it says so" said "apt knows no package failoverd: say --package FILE"
vps "${caddy[@]}" --package "$deb"
check "it is set up: $(tail -n 3 "$shop/said")" equal "$code" 0
check "and says where" said "https://shop.example answers"
check "as the node's health says" equal "$(code_of /api/health)" 200
check "with the authority's certificate" contains "$(buyer /api/config -v 2>&1)" "issuer: CN=Pebble"
check "the status page is there" equal "$(code_of /status/)" 200
check "who opens the address is led there" equal "$(buyer / -o /dev/null -w '%{redirect_url}')" https://shop.example/status/
check "no metrics for strangers" equal "$(code_of /metrics)" 404
check "the node knows its address" equal "$(buyer /api/store/info | jq -r .store.url)" https://shop.example
check "nothing of it but the proxy is open" equal "$(machine ss -Hltn | awk '{ print $4 }' | grep -v '^127\.\|^\[::1\]' | sort -u | tr '\n' ' ')" "*:443 *:80 "

state() {
        machine bash -c 'md5sum /etc/caddy/* /etc/failoverd/* /etc/nginx/sites-available/failoverd 2>/dev/null;
                systemctl show -P MainPID caddy nginx failoverd federationd; dpkg-query -W | md5sum'
}
before=$(state)
vps "${caddy[@]}" --package "$deb"
check "again: it is as it was" equal "$code" 0
check "nothing is changed" equal "$(state)" "$before"
check "and it says so" not grep -qE '^(made|changed|installing)' "$shop/said"

# federationd is restarted under those who ask; each waits at the socket, and is answered.
# shellcheck disable=SC2016
machine bash -c 'for i in {1..60}; do curl -sS --max-time 10 -o /dev/null -w "%{http_code}\n" https://shop.example/api/config; done' \
        >"$shop/codes" 2>&1 3>&- &
asking=$!
for _ in 1 2 3; do
        machine systemctl restart federationd.service
done
wait $asking
check "nobody noticed the restarts" equal "$(sort "$shop/codes" | uniq -c | tr -s ' ')" " 60 200"

echo 'other.example { respond "mine" }' | machine_file /etc/caddy/Caddyfile
vps "${caddy[@]}"
check "another's configuration of Caddy is not replaced" equal "$code" 1
check "he is told what to put into it" said "    import failoverd.caddy"
check "it is as he wrote it" equal "$(machine cat /etc/caddy/Caddyfile)" 'other.example { respond "mine" }'
vps "${common[@]}" --proxy nginx
check "a port that is taken is left to who has it" said "port 80 is taken by caddy"
in_full || exit 0 # nginx costs as much again; its configuration is tried by edge/test_nginx

# ---- with nginx

machine systemctl --quiet disable --now caddy.service
start page machine /usr/bin/python3 -u -c 'import http.server as h
class Page(h.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.headers["Host"].encode())
h.HTTPServer(("127.0.0.1", 8080), Page).serve_forever()'
vps "${common[@]}" --proxy nginx --shop 127.0.0.1:8080
check "with nginx: $(tail -n 3 "$shop/said")" equal "$code" 0
check "the node answers" equal "$(code_of /api/health)" 200
check "the shop's pages are the shop's" equal "$(buyer /books)" shop.example
check "with the authority's certificate" contains "$(buyer /api/config -v 2>&1)" "issuer: CN=Pebble"
serial() {
        buyer /api/config -o /dev/null -w '%{certs}' | openssl x509 -noout -serial
}
before=$(serial)
machine certbot renew --force-renewal --quiet --no-random-sleep-on-renew
renewed() { [[ $(serial) != "$before" ]]; }
wait_for "a renewed certificate takes effect by itself" renewed
before=$(state)
vps "${common[@]}" --proxy nginx --shop 127.0.0.1:8080
check "again: nothing is changed" equal "$(state)" "$before"

vps elsewhere.example --acme https://acme.example:14000/dir --proxy nginx
check "a name that leads elsewhere is told" said "elsewhere.example leads to 192.0.2.1, which is no address of this"
check "there is no certificate for it" said "no certificate for elsewhere.example"
check "which is a failure" equal "$code" 1
check "and what has worked works on" equal "$(state)" "$before"
check "for buyers, too" equal "$(code_of /api/health)" 200

echo "# by hand" | machine tee -a /etc/failoverd/federationd.yaml >/dev/null
vps "${common[@]}" --proxy nginx --shop 127.0.0.1:8080
check "what you have written stays yours" equal "$code" 0
machine sed -i 's|https://shop.example|https://old.example|' /etc/failoverd/federationd.yaml
vps "${common[@]}" --proxy nginx --shop 127.0.0.1:8080
check "but when it leads elsewhere" equal "$code" 1
check "you are told what it must say" said "node: {url: https://shop.example}"
machine sed -i 's|https://old.example|https://shop.example|' /etc/failoverd/federationd.yaml
machine systemctl stop federationd.socket federationd-control.socket federationd.service
machine systemctl mask --runtime --quiet federationd.service
vps "${common[@]}" --proxy nginx --shop 127.0.0.1:8080
check "a service that does not run is no success" equal "$code" 1
