#!/bin/bash
# SPDX-License-Identifier: MIT
# docs/configuration.md has the keys that the daemon has. `keys.sh BUILD_DIR --update` writes them there.
. "$(dirname "$0")/common.bash"
[[ -x $build/failoverd ]] || skip "failoverd is not built"
page=docs/configuration.md

new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
        sed '/^<!-- keys/q' $page
        echo '```'
        "$build/failoverd" --help-config | sed 's/[[:space:]]*$//'
        echo '```'
        sed -n '/^<!-- end of keys/,$p' $page
} >"$new"
if [[ ${2-} == --update ]]; then
        cat "$new" >$page
elif ! diff $page "$new"; then
        echo "$page is not what the daemon says: bash tests/lint/keys.sh BUILD_DIR --update"
        exit 1
fi
