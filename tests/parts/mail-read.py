#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads a mail as Python's email package understands it, strictly: any defect is an error.

mail-read.py [--foreign] FILE...: for each a JSON object with each header's name (lower case) and value, `addresses` (of To) and
`body`. foreign: out of a mailbox, where lines may end in LF, and with headers that servers have added on the way."""
import email
import email.policy
import json
import sys

foreign = sys.argv[1] == "--foreign"


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    if foreign:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    lines = raw.split(b"\r\n")
    if lines.pop() != b"" or any(b"\n" in line or b"\r" in line for line in lines):
        sys.exit("a line does not end in CRLF")
    longest = max(len(line) for line in lines)
    if (longest > 78 and not foreign) or any(byte >= 0x80 for byte in raw):
        sys.exit("a line of %d characters, or not ASCII" % longest)
    mail = email.message_from_bytes(raw, policy=email.policy.default.clone(raise_on_defect=True))
    defects = list(mail.defects)
    for part in mail.walk():
        defects += part.defects
    for name, value in mail.items():
        defects += value.defects
    if defects:
        sys.exit("defects: %r" % defects)
    seen = {}
    for name, value in mail.items():
        if name.lower() in seen and not foreign:
            sys.exit("%s is given twice" % name)
        seen[name.lower()] = str(value)
    for name in ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "auto-submitted"):
        if name not in seen:
            sys.exit("there is no %s" % name)
    seen["addresses"] = [str(address) for address in mail["to"].addresses]
    seen["body"] = mail.get_content()
    return seen


for path in sys.argv[2 if foreign else 1:]:
    print(json.dumps(read(path), ensure_ascii=False))
