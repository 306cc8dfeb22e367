#!/bin/bash
# SPDX-License-Identifier: MIT
# federationd's control socket: who may look and who may import; imports in pieces, several at once, given up, cut off by the daemon's end, all of it seen by searches.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
. "$(dirname "$0")/one_node.sh"
need setpriv

# Groups and users of our own, in this mount namespace only.
cp /etc/passwd "$shop/passwd"
cp /etc/group "$shop/group"
cat >>"$shop/passwd" <<END
fo-looker:x:61001:61001::/:/bin/sh
fo-admin:x:61002:61002::/:/bin/sh
fo-stranger:x:61004:61004::/:/bin/sh
END
groups_are() { # TEXT: also what they are in a reload
        cat /proc/self/fd/0 >"$shop/group.new"
        cat "$shop/group.plain" "$shop/group.new" >"$shop/group"
}
grep -v '^failover' "$shop/group" >"$shop/group.plain"
groups_are <<END
failover:x:61000:fo-looker,fo-admin
failover-admin:x:61010:fo-admin
END
chmod 644 "$shop/passwd" "$shop/group"
mount --bind "$shop/passwd" /etc/passwd
mount --bind "$shop/group" /etc/group

plain_config
daemon_start
check "the socket is for the group" equal "$(stat -c '%a %g' "$shop/run/control.sock")" "660 61000"

as() { # USER CURL-ARGUMENT...: the HTTP status, 000 when the socket cannot be reached
        local user=$1 path=$2
        shift 2
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
                curl -s --max-time 10 --unix-socket "$shop/run/control.sock" -o /dev/null -w '%{http_code}' \
                "http://federationd$path" "$@" || true
}
may() { # USER PATH WANTED CURL-ARGUMENT...
        local user=$1 path=$2 wanted=$3
        shift 3
        check "$user asks $path" equal "$(as "$user" "$path" "$@")" "$wanted"
}
for path in /v1/status /v1/peers "/v1/search?q=x" /v1/stats /metrics; do
        may fo-looker "$path" 200
        may fo-admin "$path" 200
        may root "$path" 200
        may fo-stranger "$path" 000
done
may fo-looker /v1/import 403 -X POST
may fo-looker /v1/import/x 403 -X DELETE
may fo-looker /v1/import/x/end 403 -X POST
may fo-admin /v1/import/x 404 -X DELETE
may root /v1/import 405
may root /v1/nothing 404
may root "/v1/import?format=xml" 400 -X POST
chmod 666 "$shop/run/control.sock"
may fo-stranger /v1/status 403
may fo-stranger /v1/import 403 -X POST

# ---- imports

begin() { # QUERY: its id
        ask "/v1/import?$1" -X POST | jq -er .import
}
piece() { # ID < TEXT
        ask "/v1/import/$1" --data-binary @-
}
report() { # JQ-FILTER < ANSWER
        jq -c "$1"
}
books() {
        status | jq .catalog.books
}
books_are() { # NUMBER
        [[ $(books) == "$1" ]]
}

id=$(begin "format=csv&name=books.csv")
printf 'id,title,price\n1,First book,12.99\n2,,3\n3,Third' | piece "$id" >/dev/null
check "a stranger's id is none" equal "$(as root /v1/import/0123 -d x)" 404
printf ' book,abc\n4,Fourth book,4\n' | piece "$id" >/dev/null
end=$(ask "/v1/import/$id/end" -X POST)
check "the sum is right" equal "$(report '.report | [.rows, .added, .refused]' <<<"$end")" "[4,2,2]"
check "what was refused is told by line" equal "$(report '[.problems[] | .line, .refused]' <<<"$end")" "[3,true,4,true]"
check "with the reason" contains "$(report .problems[1].reason <<<"$end")" 'books.csv:4: price: `abc`'
check "the import is gone" equal "$(as root "/v1/import/$id/end" -X POST)" 404
wait_for "the books are counted" books_are 2
check "and found" equal "$(get "/api/search?q=fourth" | jq -r '.results[0].title')" "Fourth book"

# The same once more changes nothing, whatever the pieces; JSON Lines is known by its first byte.
id=$(begin name=again.csv)
printf 'id,title,price\n1,First book,12.99\n4,Fourth book,4\n' | while IFS= read -rn7 -d '' part || [[ $part ]]; do
        printf %s "$part" | piece "$id" >/dev/null
done
check "nothing was added" equal "$(ask "/v1/import/$id/end" -X POST | report '.report | [.added, .updated, .unchanged]')" "[0,0,2]"
id=$(begin name=more.jsonl)
printf '{"id":"5","title":"Fifth book"}\n' | piece "$id" >/dev/null
check "JSON Lines, too" equal "$(ask "/v1/import/$id/end" -X POST | report .report.added)" 1
wait_for "it is counted" books_are 3

# What is no list of books ends it, and says so.
id=$(begin name=books.csv)
check "what is no text is refused" equal "$(printf 'a\0b\n' | as root "/v1/import/$id" --data-binary @-)" 422
check "and ends it" equal "$(as root "/v1/import/$id" -d x)" 404
check "a piece too large is refused" equal "$(head -c 1100000 /dev/zero | as root /v1/import/x --data-binary @-)" 413

# Four at a time; one that is given up makes room, and has left nothing.
before=3
ids=()
for i in 1 2 3 4; do ids+=("$(begin "name=$i.csv")"); done
check "a fifth waits" equal "$(as root /v1/import -X POST)" 503
printf 'id,title\n100,Never to be\n' | piece "${ids[0]}" >/dev/null
check "one is given up" equal "$(as root "/v1/import/${ids[0]}" -X DELETE)" 200
id=$(begin name=5.csv)
for i in 1 2 3; do check "another is given up" equal "$(as root "/v1/import/${ids[i]}" -X DELETE)" 200; done
check "given up means nothing happened" equal "$(books)" "$before"

# A stop in the middle: who was told of nothing has nothing, and the next start finds the catalog well.
printf 'id,title\n101,Cut off\n' | piece "$id" >/dev/null
check "SIGTERM ends it with 0" stop federationd
daemon_start
check "what was not ended is not there" equal "$(get "/api/search?q=cut+off" | jq .totalResults)" 0
wait_for "the rest is" books_are "$before"

# ---- the groups are looked up again by a reload

groups_are <<END
failover:x:61000:fo-looker,fo-admin
failover-admin:x:61020:fo-admin
END
may fo-admin /v1/import 403 -X POST
reload_and reloaded
may fo-admin /v1/import 201 -X POST
may fo-looker /v1/import 403 -X POST
groups_are <<END
END
reload_and reloaded
may root /v1/status 200
chmod 666 "$shop/run/control.sock"
may fo-admin /v1/status 403
stop federationd

# Nobody has made the groups: who runs it may do everything, and nobody else but root.
plain_config
chown -R 61005:61005 "$shop/state" "$shop/run" "$shop/federationd.yaml"
rm -f "$shop/run/control.sock"
start federationd setpriv --reuid=61005 --regid=61005 --clear-groups "$build/federationd" --config "$shop/federationd.yaml" \
        --state-dir "$shop/state" --runtime-dir "$shop/run"
wait_for "it is ready as an ordinary user" is_ready
own() { # PATH CURL-ARGUMENT...
        local path=$1
        shift
        setpriv --reuid=61005 --regid=61005 --clear-groups curl -s --max-time 10 --unix-socket "$shop/run/control.sock" \
                -o /dev/null -w '%{http_code}' "http://federationd$path" "$@"
}
check "its user may look" equal "$(own /v1/status)" 200
check "and import" equal "$(own /v1/import -X POST)" 201
may fo-admin /v1/status 000
