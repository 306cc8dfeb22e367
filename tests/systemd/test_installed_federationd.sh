#!/bin/bash
# SPDX-License-Identifier: MIT
# In the sandbox of federationd.service everything works: its sockets are systemd's, and a restart or a crash refuses no visitor; TLS with a key that only systemd may read; another shop is searched, and its catalog fetched by the timer's service; and it has no way into failoverd.
build=$(realpath "$1")
. "$(dirname "$0")/installed.sh"
need curl jq
installed_boot

visit() { # PATH [CURL-ARGUMENT...]
        local path=$1
        shift
        machine curl -sSf --max-time 20 "$@" "http://127.0.0.1:8440$path"
}

# ---- another shop, and a certificate in a place that federationd may not read

cat >"$shop/other.yaml" <<-END
	node: {id: other-shop, name: Other Shop, url: "http://127.0.0.1:8450"}
	listen: ["127.0.0.1:8450"]
END
mkdir "$shop/other"
machine_unit other.service <<-END
	[Service]
	ExecStart=$build/federationd --config $shop/other.yaml --state-dir $shop/other --runtime-dir $shop/other
END
machine systemctl start other.service
other_answers() {
        machine curl -sSf http://127.0.0.1:8450/api/stats
}
wait_for "the other shop answers" other_answers
printf 'title,author,price\nThe Moon over Tromso,A. Writer,12.50\n' >"$shop/books.csv"
machine "$build/failoverctl" --socket "$shop/other/control.sock" catalog import "$shop/books.csv" >/dev/null
certificates_make shop.example
machine install -d -m 700 /etc/letsencrypt/live
machine install -m 600 "$shop/tls/valid.crt" "$shop/tls/valid.key" /etc/letsencrypt/live
machine_file /etc/failoverd/federationd.yaml <<-END
	node: {id: my-shop, name: My Shop, url: "http://127.0.0.1:8440", key_file: node.key}
	limits: {requests_per_second: 0}
	network: {allow_private_peers: [127.0.0.0/8], peers: [{id: other-shop, url: "http://127.0.0.1:8450"}]}
END
# Nothing that is denied goes unnoticed. What fetches catalogs lowers its priority where it may, which is not here.
drop_in federationd.service strict <<-END
	[Service]
	SystemCallErrorNumber=kill
	SystemCallFilter=setpriority
END
machine systemctl restart federationd.service

# ---- searched and fetched

finds() {
        [[ $(visit "/api/network/search?q=tromso" | jq -r '.results[0].source_node') == other-shop ]]
}
wait_for "the other shop's books are found" finds
check "the timer runs" unit_is federation-sync.timer active
machine systemctl start federation-sync.service || fail "federation-sync.service fails"
fetched() {
        contains "$(machine journalctl --no-pager -u federation-sync.service)" "other-shop: fetched 1 book"
}
wait_for "its catalog is fetched by what the timer starts" fetched
machine systemctl stop other.service
still_finds() {
        [[ $(visit "/api/network/search?q=tromso" | jq -r '.results[0].title') == "The Moon over Tromso" ]]
}
wait_for "and is searched while that shop is down" still_finds
check "one that does not answer is no failure of this machine" machine systemctl start federation-sync.service

# ---- no visitor is refused

# Several side by side, each of whom asks again and again; one line for each answer: how curl ended, and the status.
cat >"$shop/visitor" <<-'END'
	until [ -e "$1/enough" ]; do
	        answer=$(curl -sS --max-time 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:8440/api/stats) && code=0 || code=$?
	        echo "$code $answer"
	done
END
visitors=(ann bob cid dan eve)
for name in "${visitors[@]}"; do start "$name" machine sh "$shop/visitor" "$shop"; done
well() { # of NAME's answers
        grep -cx '0 200' "$shop/$1.out" || true
}
all_answered() { # two more each than at the last call of `from_now`
        local name
        for name in "${visitors[@]}"; do (($(well "$name") >= seen[$name] + 2)) || return 1; done
}
declare -A seen
from_now() {
        for name in "${visitors[@]}"; do seen[$name]=$(well "$name"); done
}
visitors_out=("${visitors[@]/%/.out}")
bad() { # answers, all visitors'
        (cd "$shop" && grep -vx '0 200' "${visitors_out[@]}") || true
}
from_now
wait_for "each visitor is answered" all_answered
for _ in 1 2 3; do
        from_now
        machine systemctl restart federationd.service
        wait_for "each visitor is answered after a restart" all_answered
done
check "no request has failed" equal "$(bad)" ""
main=$(main_pid federationd.service)
machine kill -KILL "$main"
wait_for "killed, it is back" is_replaced federationd.service "$main"
from_now
wait_for "each visitor is answered after the kill" all_answered
: >"$shop/enough"
for name in "${visitors[@]}"; do
        wait "${pid[$name]}" || true
        unset "pid[$name]"
        check "a kill costs $name the request that was being answered at most" test "$(grep -cvx '0 200' "$shop/$name.out")" -le 1
done
check "nobody was refused" not grep -q ':7 ' <<<"$(bad)"
check "nothing was killed but by us" equal "$(machine journalctl --no-pager -u federationd.service | grep -c 'status=[0-9]*/SYS' || true)" 0

# ---- who may ask, and whom it may ask

machine useradd --system looker
check "the group failover may look" as looker failover -- failoverctl peers >/dev/null
check "a stranger may not" not as nobody -- failoverctl peers >/dev/null 2>&1
check "federationd's user cannot even connect to failoverd" contains \
        "$(as federationd federationd -- curl -sS --unix-socket /run/failoverd/control.sock http://failoverd/v1/status 2>&1)" "ouldn't connect"
check "nor read its configuration" not as federationd federationd -- cat /etc/failoverd/failoverd.yaml 2>/dev/null

# ---- TLS, elsewhere, as docs/sandbox.md has it

machine rm /etc/systemd/system/federationd.service.d/strict.conf
drop_in federationd.service tls <<-END
	[Service]
	LoadCredential=shop.crt:/etc/letsencrypt/live/valid.crt
	LoadCredential=shop.key:/etc/letsencrypt/live/valid.key
END
drop_in federationd.socket elsewhere <<-END
	[Socket]
	ListenStream=
	ListenStream=127.0.0.1:443
END
echo 'listen: ["127.0.0.1:443", "127.0.0.1:8441"]' | machine tee -a /etc/failoverd/federationd.yaml >/dev/null
echo "tls: {cert_file: shop.crt, key_file: shop.key}" | machine tee -a /etc/failoverd/federationd.yaml >/dev/null
machine systemctl stop federationd.service 2>/dev/null # "it can still be activated by"
machine systemctl restart federationd.socket
machine systemctl start federationd.service || fail "federationd does not start with TLS"
check "it is served with the certificate" machine curl -sSf --max-time 20 --cacert "$shop/tls/ca.crt" \
        --resolve shop.example:443:127.0.0.1 https://shop.example/api/stats -o /dev/null
said() {
        machine journalctl --sync
        machine journalctl --no-pager -u federationd.service -p warning
}
check "what is configured elsewhere is told" contains "$(said)" '`listen: 127.0.0.1:8441` is not used: systemd passes the sockets'
check "and nothing else is" not contains "$(said)" 'listen: 127.0.0.1:8440' 2>/dev/null
check "systemd rates it 1.2 or better" machine systemd-analyze security --threshold=12 --no-pager federationd.service >/dev/null
