#!/bin/bash
# SPDX-License-Identifier: MIT
# federationd as a service of a real systemd: started by its sockets, ready when it serves, reloaded, restarted by the watchdog when it hangs, and no visitor is refused meanwhile.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need curl jq
machine_boot

public=127.0.0.1:8440
cat >"$shop/federationd.yaml" <<-END
	node: {id: my-shop, name: My Shop, url: "http://$public"}
	limits: {requests_per_second: 0}
END
machine useradd --system --no-create-home --shell /usr/sbin/nologin federationd
machine groupadd failover
chmod 644 "$shop/federationd.yaml"
machine_unit federationd.socket <<-END
	[Socket]
	ListenStream=$public
	ListenStream=/run/shop-http.sock
END
machine_unit federationd-control.socket <<-END
	[Socket]
	ListenStream=$shop/control.sock
	FileDescriptorName=control
	SocketMode=0660
	SocketGroup=failover
	Service=federationd.service
END
machine_unit federationd.service <<-END
	[Unit]
	Requires=federationd.socket federationd-control.socket
	After=federationd.socket federationd-control.socket
	[Service]
	Type=notify
	User=federationd
	StateDirectory=federationd
	RuntimeDirectory=federationd
	ExecStart=$build/federationd --config $shop/federationd.yaml
	ExecReload=/bin/kill -HUP \$MAINPID
	Restart=always
	RestartSec=50ms
	WatchdogSec=3
	TimeoutAbortSec=1
	StandardError=append:$shop/federationd.log
	Sockets=federationd.socket federationd-control.socket
END
machine systemctl start federationd.socket federationd-control.socket
check "nobody has started it" not unit_is federationd.service active

visit() { # [CURL-ARGUMENT...]
        machine curl -sSf --max-time 20 "$@"
}
control() { # PATH
        curl -sS --max-time 20 --unix-socket "$shop/control.sock" "http://federationd$1"
}
check "the first visitor starts it" equal "$(visit "http://$public/api/stats" | jq .success)" true
check "the Unix socket is served, too" equal "$(visit --unix-socket /run/shop-http.sock http://x/api/stats | jq .success)" true
is_active() {
        unit_is federationd.service active
}
wait_for "systemd holds it for ready" is_active
check "control is where systemd says" equal "$(control /v1/status | jq .ready)" true
check "it made no other" not machine test -e /run/federationd/control.sock
check "STATUS is shown" contains "$(machine systemctl show -P StatusText federationd.service)" "My Shop"
check "its state is where systemd says" machine test -e /var/lib/federationd/catalog.db

# A reload: another name, the same process.
main=$(machine systemctl show -P MainPID federationd.service)
sed -i 's/My Shop/Another Shop/' "$shop/federationd.yaml"
machine systemctl reload federationd.service
is_renamed() {
        [[ $(control /v1/status | jq -r .node.name) == "Another Shop" ]]
}
wait_for "the reload took effect" is_renamed
check "in the same process" equal "$(machine systemctl show -P MainPID federationd.service)" "$main"

# It hangs: the watchdog ends it, and who comes meanwhile waits at the socket instead of being refused.
machine kill -STOP "$main"
start visitor visit "http://$public/api/stats"
is_another() {
        local now
        now=$(machine systemctl show -P MainPID federationd.service)
        [[ $now != 0 && $now != "$main" ]]
}
wait_for "the watchdog has it restarted" is_another
told() { # TEXT: in the journal, into which it may be on its way
        contains "$(machine journalctl -u federationd.service --no-pager)" "$1"
}
wait_for "by the watchdog" told "atchdog"
wait_for "it is ready again" is_active
wait "${pid[visitor]}" 2>/dev/null || true # the one whose request it had is lost, others are not
unset "pid[visitor]"

# A restart: no visitor is refused.
visitor() {
        while [[ ! -e $shop/enough ]]; do
                machine curl -sSf --max-time 20 -o /dev/null "http://$public/api/stats" || echo failed
        done
}
start visitors visitor
for _ in 1 2 3; do machine systemctl restart federationd.service; done
: >"$shop/enough"
wait "${pid[visitors]}" || true
unset "pid[visitors]"
check "no connection was refused" equal "$(grep -c refused "$shop/visitors.log" || true)" 0
machine systemctl stop federationd.socket federationd-control.socket federationd.service
check "it ends well" equal "$(machine systemctl show -P Result federationd.service)" success
