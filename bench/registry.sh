#!/bin/bash
# SPDX-License-Identifier: MIT
# What a large registry costs: federationd begins with 10,000 signed nodes in federation.db, publishes them, and takes 100,000
# registrations of strangers. Wanted: loaded in 200 ms, 20 MiB.
#
# bench/registry.sh [NODES]              10000
. "$(dirname "$0")/common.bash"
nodes=${1:-10000}
bench_begin jq python3
folder=$shop/registry
mkdir -p "$folder"
net=$(own_loopback)

begin() { # STATE: starts, and waits until the registry is published
        mkdir -p "$folder/$1"
        cat >"$folder/f.yaml" <<-END
		node: {id: bench, url: "http://$net:8448"}
		listen: ["$net:8448"]
		network: {enabled: false, allow_private_peers: [127.0.0.0/8]}
		limits: {requests_per_second: 0, per_address: 0}
		failover: {runtime_dir: $folder/none, status_dir: $folder/none}
	END
        start daemon "$build/federationd" --config "$folder/f.yaml" --state-dir "$folder/$1" --runtime-dir "$folder/run"
        wait_for "it publishes its registry" test -s "$folder/$1/network-registry.json"
}
dirty() { # KiB
        awk '/^Private_Dirty:/ { print $2 }' "/proc/${pid[daemon]}/smaps_rollup"
}
status() { # JQ-FILTER
        curl -sS --unix-socket "$folder/run/control.sock" http://x/v1/status | jq -r "$1"
}

begin empty
sleep 1
empty=$(dirty)
stop daemon || true

# The database of a registry in which everybody has been accepted: as federationd makes it, filled by hand.
mkdir -p "$folder/full"
cp "$folder/empty/federation.db" "$folder/full/"
python3 - "$folder/full/federation.db" "$nodes" <<'END'
import json, sqlite3, sys, time
db, now = sqlite3.connect(sys.argv[1]), int(time.time() * 1000)
for n in range(int(sys.argv[2])):
    i = f"node-{n:05}.example"
    document = {"id": i, "name": f"Shop number {n}", "url": f"https://{i}", "fallbackUrl": f"https://backup.{i}", "type": "full",
                "paymentMethods": ["stripe", "bitcoin"], "catalog": {"totalBooks": n, "totalCategories": 12},
                "revenueShare": {"accepts": True, "percentage": 15}, "operator": "Somebody", "location": "Berlin",
                "keys": {"ed25519:abcdefgh": {"key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}, "version_ts": now,
                "valid_until_ts": now + 10**10, "signatures": {i: {"ed25519:abcdefgh": "A" * 86}}}
    db.execute("INSERT INTO member VALUES (?, 1, 1, 0, NULL, zeroblob(16), ?, ?, ?, ?)",
               (i, now * 1000, now * 1000, now * 1000 + n, json.dumps(document, separators=(",", ":"))))
db.commit()
END
begin full
ready=$(status .registry.ready)
[[ $ready == true ]] || fail "it has not been read"
sleep 3
machine
echo "nodes $(status .registry.accepted), loaded in $(status .registry.load_ms) ms, private dirty $((($(dirty) - empty) / 1024)) MiB more than an empty one"
file=$folder/full/network-registry.json
echo "file $(stat -c %s "$file") bytes, with $(jq '.nodes | length' "$file") nodes"
curl -sS -o /dev/null -w 'GET /network-registry.json: %{time_total} s, %{size_download} bytes\n' "http://$net:8448/network-registry.json"
curl -sS -o /dev/null -w 'again: %{time_total} s\n' "http://$net:8448/network-registry.json"
curl -sS -o /dev/null -w 'GET /api/nodes: %{time_total} s, %{size_download} bytes\n' "http://$net:8448/api/nodes"
stop daemon || true

begin flood
before=$(dirty)
began=$(date +%s%N)
counts=$(python3 "$source_dir/tests/parts/registrants.py" "$net:8448" 100000 200)
took=$((($(date +%s%N) - began) / 1000000))
echo "100,000 registrations in $took ms, $((100000000 / took)) a second: $counts"
echo "private dirty $((($(dirty) - before) / 1024)) MiB more, federation.db $(($(stat -c %s "$folder/flood/federation.db") / 1024)) KiB"
