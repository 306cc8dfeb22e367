#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Signs a notice as a node would, or not quite, and sends it: prints the status and the body of the answer.

It shares no code with what it tests: signed JSON after the Matrix specification, by PyNaCl."""
import argparse
import base64
import http.client
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from nacl.signing import SigningKey


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def unpadded(data):
    return base64.b64encode(data).decode().rstrip("=")


def read_key(path):
    with open(path, encoding="ascii") as file:
        _, key_id, seed = file.read().split()
    return key_id, SigningKey(base64.b64decode(seed + "=" * (-len(seed) % 4)))


parser = argparse.ArgumentParser()
parser.add_argument("--key", required=True)
parser.add_argument("--node", required=True)
parser.add_argument("--to", required=True)
parser.add_argument("--url", required=True)
parser.add_argument("--recipient", help="whom it is for, in place of --to")
parser.add_argument("--type", default="primary_failure")
parser.add_argument("--id")
parser.add_argument("--seq", type=int)
parser.add_argument("--date", type=float, default=0, help="seconds from now")
parser.add_argument("--fallback", default="")
parser.add_argument("--forge", action="store_true", help="signed by another key of the same name")
parser.add_argument("--strip", action="store_true", help="without signatures")
parser.add_argument("--change", action="store_true", help="changed after signing")
parser.add_argument("--as", dest="other", help="signed in another's name")
parser.add_argument("--repeat", type=int, help="so many at once, numbered from --seq on; prints how many got which status")
parser.add_argument("--raw", help="these bytes in place of it")
arguments = parser.parse_args()

now = int((time.time() + arguments.date) * 1000)
key_id, key = read_key(arguments.key)
if arguments.forge:
    key = SigningKey.generate()


def make(number):
    notice = {
        "id": arguments.id or f"n{time.time_ns()}",
        "type": arguments.type,
        "node": arguments.node,
        "to": arguments.recipient or arguments.to,
        "fallbackUrl": arguments.fallback,
        "occurred": now,
        "timestamp": now,
        "seq": number,
    }
    signature = unpadded(key.sign(canonical(notice)).signature)
    if arguments.change:
        notice["fallbackUrl"] = "https://elsewhere.example"
    if not arguments.strip:
        notice["signatures"] = {arguments.other or arguments.node: {f"ed25519:{key_id}": signature}}
    return json.dumps(notice).encode()


def send_many(first, n):
    address = urllib.parse.urlsplit(arguments.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    bodies = [make(first + i) for i in range(n)]
    seen = {}
    for body in bodies:
        connection.request("POST", "/api/network/messages", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        seen[answer.status] = seen.get(answer.status, 0) + 1
    print(json.dumps(seen))


first = arguments.seq if arguments.seq is not None else now
if arguments.repeat:
    send_many(first, arguments.repeat)
    sys.exit(0)
body = arguments.raw.encode() if arguments.raw is not None else make(first)
request = urllib.request.Request(arguments.url + "/api/network/messages", body, {"Content-Type": "application/json"})
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print("000", error)
    sys.exit(1)
