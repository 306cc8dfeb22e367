#!/bin/bash
# SPDX-License-Identifier: MIT
# Who may do what on the control socket: group failover looks, failover-admin changes, a probe's users report.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"
need curl jq setpriv

# Groups and users of our own, in this mount namespace only.
cp /etc/passwd "$shop/passwd"
cp /etc/group "$shop/group"
cat >>"$shop/passwd" <<END
fo-looker:x:61001:61001::/:/bin/sh
fo-admin:x:61002:61002::/:/bin/sh
fo-shop:x:61003:61003::/:/bin/sh
fo-stranger:x:61004:61004::/:/bin/sh
END
cat >>"$shop/group" <<END
failover:x:61000:fo-looker,fo-admin,fo-shop
failover-admin:x:61010:fo-admin
END
chmod 644 "$shop/passwd" "$shop/group"
mount --bind "$shop/passwd" /etc/passwd
mount --bind "$shop/group" /etc/group

part_start api payment-api
config <<END
node: $node
probes:
  api: {type: http, url: "http://127.0.0.1:${port[api]}/", $fast}
  checkout: {type: passive, from: [fo-shop]}
modes:
  - {name: primary, requires: [api]}
  - {name: crypto, requires: [], $to_crypto}
actions:
  - {type: payment-mode}
END
daemon_start
check "the socket is for the group" equal "$(stat -c '%a %g' "$shop/run/control.sock")" "660 61000"
check "its folder is open, the state is not" equal \
        "$(stat -c %a "$shop/run" "$shop/state/state.db" | tr '\n' ' ')" "755 600 "

as() { # USER CURL-ARGUMENT...: the HTTP status, 000 when the socket cannot be reached
        local user=$1 path=$2
        shift 2
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
                curl -s --max-time 10 --unix-socket "$shop/run/control.sock" -o /dev/null -w '%{http_code}' \
                "http://failoverd$path" "$@" || true
}
may() { # USER PATH WANTED CURL-ARGUMENT...
        local user=$1 path=$2 wanted=$3
        shift 3
        check "$user asks $path" equal "$(as "$user" "$path" "$@")" "$wanted"
}
for path in /v1/status "/v1/history?limit=5" /v1/explain/last "/v1/plan?mode=crypto" /metrics /v1/public /v1/incidents \
        /v1/maintenances; do
        [[ $path == */last ]] && path=/v1/explain/$(status | jq -r .change)
        may fo-looker "$path" 200
        may fo-admin "$path" 200
        may fo-stranger "$path" 000
done
for user in fo-looker fo-shop; do
        may $user /v1/mode 403 -d '{"mode":"crypto"}'
        may $user /v1/pause 403 -X POST
        may $user /v1/resume 403 -X POST
        may $user /v1/ack 403 -X POST
        may $user /v1/probe/api 403 -X POST
        may $user /v1/alert/test 403 -X POST
        may $user /v1/incidents 403 -d '{"name":"x"}'
        may $user /v1/incidents/latest/update 403 -d '{"body":"x"}'
        may $user /v1/maintenances 403 -d '{"name":"x"}'
        may $user /v1/maintenances/latest/end 403 -X POST
done
may fo-stranger /v1/mode 000 -d '{"mode":"crypto"}'
may fo-looker /v1/report 403 -d '{"probe":"checkout","outcome":"fail"}'
may fo-shop /v1/report 200 -d '{"probe":"checkout","outcome":"pass"}'
may root /v1/report 200 -d '{"probe":"checkout","outcome":"pass"}'
check "nothing was changed by those who may not" equal "$(payment_mode) $(changes)" "primary 1"
may fo-admin /v1/incidents 200 -d '{"name":"x"}'
may fo-admin /v1/maintenances 200 -d '{"name":"x","for":"5m"}'
may fo-admin /v1/maintenances/latest/end 200 -X POST
may fo-admin /v1/pause 200 -X POST
may fo-admin /v1/resume 200 -X POST
may fo-admin /v1/mode 200 -d '{"mode":"crypto","reason":"a test"}'
wait_for "the admin's order is carried out" pays_by crypto

# A reload that is refused leaves everybody what they had.
cat >"$shop/failoverd.yaml" <<END
node: $node
metrics_listen: 127.0.0.1:${port[api]}
probes:
  new: {type: passive, from: [fo-looker]}
  checkout: {type: passive, from: [fo-looker]}
  api: {type: http, url: "http://127.0.0.1:${port[api]}/", $fast}
modes:
  - {name: primary, requires: [api]}
  - {name: crypto, requires: [], $to_crypto}
END
kill -HUP "${pid[failoverd]}"
wait_for "the reload is refused" grep -q "reload refused.*${port[api]}" "$shop/failoverd.log"
may fo-shop /v1/report 200 -d '{"probe":"checkout","outcome":"pass"}'
may fo-looker /v1/report 403 -d '{"probe":"checkout","outcome":"pass"}'

# The group is judged at every request, not by the socket's mode alone.
chmod 666 "$shop/run/control.sock"
may fo-stranger /v1/status 403
may fo-stranger /v1/mode 403 -d '{"mode":"primary"}'
may fo-stranger /v1/report 403 -d '{"probe":"checkout","outcome":"fail"}'

# Nobody holds all connections: each user has a share, and some are for those who must act.
held() { # USER: how many streams it is sent
        grep -c '^event: ' "$shop"/"$1"-*.out 2>/dev/null | grep -vc ':0$' || true
}
hold() { # USER COUNT ALLOWED
        local i
        for ((i = 0; i < $2; i++)); do
                start "$1-$i" setpriv --reuid="$1" --regid="$(id -g "$1")" --init-groups \
                        curl -sN --max-time 600 --unix-socket "$shop/run/control.sock" \
                        http://failoverd/v1/events
        done
        wait_for "$1 holds $3 of $2, and the others have been sent away" equals_held "$1" "$3" $(($2 - $3))
}
equals_held() { # USER STREAMS ENDED
        local name ended=0
        for name in "${!pid[@]}"; do
                [[ $name != "$1"-* ]] || alive "$name" || ((++ended))
        done
        [[ $(held "$1") == "$2" && $ended == "$3" ]]
}
hold fo-looker 20 16
may fo-looker /v1/status 503
may fo-shop /v1/status 200
hold fo-admin 20 16
may fo-shop /v1/status 200
hold fo-shop 20 16
may fo-shop /v1/status 503
may root /v1/status 200
check "failoverctl is told" contains "$(setpriv --reuid=fo-looker --regid=61001 --init-groups \
        "$build/failoverctl" --socket "$shop/run/control.sock" status 2>&1 || true)" "too many connections"
for ((i = 0; i < 20; i++)); do # one of those who were let in
        if alive "fo-looker-$i"; then stop "fo-looker-$i" || true; break; fi
done
may_again() {
        equal "$(as fo-looker /v1/status)" 200
}
wait_for "one that goes makes room" may_again
