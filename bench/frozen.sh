#!/bin/bash
# SPDX-License-Identifier: MIT
# How fast status is answered while the disk with the state does not: failoverd's database and status page lie on a
# loop-mounted file system (ext4, and xfs where the kernel has it), which is frozen by fsfreeze; then the payment API
# fails. Printed are the milliseconds of GET /v1/status on the control socket, connection included, asked 50 times a
# second before the freeze and for SECONDS in it (median, 99th percentile, worst), the milliseconds from the API's failure until
# payment.env stood for the fallback (2 s of them are the patience with the disk; then it is written without being saved,
# "not durable"), and from the thaw until all was saved. Wanted: 100 ms while it is frozen. Needs root.
#
# bench/frozen.sh [SECONDS]       10
. "$(dirname "$0")/common.bash"
seconds=${1:-10}
bench_begin
private_mounts "$@"

row() { # NAME CELL...
        printf '%-28s' "$1"
        shift
        printf ' %8s' "$@"
        echo
}

ask_often() { # SECONDS: milliseconds of each answer
        local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
        while ((${EPOCHREALTIME/./} < end)); do
                curl -s -o /dev/null -m 5 -w '%{time_total}\n' --unix-socket "$shop/run/control.sock" http://failoverd/v1/status || echo 5
                pause_ms 20
        done | awk '{ print $1 * 1000 }'
}

since_ms() { # MICROSECONDS
        echo $(((${EPOCHREALTIME/./} - $1) / 1000))
}

frozen() { # FILE-SYSTEM MKFS...
        local kind=$1 began flip saved
        shift
        mkdir -p "$shop/disk"
        rm -f "$shop/disk.img"
        truncate -s 512M "$shop/disk.img"
        "$@" "$shop/disk.img" >/dev/null
        mount -o loop "$shop/disk.img" "$shop/disk" 2>>"$shop/disk.log" || { row "$kind" "cannot be mounted"; return; }
        ln -sfn "$shop/disk/state" "$shop/state"
        mkdir "$shop/disk/state" "$shop/disk/status"
        ln -sfn "$shop/disk/status" "$shop/status"
        order api ok
        daemon_start --log-level crit
        wait_for "all probes are up" all_up
        ask_often 3 >"$shop/before"
        disk_freeze
        order api status 503
        began=${EPOCHREALTIME/./}
        ask_often "$seconds" >"$shop/during" &
        wait_for "the fallback is used" pays_by crypto
        flip=$(since_ms "$began")
        wait $!
        check "it is not durable" status_is '.durable == false'
        disk_thaw
        began=${EPOCHREALTIME/./}
        wait_for "all is saved" status_is .durable
        saved=$(since_ms "$began")
        # shellcheck disable=SC2046
        {
                row "$kind, before" $(quantiles .5 .99 1 <"$shop/before" | awk '{ printf "%.1f %.1f %.1f", $1, $2, $3 }')
                row "$kind, frozen" $(quantiles .5 .99 1 <"$shop/during" | awk '{ printf "%.1f %.1f %.1f", $1, $2, $3 }') "$flip" "$saved"
        }
        stop failoverd || true
        umount "$shop/disk"
        rm -rf "$shop/run"
}

part_start api payment-api
part_start fallback payment-api
config <<END
node: {id: frozen}
probes:
  payment-api: {type: http, url: "http://127.0.0.1:${port[api]}/v1/account", $fast}
  fallback: {type: http, url: "http://127.0.0.1:${port[fallback]}/v1/account", $fast}
modes:
  - {name: primary, requires: [payment-api]}
  - {name: crypto, requires: [fallback], payment: crypto, checkout: cryptoCheckout}
actions: [{type: payment-mode}, {type: status-page}]
END
echo "$(machine); status in milliseconds, frozen for $seconds s; then ms until the fallback is used, and until saved after the thaw"
row "" median p99 worst flip saved
frozen ext4 mkfs.ext4 -q -m 0
if command -v mkfs.xfs >/dev/null; then frozen xfs mkfs.xfs -q; fi
