#!/bin/bash
# SPDX-License-Identifier: MIT
# lintian finds nothing in the package; what it is told to overlook has its reason in debian/failoverd.lintian-overrides.
build=$(realpath "$1")
. "$(dirname "$0")/../systemd/package.sh"
need lintian
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$(package)" >"$shop/lintian.log" 2>&1 ||
        fail "lintian has something to say"
