#!/bin/bash
# SPDX-License-Identifier: MIT
# The package's life under a real systemd: installed it runs without a question; upgraded and downgraded no visitor is refused and nothing that the operator wrote is touched; a version that refuses its configuration does not replace one that runs; removed it leaves all that is the operator's, purged nothing.
build=$(realpath "$1")
. "$(dirname "$0")/../systemd/package.sh"
need curl jq
machine_boot
new=$(package)
old=$(package_as 0.0.9-1)

files() { # that are named after it, with those that dpkg and systemd keep of each package
        machine find /etc /usr /var -xdev '(' -name '*failoverd*' -o -name '*federation*' ')'
}
none=$(files)

# ---- install
umask 077 # whatever the operator's is
machine_install "$old"
umask 022
check "nothing was asked" not grep -q '\[y/N' "$shop/dpkg.log"
mode_of() { # PATH...
        machine stat -c '%a %U:%G %n' "$@"
}
check "owners and modes are those of the contract" equal "$(mode_of /etc/failoverd{,/failoverd.yaml,/federationd.yaml,/node.key} /var/lib/{failoverd,federationd})" \
        "755 root:root /etc/failoverd
640 root:failoverd /etc/failoverd/failoverd.yaml
640 root:federationd /etc/failoverd/federationd.yaml
600 root:root /etc/failoverd/node.key
755 failoverd:failover /var/lib/failoverd
755 federationd:federationd /var/lib/federationd"
check "it runs" equal "$(machine pgrep -f '^/usr/sbin/f' | wc -l)" 2
for unit in failoverd.service federationd.service federationd.socket federationd-control.socket federation-sync.timer; do
        check "$unit is enabled" equal "$(machine systemctl is-enabled $unit)" enabled
        check "$unit is active" unit_is $unit active
done
version=$(dpkg-deb -f "$new" Version)
check "the programs are of the version that the package says" contains "$(machine failoverd --version)" "${version%-*}"
check "it can sign" equal "$(machine journalctl --no-pager -u federationd -u failoverd | grep node.key || true)" ""
check "the man page is there" machine test -e /usr/share/man/man8/failoverd.8.gz
check "the journal can explain" contains "$(machine journalctl --list-catalog 2>/dev/null)" failoverd
disk_up() {
        machine failoverctl status
}
wait_for "the shop runs in its first mode, all is well" disk_up

# ---- upgrade, with the operator's own lines and visitors at the door
machine sed -i 's/^node:/# the operator was here\nnode:/' /etc/failoverd/failoverd.yaml
kept() { # what an upgrade must not touch
        machine sha256sum /etc/failoverd/{node.key,failoverd.yaml,federationd.yaml}
}
before=$(kept)
visits() {
        while :; do
                machine curl -sSf --max-time 20 -o /dev/null http://127.0.0.1:8440/api/stats && echo visited
        done
}
visits_are() { # AT LEAST
        (($(wc -l <"$shop/visits.out") >= $1))
}
sockets() { # since when they are open
        machine systemctl show -P ActiveEnterTimestampMonotonic federationd.socket federationd-control.socket
}
replace() { # DEB
        local supervisor federation open
        open=$(sockets)
        supervisor=$(main_pid failoverd)
        federation=$(main_pid federationd)
        machine_dpkg --install "$1" || fail "$1 cannot be installed"
        check "it is that version" equal "$(machine dpkg-query -Wf '${Version}' failoverd)" "$(dpkg-deb -f "$1" Version)"
        check "failoverd was restarted" test "$(main_pid failoverd)" != "$supervisor"
        check "federationd was restarted" test "$(main_pid federationd)" != "$federation"
        check "federationd's sockets stayed open" equal "$(sockets)" "$open"
        check "both are active" equal "$(machine systemctl is-active failoverd federationd | sort -u)" active
        check "nothing of the operator's was touched" equal "$(kept)" "$before"
}
start visits visits
wait_for "visitors come" visits_are 1
replace "$new"
# A drop-in of the operator's is respected; and who may read the key is no matter: the daemons get theirs from systemd.
drop_ins=/etc/systemd/system/failoverd.service.d
machine mkdir -p $drop_ins
printf '[Service]\nSetCredential=token:canary\nExecStartPre=/bin/true\n[Unit]\nOnFailure=nobody.service\n' | machine_file $drop_ins/operator.conf
machine chmod 600 $drop_ins/operator.conf
machine chmod 644 /etc/failoverd/node.key
replace "$old"
machine chmod 600 /etc/failoverd/node.key
machine rm $drop_ins/operator.conf
machine systemctl daemon-reload
seen=$(wc -l <"$shop/visits.out")
wait_for "visitors still come" visits_are $((seen + 2))
stop visits || true
check "no visitor was refused" equal "$(grep -c 'Connection refused' "$shop/visits.log" || true)" 0
check "three starts are one first start" equal "$(machine failoverctl history | grep -c 'first start')" 1

# ---- an upgrade to a version that refuses what the operator wrote meanwhile, who has no use for federationd either
unwanted=(federationd.service federationd.socket federationd-control.socket federation-sync.timer)
machine systemctl disable --quiet --now "${unwanted[@]}"
supervisor=$(main_pid failoverd)
machine cp -p /etc/failoverd/failoverd.yaml /root/
machine sed -i 's/^probes:/problems:/' /etc/failoverd/failoverd.yaml
machine_dpkg --install "$new" || fail "an upgrade fails with the configuration"
check "failoverd goes on with what it has read" equal "$(main_pid failoverd)" "$supervisor"
check "it is said, with the place" contains "$(tail -n 20 "$shop/dpkg.log")" "/etc/failoverd/failoverd.yaml:"
check "and what to do" contains "$(tail -n 20 "$shop/dpkg.log")" "then: systemctl restart failoverd"
machine cp -p /root/failoverd.yaml /etc/failoverd/
machine chmod 600 /etc/failoverd/failoverd.yaml
machine chown root:root /etc/failoverd/failoverd.yaml
machine_dpkg --install "$new" || fail "an upgrade fails with the configuration"
check "nor does one that its user cannot read end it" equal "$(main_pid failoverd)" "$supervisor"
check "which is said" contains "$(tail -n 20 "$shop/dpkg.log")" "/etc/failoverd/failoverd.yaml: Permission denied"
machine cp -p /root/failoverd.yaml /etc/failoverd/
echo '[Service]
LoadCredential=gone.key:/etc/failoverd/gone.key' | machine_file $drop_ins/operator.conf
machine_dpkg --install "$new" || fail "an upgrade fails with the configuration"
check "nor a secret that is missing" equal "$(main_pid failoverd)" "$supervisor"
check "nothing is left of the attempts" equal "$(machine sh -c 'ls /run /run/systemd/system | grep check')" ""
machine rm $drop_ins/operator.conf
machine systemctl daemon-reload
machine systemctl restart failoverd
check "mended, the new one starts" unit_is failoverd.service active
for unit in "${unwanted[@]}"; do
        check "what was switched off stays off: $unit" unit_is "$unit" inactive
        check "and at the next boot, too: $unit" equal "$(machine systemctl is-enabled "$unit")" disabled
done
machine systemctl enable --quiet --now "${unwanted[@]}"

# ---- remove, and install again: the operator's files and the daemons' state are still there
changes() {
        machine failoverctl history --json | jq -c '[.changes[]?.id] // .'
}
history=$(changes)
machine_dpkg --remove failoverd || fail "the package cannot be removed"
runs() { # what of it does
        machine pgrep -f '^/usr/sbin/f' || true
}
check "nothing of it runs" equal "$(runs)" ""
check "no unit of it is left" equal "$(machine systemctl list-unit-files --no-legend 'failoverd*' 'federation*')" ""
check "nobody listens" not machine curl -sS --max-time 5 -o /dev/null http://127.0.0.1:8440/ 2>/dev/null
check "removing keeps what the operator wrote" equal "$(kept)" "$before"
check "removing keeps the state" machine test -s /var/lib/failoverd/state.db -a -s /var/lib/federationd/federation.db
check "the shop still reads how buyers pay" machine grep -q PAYMENT_MODE=primary /run/failoverd/payment.env
machine_install "$new"
check "installed again, it is the same node" equal "$(kept)" "$before"
check "with the same history" equal "$(changes)" "$history"

# ---- purge, with what `setup` has made since, and what the operator has
machine sh -c 'echo "  - {type: unit, modes: [primary], restart: shop}" >>/etc/failoverd/failoverd.yaml'
machine failoverctl setup --drop-ins >>"$shop/dpkg.log" 2>&1 || fail "no drop-ins can be made"
check "setup has made polkit's rule" machine test -e /etc/polkit-1/rules.d/50-failoverd.rules
machine mkdir -p $drop_ins
machine touch $drop_ins/operator.conf
# shellcheck disable=SC2016 # these are no commands
echo '# Made by `failoverctl setup` from something.' | machine_file $drop_ins/50-setup.conf
hand=/etc/systemd/system/federationd.service.d
machine mkdir -p $hand
echo '# by hand' | machine_file $hand/50-setup.conf
users=$(machine getent passwd failoverd federationd)
machine_dpkg --purge failoverd || fail "the package cannot be purged"
check "nothing of it runs any more" equal "$(runs)" ""
for path in /etc/failoverd /var/lib/failoverd /var/lib/federationd /run/failoverd /run/federationd \
        $drop_ins/50-setup.conf /etc/polkit-1/rules.d/50-failoverd.rules; do
        check "purging leaves no $path" not machine test -e "$path"
done
check "but what the operator has made for the unit" machine rm $drop_ins/operator.conf
machine rmdir $drop_ins
check "… also under the name of one of setup's" machine rm $hand/50-setup.conf
machine rmdir $hand
check "purging leaves no file" equal "$(files)" "$none"
check "its users stay, so that nobody else gets their numbers" equal "$(machine getent passwd failoverd federationd)" "$users"

# ---- another has the port
machine systemd-run --quiet --unit another /usr/bin/python3 -m http.server --bind 127.0.0.1 8440
other_answers() {
        machine curl -sSf -o /dev/null http://127.0.0.1:8440/
}
wait_for "another service has the port" other_answers
machine_dpkg --install "$new" || fail "a port that is taken stops the installation"
check "the supervisor runs" unit_is failoverd.service active
check "it is said what does not" contains "$(tail -n 20 "$shop/dpkg.log")" "systemctl status federationd.socket"
machine systemctl stop another
machine systemctl start federationd
check "once it is free, federationd starts" unit_is federationd.service active

# ---- purge, with what the operator has put elsewhere: a disk for the state, a folder of his own for the configuration
machine systemctl stop failoverd federationd 2>/dev/null # "can still be activated by"
machine mount -t tmpfs state /var/lib/failoverd
machine touch /var/lib/failoverd/{state.db,.hidden}
machine mv /etc/failoverd /srv/shop
machine ln -s /srv/shop /etc/failoverd
machine_dpkg --purge failoverd || fail "the package cannot be purged with a disk of its own for the state"
check "the disk is empty" equal "$(machine find /var/lib/failoverd -mindepth 1)" ""
check "why it stays is said" contains "$(tail -n 20 "$shop/dpkg.log")" "/var/lib/failoverd stays"
check "no key and no secret is left behind a link" equal "$(machine find /srv/shop -mindepth 1)" ""
machine umount /var/lib/failoverd
machine find /var/lib/failoverd -delete # what the disk has covered
check "nothing else is left" equal "$(files)" "$none"
