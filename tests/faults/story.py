# SPDX-License-Identifier: MIT
"""What the campaigns share in which failoverd lives on while something fails below it: a shop with every kind of probe and
action, a round of outage, operator, reload and return that it goes through again and again, and the judgement of it."""
import http.client
import json
import mmap
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import audit
from kill import PATIENCE, Daemon, Failed, Part, ask, mode_json, payment_env, read, wait_for

CONFIG = """
node: {{id: shop, name: Shop, url: "http://127.0.0.1"}}
probes:
  payment-api: {{type: http, url: "http://localhost:{api}/v1/account", expect_json: {{charges_enabled: true}}, {pace}}}
  btcpay: {{type: http, url: "http://127.0.0.1:{crypto}/api/v1/health", {pace}}}
  listener: {{type: tcp, host: 127.0.0.1, port: {crypto}, {pace}}}
  domain: {{type: dns, name: www.shop.example, record: A, servers: ["{dns}"], expect: [192.0.2.10], {pace}}}
  plugin: {{type: exec, command: [/bin/echo, "OK | a=1"], {pace}}}
  disk: {{type: disk, path: "{folder}", min_free: 1, min_inodes: 0, {pace}}}
  checkout: {{type: passive, from: [root]}}
modes:
  - {{name: primary, requires: [payment-api{requires}]}}
  - {{name: crypto, requires: [btcpay]}}
failback: {{hold: {hold}, hold_max: 1h, max_changes_per_day: 0}}
heartbeat: {{url: "http://127.0.0.1:{sink}/heartbeat", every: 10s}}
actions:
  - {{type: payment-mode}}
  - {{type: status-page}}
  - {{type: alert, webhook: {{url: "http://127.0.0.1:{sink}/alert", format: json}}}}
  - {{type: http, url: "http://127.0.0.1:{sink}/http"}}
  - {{type: exec, command: [/bin/sh, -c, 'echo "$FAILOVER_CHANGE" >>"$0"', "{folder}/exec.txt"]}}
"""
PACE = "interval: 300ms, fast_interval: 40ms, timeout: 1s, fall: 2, window: 3, rise: 2"
STATE, EVENTS = ["payment-mode", "status-page"], ["alert", "http", "exec"]
WRONG = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|Assertion|[Ff]atal error|stack smashing|corrupted")

# What libraries lose when memory is scarce, which is theirs to mend.
THEIR_LEAKS = ["ld-linux",  # glibc 2.36: dlopen(), whose function has a name only where libc6-dbg is installed
               "libcrypto.so"]  # OpenSSL 3.0, while it makes itself ready


class NameServer:
    """Knows one address, over UDP."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, sender = self.socket.recvfrom(4096)
            end = query.index(b"\0", 12) + 5
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([192, 0, 2, 10])
            self.socket.sendto(query[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + query[12:end] + answer, sender)


class Orders:
    """Memory that a preloaded part shares with us: 64-bit numbers, by name."""

    def __init__(self, path, names, size=4096):
        self.names = names
        with open(path, "w+b") as f:
            f.truncate(size)
            self.memory = mmap.mmap(f.fileno(), size)

    def __setitem__(self, name, value):
        struct.pack_into("Q", self.memory, 8 * self.names.index(name), value)

    def __getitem__(self, name):
        return struct.unpack_from("Q", self.memory, 8 * self.names.index(name))[0]


class Story:
    """A shop and its daemon, for as many rounds as one likes."""

    def __init__(self, options, program, preload=None, variable=None, hold="0s", requires=""):
        self.options, self.program, self.hold, self.requires = options, program, hold, requires
        self.folder = f"{options.folder}/{os.path.basename(program)}"
        os.makedirs(f"{self.folder}/parts")
        parts = f"{self.folder}/parts"
        self.dns = NameServer()
        self.parts = []
        self.api, self.crypto, self.sink = (self.part(*a) for a in (
            ("api", "payment-api"), ("crypto", "payment-api"), ("sink", "webhook-sink", "--record", f"{parts}/sink.jsonl")))
        self.record = f"{parts}/sink.jsonl"
        self.environment = {}
        if preload:
            libraries = [f"{options.build}/tests/lib{preload}.so"]
            self.environment = {"LD_PRELOAD": ":".join(libraries), **variable}
        self.environment["ASAN_OPTIONS"] = "verify_asan_link_order=0:allocator_may_return_null=1"
        with open(f"{self.folder}/leaks", "w", encoding="utf-8") as f:
            f.write("".join(f"leak:{name}\n" for name in THEIR_LEAKS))
        self.environment["LSAN_OPTIONS"] = f"suppressions={self.folder}/leaks:print_suppressions=0"
        self.daemon, self.known, self.reloads = None, None, 0
        self.wrapper = []
        self.configure()

    def part(self, name, *arguments):
        self.parts.append(Part(self.options.build, f"{self.folder}/parts", name, *arguments))
        return self.parts[-1]

    def configure(self, more=""):
        text = CONFIG.format(api=self.api.port, crypto=self.crypto.port, sink=self.sink.port, dns=self.dns.address,
                             folder=self.folder, pace=PACE, hold=self.hold, requires=self.requires) + more
        with open(f"{self.folder}/new.yaml", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(f"{self.folder}/new.yaml", 0o600)
        os.rename(f"{self.folder}/new.yaml", f"{self.folder}/failoverd.yaml")

    def close(self):
        if self.daemon and not self.daemon.dead():
            self.daemon.process.kill()
            self.daemon.process.wait()
        for part in self.parts:
            part.stop()

    # ---- the daemon

    def launch(self):
        wrapper = [*self.wrapper, "env", *(f"{k}={v}" for k, v in self.environment.items())]
        with open(f"{self.folder}/log", "a", encoding="utf-8") as log:
            self.daemon = Daemon(self.program, self.folder, log, wrapper)

    def start(self):
        self.launch()
        self.settle("primary")

    def settle(self, mode, patience=PATIENCE):
        wait_for(f"in mode {mode}, saved, and nothing left to do", lambda: self.daemon.done(mode), patience)

    def stop(self):
        """SIGTERM; what came of it is judged."""
        code = self.daemon.stop(signal.SIGTERM)
        self.judge_log()
        if code != 0:
            raise Failed(f"stopped, failoverd returned {code}: {self.last_words()}")

    def last_words(self, n=4):
        return " | ".join(read(f"{self.folder}/log").splitlines()[-n:])

    def judge_log(self):
        found = WRONG.search(read(f"{self.folder}/log"))
        if found:
            raise Failed(f"the log says: {found.group(0)}")

    def alive(self):
        if self.daemon.dead():
            raise Failed(f"failoverd has ended with {self.daemon.process.returncode}: {self.last_words()}")

    def all_up(self):
        status = self.daemon.status()
        return status and all(p["verdict"] == "up" or p["type"] == "passive" for p in status["probes"])

    # ---- the operator

    def request(self, url, body=None):
        """(status or None when there was no answer, document or None)"""
        c = http.client.HTTPConnection("localhost", timeout=5)
        c.sock = socket.socket(socket.AF_UNIX)
        try:
            c.sock.settimeout(5)
            c.sock.connect(self.daemon.control)
            c.request("GET" if body is None else "POST", url, body)
            r = c.getresponse()
            data = r.read()
            if "json" not in (r.getheader("Content-Type") or ""):
                return r.status, data
            return r.status, json.loads(data)
        except socket.timeout:
            raise Failed(f"no answer to {url}, and no end of the connection") from None
        except (OSError, ValueError, http.client.HTTPException):
            return None, None
        finally:
            c.close()

    def insist(self, url, body=None):
        """Until it succeeds: one refusal for want of something is honest."""
        return wait_for(f"{url} succeeds", lambda: self.succeeds(url, body))

    def succeeds(self, url, body=None):
        self.alive()
        code, document = self.request(url, body)
        if code != 200:
            return None
        if isinstance(document, dict) and document.get("success") is False:
            raise Failed(f"{url} answers 200 and {document}")
        return document

    def status_says(self, claim, condition):
        wait_for(claim, lambda: (lambda s: s and condition(s))(self.daemon.status()), 5)

    def look(self):
        """All that can be asked for. Whatever is missing may be refused; what is said must be right."""
        for url in ("/v1/status", "/v1/history?limit=5", "/v1/explain", "/v1/plan?mode=crypto", "/metrics", "/v1/nothing"):
            code, document = self.request(url)
            if code == 200 and url.startswith("/v1/status") and document.get("mode") not in ("primary", "crypto"):
                raise Failed(f"status says {document}")
            if code == 200 and url.startswith("/v1/history") and not document.get("changes"):
                raise Failed(f"history says {document}")
        self.request("/v1/report", json.dumps({"probe": "checkout", "outcome": "pass"}))

    def watch(self):
        """A stream of events, opened and left."""
        s = socket.socket(socket.AF_UNIX)
        try:
            s.settimeout(0.02)
            s.connect(self.daemon.control)
            s.send(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            s.recv(4096)
        except OSError:
            pass
        finally:
            s.close()

    def pause(self):
        self.insist("/v1/pause", "{}")
        self.status_says("paused, as was said", lambda s: s["operator"]["paused"])
        self.insist("/v1/resume", "{}")
        self.status_says("not paused any more, as was said", lambda s: not s["operator"]["paused"])

    def pin(self):
        self.insist("/v1/mode", '{"mode": "crypto", "reason": "a try", "for": "2h"}')
        self.status_says("pinned, as was said", lambda s: s["operator"]["pinned"] == "crypto")
        self.buys("crypto")
        self.insist("/v1/mode", '{"auto": true}')
        self.status_says("not pinned any more, as was said", lambda s: s["operator"]["pinned"] is None)
        self.buys("primary")

    def reload(self):
        """It may be refused, with a word about it; then everything is as before."""
        self.reloads += 1
        self.configure(f"# {self.reloads}\n")
        self.daemon.process.send_signal(signal.SIGHUP)

    # ---- the round

    def buys(self, mode):
        def so():
            self.alive()
            return payment_env(self.folder).get("PAYMENT_MODE") == mode
        wait_for(f"buyers pay by {mode}", so)

    def outage(self):
        self.api.order("status 503")
        self.watch()
        self.look()
        self.reload()
        self.buys("crypto")

    def end_of_outage(self):
        self.look()
        self.api.order("ok")
        self.buys("primary")

    def round(self):
        """An outage with people looking on, the return, and an operator: four changes."""
        self.outage()
        self.end_of_outage()
        self.pause()
        self.pin()

    def judge_round(self, expected=("crypto", "primary", "crypto", "primary")):
        """Nothing is missing any more: all of it has happened, once, and is saved."""
        self.settle(expected[-1] if expected else "primary")
        self.alive()
        changes = self.insist("/v1/history?limit=20")["changes"]
        new = []
        for c in changes:
            if c["id"] == self.known:
                break
            new.insert(0, c["to"])
        if self.known and new != list(expected):
            raise Failed(f"the round's changes are {new}, not {list(expected)}: " + "; ".join(
                f"{c['from']} to {c['to']}: {c['cause']}" for c in reversed(changes[:len(new)])))
        self.known = changes[0]["id"]
        self.judge_log()

    def heard(self, action):
        with open(self.record, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f if line.endswith("\n")]
        return [json.loads(r["body"])["id"] for r in lines if r["path"] == f"/{action}" and r["status"] == 200]

    def audit(self, tolerate=None):
        """The daemon is stopped: what it has left behind, against what others have seen."""
        a = audit.Audit(f"{self.folder}/state", STATE, EVENTS)
        for action in ("alert", "http"):
            a.check_receiver(action, self.heard(action))
        a.check_receiver("exec", read(f"{self.folder}/exec.txt").split())
        a.check_known(payment_env(self.folder).get("FAILOVER_CHANGE"), "payment.env")
        a.check_known(mode_json(self.folder).get("change"), "mode.json")
        findings = [f"{kind}: {words}" for kind, words in a.findings if not tolerate or tolerate not in words]
        if findings:
            raise Failed("; ".join(findings[:4]))
        return len(a.changes)


def end_well():
    """SIGTERM ends us as an exception does: through every finally."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
