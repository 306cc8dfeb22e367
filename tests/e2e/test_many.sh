#!/bin/bash
# SPDX-License-Identifier: MIT
# With very many probes status tells them all; the status page tells 500, and those that are not well are among them.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq curl

part_start api payment-api
many() {
        local i
        for ((i = 1; i < 600; i++)); do echo "  p$i: {type: tcp, host: 127.0.0.1, port: ${port[api]}, $fast}"; done
}
config <<END
node: {id: many}
probes:
$(many)
  last: {type: tcp, host: 127.0.0.1, port: 1, $fast}
modes:
  - {name: primary, requires: [p1]}
actions: [{type: payment-mode}, {type: status-page}]
END
daemon_start --log-level warning
wait_for "all are judged" status_is 'all(.probes[]; .verdict != "unknown")'
check "status tells all" status_is '.probes | length == 600'
check "the last is down" verdict_is last down
page_has() { # JQ-CONDITION
        jq -e "$1" "$shop/status/api/v2/components.json"
}
patience=90 # the page is written once a minute
wait_for "the page tells 500" page_has '.components | length == 500'
wait_for "the one that is down is among them" page_has '.components[] | select(.name == "last") | .status == "major_outage"'
check "it says how many more there are" grep -q "and 100 more" "$shop/status/index.html"
