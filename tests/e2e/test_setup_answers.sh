#!/bin/bash
# SPDX-License-Identifier: MIT
# failoverctl setup, asked and answered at a terminal, by an ordinary user below another root: what it makes is what failoverd takes,
# every probe is run; a secret is in its file and nowhere else; run again nothing changes; what was edited by hand is not replaced
# without a word.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq python3
as_user=()
if [[ $EUID == 0 ]]; then
        need setpriv
        as_user=(setpriv --reuid=61006 --regid=61006 --clear-groups --no-new-privs)
fi

canary=sk_live_canary_5b1f
part_start api payment-api --key $canary
part_start btcpay payment-api
root=$shop/root
mkdir -p "$root/etc" "$root/var/lib"
chmod 777 "$root" "$root/etc" "$root/var/lib"
files=$root/etc/failoverd
answer() { # ARGUMENT... < QUESTION<TAB>ANSWER: the transcript goes to $shop/said
        : >"$shop/said"
        chmod 666 "$shop/said"
        "${as_user[@]}" /usr/bin/python3 "$source_dir/tests/parts/answer.py" "$shop/said" \
                "$build/failoverctl" setup --root "$root" "$@"
}
setup() { # ARGUMENT...
        "${as_user[@]}" "$build/failoverctl" setup --root "$root" "$@" >"$shop/said" 2>&1
}
all() { # every file that it made, with its content
        (cd "$root/etc" && find . -type f ! -name '*.old' -print0 | sort -z | xargs -0 sha256sum)
}
TAB=$'\t'
questions() { # the shop of this test
        cat <<-END
		Id [${TAB}not an id!
		Id [${TAB}corner-shop
		name, for people [${TAB}Böoks "& Co"
		URL:${TAB}ftp://shop.example
		URL:${TAB}http://127.0.0.1:8080/?from=setup
		URL:${TAB}http://127.0.0.1:8080
		Fallback URL:${TAB}
		Payment API:${TAB}http://127.0.0.1:${port[api]}/v1/account
		Key (not shown):${TAB}$canary
		Fallback:${TAB}http://127.0.0.1:${port[btcpay]}
		Domain:${TAB}None
		Database:${TAB}host=$shop dbname=shop password=x
		Database:${TAB}host=$shop dbname=shop user=shop
		Password there (not shown):${TAB}
		Disk [${TAB}
		User:${TAB}www-data
		Units:${TAB}shop, nginx.service
		Alerts:${TAB}ops@shop.example
		Mail server [${TAB}smtp://user:pw@mail.shop.example
		Mail server [${TAB}smtp://mail.shop.example/path
		Mail server [${TAB}smtp://mail.shop.example:587
		User there:${TAB}failoverd@shop.example
		Password there (not shown):${TAB}mail_$canary
		Other shops:${TAB}https://other.example, https://OTHER.example/shop
		Other shops:${TAB}https://other.example
	END
}

# Who leaves, leaves nothing behind: neither half a set of files nor a terminal that is dumb.
{ questions | head -8 && printf 'Key (not shown):\t^C\n'; } | answer && fail "it went on after ^C"
check "^C leaves nothing" equal "$(find "$root" -type f)" ""
{ questions | head -4 && printf 'URL:\t^D\n'; } | answer && fail "it went on at the end of its input"
check "the end of the input leaves nothing" equal "$(find "$root" -type f)" ""
{ questions && printf 'Write it\tn\n'; } | answer && fail "it went on after a no"
check "a no leaves nothing" equal "$(find "$root" -type f)" ""

{ questions && printf 'Write it\ty\n'; } | answer || fail "it ended with $?: $(<"$shop/said")"
check "a wrong answer is asked again" grep -q "an id has 1 to 64" "$shop/said"
check "a password does not belong there" grep -q "without the password" "$shop/said"
check "no secret is shown" not grep -q canary "$shop/said"
check "the secrets are where they belong, and nowhere else" equal "$(cd "$files" && grep -l canary -r "$root" | sort | xargs -n1 basename | tr '\n' ' ')" \
        "mail.password payment.key "
check "each file has its mode" equal "$(cd "$files" && stat -c '%n %a' -- * | tr '\n' ' ')" \
        "failoverd.yaml 640 federationd.yaml 640 mail.password 600 node.key 600 payment.key 600 "
check "the payment API was asked with its key" grep -qE '^payment-api +pass' "$shop/said"
check "what fails is seen" grep -qE '^database +FAIL' "$shop/said"
check "nothing is wider than the terminal" equal "$(grep -vE '/failoverd.yaml: |^made ' "$shop/said" | LC_ALL=C.UTF-8 awk '{ sub(/\r$/, "") } length > 80')" ""
"${as_user[@]}" "$build/failoverctl" check-config --json "$files/failoverd.yaml" >"$shop/report"
check "failoverd takes it" jq -e '.success and .modes == 3 and .probes == 6' "$shop/report"
"${as_user[@]}" "$build/failoverctl" check-config --json "$files/federationd.yaml" >"$shop/report"
check "federationd takes it" jq -e '.success and .peers == 1' "$shop/report"
check "the drop-in has its secrets" grep -q '^LoadCredential=mail.password:/etc/failoverd/mail.password' \
        "$root/etc/systemd/system/failoverd.service.d/50-setup.conf"

# Once more, with Enter for all: the same files.
before=$(all)
{ printf '%s\t\n' 'Id [' 'for people [' 'URL [' 'Fallback URL:' 'Payment API [' 'Key, empty:' 'Fallback [' 'Domain:' 'Database [' \
        'Password there' 'Disk [' 'User [' 'Units [' 'Alerts [' 'Mail server [' 'User there [' 'Password there, empty:' 'Other shops [' 'Write it'; } |
        answer || fail "it ended with $?: $(<"$shop/said")"
check "the answers of before give the files of before" equal "$(all)" "$before"

# Who needs a key no more says none, and it is not taken for a key.
{ printf '%s\t\n' 'Id [' 'for people [' 'URL [' 'Fallback URL:' 'Payment API [' && printf 'Key, empty:\tNone\n'
        printf '%s\t\n' 'Fallback [' 'Domain:' 'Database [' 'Password there' 'Disk [' 'User [' 'Units [' 'Alerts [' 'Mail server [' 'User there [' \
                'Password there, empty:' 'Other shops [' && printf 'Write it\tn\n'; } | answer && fail "it went on after a no"
check "without a key it is asked without one" not grep -q bearer_file "$shop/said"

# What only the daemons see is asked again, and nothing that was answered is lost.
{ printf '%s\t\n' 'Id [' 'for people [' 'URL [' 'Fallback URL:' 'Payment API ['
        printf 'Key, empty:\tanother_%s\n' "$canary"
        printf '%s\t\n' 'Fallback [' 'Domain:' && printf 'Database [\tcolour=red\n'
        printf '%s\t\n' 'Disk [' 'User [' 'Units [' 'Alerts [' 'Mail server [' 'User there [' 'Password there, empty:' 'Other shops [' \
                'Id [' 'for people [' 'URL [' 'Fallback URL:' 'Payment API [' 'Key, empty: the one that you gave' 'Fallback [' 'Domain:'
        printf 'Database [colour=red]\t^C\n'; } | answer && fail "it went on after ^C"
check "it says what is wrong" grep -q "could not be used like this" "$shop/said"
check "nothing was written yet" equal "$(all)" "$before"

# Edited by hand: it stays, unless one says otherwise.
echo "# by hand" >>"$files/failoverd.yaml"
before=$(all)
printf 'Replace it?\tn\n' | answer || fail "it ended with $?: $(<"$shop/said")"
check "what was edited stays" equal "$(all)" "$before"
check "the trial is run all the same" grep -qE '^payment-api +pass' "$shop/said"
not setup --unattended id=x || fail "it replaced what was edited"
check "it says how" contains "$(<"$shop/said")" "--force replaces it"
check "what was edited stays, unattended" equal "$(all)" "$before"
setup --unattended --force id=x payment=
check "with --force it is replaced" grep -qx '  id: x' "$files/failoverd.yaml"
check "and kept" grep -qx '# by hand' "$files/failoverd.yaml.old"

# Unattended, with settings; secrets come from a file or from standard input, never from the command line.
rm -r "$files" "$root/etc/systemd"
echo $canary >"$shop/key"
chmod 644 "$shop/key"
echo "mail_$canary" | setup --unattended id=shop "payment=http://127.0.0.1:${port[api]}/v1/account" payment-key="$shop/key" crypto=Yes \
        alert=ops@shop.example smtp=smtp://mail.shop.example smtp-user=u smtp-password=-
check "it was run" grep -qE '^payment-api +pass' "$shop/said"
check "no secret is shown" not grep -q canary "$shop/said"
check "the secrets are in their files" equal "$(cat "$files/payment.key" "$files/mail.password")" "$canary
mail_$canary"
check "the drop-in has them" equal "$(grep -c ^LoadCredential= "$root/etc/systemd/system/failoverd.service.d/50-setup.conf")" 2
before=$(all)
setup --unattended --dry-run crypto= domain=shop.example checkout= "restart=shop" || fail "a dry run ended with $?"
check "a dry run shows what would be" grep -q '^    name: shop.example' "$shop/said"
check "… and what that needs" grep -q '"shop.service": ."restart".' "$shop/said"
check "… and writes nothing" equal "$(all)" "$before"
setup --unattended name="Other name"
check "what is not said stays as it was" grep -qx "  name: Other name" "$files/failoverd.yaml"
check "… the payment API, too" grep -q 'bearer_file: payment.key' "$files/failoverd.yaml"
setup --unattended disk= url=https://shop.example domain=
setup --unattended name="Third name"
check "what was left out stays out" not grep -qE '^  (disk|domain):' "$files/failoverd.yaml"
setup --unattended payment-key= || fail "it cannot do without a key"
check "a key is left out like all else" not grep -q bearer_file "$files/failoverd.yaml"
check "… that it is not needed is said" grep -q '^unused .*/payment.key' "$shop/said"
setup --unattended name="Third name, no key"
check "… and stays out, though it is there" not grep -q bearer_file "$files/failoverd.yaml"
setup --unattended payment-key="$shop/key"
check "… until it is said again" grep -q 'bearer_file: payment.key' "$files/failoverd.yaml"
setup --unattended payment=
check "what is said to be nothing goes" not grep -q 'payment-api' "$files/failoverd.yaml"
check "… its secret is not needed, and that is said" grep -q '^unused .*/payment.key' "$shop/said"
check "… with its credential" not grep -q payment.key "$root/etc/systemd/system/failoverd.service.d/50-setup.conf"
not setup --unattended payment-key="$shop/key" || fail "it took a key for nothing"
check "a secret that nothing takes is not dropped without a word" grep -q "payment-key: nothing takes it" "$shop/said"
printf '%s' "it's \\a pass" >"$shop/key"
setup --unattended "database=host=127.0.0.1 user=u dbname=a" database-password="$shop/key"
check "a password is in the dsn as libpq reads it" equal "$(cat "$files/database.dsn")" \
        "host=127.0.0.1 user=u dbname=a password='it\\'s \\\\a pass'"
setup --unattended "database=host=/run/postgresql user=u dbname=a"
check "it stays when the rest changes" equal "$(cat "$files/database.dsn")" \
        "host=/run/postgresql user=u dbname=a password='it\\'s \\\\a pass'"
check "the probe has it" grep -q '^    dsn_file: database.dsn' "$files/failoverd.yaml"
setup --unattended database=
setup --unattended name="Name without a database"
check "what was left out stays out, though its secret is there" not grep -q '^  database:' "$files/failoverd.yaml"
before=$(all)
chmod 644 "$files/node.key"
not setup --unattended name="Fourth name" || fail "it took a secret that is open to others"
check "it says what to do" contains "$(<"$shop/said")" "chmod 600 $files/node.key"
check "nothing was replaced before" equal "$(all)" "$before"
chmod 600 "$files/node.key"
echo "https://hooks.slack.example/$canary" >"$shop/hook"
setup --unattended alert=@"$shop/hook" domain=shop.example.
check "an URL that is a secret comes from a file" grep -q "^      url: .*https://hooks.slack.example/$canary" "$files/failoverd.yaml"
check "… and what takes it is seen" grep -qx "      format: slack" "$files/failoverd.yaml"
check "a domain may end with a dot" grep -qx "    name: shop.example." "$files/failoverd.yaml"
echo "https://ntfy.example/$canary" | setup --unattended alert=- alert-format=ntfy
check "… or from standard input" grep -q "https://ntfy.example/$canary" "$files/failoverd.yaml"
check "… and is not shown" not grep -q canary "$shop/said"
for wrong in smtp=smtp://u:p@h.example smtp=smtp://h.example/x 'peers=https://a.example https://a.example/b' alert=@/nowhere url=ftp://x payment=strippe colour=red payment-key=$canary restart=a/b alert=a@b@c id= disk=x 'database=host=h password=p' url; do
        not setup --unattended --force "$wrong" || fail "it took $wrong"
        check "$wrong is refused without repeating a secret" not grep -q "$canary" "$shop/said"
done
setup </dev/null && fail "it asked nobody"
check "without a terminal it says what to do" grep -q -- --unattended "$shop/said"
check "a trial tells by its exit code that a probe failed" not setup --trial
