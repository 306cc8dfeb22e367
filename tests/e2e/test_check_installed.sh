#!/bin/bash
# SPDX-License-Identifier: MIT
# check-config by root of the files that the units run with: judged as the daemons meet them, who are other users and get
# credentials from systemd.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq
private_mounts "$@"

# An /etc of our own, with the daemons' users and units.
mkdir -p "$shop/etc/systemd/system/failoverd.service.d" "$shop/etc/failoverd"
cp -a /etc/{nsswitch.conf,ld.so.cache,alternatives} "$shop/etc/" 2>/dev/null || true
cp -r /etc/ssl "$shop/etc/" 2>/dev/null || true
printf '%s\n' root:x:0:0::/root:/bin/sh failoverd:x:61771:61771::/:/bin/false federationd:x:61772:61772::/:/bin/false \
        >"$shop/etc/passwd"
printf '%s\n' root:x:0: failoverd:x:61771:failoverd federationd:x:61772: helpers:x:61773:failoverd >"$shop/etc/group"
cp "$source_dir"/units/f*d.service "$shop/etc/systemd/system/"
chmod 755 "$shop/etc" "$shop/etc/failoverd"
mount --bind "$shop/etc" /etc
cd /etc/failoverd

look() { # DAEMON: what check-config finds of its file, its exit code in $code
        code=0
        "$build/$1" --check --json --config "/etc/failoverd/$1.yaml" --state-dir "$shop/state-$1" --runtime-dir "$shop/run" \
                >"$shop/found.json" 2>"$shop/said" || code=$?
}
found() { # JQ-FILTER: of the findings
        jq -e "[.findings[] | select($1)] | length > 0" "$shop/found.json" >/dev/null
}
named() { # SEVERITY FILE: a finding that speaks of it
        found ".severity == \"$1\" and (.message | contains(\"$2\"))"
}
keep() { # FILE OWNER:GROUP MODE
        chown "$2" "$1"
        chmod "$3" "$1"
}

(umask 077 && "$build/failoverctl" keygen --id k1 /etc/failoverd/node.key >/dev/null 2>&1)
cat >failoverd.yaml <<-'END'
	node: {id: shop, key_file: node.key}
	probes:
	  api: {type: http, url: "http://127.0.0.1:9/", bearer_file: pay.key}
	  own: {type: http, url: "http://127.0.0.1:9/", bearer_file: /etc/failoverd/own.key}
	modes:
	  - {name: primary, requires: [api, own]}
	  - {name: crypto, requires: []}
	actions: [{type: payment-mode}]
END
echo 'node: {id: shop, url: "http://127.0.0.1:8440", key_file: node.key}' >federationd.yaml
echo secret >pay.key
echo secret >own.key
keep failoverd.yaml root:failoverd 640
keep federationd.yaml root:federationd 640
keep pay.key root:root 600
keep own.key root:failoverd 640
printf '[Service]\nLoadCredential=pay.key:/etc/failoverd/pay.key\nSetCredential=pay.key:\\n\n' \
        >/etc/systemd/system/failoverd.service.d/50-setup.conf

# ---- as they should be

for daemon in failoverd federationd; do
        look $daemon
        check "$daemon: it is usable: $(<"$shop/said")" equal "$code" 0
        check "$daemon: no word about its key, which root alone reads" not found '.message | contains(".key:")'
        check "$daemon: nor about its file" not found '.code == "unreadable"'
done

# ---- a file that only root reads

unreadable() { # CLAIM
        look failoverd
        check "$1: it must not be used" equal "$code" 6
        check "$1: by whom is said" found '.code == "unreadable" and .severity == "error" and (.message | contains("failoverd"))'
}
keep failoverd.yaml root:root 600
unreadable "root's alone"
keep failoverd.yaml root:helpers 640
look failoverd
check "by a group of his" equal "$code" 0
keep failoverd.yaml failoverd:root 040
unreadable "his own, but not for him"
keep failoverd.yaml root:root 644
chmod 700 /etc/failoverd
unreadable "in a closed folder"
chmod 755 /etc/failoverd
keep failoverd.yaml root:failoverd 640
keep federationd.yaml root:root 600
look federationd
check "federationd's, too" found '.code == "unreadable"'
check "it must not be used, either" equal "$code" 6
keep federationd.yaml root:federationd 640
cp failoverd.yaml "$shop/draft.yaml"
keep "$shop/draft.yaml" root:root 600
"$build/failoverd" --check --json --config "$shop/draft.yaml" --state-dir "$shop/state" >"$shop/found.json" 2>/dev/null || true
check "a draft is nobody else's" not found '.code == "unreadable"'

# ---- a file that everybody may write to: who has an account decides what the daemon runs

for daemon in failoverd federationd; do
        chmod o+rw "$daemon.yaml"
        look "$daemon"
        check "$daemon: it is told that others may write to it" found '.code == "writable" and .severity == "warning"'
        chmod o= "$daemon.yaml"
        look "$daemon"
        check "$daemon: and no more once they may not" not found '.code == "writable"'
done

# ---- a credential that others read: systemd does not mind, and neither must an upgrade

chmod 644 node.key pay.key
for daemon in failoverd federationd; do
        look $daemon
        check "$daemon starts with it: $(<"$shop/said")" equal "$code" 0
        check "$daemon: it is told" named warning node.key
done
look failoverd
check "of a probe's, too" named warning pay.key
chmod 644 own.key
look failoverd
check "a file that is none is refused" equal "$code" 6
check "by its name" named error own.key
chmod 640 own.key
chmod 600 node.key pay.key

# ---- one that is not there, and one that comes from elsewhere

mv pay.key "$shop/elsewhere"
look failoverd
check "it is missing" named warning /etc/failoverd/pay.key
printf '[Service]\nLoadCredential=pay.key:%s\n' "$shop/elsewhere" >/etc/systemd/system/failoverd.service.d/60-mine.conf
look failoverd
check "the operator's drop-in gives it" not found '.message | contains("pay.key")'
mv "$shop/elsewhere" "$shop/gone"
look failoverd
check "when that file is gone it is missing again" named warning pay.key
printf '[Service]\nSetCredential=pay.key:abc\n' >/etc/systemd/system/failoverd.service.d/60-mine.conf
look failoverd
check "in the drop-in itself" not found '.message | contains("pay.key")'

# ---- a key that is none

echo "ed25519 k1 AAAA" >node.key
for daemon in failoverd federationd; do
        look $daemon
        check "$daemon starts with it, too" equal "$code" 0
        check "$daemon: it is told what to do" found '.severity == "warning" and .key == "node.key_file" and
                (.advice | contains("failoverctl keygen"))'
done
