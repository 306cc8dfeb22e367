#!/bin/bash
# SPDX-License-Identifier: MIT
# failoverctl setup --drop-ins: what the configurations need of the system, no more and no less; what is not of its making is never
# touched, and what is not needed any more goes.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"

root=$shop/root
drop_in=$root/etc/systemd/system/failoverd.service.d/50-setup.conf
rules=$root/etc/polkit-1/rules.d/50-failoverd.rules
mkdir -p "$root/etc" "$root/srv/shop" "$root/home/shop/"{scripts,own} "$root/root"
chmod 755 "$root/home/shop/scripts"
chmod 700 "$root/home/shop/own"
touch "$root"/home/shop/{scripts/a.py,own/b.py,c.conf} "$root/root/check.sh"
printf '%s\n' failoverd:x:61771: federationd:x:61772: >"$root/etc/group"
setup() { # ARGUMENT...
        ctl setup --root "$root" "$@" >"$shop/said" 2>&1
}

setup --unattended --drop-ins
check "where nothing is needed, nothing is made" not test -e "$drop_in" -o -e "$rules"

touch "$root/srv/shop/books.db"
cat >"$root/etc/failoverd/failoverd.yaml" <<-'END'
	node: {id: n, key_file: node.key}
	probes:
	  disk: {type: disk, path: "/srv/more %books"}
	  own: {type: disk, path: /var/lib/failoverd}
	  looked-at: {type: disk, path: /usr, write_test: false}
	  books: {type: sqlite, path: /srv/shop/books.db}
	  home: {type: disk, path: /home/shop/data}
	  plugin: {type: exec, command: [/home/shop/bin/check]}
	  python: {type: exec, command: [/usr/bin/python3, /home/shop/scripts/a.py, --config=/home/shop/c.conf, "/tmp/with:colon"]}
	  closed: {type: exec, command: [/usr/bin/python3, /home/shop/own/b.py, /tmp, /etc/hosts]}
	  shell: {type: exec, command: [/bin/sh, -ec, "cd /home/shop/scripts && exec /root/check.sh -x >/home/shop/data/log"]}
	  pay: {type: http, url: "https://pay.example/", bearer_file: pay.key}
	  file: {type: http, url: "https://pay.example/", bearer_file: /etc/failoverd/other.key}
	modes:
	  - {name: primary, requires: [disk]}
	  - {name: crypto, requires: []}
	actions:
	  - {type: payment-mode, restart: [shop]}
	  - {type: unit, modes: [crypto], stop: [cards, 'a\x2db.service'], start: [shop]}
END
sed -i "s/^node:.*/tls: {cert_file: tls.crt, key_file: 0}\n&/" "$root/etc/failoverd/federationd.yaml"
cp -r "$root" "$shop/before"
setup --drop-ins --dry-run || true
check "a dry run shows what would be written" grep -q LoadCredential=pay.key "$shop/said"
check "a dry run writes nothing" diff -r "$shop/before" "$root"
not setup --drop-ins || fail "it took a certificate that is not there"
check "what is wrong with a file is said" contains "$(<"$shop/said")" "federationd.yaml must not be used"

sed -i '/^tls:/d' "$root/etc/failoverd/federationd.yaml"
cp "$root/etc/failoverd/failoverd.yaml" "$shop/mine.yaml"
sed -i 's|/srv/more %books|/srv/x\\n[Service]\\nExecStartPre=+/bin/true\\n|' "$root/etc/failoverd/failoverd.yaml"
not setup --drop-ins || fail "it took a path with line breaks"
check "no path brings settings of its own" contains "$(<"$shop/said")" "control characters"
check "nothing of it is written" not grep -rq ExecStartPre "$root/etc/systemd"
cp "$shop/mine.yaml" "$root/etc/failoverd/failoverd.yaml"
setup --drop-ins
check "the drop-in is all that is needed, and no more" equal "$(grep -v '^#' "$drop_in")" '[Service]
LoadCredential=pay.key:/etc/failoverd/pay.key
SetCredential=pay.key:\n
ProtectHome=tmpfs
ReadWritePaths="-/srv/more %%books"
ReadWritePaths=-/srv/shop
BindPaths=-/home/shop/data
BindReadOnlyPaths=-/home/shop/bin/check
BindReadOnlyPaths=-/home/shop/scripts
BindReadOnlyPaths=-/home/shop/c.conf
BindReadOnlyPaths="-/tmp/with:colon"
BindReadOnlyPaths=-/home/shop/own/b.py
BindReadOnlyPaths=-/root/check.sh'
check "what is given as one file is said" equal "$(grep -o '^alone *[^:]*' "$shop/said" | tr -s ' \n' ' ')" \
        "alone /home/shop/c.conf alone /home/shop/own/b.py alone /root/check.sh "
check "polkit is told the units and their verbs" equal "$(grep '": \[' "$rules" | tr -s ' \n' ' ')" \
        ' "shop.service": ["restart","start"], "cards.service": ["stop"], "a\\x2db.service": ["stop"], '
check "others may read them" equal "$(stat -c %a "$drop_in" "$rules" | tr '\n' ' ')" "644 644 "

# What the operator gives himself is left to him.
printf '[Service]\nLoadCredential=pay.key:/srv/pay.key\n' >"${drop_in%/*}/override.conf"
setup --drop-ins
check "a credential that another drop-in gives is not given twice" not grep -q pay.key "$drop_in"
rm "${drop_in%/*}/override.conf"
setup --drop-ins
check "and comes back" grep -q pay.key "$drop_in"

# Again: nothing changes. By hand: left, and said. Not needed any more: removed.
before=$(stat -c '%n %i' "$drop_in" "$rules")
setup --drop-ins
check "the same again changes nothing" equal "$(stat -c '%n %i' "$drop_in" "$rules")" "$before"
printf '[Service]\nNice=1\n' >"$drop_in"
echo "// by hand" >"$rules"
sed -i '/^network:/a\  orders_from: [clerk]' "$root/etc/failoverd/federationd.yaml"
not setup --drop-ins || fail "it overwrote what is not its own"
check "a rule by hand stays, too" equal "$(<"$rules")" "// by hand"
check "the rest is done" grep -q "^to add  *clerk" "$shop/said"
check "it says what is in the way" contains "$(<"$shop/said")" "not of setup's making"
check "what is not its own stays" equal "$(<"$drop_in")" "$(printf '[Service]\nNice=1')"
rm "$drop_in" "$rules" "$root/etc/failoverd/failoverd.yaml"
setup --unattended --drop-ins
check "what is not needed any more is removed" not test -e "$drop_in" -o -e "$rules"

if [[ $EUID == 0 ]]; then
        not setpriv --reuid=61007 --regid=61007 --clear-groups "$build/failoverctl" setup --drop-ins >"$shop/said" 2>&1 || fail "anybody may"
        check "others are told whom it is for" contains "$(<"$shop/said")" "for root"
fi
not setup --drop-ins id=x || fail "it took a setting"
