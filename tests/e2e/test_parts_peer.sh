#!/bin/bash
# SPDX-License-Identifier: MIT
# The peer that answers as ordered does so: what curl sees of it is what a node will see.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

cat >"$shop/books.jsonl" <<-END
	{"id":"b1","title":"The Time Machine","author":"H. G. Wells","price":4.5}
	{"id":2,"title":"The Invisible Man","author":"H. G. Wells","price":"5.00"}
	{"id":"b3","title":"Война и мир","author":"Лев Толстой"}
END
part_start peer evil-peer --books "$shop/books.jsonl"
url=http://127.0.0.1:${port[peer]}

get() { # PATH [CURL-ARGUMENT...]: "exit code, status, body"; waits for $seconds at most
        local path=$1 code=0
        shift
        rm -f "$shop/body"
        curl -s --max-time "${seconds-20}" -o "$shop/body" -w '%{http_code}' "$@" "$url$path" >"$shop/code" || code=$?
        echo "$code $(<"$shop/code") $(head -c "${most:-200}" "$shop/body" 2>/dev/null | tr -d '\0')"
}
see() { # ORDER PATTERN [CURL-ARGUMENT...]
        local got wanted=$2 seconds=20
        [[ $2 != 28* ]] || seconds=1 # it is to run out
        order peer "$1"
        got=$(get "/api/search?q=time" "${@:3}")
        # shellcheck disable=SC2053 # a pattern
        [[ $got == $wanted ]] || fail "ordered $1, got: $got"
}
peer_report() { # JQ-FILTER
        curl -sS --unix-socket "$shop/peer.sock" http://part/ | jq -r "$1"
}

see ok '0 200 {"success":true,"results":[{"id":"b1",*"totalResults":1}'
check "words are decoded" contains "$(get "/api/network/search?query=%D0%BC%D0%B8%D1%80")" '"b3"'
check "ids stand as they are" contains "$(get "/api/catalog/search?q=wells+man&limit=1")" '[{"id":2,'
see "status 503" '0 503 *'
see "slow 50" '0 200 *'
see "drip 1" '0 200 *"b1"*'
see "drip 100" '28 *'
see silent '28 000 '
see reset '56 000 '
see close '52 000 '
see binary '0 200 *'
see garbage '1 000 '
see truncated '18 200 *'
see half '0 200 {"success":true,"res*'
most=100 see "deep 100000" '0 200 {"results":[[[[[[*'
see types '0 200 *one good book*'
see nothing '0 200 {"hello"*'
see latin '0 200 *'
see html '0 200 <html>*'
see headers '5? *'
see "redirect http://127.0.0.1:1/x" '0 302 *'
see refuse '7 000 '
see blackhole '28 000 '
see ok '0 200 *'

order peer huge 3
check "huge is well-formed and of that size" \
        equal "$(curl -s "$url/api/search?q=time" | jq -r '.results[0].id') $(curl -s "$url/api/search?q=none" | jq '.results | length > 30000')" "b1 true"
order peer bomb 8
check "a bomb is small as it is sent" test "$(curl -s "$url/api/search?q=time" | wc -c)" -lt 20000
check "and large when it is read" test \
        "$(curl -s "$url/api/search?q=time" | { gzip -dc 2>/dev/null || true; } | wc -c)" -ge $((8 * 1024 * 1024))

order peer speak /api/catalog/search books
check "other dialects: a path that it does not know" contains "$(get "/api/search?q=time")" "0 404"
check "and the one that it knows" contains "$(get "/api/catalog/search?query=time" -H "X-Node-Id: me")" '0 200 {"success":true,"books":[{"id":"b1"'
check "who asked is recorded" equal "$(peer_report '.asked[-1] | "\(.node) \(.search) \(.path)"')" \
        "me true /api/catalog/search?query=time"
check "searches are counted" test "$(peer_report .searches)" -ge 20
