#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL in an outage: the next start knows the mode, the change and the pin, and tells nobody twice. One that is refused leaves the
# shop its mode.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

shop_start
order sink "status 500" # the operator's channel is down as well
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
wait_for "the message was tried" received_some sink true
change=$(status | jq -r .change)

stop failoverd KILL || true
check "payment.env survives" equal "$(payment_mode)" crypto
rm -f "$shop/run/payment.env" "$shop/run/mode.json" # as after a reboot
order sink "status 200"
daemon_start
check "the mode is right in the first answer" status_is ".mode == \"crypto\" and .change == \"$change\""
wait_for "payment.env is back" pays_by crypto
check "it is the same change" grep -q "FAILOVER_CHANGE=$change" "$shop/run/payment.env"
check "the start is no change" equal "$(changes)" 2
wait_for "the message arrives" received_some sink '.status == 200'
wait_for "every action is done" status_is 'all(.actions[]; .state == "done" or .state == "superseded")'
check "it carries one id at every attempt" equal \
        "$(received sink '.body | fromjson | .type == "change"' | jq -r '.body | fromjson | .id' | sort -u | wc -l)" 1
check "it was accepted once" equal "$(received_count sink '.status == 200 and (.body | fromjson | .type == "change")')" 1

# A reboot with a file that is refused: the shop, which reads payment.env as it starts, starts nevertheless.
stop failoverd || true
cp -p "$shop/failoverd.yaml" "$shop/good.yaml"
echo "surprise: 1" >>"$shop/failoverd.yaml"
cp "$shop/run/payment.env" "$shop/payment.env"
refused() {
        local code=0
        daemon >"$shop/said" 2>&1 || code=$?
        check "the start is refused" equal "$code" 6
}
rm "$shop/run/payment.env" "$shop/run/mode.json"
refused
check "payment.env is as it was" cmp "$shop/run/payment.env" "$shop/payment.env"
check "everybody reads it" equal "$(stat -c %a "$shop/run/payment.env")" 644
check "mode.json says the same" jq -e ".mode == \"crypto\" and .change == \"$change\" and .payment == \"crypto\" and
        (.first | not) and .durable and (.probes == []) and (.payment_env == null)" "$shop/run/mode.json" >/dev/null
check "it is told" contains "$(<"$shop/said")" "written from what was stored, for the shop, mode crypto"
echo PAYMENT_MODE=mine >"$shop/run/payment.env"
rm "$shop/run/mode.json"
ln -s "$shop/nowhere" "$shop/run/mode.json"
refused
check "what stands is left alone" equal "$(<"$shop/run/payment.env")" PAYMENT_MODE=mine
check "a link, too" test -L "$shop/run/mode.json" -a ! -e "$shop/nowhere"
rm "$shop/run/payment.env" "$shop/run/mode.json"
mv "$shop/state/state.db" "$shop/state/away"
refused
check "nothing is made up" test ! -e "$shop/run/payment.env" -a ! -e "$shop/run/mode.json" -a ! -e "$shop/state/state.db"
check "that there is none is told" contains "$(<"$shop/said")" "payment.env, and what was stored of the mode cannot be put there"
mv "$shop/state/away" "$shop/state/state.db"
refused
mv "$shop/good.yaml" "$shop/failoverd.yaml"
daemon_start
check "a start after that goes on" status_is ".mode == \"crypto\" and .change == \"$change\" and .durable"
check "it was no change" equal "$(changes)" 2

ctl force-fallback --reason "trying the pin" >/dev/null
order api ok
wait_for "the payment API is up" verdict_is payment-api up
stop failoverd KILL || true
daemon_start
check "the pin survives" status_is '.operator.pinned == "crypto" and .mode == "crypto"'
wait_for "automation would return" status_is '.automation.wants == "primary"'
check "the pin holds" equal "$(payment_mode)" crypto
ctl auto >/dev/null
wait_for "auto ends it" pays_by primary

# An answer is a promise: it comes when the disk has it, however busy the disk is with what came before.
for mode in crypto primary crypto primary; do
        ask /v1/mode -d "{\"mode\":\"$mode\"}" >/dev/null
        for minutes in 1 2 3 4 5 6 7 8; do
                ask /v1/mode -d "{\"mode\":\"$mode\",\"for\":\"${minutes}0m\"}" >"$shop/answer"
        done
        kill -KILL "${pid[failoverd]}"
        check "it is said to be saved" jq -e .durable "$shop/answer" >/dev/null
        stop failoverd KILL || true
        daemon_start
        check "what was answered last is stored" status_is ".operator.pinned == \"$mode\" and
                (.operator.until | sub(\"[.][0-9]+Z\"; \"Z\") | fromdate) - now > 70 * 60"
done

# A verdict is the answer to one question.
wait_for "everything is up" status_is 'all(.probes[]; .verdict == "up")'
stop failoverd
sed -i "/^  payment-api: /s|:${port[api]}/|:9/|" "$shop/failoverd.yaml"
daemon_start
check "the probe that asks something else does not know what it knew" status_is \
        '.probes[] | select(.name == "payment-api") | .verdict != "up" and (.window | test("p") | not)'
check "the others do" status_is 'all(.probes[] | select(.name != "payment-api"); .verdict == "up")'
wait_for "it is judged by its own answers" verdict_is payment-api down
