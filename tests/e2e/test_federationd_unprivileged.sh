#!/bin/bash
# SPDX-License-Identifier: MIT
# federationd as an ordinary user, in any folder, whatever the umask: files have their modes, and nothing is written elsewhere.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/one_node.sh"
need_root
need setpriv

plain_config
mkdir "$shop/home" "$shop/cwd"
chown 61005:61005 "$shop/home" "$shop/federationd.yaml"
chmod 555 "$shop/cwd"
printf 'id,title\n1,First book\n' >"$shop/books.csv"
chmod 644 "$shop/books.csv"
as_user() { # UMASK COMMAND...: for start, in whose process it runs
        umask "$1"
        cd "$shop/cwd"
        shift
        exec setpriv --reuid=61005 --regid=61005 --clear-groups --no-new-privs --bounding-set=-all "$@"
}
ln -s home/run "$shop/run"
for mask in 077 000; do
        rm -rf "${shop:?}/home"/*
        (as_user $mask "$build/federationd" --import "$shop/books.csv" --state-dir "$shop/home/state") >/dev/null 2>"$shop/import.log" ||
                fail "the import"
        start federationd as_user $mask "$build/federationd" --config "$shop/federationd.yaml" --state-dir "$shop/home/state" \
                --runtime-dir "$shop/home/run"
        wait_for "it is ready" is_ready
        check "the book is found" equal "$(get "/api/search?q=first" | jq .totalResults)" 1
        check "the folders' modes (umask $mask)" equal "$(cd "$shop/home" && stat -c '%a' run state | tr '\n' ' ')" "755 755 "
        check "the catalog is not for others" equal "$(find "$shop/home/state" -name 'catalog.db*' -perm /077)" ""
        check "the socket is not for others" equal "$(stat -c %a "$shop/home/run/control.sock")" 660
        check "nothing is writable for others" equal "$(find "$shop/home" -perm -002 ! -type l)" ""
        check "root may ask" status_is .ready
        check "it ends with 0" stop federationd
        check "what it learned is not writable for others" equal "$(find "$shop/home" -perm -002 ! -type l)" ""
done
check "nothing was written elsewhere" equal "$(find "$shop/cwd" -mindepth 1)" ""
