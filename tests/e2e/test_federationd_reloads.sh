#!/bin/bash
# SPDX-License-Identifier: MIT
# Two hundred reloads in which listeners, certificates, peers, limits and folders change, with broken files in between and searches under way: no descriptor, thread or memory is lost, and nothing is stuck.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/one_node.sh"

certificates_make shop.example
chmod 600 "$shop"/tls/*.key
mkdir -p "$shop/failoverd-a" "$shop/failoverd-b"
part_start peer evil-peer

variant() { # NUMBER
        local -a lines
        lines=("node: {id: my-shop, name: \"Name $1\", url: \"http://$public\"}")
        case $(($1 % 4)) in
        0) lines+=("listen: [\"$public\"]") ;;
        1) lines+=("listen: [\"$public\", \"$net:8441\", \"unix:$shop/http.sock\"]") ;;
        2) lines+=("listen: [\"$public\", \"$net:8442\"]") ;;
        3) lines+=("listen: [\"$public\", \"$net:8442\"]" "catalog: {store: sqlite}") ;;
        esac
        case $(($1 % 3)) in
        0) lines+=("network: {allow_private_peers: [127.0.0.0/8], cache: {size: 1MiB}, peers: [{id: a, url: \"http://127.0.0.1:${port[peer]}\"}, {id: b, url: \"http://127.0.0.1:1\"}]}") ;;
        1) lines+=("network: {search_timeout: 500ms, cache: {size: 0}, peers: [{id: a, url: \"http://127.0.0.1:${port[peer]}\"}, {id: c, url: \"http://127.0.0.1:2\"}]}") ;;
        2) lines+=("network: {enabled: false}") ;;
        esac
        lines+=("failover: {runtime_dir: \"$shop/failoverd-$( (($1 % 2)) && echo a || echo b)\", status_dir: \"$shop/status$(($1 % 2))\"}")
        lines+=("limits: {requests_per_second: 0, connections: $((100 + $1 % 5)), trusted_proxies: [unix]}")
        case $(($1 % 10)) in
        3) lines+=("nonsense: 1") ;;
        6) lines+=("tls: {cert_file: $shop/tls/valid.crt, key_file: $shop/tls/ca.key}") ;;
        8) lines+=("tls: {cert_file: /none, key_file: /none}") ;;
        esac
        printf '%s\n' "${lines[@]}" | config
}
is_refused() { # NUMBER
        (($1 % 10 == 3 || $1 % 10 == 6 || $1 % 10 == 8))
}
descriptors() {
        find "/proc/${pid[federationd]}/fd" | wc -l
}
threads() {
        find "/proc/${pid[federationd]}/task" -maxdepth 1 | wc -l
}
settled() { # once nobody asks: DESCRIPTORS THREADS at most
        (($(descriptors) <= $1 && $(threads) <= $2))
}
rounds() { # FROM TO
        local i
        for ((i = $1; i < $2; i++)); do
                variant "$i"
                if is_refused "$i"; then reload_and refused; else reload_and reloaded; fi
        done
}
visitor() {
        while [[ ! -e $shop/enough ]]; do
                curl -s --max-time 10 "http://$public/api/network/search?q=book+$RANDOM" "http://$public/api/config" >/dev/null ||
                        echo failed
        done
}

variant 0
daemon_start
rounds 0 24 # all variants once: what is made once is made
variant 0
reload_and reloaded
check "it answers" answers
before_fds=$(descriptors) before_threads=$(threads)
start visitor visitor
rounds 24 225
: >"$shop/enough"
wait "${pid[visitor]}" || true
unset "pid[visitor]"
variant 0
reload_and reloaded
check "no request was lost" equal "$(<"$shop/visitor.out")" ""
check "the last file holds" status_is '.node.name == "Name 0" and .network.peers == 2'
wait_for "no descriptor and no thread is lost ($before_fds and $before_threads before)" settled "$before_fds" "$before_threads"
check "SIGTERM ends it with 0, no leak" stop federationd
