#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016
# failoverctl's verbs for the network against a real federationd: files of many pieces, bad rows by line, narrow terminals.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"

nodes_name shop other gone
node_config other </dev/null
node_config shop other gone </dev/null
node_start other
node_start shop
unset -v COLUMNS

ctl() { # ARGUMENT...: of the shop's; what it says on stderr into $shop/err
        node_ctl shop "$@" 2>"$shop/err"
}
ctl_status() { # ARGUMENT...
        local status=0
        ctl "$@" >/dev/null || status=$?
        echo "$status"
}

# ---- import

# 10,000 rows in some 3 MB, so that pieces end anywhere: in a quoted field, within a character. Every 3,000th row is bad.
awk 'BEGIN {
	print "id,title,author,description,price,currency"
	for (n = 1; n <= 10000; n++)
		printf "b%d,\"Book %d: größer, \"\"besser\"\"\nund länger\",Ä. Nobody,\"%s\",%s,EUR\n", n, n,
			"……………………………………………………………………………………………………………………………………………………………………………………………………………………", n % 3000 ? n % 50 + 0.5 : "cheap"
}' >"$shop/books.csv"
check "it comes in pieces" test "$(stat -c %s "$shop/books.csv")" -gt $((3 * 1024 * 1024))
check "what was taken is told" equal "$(ctl catalog import "$shop/books.csv")" '10000 rows: 9997 added, 0 updated, 0 unchanged, 3 refused'
check "each bad row by its line, once" equal "$(grep -c '^books.csv:[0-9]*: .*price' "$shop/err")" 3
check "where it begins" contains "$(<"$shop/err")" 'books.csv:12000:'
check "nothing else is said off a terminal" equal "$(wc -l <"$shop/err")" 3
check "a book from the middle is whole" equal "$(node_get shop /api/book/b5000 | jq -r .book.title)" 'Book 5000: größer, "besser" und länger'
check "again: nothing new" equal "$(ctl catalog import "$shop/books.csv" --json | jq -c '[.rows, .added, .unchanged, .refused]')" '[10000,0,9997,3]'
check "rows were taken: 0" equal "$(ctl_status catalog import "$shop/books.csv")" 0

printf '%s\n' '{"title":"From a pipe","price_minor":100}' 'no JSON' >"$shop/two.jsonl"
check "standard input" equal "$(ctl catalog import - <"$shop/two.jsonl")" '2 rows: 1 added, 0 updated, 0 unchanged, 1 refused'
check "is called that" contains "$(<"$shop/err")" 'stdin:2: '
echo 'title,price' >"$shop/none.csv"
check "a file without rows is none to complain about" equal "$(ctl catalog import "$shop/none.csv")" '0 rows: 0 added, 0 updated, 0 unchanged, 0 refused'
printf 'title,price\nA,x\nB,y\n' >"$shop/bad.csv"
check "not one row: 1" equal "$(ctl_status catalog import "$shop/bad.csv")" 1
head -c 3000000 /dev/urandom >"$shop/noise.csv"
seq -f 'Book %.0f,x' 100000 | sed '1i title,price' >"$shop/bad.csv"
ctl_status catalog import "$shop/bad.csv" >/dev/null
check "twenty refused rows are told, however many there are" equal "$(wc -l <"$shop/err") $(tail -n 1 "$shop/err")" '21 further refused rows are only counted'
check "as refused" equal "$(grep -c '(row refused)$' "$shop/err")" 20
printf 'id,title,isbn,price,currency\nb1,"Book 1: größer",123,1.50,EUR\n' >"$shop/part.csv"
check "what was left out of a row is told in the sum" equal "$(ctl catalog import "$shop/part.csv")" \
        '1 row: 0 added, 1 updated, 0 unchanged, 0 refused; 1 taken in part'
check "so it is beside the daemon" bash -c '"$1" --config "$2/shop/federationd.yaml" --state-dir "$2/shop/state" --import "$2/bad.csv" 2>"$2/refused"; test $? = 1' - "$build/federationd" "$shop"
check "and says so" grep -q 'bad.csv: not one row could be used' "$shop/refused"
check "no text: 1" equal "$(ctl_status catalog import "$shop/noise.csv")" 1
check "with a reason" contains "$(<"$shop/err")" 'noise.csv'
check "no file: 1" equal "$(ctl_status catalog import "$shop/nothing.csv")" 1
check "a folder: 1" equal "$(ctl_status catalog import "$shop")" 1
check "the wrong format: 1" equal "$(ctl_status catalog import "$shop/two.jsonl" --format csv)" 1
check "no such format: 2" equal "$(ctl_status catalog import "$shop/two.jsonl" --format xml)" 2
check "no such verb: 2" equal "$(ctl_status catalog export "$shop/two.jsonl")" 2

# ---- looking

other_known() {
        [[ $(ctl peers --json | jq -r '.peers[] | select(.id == "other") | .status + " " + (.seen | type)') == "active string" ]]
}
wait_for "the other shop is known" other_known
printf '%s\n' '{"title":"Sold here and there","author":"A. Nobody","price":"9.9"}' >"$shop/both.jsonl"
node_ctl other catalog import "$shop/both.jsonl" >/dev/null
found=$(ctl search sold here)
check "a book of another shop" contains "$found" '9.90 USD at Shop other'
check "who has not answered" contains "$found" 'Incomplete: 1 of 2 other shops has not answered.'
check "by name, with the reason" contains "$found" '  gone: '
check "what the options say is passed on" equal "$(ctl search book --limit 3 --max-price 1.5 --json | jq -c '[(.results | length), ([.results[].price] | unique)]')" '[3,[0.5,1.5]]'
check "a question that is refused: 1" equal "$(ctl_status search x --limit ten)" 1
check "with the reason" equal "$(<"$shop/err")" 'failoverctl: search: limit: `ten` is no whole number'
check "the other shop's line" grep -Eq "$(node_url other) +active +[0-9]+ +[0-9]+ s +[0-9.]+ ms +closed" <(ctl peers)
check "stats" contains "$(ctl stats)" 'Books       9998 in 0 categories'
for columns in 40 80; do
        for verb in 'search book --limit 5' peers stats; do
                # shellcheck disable=SC2086
                widest=$(COLUMNS=$columns ctl $verb | wc -L)
                check "$verb fits $columns columns: $widest" test "$widest" -le "$columns"
        done
done
node_ctl shop --socket /nowhere/control.sock peers 2>"$shop/err" && fail "nobody is there"
check "whom to look for is said" contains "$(<"$shop/err")" 'no federationd at /nowhere/control.sock: not running?'
