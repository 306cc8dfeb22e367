#!/bin/bash
# SPDX-License-Identifier: MIT
# Units that systemd takes without a word, services in a sandbox of 1.2 or better, users and folders that its tools take.
. "$(dirname "$0")/common.bash"
fail=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Not sandboxed well enough: the whole table is shown.
for unit in units/*.service; do
        systemd-analyze security --offline=yes --threshold=12 --no-pager "$unit" >"$folder/table" 2>&1 ||
                { cat "$folder/table" && echo "$unit: above 1.2" && fail=1; }
done

# Programs that are not there yet are put into their places.
cp units/*.{service,socket,timer} "$folder"
sed -i -E 's,=(/usr/s?bin/f[a-z]*),=/bin/true,; /^Documentation=man:/s/man:[^ ]*//g' "$folder"/*.service "$folder"/*.socket "$folder"/*.timer
said=$(systemd-analyze verify --man=no "$folder"/*.{service,socket,timer} 2>&1) || fail=1
[[ ! $said ]] || { echo "$said" && fail=1; }

mkdir -p "$folder/root/etc"
said=$(systemd-sysusers --root="$folder/root" "$PWD/units/sysusers.conf" 2>&1) || { echo "$said" && fail=1; }
for user in failoverd federationd; do
        grep -q "^$user:.*nologin\$" "$folder/root/etc/passwd" || { echo "no user $user" && fail=1; }
done
said=$(systemd-tmpfiles --root="$folder/root" --create "$PWD/units/tmpfiles.conf" 2>&1) || { echo "$said" && fail=1; }
[[ -d $folder/root/var/lib/federationd ]] || { echo "no folder" && fail=1; }
exit $fail
