#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk that holds the state is full, then even what was set aside for that day is used up, then it fails.
#
# full.sh BUILD_DIR [--quick | --full]      --full: on tmpfs, too, and with more kinds of errors
build=$(realpath "$1")
errors=(EIO)
[[ ${2-} != --full ]] || errors+=(ENOSPC EDQUOT EROFS)
. "$(dirname "$0")/common.bash"
need sqlite3
private_mounts "$@"
folders=(--state-dir "$shop/disk/state" --status-dir "$shop/disk/status")
ln -s disk/state "$shop/state"
ln -s disk/status "$shop/status"
part_start api payment-api
part_start btcpay payment-api
sink_start sink
shop_config

disk_end() {
        umount "$shop/disk"
        rmdir "$shop/disk"
}

free_space() { # in KiB
        df --output=avail -k "$shop/disk" | tail -n 1
}

page_says() { # MODE
        jq -e ".failover.mode == \"$1\"" "$shop/status/api/v2/status.json"
}

page_grew() { # the new page, whole, though it has more to tell than the old one
        grep -q "pay with cryptocurrency" "$shop/status/index.html" && tail -n 1 "$shop/status/index.html" | grep -q "</html>" &&
                tail -n 1 "$shop/status/history.atom" | grep -q "</feed>" &&
                jq -e '.incidents | length == 1' "$shop/status/api/v2/incidents/unresolved.json"
}

# Takes what was set aside until nothing is left of it. failoverd lets nobody else into its database, so it has to rest.
use_up_reserve() {
        local size
        check "failoverd stops" stop failoverd
        insert "CREATE TABLE filler (x)" || true
        for size in 65536 16384 4096 1024 100; do
                while insert "INSERT INTO filler VALUES (zeroblob($size))"; do :; done
        done
        disk_fill
        daemon_start "${folders[@]}"
}

insert() { # SQL; without an index of the log beside it, for which there is no space
        sqlite3 -vfs unix-excl "$shop/state/state.db" "$1" >>"$shop/sqlite3.log" 2>&1
}

full_story() { # KIND of disk
        mark=$EPOCHREALTIME
        : >"$shop/sink.jsonl"
        daemon_start "${folders[@]}"
        wait_for "everything is up" all_up
        wait_for "every action is done" all_done
        disk_fill
        check "the disk is full" equal "$(free_space | tr -d ' ')" 0

        # What was set aside lets all go on as usual.
        order api "status 503"
        wait_for "buyers pay by crypto though the disk is full" pays_by crypto
        wait_for "the operator is told" told_of crypto
        wait_for "the status page says so" page_says crypto
        wait_for "in all its files" page_grew
        order api ok
        wait_for "the return happens, too" pays_by primary
        wait_for "the status page says so" page_says primary
        wait_for "every action is done" all_done
        check "and all of it is saved" status_is .durable
        check "nobody was told otherwise" not alert_is not-durable raised

        use_up_reserve
        order api "status 503"
        wait_for "buyers pay by crypto though nothing can be saved" pays_by crypto
        wait_for "it is said everywhere that this is not durable" \
                not_durable_everywhere "$shop/status/api/v2/status.json"
        check "with the reason" status_is '.durable_trouble | test("full|space")'
        check "status still reads" equal "$(ask_code "/v1/history?limit=1")" 200
        order api ok
        wait_for "the return happens, too" pays_by primary
        disk_empty
        wait_for "it is said everywhere that all is saved" durable_everywhere
        wait_for "every action is done" all_done
        check "failoverd stops" stop failoverd
        audit 5
        echo "full $1: flip and return from what was set aside; when that is used up, not durable and said; then saved"
}

# ---- a planted bug

disk_make 10
program=$build/tests/failoverd-deaf-to-errors daemon_start "${folders[@]}"
wait_for "everything is up" all_up
disk_abort
order api "status 503"
wait_for "buyers pay by crypto though the file system has given up" pays_by crypto
check "the planted bug is noticed: it says that all is saved" status_is .durable
stop failoverd || true
disk_end
rm -rf "$shop/run"
order api ok
echo "planted bug (what could not be saved is said to be): noticed"

disk_make 10
full_story ext4
disk_end
if ((${#errors[@]} > 1)); then
        mkdir "$shop/disk"
        mount -t tmpfs -o size=10m none "$shop/disk"
        full_story tmpfs
        disk_end
fi

# ---- every write fails, and the disk comes back by itself

thread_of() { # NAME
        local comm
        for comm in "/proc/${pid[failoverd]}/task"/*/comm; do
                [[ $(<"$comm") != "$1" ]] || basename "${comm%/comm}"
        done
}

is_traced() { # THREAD
        grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/${pid[failoverd]}/task/$1/status"
}

error_story() { # ERRNO
        local thread
        mark=$EPOCHREALTIME
        order api ok
        daemon_start "${folders[@]}"
        wait_for "everything is up" all_up
        wait_for "every action is done" all_done
        wait_for "buyers pay by card" pays_by primary
        thread=$(thread_of disk)
        start strace strace -qq -o /dev/null -e "inject=pwrite64,fdatasync,fsync,fallocate,renameat:error=$1" -p "$thread"
        wait_for "strace is attached" is_traced "$thread"
        order api "status 503"
        wait_for "buyers pay by crypto though every write fails" pays_by crypto
        wait_for "it is said everywhere that this is not durable" not_durable_everywhere
        order api ok
        wait_for "the return happens, too" pays_by primary
        stop strace || true
        wait_for "it is said everywhere that all is saved" durable_everywhere
        wait_for "every action is done" all_done
        check "failoverd stops" stop failoverd
        echo "$1 at every write: flip and return, not durable and said; then saved"
}

if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
        disk_make 10
        : >"$shop/sink.jsonl"
        for error in "${errors[@]}"; do error_story "$error"; done
        audit $((1 + 2 * ${#errors[@]}))
        disk_end
else
        echo "left out: errors at every write (strace cannot attach)"
fi

# ---- the file system gives up: read-only under failoverd's feet, until somebody mounts it again

disk_make 10
: >"$shop/sink.jsonl"
mark=$EPOCHREALTIME
order api ok
daemon_start "${folders[@]}"
wait_for "everything is up" all_up
wait_for "every action is done" all_done
disk_abort
order api "status 503"
wait_for "buyers pay by crypto though the file system has given up" pays_by crypto
wait_for "it is said everywhere that this is not durable" not_durable_everywhere
check "failoverd stops" stop failoverd
umount "$shop/disk"
mount -o loop "$shop/disk.img" "$shop/disk"
daemon_start "${folders[@]}"
check "the mode is kept" status_is '.mode == "crypto" and .durable'
wait_for "every action is done" all_done
wait_for "it is said everywhere that all is saved" durable_everywhere
check "failoverd stops" stop failoverd
audit 2 --alerts-may-be-lost
echo "file system aborted: flip, not durable and said; saved by the start after it was mounted again"
echo "full: $((${#errors[@]} + 2)) ways in which nothing can be saved; flips missed 0, changes lost 0, said to be saved while they were not 0"
