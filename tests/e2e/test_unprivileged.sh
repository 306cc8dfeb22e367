#!/bin/bash
# SPDX-License-Identifier: MIT
# As an ordinary user, in any folder, whatever the umask: files have their modes, and nothing is written elsewhere.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need_root
need curl jq setpriv

part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config
mkdir "$shop/home" "$shop/cwd"
chown 61005:61005 "$shop/home" "$shop/failoverd.yaml"
chmod 555 "$shop/cwd"
as_user() { # UMASK COMMAND...: for start, in whose process it runs
        umask "$1"
        cd "$shop/cwd"
        shift
        exec setpriv --reuid=61005 --regid=61005 --clear-groups --no-new-privs --bounding-set=-all "$@"
}
ln -s home/run "$shop/run"
for mask in 077 000; do
        rm -rf "${shop:?}/home"/*
        order api ok
        start failoverd as_user $mask "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/home/state" \
                --runtime-dir "$shop/home/run" --status-dir "$shop/home/status"
        wait_for "it answers" daemon_answers
        wait_for "everything is up" all_up
        order api "status 503"
        wait_for "buyers pay by crypto" pays_by crypto
        wait_for "the page is there" test -e "$shop/home/status/index.html"
        check "the folders' modes (umask $mask)" equal \
                "$(cd "$shop/home" && stat -c '%a' run state status | tr '\n' ' ')" "755 755 755 "
        check "the files' modes (umask $mask)" equal \
                "$(cd "$shop/home" && stat -c %a run/payment.env run/mode.json status/index.html state/state.db | tr '\n' ' ')" \
                "644 644 644 600 "
        check "no other file of the state is for others" equal "$(find "$shop/home/state" -name 'state.db*' -perm /077)" ""
        check "the socket is not for others" equal "$(stat -c %a "$shop/home/run/control.sock")" 660
        check "nothing is writable for others" equal "$(find "$shop/home" -perm -002 ! -type l)" ""
        check "root may ask" daemon_answers
        stop failoverd
done
