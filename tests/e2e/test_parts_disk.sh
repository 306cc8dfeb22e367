#!/bin/bash
# SPDX-License-Identifier: MIT
# The disk of the tests can be full, read-only and frozen, and comes back.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
private_mounts "$@"

disk_make 4
write() {
        dd if=/dev/zero of="$shop/disk/x" bs=4k count=1 conv=fsync status=none 2>>"$shop/disk.log"
}
check "it can be written" write
rm "$shop/disk/x"
disk_fill
check "full, it takes nothing" not write
disk_empty
check "emptied, it does" write
disk_readonly
check "read-only, it takes nothing" not write
disk_writable
check "writable again" write
disk_freeze
write &
check "frozen, a writer hangs" not timeout 0.3 tail --pid=$! -f /dev/null
disk_thaw
check "thawed, it goes on" wait $!
