#!/bin/bash
# SPDX-License-Identifier: MIT
# The shop's domain on a real name server: wrong, missing and silent answers are failures.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq knotd knotc

fast=$impatient
part_start btcpay payment-api
dns_start shop.example
config <<END
node: $node
probes:
  domain: {type: dns, name: www.shop.example, record: A, servers: ["$dns"], expect: [192.0.2.10], $fast}
  btcpay: {type: http, url: "http://127.0.0.1:${port[btcpay]}/api/v1/health", $fast}
modes:
  - {name: primary, requires: [domain]}
  - {name: crypto, requires: [btcpay], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
END
daemon_start
wait_for "everything is up" all_up

told() { # PART of the probe's message
        contains "$(probe_message domain)" "$1"
}
break_dns() { # ORDER PART-OF-THE-CAUSE
        dns_order "$1"
        wait_for "buyers pay by crypto when the domain is: $1" pays_by crypto
        if [[ $1 == servfail ]]; then # the server was restarted, and was gone meanwhile
                wait_for "the reason of $1 is told" told "$2"
        else
                check "the cause of $1 is told" contains "$(cause)" "$2"
        fi
        dns_order ok
        wait_for "buyers pay by card again after: $1" pays_by primary
}
break_dns nxdomain NXDOMAIN
break_dns nodata "no A record"
break_dns wrong 198.51.100.66
break_dns servfail SERVFAIL
break_dns silence "domain down"
break_dns gone "domain down"
