#!/bin/bash
# SPDX-License-Identifier: MIT
# A change of keys that is killed at each call that changes a file: the key file is the old one or the new one, whole and private, and the
# next run goes on from there.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need strace jq
export ASAN_OPTIONS=detect_leaks=0 # the leak checker does not run under strace
calls=(openat write fchmod fsync rename unlink flock)
key=$shop/node.key

keygen() { # ARGUMENT...
        "$build/failoverctl" keygen --json "$@" 2>"$shop/err"
}
state() { # STATE of the file: "old", "announced" or "swapped"
        keygen --show "$key" | jq -r --arg first "$first" \
                'if .key_id != $first then "swapped" elif .next then "announced" else "old" end'
}
run() { # STEP, killed at the K-th NAME: NAME K ARGUMENT...
        local name=$1 k=$2 path=()
        shift 2
        [[ $name != openat ]] || path=(-P "$key.new") # of the many, the one that makes a file
        { strace -qq -o "$shop/trace" "${path[@]}" -e trace="$name" -e inject="$name:signal=SIGKILL:when=$k" "$build/failoverctl" keygen "$@"; } >/dev/null 2>&1
}

# The first key: there, whole, or not at all.
for name in openat write fchmod fsync link unlink; do
        for ((k = 1; ; k++)); do
                rm -f "$key"
                run "$name" "$k" "$key" && break
                if [[ -e $key ]]; then
                        keygen --show "$key" >/dev/null || fail "made, killed at $name $k: $(<"$shop/err")"
                else
                        keygen "$key" >/dev/null || fail "made again, after $name $k: $(<"$shop/err")"
                fi
                check "it is private" equal "$(stat -c %a "$key")" 600
        done
done
rm -f "$key" "$key.new"

first=$(keygen "$key" | jq -r .key_id)
cp "$key" "$shop/old"
keygen --rotate "$key" >/dev/null
cp "$key" "$shop/announced"
points=0 old=0 new=0
for step in announced swapped; do
        before=old
        [[ $step == swapped ]] && before=announced
        for name in "${calls[@]}"; do
                for ((k = 1; ; k++)); do
                        cp "$shop/$before" "$key"
                        run "$name" "$k" --rotate --force "$key" && break # there is no K-th
                        points=$((points + 1))
                        now=$(state) || fail "$step, killed at $name $k: $(<"$shop/err")"
                        case $now in
                        "$before") old=$((old + 1)) ;;
                        "$step") new=$((new + 1)) ;;
                        *) fail "$step, killed at $name $k: it is $now" ;;
                        esac
                        check "it stays private" equal "$(stat -c %a "$key")" 600
                        if [[ -e $key.new ]]; then check "so does what was left behind" equal "$(stat -c %a "$key.new")" 600; fi
                        [[ $now == "$step" ]] || keygen --rotate --force "$key" >/dev/null || fail "$step, after $name $k: $(<"$shop/err")"
                        check "the next run goes on" equal "$(state)" "$step"
                        check "and leaves nothing behind" not test -e "$key.new"
                done
        done
done
check "it was killed often enough" test "$points" -ge 12
check "before and after" test "$old" -gt 0 -a "$new" -gt 0
echo "killed at $points points: $old times the old file, $new times the new one"
