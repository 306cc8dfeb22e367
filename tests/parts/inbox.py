#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Another node's inbox: takes notices at POST /api/network/messages, checks them with its own canonical JSON and Ed25519
(not with the programs under test), and keeps a journal that survives SIGKILL.

inbox.py --control SOCKET --record FILE --id NODE --sender NODE --key-id ID --key PUBLIC [--address A] [--port P] [--any-time]
prints its port. Orders: "accept"; "status N" (answers so, and takes nothing), "status N REASON", "hang", "drip", "reset",
"lose" (takes the notice, and is gone before it answers), "redirect URL", "flood" (takes it, and answers a gigabyte),
"garbage", "refuse", "blackhole".

A line of the journal for each request: {"at", "how", "verdict", "id", "type", "to", "seq", "timestamp", "occurred",
"fallbackUrl", "body"}; verdict: "applied", "duplicate", or why it is refused.
"""
import argparse
import base64
import http.server
import json
import os
import re
import select
import socket
import socketserver
import struct
import threading
import time

import nacl.exceptions
import nacl.signing

WINDOW = 300_000  # ms
LARGEST = 2**53 - 1
FIELDS = ["id", "type", "to", "seq", "timestamp", "occurred", "fallbackUrl"]


class Refused(Exception):
    """Why a notice is not taken: status, words, more members of the answer."""


def no_doubles(pairs):
    if len({k for k, _ in pairs}) < len(pairs):
        raise Refused(400, "a key is given twice")
    return dict(pairs)


def whole(text):
    number = int(text)
    if abs(number) > LARGEST:
        raise Refused(400, "a number is too large")
    return number


def no_real(text):
    raise Refused(400, f"{text} is no integer")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Inbox:
    def __init__(self, options):
        self.options = options
        self.key = nacl.signing.VerifyKey(base64.b64decode(options.key + "=" * (-len(options.key) % 4)))
        self.lock = threading.Lock()
        self.how, self.argument, self.requests = "accept", "", 0
        self.seen, self.mark = set(), 0
        if os.path.exists(options.record):
            with open(options.record, encoding="utf-8") as f:
                for line in f:
                    self.remember(json.loads(line))
        self.journal = os.open(options.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def remember(self, row):
        if row["verdict"] == "applied":
            self.seen.add(row["id"])
            self.mark = row["seq"]

    def check(self, body):
        """The notice, when it may be acted on."""
        try:
            notice = json.loads(body, object_pairs_hook=no_doubles, parse_int=whole, parse_float=no_real, parse_constant=no_real)
        except ValueError as e:
            raise Refused(400, f"no JSON: {e}") from None
        if notice.get("node") != self.options.sender:
            raise Refused(403, f"I do not know {notice.get('node')}")
        if notice.get("to") != self.options.id:
            raise Refused(400, f"this is {self.options.id}")
        unsigned = {k: v for k, v in notice.items() if k not in ("signatures", "unsigned")}
        try:
            signature = notice["signatures"][self.options.sender][f"ed25519:{self.options.key_id}"]
            if re.search("=|[^A-Za-z0-9+/]", signature):
                raise Refused(400, "the signature is not unpadded base64")
            self.key.verify(canonical(unsigned), base64.b64decode(signature + "=" * (-len(signature) % 4)))
        except (KeyError, TypeError):
            raise Refused(401, "not signed by a key that I know") from None
        except nacl.exceptions.BadSignatureError:
            raise Refused(403, "the signature does not verify") from None
        if sorted(unsigned) != sorted(FIELDS + ["node"]) or notice["type"] not in ("primary_failure", "primary_recovered"):
            raise Refused(400, f"members {sorted(unsigned)}, type {notice.get('type')}")
        return notice

    def judge(self, body):
        """(notice or {}, verdict, status, answer)"""
        notice = {}
        try:
            notice = self.check(body)
            off = notice["timestamp"] - int(time.time() * 1000)
            if abs(off) > WINDOW and not self.options.any_time:
                raise Refused(400, f"your clock is off by {off} ms", {"offset_ms": off})
            if notice["id"] in self.seen:
                return notice, "duplicate", 200, {"success": True, "duplicate": True}
            if notice["seq"] <= self.mark:
                raise Refused(409, f"seq {notice['seq']} is not above {self.mark}")
            return notice, "applied", 200, {"success": True}
        except Refused as e:
            return notice, e.args[1], e.args[0], {"success": False, "error": e.args[1], **(e.args[2] if len(e.args) > 2 else {})}

    def take(self, how, body):
        """Writes down what comes of a request before anybody hears of it: (status, answer)."""
        with self.lock:
            self.requests += 1
            notice, verdict, status, answer = {}, "not looked at", 0, {}
            if how in ("accept", "lose", "flood"):
                notice, verdict, status, answer = self.judge(body)
            row = {"at": time.time(), "how": how, "verdict": verdict, **{k: notice.get(k) for k in FIELDS}, "body": body.decode("utf-8", "replace")}
            line = json.dumps(row).encode() + b"\n"
            if os.write(self.journal, line) != len(line):
                os._exit(1)
            self.remember(row)
            return status, answer


def answer_bytes(status, answer, extra=""):
    body = json.dumps(answer).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


def wait_closed(c):
    select.select([c], [], [], 600)


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_request(c):
    """(method, path, body), or None when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = c.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    size = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    while len(body) < (int(size[1]) if size else 0):
        more = c.recv(65536)
        if not more:
            return None
        body += more
    method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
    return method, path, body


def drip(c):
    for byte in answer_bytes(200, {"success": True}):
        c.sendall(bytes([byte]))
        if select.select([c], [], [], 1)[0]:
            return


def flood(c, status):
    c.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {1 << 30}\r\n\r\n".encode())
    for _ in range(1 << 10):
        c.sendall(b" " * (1 << 20))


def serve(inbox, c):
    try:
        c.settimeout(600)
        request = read_request(c)
        if not request:
            return
        with inbox.lock:
            how, argument = inbox.how, inbox.argument
        status, answer = inbox.take(how, request[2])
        if request[:2] != ("POST", "/api/network/messages") and how == "accept":
            status, answer = 404, {"success": False, "error": "no such route"}
        if how == "accept":
            c.sendall(answer_bytes(status, answer))
        elif how == "status":
            number, _, reason = argument.partition(" ")
            c.sendall(answer_bytes(int(number), {"success": False, **({"error": reason} if reason else {})},
                                   "Retry-After: 1\r\n" if number == "429" else ""))
        elif how == "redirect":
            c.sendall(answer_bytes(307, {}, f"Location: {argument}\r\n"))
        elif how == "hang":
            wait_closed(c)
        elif how == "drip":
            drip(c)
        elif how == "flood":
            flood(c, status)
        elif how == "garbage":
            c.sendall(b"\x1b]0;owned\x07 220 nothing of the kind\r\n\r\n")
        elif how in ("reset", "lose"):
            reset(c)
    except OSError:
        pass
    finally:
        c.close()


class Listener:
    """Keeps its port, whether it listens, refuses, or lets connection requests drop."""

    def __init__(self, inbox, address, port):
        self.inbox, self.address, self.port, self.fillers = inbox, address, port, []
        self.socket = None
        self.open(True)
        threading.Thread(target=self.accept, daemon=True).start()

    def open(self, listening, backlog=128):
        old = self.socket
        if old:
            old.close()
        for s in self.fillers:
            s.close()
        self.fillers = []
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.address, self.port))
        self.port = s.getsockname()[1]
        if listening:
            s.listen(backlog)
        s.settimeout(0.05)
        self.listening, self.socket = listening and backlog > 0, s

    def become(self, how):
        if how == "blackhole":
            self.open(True, 0)
            for _ in range(4):  # the queue holds backlog + 1; what comes then is dropped
                f = socket.socket()
                f.setblocking(False)
                f.connect_ex((self.address, self.port))
                self.fillers.append(f)
            time.sleep(0.02)
        elif how == "refuse":
            self.open(False)
        elif not self.listening:
            self.open(True)

    def accept(self):
        while True:
            s = self.socket
            try:
                if not self.listening:
                    time.sleep(0.01)
                    continue
                c, _ = s.accept()
            except OSError:
                continue
            threading.Thread(target=serve, args=(self.inbox, c), daemon=True).start()


HOWS = "accept status hang drip reset lose redirect flood garbage refuse blackhole".split()


def control(inbox, listener):
    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self, status, text):
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if text:
                self.wfile.write(text.encode())

        def do_GET(self):
            with inbox.lock:
                text = json.dumps({"behaviour": inbox.how, "requests": inbox.requests, "applied": len(inbox.seen)})
            self.reply(200, text + "\n")

        def do_POST(self):
            how, _, argument = self.rfile.read(int(self.headers["Content-Length"])).decode().partition(" ")
            if how not in HOWS:
                self.reply(400, f"no such behaviour: {how}\n")
                return
            with inbox.lock:
                inbox.how, inbox.argument = how, argument
                listener.become(how)
            self.reply(200, "")

        def log_message(self, *_):
            pass

        def address_string(self):
            return "control"

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    return Server(inbox.options.control, Handler)


def main():
    p = argparse.ArgumentParser()
    for name in "control record id sender key-id key".split():
        p.add_argument("--" + name, required=True)
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--any-time", action="store_true", help="notices of any age are taken")
    options = p.parse_args()
    inbox = Inbox(options)
    listener = Listener(inbox, options.address, options.port)
    if os.path.exists(options.control):
        os.unlink(options.control)
    server = control(inbox, listener)
    print(listener.port, flush=True)
    server.serve_forever()


main()
