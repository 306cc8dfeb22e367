#!/bin/bash
# SPDX-License-Identifier: MIT
# The operator's channel is broken in its own ways: messages are kept, in order, and each arrives once.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
order sink "status 500"
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the message is tried" received_some sink '.status == 500'
order sink hang
order api ok
wait_for "buyers pay by card: no channel holds the shop up" pays_by primary
order sink "status 429"
wait_for "a channel that asks for a pause is tried" received_some sink '.status == 429'
order sink "status 200"
both() {
        [[ $(received_count sink '.status == 200 and .answered == "status" and (.body | fromjson | .type == "change")') == 2 ]]
}
wait_for "both messages arrive" both
check "in order" equal "$(received sink '.status == 200 and .answered == "status" and (.body | fromjson | .type == "change")' |
        jq -r '.body | fromjson | .data.mode' | tr '\n' ' ')" "crypto primary "
wait_for "nothing is left to do" status_is 'all(.actions[]; .state == "done" or .state == "superseded")'
