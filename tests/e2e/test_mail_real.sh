#!/bin/bash
# SPDX-License-Identifier: MIT
# Mail through a mail server as operators run them (chasquid, from Debian): STARTTLS, a login by a full address, two
# mailboxes, one that does not exist, and a mail body that it has passed on to the mailbox unharmed.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq
chasquid=$(command -v chasquid || echo "$source_dir/build/packages/usr/bin/chasquid")
[[ -x $chasquid ]] || missing "chasquid is not there; scripts/test unpacks it"

address=$(own_loopback)
certificates_make mail.shop.example
echo "$address mail.shop.example" >"$shop/hosts"
export FAILOVERD_HOSTS=$shop/hosts
mkdir -p "$shop"/chasquid/{data,certs/mail.shop.example,domains/shop.example} "$shop/mail"
cat "$shop/tls/valid.crt" "$shop/tls/ca.crt" >"$shop/chasquid/certs/mail.shop.example/fullchain.pem"
cp "$shop/tls/valid.key" "$shop/chasquid/certs/mail.shop.example/privkey.pem"
cat >"$shop/deliver" <<END
#!/bin/bash
cat >"$shop/mail/\$1.\$\$.new" && mv "$shop/mail/\$1.\$\$.new" "$shop/mail/\$1.\$\$.eml"
END
chmod +x "$shop/deliver"
cat >"$shop/chasquid/chasquid.conf" <<END
hostname: "mail.shop.example"
submission_address: "$address:10587"
data_dir: "$shop/chasquid/data"
mail_log_path: "<stderr>"
mail_delivery_agent_bin: "$shop/deliver"
mail_delivery_agent_args: "%to_user%"
END
for user in failoverd ops boss; do
        "${chasquid}-util" -C="$shop/chasquid" user-add "$user@shop.example" --password=s3cret-pass-word >>"$shop/users.log" 2>&1
done
start chasquid "$chasquid" -config_dir "$shop/chasquid" -logfile "$shop/chasquid.log"
listens() {
        (: <"/dev/tcp/$address/10587")
}
wait_for "chasquid listens" listens

(umask 077 && echo s3cret-pass-word >"$shop/mail.password")
part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
mail_to() { # RECIPIENTS
        echo "  - {type: alert, name: mail, smtp: {url: \"smtp://mail.shop.example:10587\", from: \"Der Käseladen <failoverd@shop.example>\", to: [$1], username: failoverd@shop.example, password_file: mail.password, ca_file: \"$shop/tls/ca.crt\"}}"
}
mail_to "Ops <ops@shop.example>, boss@shop.example, nobody@shop.example" >>"$shop/failoverd.yaml"
daemon_start
wait_for "everything is up" all_up

box() { # USER: how many mails are in it
        find "$shop/mail" -name "$1.*.eml" | wc -l
}
has() { # USER NUMBER
        [[ $(box "$1") == "$2" ]]
}
order api "status 503"
wait_for "the operator has mail" has ops 1
wait_for "so has the other" has boss 1
check "nobody else" equal "$(find "$shop/mail" -name '*.eml' | wc -l)" 2
wait_for "it is done, though one of three does not exist" status_is '.actions[] | select(.name == "mail") | .state == "done"'
check "and that is told" contains "$(status | jq -r '.actions[] | select(.name == "mail") | .message')" \
        "refused for nobody@shop.example: 550"
read_box() { # USER FILTER
        /usr/bin/python3 "$source_dir/tests/parts/mail-read.py" --foreign "$shop/mail/$1".*.eml | jq -r "$2"
}
check "the subject says all" equal "$(read_box ops .subject)" "[My Shop] DOWN: payment-api down: HTTP 503 (3 of 5); now on crypto"
check "its sender is spelt right" equal "$(read_box ops .from)" "Der Käseladen <failoverd@shop.example>"
check "all recipients are named" equal "$(read_box boss '.addresses | length')" 3
check "it came over TLS" contains "$(read_box ops .received)" "TLS"
stop failoverd
check "the password is told nobody" not grep -rq s3cret-pass-word "$shop"/failoverd.{log,out}
