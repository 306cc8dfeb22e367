#!/bin/bash
# SPDX-License-Identifier: MIT
# With very many probes and components status and the status page tell them all, and the page names no probe.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq curl

part_start api payment-api
many() { # LINE, with % for the number
        local i
        for ((i = 1; i < 600; i++)); do echo "${1//%/$i}"; done
}
config <<END
node: {id: many}
probes:
$(many "  probe-%: {type: tcp, host: 127.0.0.1, port: ${port[api]}, $fast}")
  probe-last: {type: tcp, host: 127.0.0.1, port: 1, $fast}
components:
$(many "  part-%: {name: Part %, group: All of them, probes: [probe-1]}")
  part-last: {name: The last part, probes: [probe-last]}
modes:
  - {name: primary, requires: [probe-1]}
actions: [{type: payment-mode}, {type: status-page}]
END
daemon_start --log-level warning
wait_for "all are judged" status_is 'all(.probes[]; .verdict != "unknown")'
check "status tells all" status_is '.probes | length == 600'
check "the last is down" verdict_is probe-last down
page_has() { # JQ-CONDITION
        jq -e "$1" "$shop/status/api/v2/components.json"
}
patience=90 # the page is written once a minute
wait_for "the page tells all, and their group" page_has '.components | length == 601'
wait_for "the one that is down is down" page_has '.components[] | select(.name == "The last part") | .status == "major_outage"'
check "buyers notice nothing" jq -e '.status.indicator == "minor"' "$shop/status/api/v2/status.json"
check "no probe's name is anywhere in it" equal "$(grep -rl probe- "$shop/status" | wc -l)" 0
