#!/bin/bash
# SPDX-License-Identifier: MIT
# A million generated books (bench/make-books) into an empty catalog, the same file again, and one in which a hundredth of the
# books has changed; each batch waits for the disk. Beside it, in the same run: SQLite's own shell, which puts the same rows
# into one table and their titles and authors into a full-text index, in one transaction, without checking, words for
# misspellings, updates or a wait for the disk between. Wanted: the first under 60 s.
#
# bench/import.sh [BOOKS] [SEED]         1000000 1
. "$(dirname "$0")/common.bash"
books=${1:-1000000} seed=${2:-1}
bench_begin sqlite3 time

work=$shop/import
mkdir -p "$work/state"
"$bench/make-books" "$books" "$seed" >"$work/books.csv"
# Another price for every hundredth.
awk -F, -v OFS=, 'NR % 100 == 2 { $NF = $NF + 1000000 } 1' "$work/books.csv" >"$work/changed.csv"

measured() { # NAME COMMAND...: seconds, on the processor, peak of resident memory
        local name=$1 elapsed user system peak
        shift
        sync -f "$work"
        command time -o "$work/time" -f '%e %U %S %M' "$@" >/dev/null 2>"$work/errors" || fail "$(cat "$work/errors")"
        read -r elapsed user system peak <"$work/time"
        awk -v name="$name" -v s="$elapsed" -v u="$user" -v y="$system" -v m="$peak" -v n="$books" \
                'BEGIN { printf "%-34s %9.1f %9.1f %9d %9.1f\n", name, s, u + y, n / s, m / 1024 }'
}

echo "$(machine); $books books, $(($(stat -c %s "$work/books.csv") / 1000000)) MB"
printf '%-34s %9s %9s %9s %9s\n' '' seconds 'cpu s' rows/s 'peak MiB'
import=("$build/federationd" --state-dir "$work/state" --import)
measured 'import' "${import[@]}" "$work/books.csv"
size=$(($(stat -c %s "$work/state/catalog.db") / 1000000))
measured 'the same file again' "${import[@]}" "$work/books.csv"
measured 'with a hundredth changed' "${import[@]}" "$work/changed.csv"
cat >"$work/bare.sql" <<END
.mode csv
BEGIN;
.import $work/books.csv book
CREATE VIRTUAL TABLE fts USING fts5(title, author, content='book', tokenize="unicode61 remove_diacritics 2");
INSERT INTO fts (fts) VALUES ('rebuild');
COMMIT;
END
measured "SQLite's shell, one transaction" sqlite3 "$work/bare.db" ".read $work/bare.sql"
echo "the catalog: $size MB; what SQLite's shell makes: $(($(stat -c %s "$work/bare.db") / 1000000)) MB"
