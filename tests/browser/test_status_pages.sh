#!/bin/bash
# SPDX-License-Identifier: MIT
# Status pages of an ordinary shop, a hostile one and a huge one, as federationd serves them to a real browser.
build=$(realpath "$1")
. "$(dirname "$0")/../e2e/lib.sh"
. "$source_dir/tests/e2e/federation.sh"
. "$(dirname "$0")/rig.sh"

nodes_name alpha
mkdir -p "$shop/status"
status_dir=$shop/status node_config alpha </dev/null
node_start alpha
web_start alpha
browse status_pages "$parts/status-page-print" "$(node_url alpha)" "$shop/status" "$web_url" "$shop/web"
