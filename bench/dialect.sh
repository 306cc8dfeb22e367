#!/bin/bash
# SPDX-License-Identifier: MIT
# What answers of 8, 32 and 128 peers cost federationd above the network, 10 and 20 results each: jansson's parsing and printing,
# which is the least one would need with it; reading as it is done (checked, cleaned, prices, ISBNs and work keys, all that is
# passed on printed); and merging by work. Milliseconds, the quickest of 100 rounds, since each fits between two
# interruptions.
#
# bench/dialect.sh [BOOKS.csv]     else of generated books (bench/make-books)
. "$(dirname "$0")/common.bash"
bench_begin
books=${1:-$shop/books.csv}
[[ $# -gt 0 ]] || "$bench/make-books" 6000 >"$books"

machine
"$bench/bench-dialect" "$books"
