#!/bin/bash
# SPDX-License-Identifier: MIT
# docs/ has the keys that the daemons have. `keys.sh BUILD_DIR --update` writes them there.
. "$(dirname "$0")/common.bash"
new=$(mktemp)
trap 'rm -f "$new"' EXIT
wrong=0

page() { # DAEMON PAGE
        [[ -x $build/$1 ]] || skip "$1 is not built"
        {
                sed '/^<!-- keys/q' "$2"
                echo '```'
                "$build/$1" --help-config | sed 's/[[:space:]]*$//'
                echo '```'
                sed -n '/^<!-- end of keys/,$p' "$2"
        } >"$new"
        if [[ $update == --update ]]; then
                cat "$new" >"$2"
        elif ! diff "$2" "$new"; then
                echo "$2 is not what $1 says: bash tests/lint/keys.sh BUILD_DIR --update"
                wrong=1
        fi
}

update=${2-}
page failoverd docs/configuration.md
page federationd docs/federation-configuration.md
exit $wrong
