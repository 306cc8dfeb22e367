#!/bin/bash
# SPDX-License-Identifier: MIT
# Shares of sales are what Python's decimal arithmetic makes of them (ROUND_HALF_EVEN), and add up to the price.
build=$(realpath "$1")
exec /usr/bin/python3 - "$build/tests/share-print" <<'END'
import decimal, random, subprocess, sys

LARGEST = 10**12
draw = random.Random(20261120)
cases = [(p, q) for p in range(0, 400) for q in range(0, 101)]
cases += [(LARGEST - p, q) for p in range(0, 60) for q in range(0, 101)]
cases += [(draw.randrange(LARGEST + 1), draw.randrange(101)) for _ in range(100_000)]
cases += [(50 * draw.randrange(10**10) + 50, draw.choice(range(1, 100, 2))) for _ in range(50_000)]  # halves, mostly
out = subprocess.run([sys.argv[1]], input="\n".join(f"{p} {q}" for p, q in cases), capture_output=True, text=True, check=True).stdout.split()
got = list(zip(map(int, out[::2]), map(int, out[1::2])))
assert len(got) == len(cases), (len(got), len(cases))
halves = 0
for (price, percent), (share, rest) in zip(cases, got):
    exact = decimal.Decimal(price) * percent / 100
    wanted = int(exact.quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_EVEN))
    halves += exact % 1 == decimal.Decimal("0.5")
    assert (share, share + rest) == (wanted, price), (price, percent, share, rest, wanted)
assert halves > 10_000, halves
print(f"{len(cases)} shares, {halves} of them halves: all as decimal has them")
END
