#!/bin/bash
# SPDX-License-Identifier: MIT
# Notices that nobody sent: forged, stripped, altered, replayed, re-addressed, too old, too new, re-keyed, and bodies that are none.
# Each is refused with a reason and counted, changes nothing, also after a restart, and after the clock was set back. The good
# ones, by another implementation of the signatures, are taken.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/network.sh"
/usr/bin/python3 -c 'import nacl' 2>/dev/null || missing "python3-nacl is not installed"

# One node, whose peers are but keys and addresses. Its wall clock is what $shop/clock says.
asan=$(ldd "$build/federationd" | awk '/libasan/ { print $3 }')
echo 0 >"$shop/clock"
shops_make victim alpha bravo
node_launch() { # NAME
        start "$1" env LD_PRELOAD="${asan:+$asan:}$build/tests/libfake-clock.so" FAKE_CLOCK="$shop/clock" "$build/federationd" \
                --config "$shop/$1/federationd.yaml" --state-dir "$shop/$1/state" --runtime-dir "$shop/$1/run"
}
mkdir "$shop/keys"
for name in alpha bravo; do cp "$shop/$name/node.key" "$shop/keys/$name.key"; done
shop_federation victim alpha bravo
sed -i 's/registration: open/registration: approve/' "$shop/victim/federationd.yaml"
node_import victim "$shop/victim.csv"
node_start victim

forger() { # ORDER [ARGUMENT...]
        "$source_dir/tests/parts/forger.py" "$@" --url "$(node_url victim)" --to victim --keys "$shop/keys"
}
alpha_sells_at() { # URL: by its own word; "": where it always does. (It does not answer, which is another matter.)
        node_ctl victim peers --json | jq -e --arg url "$1" '.peers[] | select(.id == "alpha") | (.fallback.url // "") == $url' >/dev/null
}
is_restarted() {
        check "victim stops" stop victim
        node_start victim
}
clock() { # SECONDS
        echo "$1" >"$shop/clock"
        is_restarted
}

# Who is not accepted, and who has revoked a key.
check "the nodes register" forger nodes
node_ctl victim nodes accept banned >/dev/null
node_ctl victim nodes ban banned >/dev/null
node_ctl victim nodes accept carol >/dev/null
check "carol revokes her key" forger revoke

# alpha fails; a notice of it is kept by somebody, and so is one that never arrived.
seq=$(($(date +%s%3N) + 1000000))
answer=$(forger announce primary_failure --seq "$seq" --file "$shop/failure")
check "a good notice is taken" contains "$answer" '[200, {"success": true'
wait_for "alpha is at its fallback" alpha_sells_at https://backup.alpha.example
forger keep primary_failure --seq $((seq + 10)) --file "$shop/kept"
check "it is acted on once" equal "$(notices victim applied)" 1

counted() { # notices, whatever came of them, and what was too large to be read as one
        node_get victim /metrics | awk '/^federationd_notices_total\{/ || /^federationd_http_requests_total\{route="\/api\/network\/messages",status="413"\}/ {
                n += $NF } END { print n + 0 }'
}
nothing_is_taken() { # WHEN
        local before refused
        before=$(counted)
        forger all --seq $((seq + 1000000)) --mark "$seq" >"$shop/forged.jsonl" ||
                fail "$1: taken: $(jq -c 'select(.refused == false)' "$shop/forged.jsonl" | head -n 5)"
        refused=$(jq -s '.[-1].sent' "$shop/forged.jsonl")
        check "$1: many were tried" test "$refused" -ge 300
        check "$1: each is counted" equal "$(($(counted) - before))" "$refused"
        check "$1: alpha is where it said" alpha_sells_at https://backup.alpha.example
        check "$1: and nothing else was acted on" equal "$(notices victim applied)" "$2"
        echo "   $1: $refused forgeries, $refused refused"
}
is_refused() { # WHAT FILE URL
        answer=$(forger replay --file "$2")
        check "$1" grep -qE '^\[(4[0-9][0-9], \{"success": false, "error": "|200, \{.*"duplicate": true)' <<<"$answer"
        check "$1: and changes nothing" alpha_sells_at "$3"
}

nothing_is_taken "while it runs" 1
is_refused "what was said already is not said anew" "$shop/failure" https://backup.alpha.example
is_restarted
nothing_is_taken "after a restart" 0

# It recovers. What was said before that is void, whoever says it again, and when.
forger announce primary_recovered --seq $((seq + 20)) --file "$shop/recovery" >/dev/null
wait_for "alpha is back" alpha_sells_at ""
for file in failure kept; do is_refused "$file is too late" "$shop/$file" ""; done
clock 86400
is_refused "a day later the clock refuses it" "$shop/kept" ""
check "for its date" grep -q "clock\|old\|time" <<<"$answer"
clock 0
for file in failure kept recovery; do is_refused "$file is too late, though the clock was set back" "$shop/$file" ""; done
clock -86400
is_refused "a day earlier" "$shop/kept" ""
clock 0
forger announce primary_failure --seq $((seq + 30)) >/dev/null
wait_for "what is new is taken" alpha_sells_at https://backup.alpha.example
metrics_are_well victim
