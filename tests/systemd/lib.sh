# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# A machine with a real systemd, booted in namespaces in half a second: beside what e2e/lib.sh offers. It is private
# but for the shop's folder, the build and the sources, which it sees at the same paths; so the control socket of a
# daemon in it can be asked from here. It ends with the script, even when that is killed, and leaves nothing behind.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

machine_boot() {
        need_root
        need unshare nsenter setpriv ip dbus-daemon tail pgrep
        [[ -x /lib/systemd/systemd ]] || missing "systemd is not installed"
        machine_possible
        machine_cgroup=$(machine_cgroup_parent)/machine-$$
        mkdir "$machine_cgroup" 2>/dev/null || skip "cannot make a control group"
        trap machine_cleanup EXIT
        machine_guard
        machine_disk=$shop/machine
        mkdir "$machine_disk"
        # shellcheck disable=SC2016
        start disk setpriv --pdeathsig KILL unshare --mount --propagation private bash -c 'mount -t tmpfs -o mode=755 machine "$1" &&
                mkdir "$1/root" "$1/var" && mount -t tmpfs -o mode=755,size=1G var "$1/var" && echo >"$1/var/something" && exec sleep infinity' disk "$machine_disk"
        wait_for "the machine has a disk" machine_disk mountpoint "$machine_disk/var"
        machine_on
}

machine_disk() { # COMMAND...: where the machine's disk is mounted, and nobody but us sees it
        alive disk || fail "the machine has no disk"
        nsenter --target "${pid[disk]}" --mount -- "$@"
}

# Switched on: systemd boots, with clocks that begin at its boot, and with what is on its disk.
machine_on() {
        local clocks=() up
        read -r up _ </proc/uptime
        if ((machine_has_time)); then clocks=(--time --monotonic "-${up%.*}" --boottime "-${up%.*}"); fi
        start machine setpriv --pdeathsig KILL nsenter --target "${pid[disk]}" --mount -- unshare --mount --propagation private \
                --pid --fork --kill-child --uts --ipc --net "${clocks[@]}" bash "$source_dir/tests/systemd/boot.sh" \
                "$machine_cgroup" "$machine_disk" "$shop" "$(realpath "$build")" "$source_dir"
        wait_for "systemd has booted" machine_booted
}

machine_off() { # in order: every service is stopped
        machine systemctl --no-block poweroff 2>/dev/null || true # it may be gone before it has answered
        wait_for "the machine is off" not alive machine
        machine_is_off
}

machine_cut() { # as in a power cut, but that all which was written is on the disk
        kill -KILL "$machine_pid"
        machine_is_off
}

machine_is_off() {
        wait "${pid[machine]}" 2>/dev/null || true
        unset "pid[machine]"
        machine_pid=
        machine_cgroup_empty "$machine_cgroup"
}

machine_var_fill() { # not a byte more
        local used # never 0, which would mean that there is no limit
        used=$(machine_disk df --output=used -k "$machine_disk/var" | tail -n 1)
        machine_disk mount -o "remount,size=${used// /}k" "$machine_disk/var"
}

machine_var_empty() {
        machine_disk mount -o remount,size=1G "$machine_disk/var"
}

machine_possible() { # or skips; what goes wrong behind this is a failure
        unshare --mount --pid --fork --uts --ipc --net --cgroup true 2>/dev/null || skip "cannot make namespaces"
        machine_has_time=0 # some kernels are built without; then its clocks are ours
        if unshare --time --boottime -1 --fork true 2>/dev/null; then machine_has_time=1; fi
        [[ $(machine_cgroup_parent) ]] || skip "no cgroup2 file system"
        unshare --mount --propagation private bash -c "mount -t tmpfs none '$shop' && cd '$shop' && mkdir u w r &&
                mount -t overlay -o lowerdir=/,upperdir=u,workdir=w none r" 2>/dev/null || skip "cannot mount an overlay"
}

machine_cgroup_parent() { # our own control group in the unified hierarchy
        local mount path
        mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
        path=$(sed -n 's/^0:://p' /proc/self/cgroup)
        [[ $mount ]] && echo "$mount${path%/}"
}

machine_booted() {
        alive machine || fail "the machine has ended"
        machine_pid=$(pgrep -P "${pid[machine]}")
        machine systemctl is-active --quiet machine.target
}

machine() { # COMMAND...: in the machine, as root
        local clocks=()
        if ((machine_has_time)); then clocks=(--time); fi
        nsenter --target "$machine_pid" "${clocks[@]}" --mount --pid --net --cgroup --uts --ipc --root --wdns=/ -- \
                env -i LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

machine_file() { # PATH < TEXT: a file of the machine's own
        machine tee "$1" >/dev/null
}

machine_unit() { # NAME < TEXT: a unit, known to systemd when this returns
        machine_file "/run/systemd/system/$1"
        machine systemctl daemon-reload
}

unit_is() { # UNIT ACTIVE-STATE
        [[ $(machine systemctl show -P ActiveState "$1") == "$2" ]]
}

# failoverd as a service of the machine, run by an ordinary user: it reads the shop's config, and its folders are the
# shop's. Lines on stdin are added to [Service].
machine_failoverd() {
        machine useradd --system --no-create-home --shell /usr/sbin/nologin failoverd
        mkdir -p "$shop"/{run,state,status}
        chmod 755 "$shop"/{run,state,status}
        machine chown -R failoverd:failoverd "$shop"/{failoverd.yaml,run,state,status}
        machine_unit failoverd.service <<-END
		[Service]
		Type=notify
		User=failoverd
		ExecStart=$build/failoverd --config $shop/failoverd.yaml --state-dir $shop/state --runtime-dir $shop/run --status-dir $shop/status --log-level ${LOG_LEVEL:-info}
		ExecReload=/bin/kill -HUP \$MAINPID
		StandardError=append:$shop/failoverd.log
		$(cat)
		END
        machine systemctl start failoverd.service || fail "failoverd does not start"
        wait_for "failoverd answers" status
}

machine_end() {
        # Its first process takes all others along, and has ended when they are gone.
        [[ ${machine_pid-} ]] && kill -KILL "$machine_pid" 2>/dev/null && stop machine 0
        stop machine KILL
        stop disk KILL
        machine_cgroup_remove "$machine_cgroup"
}

machine_cgroup_empty() { # FOLDER: of those below it
        find "$1" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
}

machine_cgroup_remove() { # FOLDER: with those below it
        [[ ! -d $1 ]] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

# When this script is killed, its machine dies by PR_SET_PDEATHSIG; the folders are left to somebody who survives.
machine_guard() {
        export -f machine_cgroup_remove
        # shellcheck disable=SC2016
        setsid bash -c 'tail --pid="$1" -f /dev/null; sleep 1; machine_cgroup_remove "$2"; [[ $KEEP ]] || rm -rf "$3"' \
                guard $$ "$machine_cgroup" "$shop" </dev/null >/dev/null 2>&1 3>&- &
        machine_guard=$!
}

machine_cleanup() {
        local status=$?
        set +e
        if ((status != 0 && status != 77)); then
                machine journalctl --no-pager -n 60 -o short-monotonic >"$shop/journal.log" 2>&1
                echo "---- journal" >&2
                cat "$shop/journal.log" >&2
        fi
        machine_end
        kill -- "-$machine_guard" 2>/dev/null # a session of its own
        (exit "$status")
        cleanup
}
