#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A node of other marketplace software: it has an export, and no route for searches.

usage: export-peer.py FOLDER

FOLDER/export.json is what it sends. FOLDER/order says how: ok (the default), cut (half of it, with the length of all), drip (a byte
in a while), gone (404), busy (503), away (to FOLDER/away, a URL). FOLDER/asked gets a line for each request: path, If-None-Match.
Says its port on stdout."""
import http.server
import os
import sys
import time

folder = sys.argv[1]


def read(name, default=""):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return default


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def export(self):
        order = read("order", "ok")
        with open(os.path.join(folder, "export.json"), "rb") as f:
            body = f.read()
        if order in ("gone", "busy"):
            self.reply({"gone": 404, "busy": 503}[order], b"{}", Retry_After="7")
        elif order == "away":
            self.reply(302, b"", Location=read("away"))
        elif order == "ok":
            self.reply(200, body, Content_Type="application/json")
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            while order == "drip" and read("order") == "drip":
                time.sleep(0.05)
            self.close_connection = True

    def do_GET(self):
        with open(os.path.join(folder, "asked"), "a", encoding="utf-8") as f:
            f.write(f"{self.path} {self.headers.get('If-None-Match', '-')}\n")
        if self.path == "/federation/export":
            self.export()
        elif self.path == "/api/health":
            self.reply(200, b'{"status":"ok"}', Content_Type="application/json")
        else:
            self.reply(404, b"{}")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
