#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Another shop of the network, where it is about money; shares no code with what it tests: signed JSON after the Matrix
specification, by PyNaCl.

money-node.py send --key FILE --node ID --to ID --url URL [--date S] [--forge | --change | --strip] JSON
    signs JSON and posts it: prints the status and the answer.
money-node.py serve --control SOCKET --record FILE --id ID --sender ID --sender-key PUBLIC
    sells one book, b1, for 12.99 USD and 20 per cent; prints its port. Orders (on the control socket): "confirm"; "silent";
    "no-route" (404 as from software that knows no orders); "status N"; "terms PRICE PCT" (takes orders on these terms only);
    "other-terms" (confirms, and says other terms); "evil" (confirms, and sends buyers to javascript:); "no-book"; "price-as-text" and "other-referral" (confirm what cannot be meant); "hold" (the order
    is recorded, and answered at the next of these words).
    A line of the record for each POST: {"path", "verified", "body"}."""
import argparse
import base64
import http.server
import json
import os
import socketserver
import sys
import threading
import time
import urllib.error
import urllib.request

import nacl.exceptions
import nacl.signing


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def padded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def send(o):
    with open(o.key, encoding="ascii") as file:
        _, key_id, seed = file.read().split()
    key = nacl.signing.SigningKey.generate() if o.forge else nacl.signing.SigningKey(padded(seed))
    now = int((time.time() + o.date) * 1000)
    message = {"node": o.node, "to": o.to, "timestamp": now, "seq": now, **json.loads(o.json)}
    signature = base64.b64encode(key.sign(canonical(message)).signature).decode().rstrip("=")
    if o.change:
        message["price_minor"] = 1
    if not o.strip:
        message["signatures"] = {o.node: {f"ed25519:{key_id}": signature}}
    request = urllib.request.Request(o.url, json.dumps(message).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            print(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode())


class Shop:
    def __init__(self, o):
        self.o, self.how, self.lock = o, ["confirm"], threading.Lock()
        self.key = nacl.signing.VerifyKey(padded(o.sender_key))

    def verified(self, message):
        try:
            unsigned = {k: v for k, v in message.items() if k != "signatures"}
            (signature,) = message["signatures"][self.o.sender].values()
            self.key.verify(canonical(unsigned), padded(signature))
            return message["to"] == self.o.id and abs(message["timestamp"] / 1000 - time.time()) < 300
        except (KeyError, ValueError, nacl.exceptions.BadSignatureError):
            return False

    def answer(self, order):
        how, *words = self.how
        terms = {"price_minor": 1299, "currency": "USD", "revenue_share_pct": 20}
        if how == "terms":
            terms.update(price_minor=int(words[0]), revenue_share_pct=int(words[1]))
            if any(order.get(k) not in (None, v) for k, v in terms.items()):
                return 409, {"success": False, "error": "not on these terms", "refused": "terms", **terms}
        if how == "no-route":
            return 404, {"error": "Cannot POST"}
        if how == "status":
            return int(words[0]), {"success": False, "error": f"because I want {words[0]}"}
        if how == "other-terms":
            terms["price_minor"] = 99
        if how == "price-as-text":
            terms["price_minor"] = "500"
        if how == "other-referral":
            terms["referral"] = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        url = "javascript:alert(1)" if how == "evil" else f"https://pay.example/{order['referral']}"
        return 201, {"success": True, "checkoutUrl": url, **terms}


def handler(shop):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def reply(self, status, answer):
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path.startswith("/api/book/"):
                known = shop.how[0] != "no-book"
                self.reply(200 if known else 404, {"success": known, "book": {"id": "b1", "price": 12.99, "currency": "USD"}})
            elif self.path.startswith("/.well-known/"):
                self.reply(404, {})
            else:
                self.reply(200, {"success": True, "results": [], "stats": {"totalBooks": 1}})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            message = json.loads(body)
            if shop.how[0] == "silent":
                time.sleep(30)
                return
            with shop.lock, open(shop.o.record, "a", encoding="utf-8") as f:
                f.write(json.dumps({"path": self.path, "verified": shop.verified(message), "body": message}) + "\n")
            while shop.how[0] == "hold":
                time.sleep(0.02)
            if self.path == "/api/network/orders":
                self.reply(*shop.answer(message))
            else:
                self.reply(200, {"success": True})

    return Handler


def control(shop):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            shop.how = self.rfile.read(int(self.headers["Content-Length"])).decode().split()
            self.send_response(200)
            self.end_headers()

    return Handler


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("control", 0)


def serve(o):
    shop = Shop(o)
    open(o.record, "a", encoding="utf-8").close()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(shop))
    server.daemon_threads = True
    if os.path.exists(o.control):
        os.unlink(o.control)
    threading.Thread(target=UnixServer(o.control, control(shop)).serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()


def main():
    p = argparse.ArgumentParser()
    verbs = p.add_subparsers(required=True)
    v = verbs.add_parser("send")
    for name in ("key", "node", "to", "url"):
        v.add_argument(f"--{name}", required=True)
    v.add_argument("--date", type=float, default=0, help="seconds from now")
    for name in ("forge", "change", "strip"):
        v.add_argument(f"--{name}", action="store_true")
    v.add_argument("json")
    v.set_defaults(run=send)
    v = verbs.add_parser("serve")
    for name in ("control", "record", "id", "sender", "sender-key"):
        v.add_argument(f"--{name}", required=True)
    v.set_defaults(run=serve)
    o = p.parse_args()
    o.run(o)
    return 0


sys.exit(main())
