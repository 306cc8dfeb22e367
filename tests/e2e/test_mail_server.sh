#!/bin/bash
# SPDX-License-Identifier: MIT
# Mail servers in bad days, each seen through `failoverctl alert --test`: it says what happened, in time, gives nothing away,
# and never goes on without TLS.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq

mail_start mail
mail_start implicit "--implicit=$shop/mail-tls/valid"
mail_start plain --plain

smtp() { # NAME SCHEME KEYS: a config whose only alert goes there
        config <<-END
		node: $node
		probes: {nothing: {type: passive}}
		modes: [{name: primary, requires: []}]
		actions:
		  - {type: alert, name: mail, smtp: {url: "$2:${port[$1]}", from: failoverd@shop.example, to: [a@shop.example, b@shop.example], $3}}
		END
        alive failoverd || return 0
        reloads=$((reloads + 1))
        kill -HUP "${pid[failoverd]}"
        wait_for "the configuration is read again" reloaded
}
reloads=0
reloaded() {
        [[ $(grep -c "failoverd: reloaded" "$shop/failoverd.log") == "$reloads" ]]
}
login="username: ops, password_file: mail.password, ca_file: \"$shop/mail-tls/ca.crt\""
smtp mail smtp://mail.shop.example "$login, timeout: 30s"
daemon_start --log-level debug
server=mail.shop.example:${port[mail]}

tested() { # WANTED-CODE PART...: the test's exit code and parts of what it says
        local code=0 said part
        said=$(ctl alert --test 2>&1) || code=$?
        echo "$said" >>"$shop/tested.log"
        equal "$code" "$1" || fail "alert --test exits $code, not $1: $said"
        shift
        for part in "$@"; do
                check "it says: $part" contains "$said" "$part"
        done
        order mail ok
        order implicit ok
}

tested 0 "mail: delivered: mail to a@shop.example, b@shop.example: delivered to $server (250 2.0.0 Ok: queued as 1)"

# It hangs up.
order mail "close connect"
tested 1 "NOT DELIVERED" "127.0.0.1:${port[mail]}"
order mail "close MAIL"
tested 1 "$server closed the connection after MAIL FROM"
order mail "close end"
tested 1 "$server closed the connection after the mail"
order mail down
tested 1 "refused by 127.0.0.1:${port[mail]}"
order mail up

# It refuses.
order mail "reply connect 554 5.3.2 no service for you"
tested 1 "$server refused: 554 5.3.2 no service for you"
order mail "reply connect 421 too many connections"
tested 1 "$server refused: 421 too many connections"
order mail "reply MAIL 451 4.3.0 try later"
tested 1 "not now, says $server: 451 4.3.0 try later"
order mail "reply MAIL 550 5.7.1 not from you"
tested 1 "refused by $server: 550 5.7.1 not from you"
order mail "reply end 554 5.7.1 looks like spam"
tested 1 "refused by $server: 554 5.7.1 looks like spam"
order mail "refuse b@shop.example 550 5.1.1 no such user"
tested 1 "mail to a@shop.example: delivered to $server; refused for b@shop.example: 550 5.1.1 no such user"
order mail "refuse b@shop.example 450 4.2.0 greylisted"
tested 1 "mail to a@shop.example: delivered to $server; not yet for b@shop.example: 450 4.2.0 greylisted"

# The login. What the server repeats of it is covered.
echo wrong-password >"$shop/mail.password"
tested 1 "$server refused the login of ops: 535 5.7.8 Authentication credentials invalid"
echo "$mail_password" >"$shop/mail.password"
order mail "reply AUTH 500 what is $(printf '\0ops\0%s' "$mail_password" | base64) or $mail_password"
tested 1 "refused the login of ops: 500 what is ****"
order mail "mechanisms"
tested 1 "$server does not offer to log in"
order mail "mechanisms GSSAPI NTLM"
tested 1 "$server offers no login that is known here"
order mail "mechanisms LOGIN"
tested 0 "delivered to"
order mail "mechanisms GSSAPI CRAM-MD5"
tested 0 "delivered to"

# TLS: without it, or with a stranger, nothing is said.
before=$(mails mail)
order mail strip
tested 1 "$server does not offer STARTTLS; nothing was sent"
order mail "reply STARTTLS 454 4.7.0 TLS not available"
tested 1 "$server refused STARTTLS: 454 4.7.0 TLS not available"
order mail inject # CVE-2011-0411 from the client's side: what came before TLS must count for nothing
tested 1 "NOT DELIVERED"
for kind in expired not-yet wrong-name self-signed; do
        order mail "certificate $kind"
        tested 1 "NOT DELIVERED" "certificate"
done
check "nothing was taken in all that" mails_are mail "$before"

# Nonsense.
order mail "banner 200000"
tested 1 "NOT DELIVERED"
order mail endless
tested 1 "NOT DELIVERED" "answers of more than 65536 bytes"
order mail "reply MAIL HTTP/1.1 400 Bad Request"
tested 1 "$server does not speak SMTP after MAIL FROM"
order mail 'reply MAIL 250 ok\r\n250 ok\r\n354 go\r\n250 queued'
tested 1 "$server answers before it is asked" # answers before questions: a mail that was never sent is not delivered
order mail 'reply RCPT 550 \x1b[2J\xe2\x80\xae\xff'
tested 1 'refused'
check "escapes stay escapes" not grep -q $'\x1b\\|\xe2\x80\xae' "$shop/tested.log"

# Silence at every stage, each but the first a second later than on a good day; nothing else waits meanwhile.
smtp mail smtp://mail.shop.example "$login, timeout: 1s"
hangs() { # STAGE WHERE [HOW]; on a busy machine the second may be over before that stage
        local said _
        for _ in 1 2 3 4 5; do
                order mail "${3-hang} $1"
                ! said=$(ctl alert --test 2>&1) || fail "delivered, though the server hangs at $1"
                order mail ok
                [[ $said != *"no answer from $server in 1 s ($2)"* ]] || return 0
        done
        fail "a server that hangs at $1 is told as: $said"
}
hangs connect "waiting for the greeting"
hangs EHLO "after EHLO"
hangs STARTTLS "after STARTTLS"
hangs AUTH "in the login"
hangs MAIL "after MAIL FROM"
hangs RCPT "after RCPT TO"
hangs DATA "after DATA"
hangs end "after the mail"
hangs connect "waiting for the greeting" drip
smtp mail smtp://mail.shop.example "$login, timeout: 30s"
order mail "hang QUIT"
tested 0 "delivered to $server"
order mail "hang end"
hung=$(curl -sS --max-time 10 --unix-socket "$shop/mail.sock" http://part/ | jq .hung)
is_silent() {
        [[ $(curl -sS --max-time 10 --unix-socket "$shop/mail.sock" http://part/ | jq .hung) -gt $hung ]]
}
start test "$build/failoverctl" --socket "$shop/run/control.sock" alert --test
wait_for "the server has the mail and is silent" is_silent
began=$EPOCHREALTIME
status >/dev/null
check "nobody else waits" awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { exit b - a >= 5 }'
check "the test does" alive test
stop test || true
order mail ok

# TLS from the start, and none on this machine.
smtp implicit smtps://mail.shop.example "$login"
tested 0 "delivered to mail.shop.example:${port[implicit]}"
check "logged in" equal "$(jq -r .user "$shop/implicit/1.json")" ops
order implicit "refuse a@shop.example 550 no"
order implicit "refuse b@shop.example 550 no"
before=$(mails implicit)
tested 1 "refused by mail.shop.example:${port[implicit]}: 550 no"
check "nothing is sent when nobody is left to get it" mails_are implicit "$before"
smtp plain smtp://127.0.0.1 "timeout: 30s"
tested 0 "delivered to 127.0.0.1:${port[plain]}"
smtp plain smtp://mail.shop.example "timeout: 30s" # which might be anywhere
tested 1 "mail.shop.example:${port[plain]} does not offer STARTTLS"
smtp plain smtp://mail.shop.example "timeout: 30s, tls: none"
tested 0 "delivered to mail.shop.example:${port[plain]}"

stop failoverd
check "no secret in all that was logged and said" not grep -qE "$mail_password|$(printf '%s' "$mail_password" | base64)|$(printf '\0ops\0%s' "$mail_password" | base64)" \
        "$shop"/failoverd.{log,out} "$shop/tested.log"
