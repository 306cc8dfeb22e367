#!/bin/bash
# SPDX-License-Identifier: MIT
# How long a search of this shop's own catalog takes, with a ranking that puts the book that is meant first: QUESTIONS questions (the
# same for the same catalog; one to three neighbouring words of a book's title and author, popular books more often; a
# quarter end in the beginning of a word, a tenth have two letters swapped), 20 results each, over generated books
# (bench/make-books). In this process, then through federationd over HTTP on one kept connection, and beside it plain FTS5 over
# titles and authors with the same beginnings indexed: any 20 matches, and the 20 that bm25 ranks highest (rows alone,
# not read; misspelt questions find nothing there). Each question is asked twice and measured the second time.
# Wanted over HTTP: medians 0.15, 0.4 and 1 ms, 99th percentiles 0.6, 3 and 10 ms.
#
# bench/search.sh [QUESTIONS] [BOOKS...]     1000 10000 100000 1000000
. "$(dirname "$0")/common.bash"
questions=${1:-1000}
shift $(($# > 0))
[[ $# -gt 0 ]] || set -- 10000 100000 1000000
bench_begin
address=$(own_loopback)

cat >"$shop/federationd.yaml" <<END
node: {id: bench, url: "http://$address:8440"}
listen: ["$address:8440"]
limits: {requests_per_second: 0}
END

ready() {
        curl -sfo /dev/null "http://$address:8440/api/catalog?limit=1"
}

echo "$(machine); $questions questions; milliseconds"
for books in "$@"; do
        state=$shop/$books
        mkdir -p "$state"
        "$bench/make-books" "$books" >"$state/books.csv"
        "$build/federationd" --state-dir "$state" --import "$state/books.csv" >/dev/null 2>"$state/errors" || fail "$(cat "$state/errors")"
        rm "$state/books.csv"
        printf '%-44s %8s %8s %8s %8s %8s\n' "$books books" median p95 p99 worst results
        "$bench/bench-search" "$state/catalog.db" "$state/raw.db" "$questions"
        start "federationd-$books" "$build/federationd" --config "$shop/federationd.yaml" --state-dir "$state" --runtime-dir "$shop/run"
        wait_for "federationd answers" ready
        "$bench/bench-search" "$state/catalog.db" http "$address" "$questions"
        stop "federationd-$books" || true
        rm -r "$state"
done
