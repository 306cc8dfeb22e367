#!/bin/bash
# SPDX-License-Identifier: MIT
# Whoever reads the status page gets the old one or the new one, whole: on a full disk, and when who writes it is killed in the middle.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
need jq
private_mounts "$@"

# One file: 0 when it is whole. Markup ends as it should, JSON parses.
whole() { # FILE
        case $1 in
        *.html) [[ $(tail -c 8 "$1") == "</html>" ]] ;;
        *.atom) [[ $(tail -c 8 "$1") == "</feed>" ]] ;;
        *.svg) [[ $(tail -c 7 "$1") == "</svg>" ]] ;;
        *.json) jq -e . "$1" >/dev/null ;;
        esac || { echo "half a file: $1" >&2 && return 1; }
}
all_whole() { # FOLDER
        local file n=0
        while IFS= read -r file; do
                whole "$file" || return 1
                n=$((n + 1))
        done < <(find "$1" -type f ! -name '.*')
        ((n == 13)) || { echo "$n files" >&2 && return 1; }
}
document() { # MODE INCIDENTS: as in actions/public_status.h
        jq -n --arg mode "$1" --argjson n "$2" '{node: {id: "my-shop", name: "My Shop", url: "https://shop.example"}, made: "2026-11-20T10:00:00.000Z",
                mode: {name: $mode, payment: $mode, first: ($mode == "primary"), message: "now \($mode)", since: "2026-11-20T09:00:00.000Z", change: "01J\($mode)", durable: true},
                selling: "as-usual", blind: false, components: [], maintenances: [],
                incidents: [range($n) | {id: "i\(.)", began: "2026-11-19T10:00:00.000Z", resolved: "2026-11-19T11:00:00.000Z", mode: "crypto", payment: "crypto", impact: "major",
                        name: "Number \(.) \("x" * 200)", components: [], updates: []}]}' >"$shop/$1-$2.json"
}
says() { # FOLDER MODE
        grep -q "data-change=\"01J$2\"" "$1/index.html" && jq -e ".failover.mode == \"$2\"" "$1/api/v2/status.json" >/dev/null
}
print() { # DOCUMENT FOLDER
        "$parts/status-page-print" "$shop/$1.json" "$2" 2>>"$shop/print.log"
}
document primary 3
document crypto 3
document crypto 150

# ---- killed while it writes

mkdir "$shop/page"
check "a page is written" print primary-3 "$shop/page"
took=0
for _ in 1 2 3; do # the machine may be busy at one of them
        began=${EPOCHREALTIME/./}
        check "and another one" print crypto-3 "$shop/page"
        now=$((${EPOCHREALTIME/./} - began))
        ((took > 0 && took <= now)) || took=$now
done
old=0 new=0
for ((i = 1; i <= 16 || old <= 2 && i <= 64; i++)); do
        mode=primary-3
        ((i % 2)) || mode=crypto-3
        start print "$parts/status-page-print" "$shop/$mode.json" "$shop/page"
        nap "$(printf '0.%06d' $((took * ((i - 1) % 16 + 1) / 16 % 1000000)))"
        stop print KILL || true
        check "after kill $i every file is whole" all_whole "$shop/page"
        if says "$shop/page" "${mode%-*}"; then new=$((new + 1)); else old=$((old + 1)); fi
done
echo "$((i - 1)) kills: $old times the old page or some of it, $new times the new one; half a file: 0"
check "it was killed in time, and sometimes too late" test "$old" -gt 2
check "somebody can write there again" print primary-3 "$shop/page"
check "what is written then is whole, and is the new one" says "$shop/page" primary

# ---- a full disk

disk_thaw() { # what lib.sh calls before it ends everything
        umount -l "$shop/small" 2>/dev/null || true
}
mkdir "$shop/small"
mount -t tmpfs -o size=1m tmpfs "$shop/small" || skip "cannot mount a tmpfs"
page=$shop/small/page
mkdir "$page"
check "a page is written" print primary-3 "$page"
dd if=/dev/zero of="$shop/small/filler" bs=4k 2>/dev/null || true
check "the disk is full" equal "$(df --output=avail "$shop/small" | tail -n 1 | tr -d ' ')" 0
for mode in crypto primary crypto; do
        check "on a full disk a page is replaced: $mode" print $mode-3 "$page"
        check "it is the new one" says "$page" $mode
        check "it is whole" all_whole "$page"
done
check "one that needs more room than there is, is not written" not print crypto-150 "$page"
check "the reason is told" grep -q "cannot be written: no space left on the disk" "$shop/print.log"
check "what stands there is whole" all_whole "$page"
rm "$shop/small/filler"
check "with room it is" print crypto-150 "$page"
check "and it is whole" all_whole "$page"
check "with all of it" grep -q "Number 149" "$page/history.html"
