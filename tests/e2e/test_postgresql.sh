#!/bin/bash
# SPDX-License-Identifier: MIT
# The shop's database on a real PostgreSQL server: each way in which it breaks takes the shop to its fallback and back; our
# own login that is refused does not.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq psql

fast=$impatient
part_start btcpay payment-api
postgres_start db max_connections=12 superuser_reserved_connections=0 max_wal_senders=0
postgres_sql db "CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)"
umask 077
postgres_tcp db >"$shop/db.dsn"
config <<END
node: $node
probes:
  database: {type: postgresql, dsn_file: db.dsn, query: SELECT id FROM orders, expect: "7", $fast}
  socket: {type: postgresql, dsn: "$(postgres_socket db)", $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [database]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
# What libpq would read from its environment is none of the daemon's business.
export PGSERVICE=nonsense PGPASSWORD=wrong PGHOST=192.0.2.1 PGOPTIONS=-cnonsense=1 PGTZ=nonsense
export "PG_${RANDOM}_$(printf '%0100d' 0)=nonsense"
daemon_start
unset PGSERVICE PGPASSWORD PGHOST PGOPTIONS PGTZ
wait_for "everything is up" all_up

broken() { # WAY PART-OF-THE-CAUSE [ANOTHER]
        wait_for "buyers pay by crypto when the database is: $1" pays_by crypto
        [[ ${3-} && $(cause) == *"$3"* ]] || check "the cause of $1 is told" contains "$(cause)" "$2"
}
mended() { # WAY
        wait_for "buyers pay by card again after: $1" pays_by primary
        wait_for "everything is up after: $1" all_up
}

stop db INT
broken stopped "refused by" "shutting down" # which takes a moment, in which it may be asked as often as makes an outage
wait_for "the socket is gone, too" verdict_is socket down
check "its message says where" contains "$(probe_message socket)" "no server at $shop/db"
postgres_start db max_connections=12 superuser_reserved_connections=0 max_wal_senders=0
mended stopped

# Somebody who alters a table keeps all readers waiting.
mkfifo "$shop/orders"
start locker psql -Xq "$(postgres_socket db)" -f "$shop/orders"
exec 4>"$shop/orders"
echo "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;" >&4
broken locked "no answer in 500 ms (query"
check "another query is answered meanwhile" verdict_is socket up
exec 4>&-
stop locker || true
mended locked

postgres_sql db "UPDATE orders SET id = 8"
broken "wrong answer" 'answered "8", expected "7"'
postgres_sql db "UPDATE orders SET id = 7"
mended "wrong answer"

# Idle sessions of a shop that forgets to close them.
mkfifo "$shop/sessions"
exec 4<>"$shop/sessions"
session() { # a probe may be there at this moment, and be the twelfth: then it comes again
        local psql
        trap 'kill "$psql"; exit' TERM
        until psql -Xq "$(postgres_socket db)" -f "$shop/sessions" & psql=$!; wait "$psql"; do nap; done
}
for n in {1..12}; do start "session$n" session 4>&-; done
broken "out of connections" "too many connections"
exec 4>&-
for n in {1..12}; do stop "session$n" || true; done
mended "out of connections"

kill -STOP "${pid[db]}"
broken silent "no answer in 500 ms"
kill -CONT "${pid[db]}"
mended silent

# Our own password is wrong: that says nothing about the shop. From here on nobody is silent, nor must be taken to be.
sed -i 's/timeout: 500ms/timeout: 20s/' "$shop/failoverd.yaml"
kill -HUP "${pid[failoverd]}"
wait_for "it is reloaded" grep -q "reloaded: " "$shop/failoverd.log"
wait_for "everything is up" all_up
changes=$(changes)
echo "$(postgres_tcp db) password=wrong-password" >"$shop/db.dsn"
login_refused() {
        status_is '.probes[] | select(.name == "database") | .outcome == "inconclusive" and
                (.message | contains("password authentication failed")) and (.window | startswith("iii"))'
}
wait_for "attempts are refused" login_refused
check "nothing is switched for our wrong password" equal "$(changes)" "$changes"
check "buyers still pay by card" pays_by primary
postgres_tcp db >"$shop/db.dsn"
wait_for "everything is up" all_up
check "no password is in a log" not grep -rq -e right-password -e wrong-password "$shop/failoverd.log" "$shop/run" "$shop/state"
