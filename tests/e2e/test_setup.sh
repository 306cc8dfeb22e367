#!/bin/bash
# SPDX-License-Identifier: MIT
# What failoverctl setup --unattended makes: a key and two configurations with which both daemons run, with their owners and modes whatever
# the umask; made once, never overwritten; below another root, with its groups, too.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq

modes() { # owner, group and mode of what setup has made
        (cd "$root/etc/failoverd" && stat -c '%n %u:%g %a' -- *)
}

root=$shop/root
mkdir -p "$root/etc"
echo Corner-Shop.example.org >"$root/etc/hostname"
printf '%s\n' root:x:0: failoverd:x:61771: federationd:x:61772: >"$root/etc/group"
for mask in 000 077; do
        rm -rf "$root/etc/failoverd"
        (umask $mask && ctl setup --unattended --root "$root" >"$shop/said")
        check "it says what it made" equal "$(cut -d' ' -f1 "$shop/said" | tr '\n' ' ')" "made made made "
        mine=$EUID
        gid=$(id -g)
        ((EUID)) || { mine=0 && gid=61771; }
        check "each file is for who needs it" equal "$(modes)" "failoverd.yaml $mine:$gid 640
federationd.yaml $mine:$((EUID ? gid : 61772)) 640
node.key $mine:$((EUID ? gid : 0)) 600"
done
check "the folder can be looked into" equal "$(stat -c %a "$root/etc/failoverd")" 755
check "the node has its host's name" grep -qx '  id: corner-shop' "$root/etc/failoverd/failoverd.yaml"
check "failoverd takes its file" "$build/failoverctl" check-config "$root/etc/failoverd/failoverd.yaml"
check "federationd takes its file" "$build/failoverctl" check-config "$root/etc/failoverd/federationd.yaml"
check "the key is one" "$build/failoverctl" keygen --show "$root/etc/failoverd/node.key"

# Again: nothing changes, whatever stands there.
echo "# by hand" >>"$root/etc/failoverd/failoverd.yaml"
chmod 600 "$root/etc/failoverd/failoverd.yaml"
before=$(modes && cat "$root/etc/failoverd"/*)
ctl setup --unattended --root "$root" --json >"$shop/said"
check "it says what it left" jq -e '[.files[].result] == ["kept", "kept", "kept"]' "$shop/said"
check "what was there is as it was" equal "$(modes && cat "$root/etc/failoverd"/*)" "$before"

# One of the two is missing: both are one node.
sed -i 's/id: corner-shop/id: my.node/' "$root/etc/failoverd/failoverd.yaml"
rm "$root/etc/failoverd/federationd.yaml"
ctl setup --unattended --root "$root" >"$shop/said"
check "the other file's id is taken" grep -qx '  id: my.node' "$root/etc/failoverd/federationd.yaml"

# A link that leads nowhere is there, too.
rm "$root/etc/failoverd/federationd.yaml"
ln -s elsewhere "$root/etc/failoverd/federationd.yaml"
ctl setup --unattended --root "$root" >"$shop/said"
check "a link is kept" test -L "$root/etc/failoverd/federationd.yaml" -a ! -e "$root/etc/failoverd/elsewhere"

if [[ $EUID == 0 ]]; then
        echo root:x:0: >"$root/etc/group"
        rm "$root/etc/failoverd/failoverd.yaml"
        not ctl setup --unattended --root "$root" >"$shop/said" 2>&1 || fail "it made a file for nobody"
        check "it says what is missing" contains "$(<"$shop/said")" "no group \`failoverd\`"
        check "a file for nobody is not made" not test -e "$root/etc/failoverd/failoverd.yaml"
fi
for host in "" localhost 'ünï' .-x; do
        rm -rf "$shop/other"
        mkdir -p "$shop/other/etc"
        printf '%s\n' failoverd:x:61771: federationd:x:61772: >"$shop/other/etc/group"
        echo "$host" >"$shop/other/etc/hostname"
        ctl setup --unattended --root "$shop/other" >"$shop/said"
        check "an id for the host \"$host\"" "$build/failoverctl" check-config "$shop/other/etc/failoverd/failoverd.yaml"
done
