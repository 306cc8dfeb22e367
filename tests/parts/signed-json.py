#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Canonical and signed JSON by the implementation that Matrix servers use (python3-canonicaljson, python3-signedjson), to
be compared with the programs under test.

signed-json.py make SEED N     N lines "TEXT<tab>CANONICAL<tab>SIGNED<tab>PUBLIC": any object, its canonical form in base64, the
                               same object signed by "shop" with key "ed25519:k" in a spelling of its own, and that key
signed-json.py check FILE      verifies each line "NAME<tab>KEY ID<tab>PUBLIC<tab>OBJECT"; prints how many are good
"""
import base64
import json
import random
import sys

import canonicaljson
import nacl.signing
import signedjson.key
import signedjson.sign

CHARACTERS = (
    [chr(c) for c in range(1, 0x80)]
    + list("üßñ\x7f\x80\x9f¡\u07ff\u0800\u2028\u2029\u202e\ud7ff\ue000\ufeff\ufffd\uffff")
    + ["\U00010000", "\U0001f600", "\U0010ffff", '"', "\\", "/", "\b", "\f"]
)
NUMBERS = [0, 1, -1, 2**31, -(2**31), 2**32, 2**53 - 1, -(2**53) + 1]


def text(r):
    return "".join(r.choice(CHARACTERS) for _ in range(r.randrange(0, 8)))


def value(r, depth):
    kind = r.randrange(0, 8 if depth > 0 else 5)
    if kind == 0:
        return r.choice([None, True, False])
    if kind <= 2:
        return r.choice(NUMBERS) if r.random() < 0.5 else r.randrange(-(10**12), 10**12)
    if kind <= 4:
        return text(r)
    if kind <= 5:
        return [value(r, depth - 1) for _ in range(r.randrange(0, 5))]
    return {text(r): value(r, depth - 1) for _ in range(r.randrange(0, 6))}


def spelling(r, v):
    """The same in other words: order, spaces, escapes."""
    if isinstance(v, dict):
        items = list(v.items())
        r.shuffle(items)
        inside = ",".join(spelling(r, k) + r.choice([":", " : "]) + spelling(r, x) for k, x in items)
        return "{" + r.choice(["", " "]) + inside + "}"
    if isinstance(v, list):
        return "[" + r.choice([",", ", "]).join(spelling(r, x) for x in v) + "]"
    return json.dumps(v, ensure_ascii=r.random() < 0.5)


def make(seed, count):
    r = random.Random(seed)
    for _ in range(count):
        v = {text(r): value(r, 4) for _ in range(r.randrange(0, 8))}
        key = nacl.signing.SigningKey(r.randbytes(32))
        key.alg, key.version = "ed25519", "k"
        signed = dict(v)
        signed.pop("signatures", None)
        if r.random() < 0.3:
            signed["unsigned"] = {"age": 1.5}
        signed = signedjson.sign.sign_json(signed, "shop", key)
        print(
            spelling(r, v),
            base64.b64encode(canonicaljson.encode_canonical_json(v)).decode(),
            spelling(r, signed),
            base64.b64encode(bytes(key.verify_key)).decode(),
            sep="\t",
        )


def check(path):
    good = 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, key_id, public, document = line.rstrip("\n").split("\t")
            key = signedjson.key.decode_verify_key_bytes(
                "ed25519:" + key_id, base64.b64decode(public + "=" * (-len(public) % 4))
            )
            signedjson.sign.verify_signed_json(json.loads(document), name, key)
            good += 1
    print(good)


if sys.argv[1] == "make":
    sys.stdout.reconfigure(encoding="utf-8")
    make(sys.argv[2], int(sys.argv[3]))
else:
    check(sys.argv[2])
