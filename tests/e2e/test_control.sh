#!/bin/bash
# SPDX-License-Identifier: MIT
# Control requests that are malformed, too large or senseless get a 4xx and a reason, and change nothing.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
refuses() { # CODES PATH CURL-ARGUMENT...
        local codes=$1 path=$2
        shift 2
        check "$path $*: $codes" contains "$codes" "$(ask_code "$path" "$@")"
        check "$path $*: a reason" jq -e '.success == false and (.error | length > 3)' "$shop/answer" >/dev/null
}
refuses 404 /v1/nothing
refuses 405 /v1/status -X DELETE
refuses 400 /v1/mode -d '{'
refuses 400 /v1/mode -d '[]'
refuses "400 404" /v1/mode -d '{"mode":"no-such-mode"}'
refuses 400 /v1/mode -d '{"mode":"crypto","for":"2"}'
refuses 400 /v1/mode -d '{"mode":7}'
refuses 400 /v1/mode -d '{"auto":true,"for":"1h"}'
refuses 400 /v1/report -d '{"probe":"checkout","outcome":"pass","message":5}'
refuses 404 /v1/probe/nobody -X POST
refuses 404 /v1/explain/nothing
refuses 400 "/v1/history?limit=1001"
refuses 400 /v1/report -d '{"probe":"payment-api"}'
head -c 200000 /dev/zero | tr '\0' ' ' >"$shop/large"
refuses 413 /v1/mode --data-binary "@$shop/large"
check "nothing was changed" equal "$(payment_mode) $(changes)" "primary 1"
check "the daemon goes on" daemon_answers
