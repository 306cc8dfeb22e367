#!/bin/bash
# SPDX-License-Identifier: MIT
# What the public is told: incidents follow the modes across a kill and an upgrade, the operator adds words, and work that was
# announced holds alerts, is no downtime, and leaves nothing untold.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq python3

export FAILOVERD_SOCKET=$shop/run/control.sock COLUMNS=80
ctl=$build/failoverctl

public_is() { # JQ-CONDITION
        ask /v1/public | jq -e "$1" >/dev/null
}
alerts() { # of changes, and of alerts that begin or end
        received_count sink 'true'
}
stored() { # SQL
        python3 -c 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2]): print(*row)' "$shop/state/state.db" "$1"
}

part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
cat >>"$shop/failoverd.yaml" <<END
components:
  pay: {name: Payment, group: Buying, probes: [payment-api, btcpay], impact: {crypto: degraded}}
  cards: {name: Cards, probes: [payment-api]}
END
daemon_start
wait_for "everything is up" all_up
wait_for "it is seen as up" public_is '[.components[].state] == ["operational", "operational"] and .selling == "as-usual"'
check "there is no incident" public_is '.incidents == [] and .maintenances == []'

# ---- an outage, and a kill in the middle of it

order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the incident stands with its components" public_is \
        '.selling == "backup" and [.components[].state] == ["degraded", "down"] and
         (.incidents | length == 1 and .[0].resolved == null and .[0].impact == "major" and .[0].components == ["pay", "cards"])'
incident=$(ask /v1/public | jq -r '.incidents[0].id')
check "the operator's words are taken" "$ctl" incident update --state monitoring --name "Cards fail" "We wait for our bank." >"$shop/told"
check "what is not so is refused" not "$ctl" incident resolve 2>"$shop/refused"
check "with the reason" contains "$(<"$shop/refused")" "the shop still runs in crypto"
stop failoverd KILL || true
daemon_start
check "the same incident is there, once, with the words" public_is \
        ".incidents | length == 1 and .[0].id == \"$incident\" and .[0].name == \"Cards fail\" and
         ([.[0].updates[].state] == [\"monitoring\", \"identified\"]) and .[0].updates[0].body == \"We wait for our bank.\""
order api ok
wait_for "buyers pay by card" pays_by primary
wait_for "it is resolved" public_is '.incidents[0] | .resolved != null and .updates[0].state == "resolved"'
check "what was learned is added" "$ctl" incident postmortem "It was the bank." >"$shop/told"
check "what is resolved is not resolved again" not "$ctl" incident resolve "Really." 2>"$shop/refused"
check "with the reason" contains "$(<"$shop/refused")" "resolved already"
printf 'half of it\0and more' >"$shop/text"
check "a text with a NUL is not cut, but refused" not "$ctl" incident update - <"$shop/text" 2>"$shop/refused"
check "with the reason" contains "$(<"$shop/refused")" "NUL"
printf '\tIt was\r\nthe b\xc2\xadank.\xe2\x80\x8b\r\n' >"$shop/text"
check "a text out of an editor is taken" "$ctl" incident update - <"$shop/text"
check "as it is meant to be read" public_is '.incidents[0].updates[0] | .state == "postmortem" and .body == " It was\nthe bank."'
wait_for "both changes were told" received_some sink '.body | fromjson | .data.mode == "primary"'

# ---- work that was announced

check "work begins" "$ctl" maintenance start --name "New cables" --for 1h >"$shop/told"
wait_for "it is seen as work" public_is '[.components[].state] == ["maintenance", "maintenance"]'
before=$(alerts)
order api "status 503"
wait_for "the rule goes on" pays_by crypto
wait_for "the incident says that it was announced" public_is '.incidents[0] | .resolved == null and .impact == "maintenance"'
wait_for "failoverd holds the alert" status_is '.maintenance.name == "New cables" and .maintenance.alerts_held >= 1'
order api ok
wait_for "and returns" pays_by primary
check "nobody was called" equal "$(alerts)" "$before"
order api "status 503"
wait_for "again" pays_by crypto
check "nobody was called" equal "$(alerts)" "$before"
check "it is no downtime" public_is '[.components[].days | map(.maintenance) | add] | min >= 1'
stop failoverd KILL || true
start lock python3 -uc 'import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held")
time.sleep(60)' "$shop/state/state.db"
wait_for "the database is held" grep -q held "$shop/lock.out"
daemon_start
wait_for "without it the mode goes on" grep -q "going on from mode.json" "$shop/failoverd.log"
stop lock || true
wait_for "work goes on all the same" status_is '.maintenance.name == "New cables"'
check "and nobody was told that it was over" not received_some sink '.body | fromjson | .data.alert == "changed-in-maintenance"'
order btcpay "status 503"
wait_for "no mode is healthy" status_is 'any(.alerts[]; .name == "no-mode-healthy")'
check "a mode that does not work is forced" "$ctl" force-fallback --mode crypto >"$shop/told"
wait_for "three alerts are held" status_is '.maintenance.alerts_held == 3'
stop failoverd KILL || true
# How many alerts have been put down to be told, and whether one is held still, each time that something is saved.
stored "CREATE TABLE watch (told INTEGER, held INTEGER)" && stored "CREATE TRIGGER watch AFTER INSERT ON memory BEGIN
        INSERT INTO watch SELECT count(*), new.value NOT LIKE '%\"held\":[]%' FROM delivery
        WHERE change LIKE '%-raised' AND facts NOT LIKE '%not-durable%'; END"
daemon_start
check "work goes on after a kill" status_is '.maintenance.name == "New cables"'
check "it ends" "$ctl" maintenance end "Done." >"$shop/told"
for alert in changed-in-maintenance no-mode-healthy pinned-mode-broken; do
        wait_for "what is still wrong is told then: $alert" received_some sink ".body | fromjson | .data.alert == \"$alert\""
done
check "the supervisor decides again" "$ctl" auto >"$shop/told"
order btcpay ok
order api ok
wait_for "buyers pay by card" pays_by primary

# ---- nothing internal, and nothing lost

check "no probe is named" not grep -Eq 'payment-api|btcpay|HTTP|127\.0\.0' <<<"$(ask /v1/public)"
check "a text of another kind is refused" equal "$(ask_code /v1/incidents -d '{"name": 7}')" 400
check "so is a key that nobody knows" equal "$(ask_code /v1/maintenances -d '{"nmae": "x"}')" 400
check "and a component that is not there" equal "$(ask_code /v1/maintenances -d '{"name": "x", "components": ["payment-api"]}')" 404
while read -r wanted path body; do
        check "$path refuses $body" equal "$(ask_code "$path" -d "$body")" "$wanted"
        check "and says why" jq -e '.success == false and (.error | length > 5)' "$shop/answer" >/dev/null
done <<'END'
400 /v1/incidents {"name": "x", "components": "pay"}
400 /v1/incidents [1]
409 /v1/incidents {"body": "no name"}
409 /v1/incidents {"name": "x", "impact": "huge"}
409 /v1/incidents {"name": "x", "state": "resolved"}
404 /v1/incidents/01ARZ3NDEKTSV4RRFFQ69G5FAV/update {"body": "x"}
404 /v1/incidents/latest/delete {}
404 /v1/incidents/latest {}
400 /v1/incidents/latest/postmortem {}
400 /v1/maintenances {"name": "x", "from": "soon"}
400 /v1/maintenances {"name": "x", "for": "1h", "until": "2036-01-01T00:00:00Z"}
400 /v1/maintenances {"name": "x", "for": "31d"}
409 /v1/maintenances {"name": "x", "from": "2020-01-01T00:00:00Z"}
409 /v1/maintenances {"name": "x", "until": "2020-01-01T00:00:00Z"}
409 /v1/maintenances {"name": ""}
409 /v1/maintenances/latest/end {}
404 /v1/maintenances/latest/begin {}
END
wait_for "nothing is left to do" status_is 'all(.actions[]; .state == "done" or .state == "superseded")'
public=$(ask /v1/public | jq -S '.incidents, .maintenances')
stop failoverd || true
check "an alert is held until it is put down, whatever happens in between" equal \
        "$(stored "SELECT min(told) FROM watch WHERE held = 0")" 3
check "each change stands in an incident" equal "$(stored "SELECT count(*) FROM change WHERE from_mode <> ''
        AND NOT EXISTS (SELECT 1 FROM bulletin WHERE instr(value, change.id))")" 0
daemon_start
check "a restart changes nothing" equal "$(ask /v1/public | jq -S '.incidents, .maintenances')" "$public"

# ---- a database of the version before

stop failoverd || true
stored "UPDATE memory SET value = json_remove(value, '\$.first', '\$.held', '\$.held_change', '\$.followed', '\$.components')"
stored "DROP TABLE day" && stored "DROP TABLE bulletin" && stored "ALTER TABLE probe DROP COLUMN config" && stored "PRAGMA user_version = 1"
daemon_start
check "its changes become incidents" public_is \
        '[.incidents[] | .resolved != null and .mode == "crypto" and ([.updates[].state] == ["resolved", "identified"])] == [true, true, true]'
