#!/bin/bash
# SPDX-License-Identifier: MIT
# The same sources make the same package: built again by another user, in another folder, from sources with other times, with another umask, language and time zone.
build=$(realpath "$1")
. "$(dirname "$0")/../systemd/package.sh"
need dpkg-buildpackage dh setpriv
package >/dev/null

mkdir -p "$shop/elsewhere/sources"
tar -c -C "$(dirname "$0")/../.." --exclude-vcs --exclude=./build --exclude='./build-*' . | tar -x -m -C "$shop/elsewhere/sources"
other=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent LANG=C.UTF-8 LANGUAGE=tr TZ=Pacific/Kiritimati)
if ((EUID == 0)); then
        chown -R nobody:nogroup "$shop/elsewhere"
        other+=(setpriv --reuid nobody --regid nogroup --clear-groups)
fi
files() { # of the sources, with their times
        find "$shop/elsewhere/sources" -path '*/sources/build' -prune -o -type f -printf '%p %T@\n' | sort
}
before=$(files)
(umask 077 && "${other[@]}" bash "$shop/elsewhere/sources/scripts/package") >"$shop/build.log" 2>&1 || fail "it cannot be built again"
for deb in "$build"/package/*.deb; do
        check "${deb##*/} is the same, byte by byte" cmp "$deb" "$shop/elsewhere/sources/build/package/${deb##*/}"
done
check "the sources are as they were" equal "$(files | sha256sum)" "$(sha256sum <<<"$before")"
