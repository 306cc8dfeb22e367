# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# A machine with a real systemd, booted in namespaces in half a second: beside what e2e/lib.sh offers. It is private
# but for the shop's folder, the build and the sources, which it sees at the same paths; so the control socket of a
# daemon in it can be asked from here. It ends with the script, even when that is killed, and leaves nothing behind.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

machine_boot() {
        need_root
        need unshare nsenter setpriv ip dbus-daemon tail pgrep
        [[ -x /lib/systemd/systemd ]] || skip "systemd is not installed"
        machine_possible
        machine_cgroup=$(machine_cgroup_parent)/machine-$$
        mkdir "$machine_cgroup" 2>/dev/null || skip "cannot make a control group"
        trap machine_cleanup EXIT
        machine_guard
        start machine setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child \
                --uts --ipc --net bash "$(dirname "${BASH_SOURCE[0]}")/boot.sh" "$machine_cgroup" "$shop" \
                "$shop" "$(realpath "$build")" "$source_dir"
        wait_for "systemd has booted" machine_booted
}

machine_possible() { # or skips; what goes wrong behind this is a failure
        unshare --mount --pid --fork --uts --ipc --net --cgroup true 2>/dev/null || skip "cannot make namespaces"
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
        nsenter --target "$machine_pid" --mount --pid --net --cgroup --uts --ipc --root --wd=/ -- env -i LC_ALL=C.UTF-8 \
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
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
        machine_cgroup_remove "$machine_cgroup"
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
