# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# What the browser tests share, beside e2e/lib.sh: modules from npm, and a browser that asks for deeds (rig.mjs).
need node chromium
modules=$(dirname "$build")/browser
[[ -d $modules/node_modules/playwright-core ]] || missing "$modules has no modules: scripts/test puts them there"
pictures=$modules/pictures
mkdir -p "$pictures"

# What the browser asks for are functions of the test, and their arguments. Fails when a claim does.
browse() { # NAME ARGUMENT...
        local name=$1 verb rest status=0
        shift
        coproc browser { exec node "$source_dir/tests/browser/$name.mjs" "$modules" "$pictures" "$@" 2>"$shop/browser.log" 3>&-; }
        pid[browser]=$!
        exec 5<&"${browser[0]}" 6>&"${browser[1]}"
        while read -r verb rest <&5; do
                case $verb in
                say) echo "$rest" ;;
                do)
                        # shellcheck disable=SC2086 # a function and its arguments
                        $rest >>"$shop/deeds.log" 2>&1 || fail "not done: $rest"
                        echo "done" >&6
                        ;;
                esac
        done
        wait "${pid[browser]}" || status=$?
        unset 'pid[browser]'
        ((status == 0)) || cat "$shop/browser.log" >&2
        check "every claim of $name.mjs holds" equal "$status" 0
}

html_valid() { # FILE...
        "$modules/node_modules/.bin/html-validate" "$@"
}
