# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the fault campaigns share, on top of the end-to-end tests' shop.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
faults_dir=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
need curl jq python3

mark=0 # what the operator was told before does not count; set it to $EPOCHREALTIME

alert_is() { # NAME raised | cleared: has the operator been told?
        received_some sink ".at >= $mark and .path == \"/alert\" and (.body | fromjson | .type == \"alert.$2\" and .data.alert == \"$1\")"
}

told_of() { # MODE: has the operator been told of a change into it?
        received_some sink ".at >= $mark and .path == \"/alert\" and (.body | fromjson | .type == \"change\" and .data.mode == \"$1\")"
}

not_durable_everywhere() { # [FILE of the status page, if it can be written]
        status_is '.durable == false and (.durable_trouble | length > 0)' &&
                jq -e '.durable == false' "$shop/run/mode.json" &&
                { [[ $# == 0 ]] || jq -e '.failover.durable == false' "$1"; } &&
                contains "$(ctl status)" "not durable" && alert_is not-durable raised
}

durable_everywhere() {
        status_is '.durable and all(.alerts[]; .name != "not-durable")' && jq -e .durable "$shop/run/mode.json" &&
                jq -e .failover.durable "$shop/status/api/v2/status.json" && alert_is not-durable cleared
}

all_done() {
        status_is 'all(.actions[]; .state == "done")'
}

# The database, the chain, complete sets of deliveries that have all ended, and the same in the sink. The daemon is stopped.
audit() { # CHANGES [ARGUMENT of audit.py...]: how many there must be, or "" for any number
        local out
        out=$(python3 "$faults_dir/audit.py" "$shop/state" payment-mode,status-page alert --received "alert=$shop/sink.jsonl" "${@:2}") ||
                fail "the audit finds: $out"
        [[ -z $1 || $out == "$1" ]] || fail "$out changes, not $1: $(sqlite3 "$shop/state/state.db" \
                "SELECT from_mode || ' to ' || to_mode || ': ' || cause FROM change")"
}

milliseconds_since() { # EPOCHREALTIME
        echo $(((${EPOCHREALTIME/./} - ${1/./}) / 1000))
}
