#!/bin/bash
# SPDX-License-Identifier: MIT
# The Cloudflare Worker as it is shipped, in workerd, the runtime it is written for: with a real node behind it, and with shops that
# are gone, silent or odd.
build=$(realpath "$1")
. "$(dirname "$0")/edge.sh"
need node
modules=$(dirname "$build")/edge
[[ -d $modules/node_modules/miniflare ]] || missing "$modules has no modules: scripts/test puts them there"
edge_start 'requests_per_second: 0, trusted_proxies: [127.0.0.0/8]'
# What wrangler.toml says, as wrangler would read it.
/usr/bin/python3 -c 'import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], "rb"))))' \
        "$source_dir/etc/edge/cloudflare/wrangler.toml" >"$shop/wrangler.json"
node "$source_dir/tests/edge/worker.mjs" "$modules" "$source_dir/etc/edge/cloudflare" "$shop/wrangler.json" "$(node_url alpha)" \
        "$shop/api.sock" "$(public_routes)" 2>"$shop/worker.log" || fail "not every claim holds"
