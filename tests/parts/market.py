#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A node of another make: a market in the manner of small Express servers. It registers, lists, exports and pulls under /federation/,
knows no search and no signatures, answers 404 with a page, and exports more than it should (users with password hashes).

market.py --control SOCKET --listings FILE [--port P] [--address A]
prints its port. FILE has a listing a line (JSON). Orders: "ok", "garbage" (no JSON), "html", "status N", "silent", "wrong-hash",
"huge" (an export that never ends), "wrong-shape" (listings is no list), "gone" (refuses), "search" (knows /api/search, too).
Its control socket answers GET with {"requests", "paths": {"METHOD PATH": n}}."""
import argparse
import hashlib
import http.server
import json
import os
import socketserver
import threading
import time
import urllib.parse

USERS = [{"_id": "u1", "email": "canary-user@example.org", "passwordHash": "$2b$10$canaryCanaryCanaryCanary"},
         {"_id": "u2", "email": "canary-other@example.org", "passwordHash": "$2b$10$canaryOther"}]
TRANSACTIONS = [{"_id": "t1", "buyerEmail": "canary-buyer@example.org", "amount": 12.5, "listingId": "l1"}]

lock = threading.Lock()
state = {"how": "ok", "argument": "", "requests": 0, "paths": {}}
options = None


def listings():
    with open(options.listings, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def export():
    rows = listings()
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return {"node": "market", "exportedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "listings": rows,
            "transactions": TRANSACTIONS, "users": USERS, "dataHash": digest}


class Market(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json; charset=utf-8"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Powered-By", "Express")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cannot(self, path):
        page = f'<!DOCTYPE html>\n<html lang="en">\n<body>\n<pre>Cannot {self.command} {path}</pre>\n</body>\n</html>\n'
        self.answer(404, page.encode(), "text/html; charset=utf-8")

    def send_export(self, how, argument):
        if how == "garbage":
            self.answer(200, b"\x1f\x8b garbage")
        elif how == "html":
            self.answer(200, b"<html><body>Bad gateway</body></html>", "text/html")
        elif how == "status":
            self.answer(int(argument), {"error": "no"})
        elif how == "silent":
            time.sleep(60)
        elif how == "wrong-hash":
            self.answer(200, {**export(), "schema": "aan-export/1", "hash": "0" * 64})
        elif how == "wrong-shape":
            self.answer(200, {"listings": {"0": "no list"}, "transactions": [], "users": []})
        elif how == "huge":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
            self.wfile.write(b'{"listings":[')
            while True:
                self.wfile.write(b'{"_id":"x","title":"' + b"x" * 65536 + b'"},')
        else:
            self.answer(200, export())

    def handle_any(self):
        path = urllib.parse.urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            how, argument = state["how"], state["argument"]
            state["requests"] += 1
            key = f"{self.command} {path}"
            state["paths"][key] = state["paths"].get(key, 0) + 1
        try:
            if how == "gone":
                self.close_connection = True
            elif (self.command, path) == ("GET", "/federation/export"):
                self.send_export(how, argument)
            elif (self.command, path) == ("GET", "/federation/status"):
                self.answer(200, {"status": "ok", "listings": len(listings())})
            elif (self.command, path) == ("POST", "/federation/node/register"):
                self.answer(201, {"message": "Node registered", "node": json.loads(body)})
            elif path == "/":
                self.answer(200, {"message": "A market"})
            elif how == "search" and path == "/api/search":
                words = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("q", [""])[0].lower().split()
                rows = [r for r in listings() if all(w in r["title"].lower() for w in words)]
                self.answer(200, {"success": True, "results": rows, "totalResults": len(rows)})
            else:
                self.cannot(path)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_HEAD = handle_any

    def log_message(self, *_):
        pass


class Control(http.server.BaseHTTPRequestHandler):
    def reply(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        with lock:
            self.reply(200, json.dumps({"requests": state["requests"], "paths": state["paths"]}) + "\n")

    def do_POST(self):
        how, _, argument = self.rfile.read(int(self.headers["Content-Length"])).decode().partition(" ")
        if how not in "ok garbage html status silent wrong-hash wrong-shape huge gone search".split():
            self.reply(400, f"no such behaviour: {how}\n")
            return
        with lock:
            state["how"], state["argument"] = how, argument
        self.reply(200, "")

    def log_message(self, *_):
        pass

    def address_string(self):
        return "control"


class Socket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def main():
    global options
    p = argparse.ArgumentParser()
    p.add_argument("--control", required=True)
    p.add_argument("--listings", required=True)
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    options = p.parse_args()
    if os.path.exists(options.control):
        os.unlink(options.control)
    server = Server((options.address, options.port), Market)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    control = Socket(options.control, Control)
    print(server.server_port, flush=True)
    control.serve_forever()


main()
