#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the Debian package, without warnings, into BUILD/package, once for all tests of it; not again while the sources are the same.
build=$(realpath "$1")
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v dpkg-buildpackage >/dev/null || ! command -v dh >/dev/null; then
        echo "skipped: dpkg-dev or debhelper is not installed"
        exit "${REQUIRE:-77}"
fi

folder=$build/package
mkdir -p "$folder"
sources() { # what the package is made of
        tar -c --exclude-vcs --exclude=./build --exclude='./build-*' --exclude=./tests --exclude=./bench --sort=name \
                --mode=u=rwX,go=rX --owner=0 --group=0 --mtime=@0 . | sha256sum
}
before=$(sources)
if [[ $(cat "$folder/.sources" 2>/dev/null) == "$before" && -e $(echo "$folder"/failoverd_*.deb) ]]; then
        exit 0
fi
rm -f "$folder/.sources" "$folder"/*.deb
DEB_CFLAGS_APPEND=-Werror scripts/package "$folder"
echo "$before" >"$folder/.sources"
