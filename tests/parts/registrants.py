#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Registers a great many nodes at once: registrants.py HOST:PORT COUNT ADDRESSES

From so many addresses of 127.77/16 in turn, several requests behind one another on each connection. Of each hundred some are
unfit. Prints how often each status was answered, as JSON."""
import json
import re
import socket
import sys

host, port = sys.argv[1].rsplit(":", 1)
count, addresses = int(sys.argv[2]), int(sys.argv[3])
BATCH = 100
STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


def entry(n):
    kind = n % 100
    if kind == 1:
        return {"id": f"evil-{n}", "url": "javascript:alert(1)"}
    if kind == 2:
        return {"id": f"evil-{n}", "url": "http://10.0.0.1/"}
    if kind == 3:
        return {"id": f"evil-{n}", "url": f"https://e{n}.invalid", "name": "safe\u202egnp.exe"}
    if kind == 4:
        return {"id": "friend", "url": f"https://e{n}.invalid"}
    if kind == 5:
        return {"id": f"evil-{n}", "url": f"https://e{n}.invalid", "x": "y" * 40000}
    if kind == 6:
        return {"id": f"evil-{n}", "url": f"https://e{n}.invalid", "note": "</script>\u202e\x1b[31m\u2028"}
    if kind == 7:
        return {"id": "evil-6", "url": f"https://e{n}.invalid"}
    return {"id": f"evil-{n}", "name": f"Shop {n}", "url": f"http://127.78.{n // 250 % 250}.{n % 250}:8440", "x": "y" * 200}


def request(n):
    body = json.dumps(entry(n)).encode()
    return b"POST /api/nodes/register HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def connection(n):
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.bind((f"127.77.{n // 250}.{1 + n % 250}", 0))
    s.settimeout(60)
    s.connect((host, int(port)))
    return s


seen = {}
for first in range(0, count, BATCH):
    s = connection(first // BATCH % addresses)
    s.sendall(b"".join(request(n) for n in range(first, first + BATCH)))
    got, text = 0, b""
    while got < BATCH:
        data = s.recv(1 << 20)
        if not data:
            sys.exit(f"closed after {got} answers of a batch")
        text += data
        found = STATUS.findall(text)
        for status in found:
            seen[status.decode()] = seen.get(status.decode(), 0) + 1
        got += len(found)
        text = text[-12:] if not STATUS.search(text[-12:]) else b""
    s.close()
print(json.dumps(seen, sort_keys=True))
