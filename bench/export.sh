#!/bin/bash
# SPDX-License-Identifier: MIT
# A catalog as a whole: a million generated books (bench/make-books) are exported, first while the file is made, then again; beside
# nginx, which sends the same bytes from a file. Then another node fetches the catalog of a hundred thousand, beside the import of
# the same books from a file. How much memory it took: resident before, and at most.
#
# Wanted: 100 MB/s or the disk's speed, in flat memory; 100,000 books fetched in 3 s.
#
# bench/export.sh [BOOKS] [FETCHED]     1000000 100000
. "$(dirname "$0")/common.bash"
books=${1:-1000000} fetched=${2:-100000}
bench_begin curl jq nginx time python3

free_port() {
        python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

node_start() { # NAME [PEER-URL]
        port[$1]=$(free_port)
        mkdir -p "$shop/$1/state"
        cat >"$shop/$1.yaml" <<-END
		node: {id: $1, name: $1, url: "http://127.0.0.1:${port[$1]}"}
		listen: ["127.0.0.1:${port[$1]}"]
		failover: {runtime_dir: $shop/failover, status_dir: $shop/status}
		limits: {requests_per_second: 0, pull_interval: 0}
		network: {peers: [${2:+{id: source, url: "$2"\}}]}
	END
        "$build/federationd" --config "$shop/$1.yaml" --state-dir "$shop/$1/state" --runtime-dir "$shop/$1/run" \
                >"$shop/$1.log" 2>&1 &
        pid[$1]=$!
        wait_for "$1 answers" curl -sfo /dev/null "http://127.0.0.1:${port[$1]}/api/stats"
}

books_import() { # NAME COUNT: seconds
        mkdir -p "$shop/$1/state"
        "$bench/make-books" "$2" 1 >"$shop/books.csv"
        command time -o "$shop/time" -f %e "$build/federationd" --state-dir "$shop/$1/state" --import "$shop/books.csv" \
                >/dev/null 2>"$shop/import.log" || fail "the import"
        cat "$shop/time"
}

memory() { # NAME FIELD: MiB
        awk -v field="$2:" '$1 == field { printf "%.1f", $2 / 1024 }' "/proc/${pid[$1]}/status"
}

take() { # NAME URL: one line
        curl -sS --max-time 600 -o /dev/null -w '%{time_total} %{size_download} %{time_starttransfer}' "$2" |
                awk -v name="$1" '{ printf "%-36s %8.2f s %8.0f MB %8.0f MB/s, first byte after %.2f s\n", name, $1, $2 / 1e6, $2 / 1e6 / $1, $3 }'
}

machine
books_import big "$books" >/dev/null
node_start big
export_url=http://127.0.0.1:${port[big]}/federation/export
before=$(memory big VmRSS)
take "export of $books books, made" "$export_url"
for _ in 1 2; do take "again" "$export_url"; done
for _ in 1 2 3 4; do curl -sS -o /dev/null --max-time 600 --interface "127.0.0.$((RANDOM % 200 + 2))" "$export_url" & takers+=($!); done
wait "${takers[@]}"
echo "resident: $before MiB before, $(memory big VmHWM) MiB at most, with four at once"

curl -sS -o "$shop/export.json" "$export_url"
port[nginx]=$(free_port)
printf 'daemon off; pid %s/nginx.pid; error_log stderr; events {} http { access_log off; server { listen 127.0.0.1:%s; root %s; } }' \
        "$shop" "${port[nginx]}" "$shop" >"$shop/nginx.conf"
nginx -c "$shop/nginx.conf" 2>"$shop/nginx.log" &
pid[nginx]=$!
wait_for "nginx answers" curl -sfo /dev/null -r 0-0 "http://127.0.0.1:${port[nginx]}/export.json"
for _ in 1 2; do take "the same by nginx from a file" "http://127.0.0.1:${port[nginx]}/export.json"; done
stop nginx || true
stop big

imported=$(books_import source "$fetched")
node_start source
curl -sS -o /dev/null "http://127.0.0.1:${port[source]}/federation/export" # others want it, too
node_start taker "http://127.0.0.1:${port[source]}"
before=$(memory taker VmRSS)
printf '%-36s %8.2f s\n' "import of $fetched books from a file" "$imported"
for _ in 1 2; do
        "$build/failoverctl" --socket "$shop/taker/run/control.sock" sync --force --json |
                jq -r '.pulls[0] | "\(.seconds) \(.copy.listings) \(.bytes)"' |
                awk '{ printf "%-36s %8.2f s %8.0f MB\n", "fetch of " $2 " books", $1, $3 / 1e6 }'
done
"$build/failoverctl" --socket "$shop/taker/run/control.sock" sync --json |
        jq -r '.pulls[0].seconds' | awk '{ printf "%-36s %8.3f s\n", "nothing new", $1 }'
echo "resident: $before MiB before, $(memory taker VmHWM) MiB at most"
