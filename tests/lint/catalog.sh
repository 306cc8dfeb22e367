#!/bin/bash
# SPDX-License-Identifier: MIT
# The journal's catalog is one that systemd reads, and explains each message id of the sources, once, in lines that fit a terminal.
. "$(dirname "$0")/common.bash"
fail=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
catalog=units/failoverd.catalog
ids=$(sed -n 's/^#define MESSAGE_.* "\([0-9a-f]\{32\}\)"$/\1/p' base/message_id.h | sort)
[[ $ids && ! $(uniq -d <<<"$ids") ]] || { echo "base/message_id.h: no ids, or one twice" && fail=1; }
explained=$(sed -n 's/^-- //p' "$catalog" | sort)
diff <(echo "$ids") <(echo "$explained") || { echo "$catalog: other ids than base/message_id.h" && fail=1; }
while read -r name; do
        git grep -qw "$name" -- '*.c' || { echo "base/message_id.h: nobody uses $name" && fail=1; }
done < <(sed -n 's/^#define \(MESSAGE_[A-Z_]*\).*/\1/p' base/message_id.h)
if git grep -nE 'MESSAGE_ID=[0-9a-f]' -- '*.[ch]'; then
        echo "an id that is not in base/message_id.h" && fail=1
fi
for field in $(grep -o '@[A-Z_]*@' "$catalog" | tr -d @ | sort -u); do
        [[ $field == _SYSTEMD_UNIT ]] || git grep -q "$field" -- '*.c' || { echo "$catalog: nobody sends $field" && fail=1; }
done
if grep -vE '^(#|Subject|Documentation)' "$catalog" | grep -nE '.{78}'; then
        echo "$catalog: wider than a terminal" && fail=1
fi
mkdir -p "$folder"/{usr/lib,var/lib}/systemd/catalog
cp "$catalog" "$folder/usr/lib/systemd/catalog/"
journalctl --root="$folder" --update-catalog 2>&1
listed=$(journalctl --root="$folder" --list-catalog | wc -l)
((listed == $(wc -l <<<"$ids"))) || { echo "$catalog: systemd reads $listed entries of it" && fail=1; }
exit $fail
