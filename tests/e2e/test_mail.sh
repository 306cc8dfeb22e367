#!/bin/bash
# SPDX-License-Identifier: MIT
# Alerts by mail: the outage and its end in one thread, late rather than never, once, the same mail again after a crash, and
# read without a complaint by a parser that is not ours, whatever the words in it.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

state_of_mail() { # STATE
        status_is ".actions[] | select(.name == \"mail\") | .state == \"$1\""
}

mail_start mail
part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
echo "  - {type: alert, name: mail, smtp: $(mail_config mail "timeout: 15s")}" >>"$shop/failoverd.yaml"
sed -i 's/to: \[ops@shop.example\]/to: [ops@shop.example, boss@shop.example]/' "$shop/failoverd.yaml"
daemon_start
wait_for "everything is up" all_up
check "nobody is told of the start" mails_are mail 0

# The outage, and its end.
order api "status 503"
wait_for "the operator has mail" mails_are mail 1
check "the subject says all" equal "$(mail_read mail 1 .subject)" \
        "[My Shop] DOWN: payment-api down: HTTP 503 (3 of 5); now on crypto"
check "over TLS, logged in, in the sender's name" equal "$(jq -c '[.tls, .user, .from, .to]' "$shop/mail/1.json")" \
        '[true,"ops","failoverd@shop.example",["ops@shop.example","boss@shop.example"]]'
check "it is from the shop" equal "$(mail_read mail 1 .from)" "My Shop <failoverd@shop.example>"
check "no robot answers it" equal "$(mail_read mail 1 '."auto-submitted"')" auto-generated
check "it says what to do" contains "$(mail_read mail 1 .body)" "What you can do: mend the cause"
order api ok
wait_for "the operator hears of the end" mails_are mail 2
check "which says so" equal "$(mail_read mail 2 '.subject[:24]')" "[My Shop] BACK on cards:"
check "in the same thread" equal "$(mail_read mail 2 '.references')" "$(mail_read mail 1 '."message-id"')"
check "and as its answer" equal "$(mail_read mail 2 '."in-reply-to"')" "$(mail_read mail 1 '."message-id"')"
wait_for "the delivery is done" state_of_mail "done"
check "status says where to, and the server's own number" contains \
        "$(status | jq -r '.actions[] | select(.name == "mail") | .message')" \
        "mail to ops@shop.example, boss@shop.example: delivered to mail.shop.example:${port[mail]} (250 2.0.0 Ok: queued as 2)"

# The server is down while it happens. Nobody else waits.
order mail down
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
change=$(status | jq -r .change)
wait_for "the other channel is told" received_some sink ".body | fromjson | .id == \"$change\""
check "mail waits" state_of_mail pending
order api ok
wait_for "buyers pay by card" pays_by primary
order mail up
wait_for "both mails come" mails_are mail 4
wait_for "nothing is left to do" state_of_mail "done"
check "in order" equal "$(mail_read mail 3 '.subject[:15]')$(mail_read mail 4 '.subject[:15]')" "[My Shop] DOWN:[My Shop] BACK "
check "once" mails_are mail 4

# It is slow, an answer a byte at a time, while probes use the same client ten times a second: one attempt is enough.
order mail "drip MAIL"
order mail "drip RCPT"
order mail "drip end"
order api "status 503"
wait_for "the slow mail comes" mails_are mail 5
wait_for "and is done" state_of_mail "done"
check "at the first attempt" status_is '.actions[] | select(.name == "mail") | .attempts == 1'
order mail ok
order api ok
wait_for "so does its end" mails_are mail 6
wait_for "and is done, too" state_of_mail "done"

# It hangs: taken, but the answer does not come. Nobody else waits; after a crash it is the same mail.
order mail "hang end"
order api "status 503"
wait_for "buyers pay by crypto" pays_by crypto
change=$(status | jq -r .change)
wait_for "the other channel is told" received_some sink ".body | fromjson | .id == \"$change\""
check "while mail waits" state_of_mail pending
wait_for "the server has it and says nothing" mails_are mail 7
stop failoverd KILL || true
order mail ok
daemon_start
wait_for "it is sent again" mails_are mail 8
wait_for "and done" state_of_mail "done"
check "byte by byte the same, so that readers drop one" cmp "$shop/mail/7.eml" "$shop/mail/8.eml"
order api ok
wait_for "its end comes" mails_are mail 9
check "in its thread, over the crash" equal "$(mail_read mail 9 '.references')" "$(mail_read mail 7 '."message-id"')"
stop failoverd

# One mailbox is full for a while: its owner gets the mail later, the other does not get it again.
rm -rf "$shop/state"
daemon_start
wait_for "everything is up" all_up
order mail "refuse boss@shop.example 452 4.2.2 mailbox full"
order api "status 503"
wait_for "one has mail" mails_are mail 10
check "and only one" equal "$(jq -c .to "$shop/mail/10.json")" '["ops@shop.example"]'
full() {
        [[ $(status | jq -r '.actions[] | select(.name == "mail") | .message') == *"boss@shop.example: not now, says mail.shop.example:"*"452 4.2.2 mailbox full"* ]]
}
wait_for "the other is tried again alone" full
order mail ok
wait_for "the other has it" mails_are mail 11
check "and only he" equal "$(jq -c .to "$shop/mail/11.json")" '["boss@shop.example"]'
check "the same mail" cmp "$shop/mail/10.eml" "$shop/mail/11.eml"
wait_for "that is all" state_of_mail "done"
stop failoverd
order api ok

# Hostile words in every place: a name, a message to buyers and a plug-in's output that want to be headers, mails of their
# own, or other text than they are.
bidi=$'\u202e' rocket=$'\U1F680'
dots=$(printf '.%.0s' {1..200})
evil="$bidi$rocket\\r\\n.\\r\\nBcc: x@evil.example\\r\\n\\r\\n"
{
        printf 'echo "%s"\n' "$(printf '%s \\033[2J%s \\377' "${evil//\\r\\n/ }" "$dots")"
        echo 'exit "$(cat "$1")"'
} >"$shop/plugin.sh"
echo 0 >"$shop/plugin.code"
config <<END
node: {id: my-shop, name: "Sh${evil}op $(printf 'x%.0s' {1..100})", url: "https://shop.example"}
probes:
  plugin: {type: exec, command: [bash, "$shop/plugin.sh", "$shop/plugin.code"], $fast}
modes:
  - {name: primary, requires: [plugin]}
  - {name: crypto, requires: [], $to_crypto}
failback: $quick_return
actions:
  - {type: payment-mode}
  - {type: alert, name: mail, smtp: $(mail_config mail "timeout: 15s")}
END
rm -rf "$shop/state"
daemon_start
wait_for "everything is up" all_up
echo 2 >"$shop/plugin.code"
wait_for "the operator has mail" mails_are mail 12
check "the envelope is ours" equal "$(jq -c .to "$shop/mail/12.json")" '["ops@shop.example"]'
check "so are the headers" equal "$(mail_read mail 12 'keys - ["addresses", "body"] | join(" ")')" \
        "auto-submitted content-transfer-encoding content-type date from importance message-id mime-version subject to x-auto-response-suppress x-failoverd x-priority"
subject=$(mail_read mail 12 .subject)
check "the subject is short" test "${#subject}" -lt 300
check "what runs backwards is visible" contains "$(mail_read mail 12 '.subject + .body')" '\u202e'
check "and is not sent" not grep -qE "$bidi" "$shop/mail.json"
check "rockets are rockets" contains "$subject" "$rocket"
check "dots at the beginning of lines arrive" contains "$(mail_read mail 12 .body)" "$dots"
stop failoverd
check "no secret is logged" not grep -q "$mail_password" "$shop"/failoverd.{log,out}
