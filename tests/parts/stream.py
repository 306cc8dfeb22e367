#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads a stream of server-sent events until it ends: stream.py URL prints each as {"ms", "at", "event", "data"}, a JSON object a
line; ms since the request was sent, at: seconds of the wall clock. The first line is {"ms", "status", "type"}, as soon as the
answer begins."""
import http.client
import json
import sys
import time
import urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
node = http.client.HTTPConnection(url.netloc, timeout=20)
node.connect()
began = time.monotonic()


def passed():
    return round((time.monotonic() - began) * 1000, 2)


node.request("GET", f"{url.path}?{url.query}", headers={"Accept": "text/event-stream"})
answer = node.getresponse()
print(json.dumps({"ms": passed(), "status": answer.status, "type": answer.getheader("Content-Type")}), flush=True)
event = "message"
for line in answer:
    name, _, value = line.decode().rstrip("\r\n").partition(":")
    if name == "event":
        event = value.strip()
    elif name == "data":
        print(json.dumps({"ms": passed(), "at": round(time.time(), 4), "event": event, "data": json.loads(value)}), flush=True)
    elif not name:
        event = "message"
