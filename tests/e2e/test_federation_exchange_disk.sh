#!/bin/bash
# SPDX-License-Identifier: MIT
# Catalogs as a whole on a disk that is all but full: neither the export nor a copy takes the room that money and notices need; who asks
# is told; when there is room again it goes. Root, for a mount of its own.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
. "$(dirname "$0")/federation.sh"

/usr/bin/python3 - >"$shop/books.csv" <<'END'
print("id,title,author,description")
for i in range(4000):
    print(f"b-{i},Book {i},Somebody,{'word ' * 150}")
END
nodes_name here other
node_config here other <<<''
sed -i 's/^limits: {/limits: {pull_interval: 0, /' "$shop/here/federationd.yaml"
node_config other </dev/null
for name in here other; do
        mkdir -p "$shop/$name/state"
        mount -t tmpfs -o size=40m tmpfs "$shop/$name/state"
done
end() {
        local status=$?
        umount -l "$shop/here/state" "$shop/other/state"
        (exit "$status")
        cleanup
}
trap end EXIT
node_import other "$shop/books.csv"
node_start other
node_start here

fill() { # NAME: all but 1 MiB
        local left
        left=$(df --output=avail -B1 "$shop/$1/state" | tail -n 1)
        fallocate -l $((left - (1 << 20))) "$shop/$1/state/ballast"
}
used() { df --output=used -B1 "$shop/$1/state" | tail -n 1; }
status() { curl -sS --max-time 20 -o "$shop/answer.json" -w '%{http_code}' "$@"; }
says() { contains "$(jq -r .error "$shop/answer.json")" "$1"; }
export_status() { status "$(node_url other)/federation/export"; }
pull_status() { status -X POST -d "{\"sourceUrl\":\"$(node_url other)\",\"force\":true}" "$(node_url here)/federation/pull"; }

fill other
before=$(used other)
check "no room: no export" equal "$(export_status)" 503
check "and the reason" says "no room to make the export in"
check "nothing is left of it" test "$(used other)" -le $((before + 65536))
check "everything else goes on" equal "$(node_get other '/api/search?q=book' | jq .success)" true
rm "$shop/other/state/ballast"
has_export() { [[ $(export_status) == 200 ]]; }
wait_for "with room there is an export again" has_export

fill here
before=$(used here)
check "no room: no copy" equal "$(pull_status)" 503
check "and the reason (of the copy)" says "is all but full"
swept() { (($(used here) <= before + 262144)); }
wait_for "nothing is left of it, either" swept
rm "$shop/here/state/ballast"
check "with room there is one" equal "$(pull_status)" 200
fill here
search here "book 17"
check "the copy that came before stays" equal "$(pull_status)" 503
stop other || fail "the other node does not end well"
found_copy() {
        search here "book 17" --data-urlencode "limit=$((RANDOM % 90 + 1))"
        found_is '.network[0].copy'
}
check "and is searched" found_copy
stop here || fail "the node does not end well"
