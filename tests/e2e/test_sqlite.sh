#!/bin/bash
# SPDX-License-Identifier: MIT
# The shop's SQLite database, which another user's process has open: locked, damaged, gone, on a disk that is full or hangs,
# it takes the shop to its fallback and back, delays no other probe, and finds no file of ours beside it.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
need curl jq sqlite3 setpriv fsfreeze

disk_make 8
part_start api payment-api
part_start btcpay payment-api
db=$shop/disk/orders.db
chown nobody "$shop/disk"

owner_start() { # a shop with the database open; orders on descriptor 4
        [[ -p $shop/orders ]] || mkfifo "$shop/orders"
        exec 4<>"$shop/orders"
        setpriv --reuid=nobody --clear-groups sqlite3 "$db" <"$shop/orders" >"$shop/owner.out" 2>>"$shop/owner.log" 3>&- 4>&- &
        pid[owner]=$!
}
owner() { # SQL
        echo "$1" >&4
}
owner_end() { # as a program does that ends by itself
        owner ".quit"
        wait "${pid[owner]}"
        unset "pid[owner]"
        exec 4>&-
}
owner_start
owner "PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, text); INSERT INTO orders VALUES (7, 'book');"
wait_for "the shop has its database open" test -s "$db-wal"

config <<END
node: $node
probes:
  orders-db: {type: sqlite, path: "$db", query: SELECT max(id) FROM orders, expect: "7", interval: 1s, fast_interval: 300ms, timeout: 1s}
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [payment-api, orders-db]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up

broken() { # WAY PART-OF-THE-CAUSE
        wait_for "buyers pay by crypto when the database is: $1" pays_by crypto
        check "the cause of $1 is told" contains "$(cause)" "$2"
}
mended() { # WAY
        wait_for "buyers pay by card again after: $1" pays_by primary
}

owner "BEGIN IMMEDIATE; UPDATE orders SET text = 'slow';"
broken locked "locked for 1 s: process ${pid[owner]} is writing"
owner "COMMIT;"
mended locked

owner "UPDATE orders SET id = 8;"
broken "wrong answer" 'answered "8", expected "7"'
owner "UPDATE orders SET id = 7;"
mended "wrong answer"

disk_fill
broken "on a full disk" "disk full"
disk_empty
mended "on a full disk"

asked=$(requests api)
asked_again() {
        (($(requests api) >= asked + 3))
}
disk_freeze
broken "on a disk that hangs" "orders-db"
asked=$(requests api)
wait_for "the payment API is still asked" asked_again
disk_thaw
mended "on a disk that hangs"

# The shop closes it: to look would be to make files; that says nothing about the shop. From here on nothing hangs, nor must be
# taken to.
sed -i 's/timeout: 1s/timeout: 20s/' "$shop/failoverd.yaml"
kill -HUP "${pid[failoverd]}"
wait_for "it is reloaded" grep -q "reloaded: " "$shop/failoverd.log"
wait_for "everything is up" all_up
changes=$(changes)
owner_end
unknown() {
        status_is '.probes[] | select(.name == "orders-db") | .outcome == "inconclusive" and (.window | startswith("iii"))'
}
wait_for "three looks from outside" unknown
check "nothing is switched" equal "$(changes)" "$changes"
check "only the database is there" equal "$(ls "$shop/disk")" orders.db

owner_start
owner "INSERT INTO orders VALUES (6, 'more'); PRAGMA wal_checkpoint(TRUNCATE);"
wait_for "the shop can write" test -e "$db-shm"
wait_for "everything is up" all_up
check "all files are the shop's" equal "$(stat -c %U "$shop/disk"/* | sort -u)" nobody

owner_end
cp "$db" "$shop/good.db"
dd if=/dev/zero of="$db" bs=512 count=1 conv=notrunc status=none
broken damaged "is not an SQLite database"
cat "$shop/good.db" >"$db"
owner_start
owner "SELECT count(*) FROM orders;"
mended damaged

owner_end
mv "$db" "$shop/good.db"
broken gone "is missing"
