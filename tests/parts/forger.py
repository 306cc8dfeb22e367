#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Who tries to make a node believe what nobody said: forged, stripped, altered, replayed, re-addressed, re-keyed notices and such
as are no notices at all, against POST /api/network/messages.

forger.py ORDER --url URL --to NODE --keys FOLDER [--seq N] [--file FILE]
    announce TYPE     a good notice of `alpha`, as it is sent; its bytes are kept in FILE when given; prints the answer
    keep TYPE         signs one with FILE, and does not send it
    replay            sends FILE once more
    nodes             registers pending, banned and carol (whose first key is revoked by her second word)
    all               every forgery; prints {"case", "status", "error"} for each, and ends 1 when one was taken
FOLDER holds alpha.key, bravo.key (of nodes that the receiver knows); keys of others are made there."""
import argparse
import base64
import copy
import json
import os
import random
import sys

from signed import Key, ask_json, b64, canonical, node_document, now

o = None


def key_of(name):
    path = os.path.join(o.keys, f"{name}.key")
    if not os.path.exists(path):
        key = Key("k1")
        with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(f"ed25519 {key.id} {b64(bytes(key.secret))}\n")
    return Key(file=path)


def notice(node="alpha", **more):
    """As failoverd writes them; whoever takes it would see the opposite of what is so, and an address of the forger's."""
    o.seq += 1
    return {"id": f"01FORGED{o.seq:018d}", "type": "primary_recovered", "node": node, "to": o.to,
            "fallbackUrl": "https://forger.example", "occurred": now(), "timestamp": now(), "seq": o.seq, **more}


def without(document, *names):
    return {k: v for k, v in document.items() if k not in names}


def nested(depth):
    return b'{"a":' + b"[" * depth + b"]" * depth + b"}"


def forgeries():
    """(case, bytes or document)"""
    alpha, bravo, stranger = key_of("alpha"), key_of("bravo"), key_of("stranger")
    good = notice()
    signed = alpha.sign(good, "alpha")
    wrong = dict(signed)

    yield "stripped: no signatures", good
    for name, value in {"null": None, "empty": {}, "a list": [], "text": "alpha", "no key": {"alpha": {}}, "null key": {"alpha": None},
                        "null signature": {"alpha": {"ed25519:k1": None}}, "empty signature": {"alpha": {"ed25519:k1": ""}},
                        "zeroes": {"alpha": {"ed25519:k1": b64(bytes(64))}}, "63 bytes": {"alpha": {"ed25519:k1": b64(bytes(63))}},
                        "ones": {"alpha": {"ed25519:k1": b64(b"\xff" * 64)}}, "other algorithm": {"alpha": {"none:k1": "AA"}},
                        "not base64": {"alpha": {"ed25519:k1": "!" * 86}},
                        }.items():
        yield f"stripped: signatures are {name}", {**good, "signatures": value}

    yield "forged: signed by a stranger as alpha", stranger.sign(notice(), "alpha")
    yield "forged: signed by another known node as alpha", bravo.sign(notice(), "alpha")
    yield "forged: signed by another known node as itself, about alpha", bravo.sign(notice(), "bravo")
    yield "forged: both signatures are another's", bravo.sign(bravo.sign(notice(), "bravo"), "alpha")
    yield "forged: by a node that nobody knows", stranger.sign(notice("stranger"), "stranger")
    yield "forged: another node's name, own signature", alpha.sign(notice("bravo"), "alpha")
    yield "forged: the receiver's own name", stranger.sign(notice(o.to), o.to)
    yield "forged: a name that looks the same", alpha.sign(notice("alpha\u200b"), "alpha\u200b")
    yield "forged: a name in capitals", alpha.sign(notice("ALPHA"), "ALPHA")
    first = alpha.signature(good)
    yield "forged: the signature of another notice", {**notice(), "signatures": {"alpha": {"ed25519:k1": first}}}
    order = 2**252 + 27742317777372353535851937790883648493
    raw = base64.b64decode(first + "==")
    s = int.from_bytes(raw[32:], "little") + order
    yield "forged: malleable signature (S + L)", {**good, "signatures": {"alpha": {"ed25519:k1": b64(raw[:32] + s.to_bytes(32, "little"))}}}
    own = Key("k2")
    yield "re-keyed: a key of its own under a new name", own.sign(notice(), "alpha")
    own.id = "k1"
    yield "re-keyed: a key of its own, brought along", own.sign(notice(public_key=own.public, publicKey=own.public, alg="ed25519",
                                                                     keys={"ed25519:k1": {"key": own.public}}), "alpha")
    yield "re-keyed: a key to be fetched", own.sign(notice(keyUrl=o.url + "/key", jwk_url=o.url, url=o.url), "alpha")
    yield "re-keyed: signed with the empty key", {**good, "signatures": {"alpha": {"ed25519:k1": b64(bytes([1] + [0] * 31 + [0] * 32))}}}

    for field, value in {"type": "primary_failure", "node": "bravo", "to": "elsewhere", "id": "01OTHER", "seq": good["seq"] + 1000,
                         "timestamp": good["timestamp"] + 1, "occurred": 1, "fallbackUrl": "https://other.example", "new": 1}.items():
        wrong = copy.deepcopy(signed)
        wrong[field] = value
        yield f"altered: {field}", wrong
    for field in ("id", "type", "node", "to", "timestamp", "seq"):
        yield f"altered: without {field}", without(signed, field)
        yield f"malformed: signed without {field}", alpha.sign(without(notice(), field), "alpha")

    yield "re-addressed: to another node, well signed", alpha.sign(notice(to="bravo"), "alpha")
    for name, to in {"everybody": "*", "nobody": "", "null": None, "a list": ["victim", o.to], "a prefix": o.to[:-1], "a suffix": o.to + "x"}.items():
        yield f"re-addressed: to {name}, well signed", alpha.sign(notice(to=to), "alpha")

    minute = 60_000
    for name, shift in {"6 minutes": -6, "a day": -1440, "a year": -525600}.items():
        yield f"too old: {name}", alpha.sign(notice(timestamp=now() + shift * minute), "alpha")
        yield f"too new: {name}", alpha.sign(notice(timestamp=now() - shift * minute), "alpha")
    for name, value in {"0": 0, "below 0": -1, "text": str(now()), "seconds": now() // 1000, "null": None, "2^53": 2**53, "2^63": 2**63, "a list": [now()], "true": True}.items():
        yield f"malformed: timestamp is {name}", alpha.sign(notice(timestamp=value), "alpha")
    for name, value in {"below 0": -1, "text": "99999999999999", "null": None, "2^53": 2**53, "2^63": 2**63, "2^64": 2**64, "true": True, "an object": {}}.items():
        yield f"malformed: seq is {name}", alpha.sign(notice(seq=value), "alpha")
    for name, value in {"1": 1, "0": 0, "that of the last": o.mark, "one less": o.mark - 1}.items():
        yield f"seq below the mark: {name}", alpha.sign(notice(seq=value), "alpha")
    for value in ("primary_exploded", "", "PRIMARY_RECOVERED", "primary_recovered ", None, 7, ["primary_recovered"]):
        yield f"malformed: type is {json.dumps(value)}", alpha.sign(notice(type=value), "alpha")
    for value in ("javascript:alert(1)", "data:text/html,x", "https://user:pw@forger.example", "https://", "ftp://forger.example",
                  "https://forger.example/" + "x" * 5000, "https://forger.example/\u202e", "https://forger.example/\n", 7, {"a": 1}):
        yield f"malformed: fallbackUrl is {json.dumps(value)[:60]}", alpha.sign(notice(type="primary_failure", fallbackUrl=value), "alpha")
    for value in ("", None, 7, "x" * 5000, "01\u001b[31m", {}):
        yield f"malformed: id is {json.dumps(value)[:60]}", alpha.sign(notice(id=value), "alpha")

    for name in ("pending", "banned"):
        yield f"not accepted: {name}", key_of(name).sign(notice(name), name)
    yield "revoked key", key_of("carol").sign(notice("carol"), "carol")

    text = canonical(alpha.sign(notice(), "alpha"))
    yield "bytes: none", b""
    for name, body in {"no JSON": b"alpha has recovered", "an array": b"[" + text + b"]", "text": b'"' + b"x" * 100 + b'"', "a number": b"7",
                       "null": b"null", "cut": text[:-1], "more behind it": text + b"{}", "a mark of byte order": b"\xef\xbb\xbf" + text,
                       "in UTF-16": text.decode().encode("utf-16"), "not UTF-8": text.replace(b"forger", b"forg\xff\xfe"),
                       "a lone surrogate": text.replace(b"forger", b"forg\\ud800"), "a zero": text.replace(b"forger", b"forg\\u0000"),
                       "64 KiB and more": text[:-1] + b',"x":"' + b"x" * 65536 + b'"}', "a megabyte": b" " * 1048576 + text,
                       "64 KiB of brackets": nested(32700), "1000 deep": nested(1000), "40 deep": text[:-1] + b',"a":' + b"[" * 40 + b"]" * 40 + b"}",
                       "64 KiB of members": b"{" + b",".join(b'"%d":0' % i for i in range(7000)) + b"}",
                       "a real number": text.replace(b'"seq":', b'"x":1.5,"seq":'), "an exponent": text.replace(b'"seq":', b'"x":1e3,"seq":'),
                       }.items():
        yield f"bytes: {name}", body
    for field, other in {"type": b'"primary_failure"', "to": b'"bravo"', "seq": b"1", "signatures": b"{}", "node": b'"bravo"'}.items():
        yield f"bytes: {field} twice, the other first", b'{"%s":%s,' % (field.encode(), other) + text[1:]
        yield f"bytes: {field} twice, the other last", text[:-1] + b',"%s":%s}' % (field.encode(), other)
    yield "bytes: a key twice inside the signatures", text.replace(b'{"ed25519:k1":', b'{"ed25519:k1":"AA","ed25519:k1":')

    draw = random.Random(o.seed)
    name = text.index(b'"ed25519:k1"') + 9  # is not signed, and need not be: the operator gave one key for alpha, whatever its name
    places = [i for i in range(len(text)) if i not in (name, name + 1)]
    for i in range(o.flips):
        spoiled = bytearray(text)
        at = draw.choice(places)
        spoiled[at] ^= 1 << draw.randrange(8)
        yield f"bit flip {i} at byte {at}", bytes(spoiled)


def forge_all():
    taken = sent = 0
    for case, body in forgeries():
        sent += 1
        try:
            status, answer = ask_json(o.inbox, body)
        except (ValueError, OSError) as e:
            status, answer = 0, {"success": None, "error": f"no answer: {e}"}
        error = answer.get("error")
        refused = 400 <= status < 500 and status != 404 and answer.get("success") is False and isinstance(error, str) and len(error) > 5
        print(json.dumps({"case": case, "status": status, "error": error, "refused": refused}))
        taken += not refused
    print(json.dumps({"sent": sent, "taken": taken}))
    return taken > 0


def register(document):
    status, answer = ask_json(o.url + "/api/nodes/register", document)
    print(json.dumps({"id": document["id"], "status": status, "answer": answer}))
    return status in (200, 201)


def register_nodes():
    first = key_of("carol")
    documents = [node_document(n, f"https://{n}.example", [(key_of(n), {})]) for n in ("pending", "banned")]
    documents.append(node_document("carol", "https://carol.example", [(first, {})]))
    return not all([register(d) for d in documents])


def revoke_key():
    """carol's new word, signed by the old key and the new one: the old one is void."""
    first, second = key_of("carol"), Key("k2")
    return not register(node_document("carol", "https://carol.example", [(first, {"revoked_ts": now()}), (second, {})]))


def announce(send):
    body = canonical(key_of("alpha").sign(notice(type=o.argument, id=f"01GOOD{o.seq:020d}", fallbackUrl="https://backup.alpha.example"), "alpha"))
    if o.file:
        with open(o.file, "wb") as f:
            f.write(body)
    if send:
        print(json.dumps(ask_json(o.inbox, body)))
    return False


def replay():
    with open(o.file, "rb") as f:
        print(json.dumps(ask_json(o.inbox, f.read())))
    return False


def main():
    global o
    p = argparse.ArgumentParser()
    p.add_argument("order", choices="announce keep replay nodes revoke all".split())
    p.add_argument("argument", nargs="?")
    for name in "url to keys".split():
        p.add_argument("--" + name, required=True)
    p.add_argument("--seq", type=int, default=now(), help="of the notice before the first one")
    p.add_argument("--mark", type=int, default=0, help="the highest that was taken")
    p.add_argument("--file")
    p.add_argument("--flips", type=int, default=200)
    p.add_argument("--seed", type=int, default=5)
    o = p.parse_args()
    o.inbox = o.url + "/api/network/messages"
    sys.exit({"announce": lambda: announce(True), "keep": lambda: announce(False), "replay": replay, "nodes": register_nodes,
              "revoke": revoke_key, "all": forge_all}[o.order]())


main()
