#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Points every probe and every action that talks at counterparts that do not answer as they should, all at once, beside
probes and actions whose counterparts are well. holes.sh says how it is called."""
import argparse
import asyncio
import datetime
import itertools
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
import zlib

from kill import Failed, read, wait_for
from story import Story, end_well

TIMEOUT = 1.0  # of every attempt
LATE = 4  # seconds after its timeout; an attempt that lasts longer was not ended by it. Sanitizers and neighbours are slow
MEMORY = 400 << 10  # KiB, above what it takes without holes; sanitizers keep what was freed for a while
KEPT = 12  # connections to those who have answered are kept for the next time
GIB = 1 << 30
HTTP = ["full", "silent", "drip", "mid", "flood", "bomb", "headers", "redirects"]
TLS = ["silent", "tls-drip"]


class Holes:
    """Servers on loopback, a port a kind, in a thread of their own."""

    def __init__(self):
        self.ports, self.kept = {}, []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)  # those who are fed up with us reset the connection
        block = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.block = block.compress(bytes(1 << 20)) + block.flush(zlib.Z_FULL_FLUSH)  # stands for itself: it may be repeated
        ready = threading.Event()
        threading.Thread(target=self.run, args=(ready,), daemon=True).start()
        ready.wait()

    def run(self, ready):
        asyncio.set_event_loop(self.loop)
        for kind in ("silent", "drip", "mid", "flood", "bomb", "headers", "redirects", "tls-drip", "mail-drip", "dns-drip"):
            server = self.loop.run_until_complete(asyncio.start_server(
                lambda r, w, kind=kind: self.serve(kind, r, w), "127.0.0.1", 0, backlog=200))
            self.ports[kind] = server.sockets[0].getsockname()[1]
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        self.kept.append(full)
        self.ports["full"] = full.getsockname()[1]
        for _ in range(3):  # the queue is full: from now on nothing is answered at all
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(full.getsockname())
            self.kept.append(s)
        self.ports["udp-silent"] = self.udp(None)
        self.ports["udp-cut"] = self.udp(self.ports["dns-drip"])
        ready.set()
        self.loop.run_forever()

    def udp(self, tcp):
        """Says nothing; or, on the port on which TCP drips, that the answer is too long for UDP."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", tcp or 0))
        s.setblocking(False)
        self.kept.append(s)

        def cut():
            try:
                query, sender = s.recvfrom(4096)
                s.sendto(query[:2] + b"\x83\x80" + query[4:6] + bytes(6) + query[12:query.index(b"\0", 12) + 5], sender)
            except OSError:
                pass
        if tcp:
            self.loop.add_reader(s, cut)
        return s.getsockname()[1]

    async def serve(self, kind, reader, writer):
        try:
            await getattr(self, kind.replace("-", "_"))(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    async def silent(self, reader, _):
        while await reader.read(4096):
            pass

    async def dribble(self, writer, data):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)

    async def drip(self, reader, writer):
        await reader.read(4096)
        await self.dribble(writer, itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(97)))

    async def tls_drip(self, reader, writer):
        await self.dribble(writer, itertools.chain(b"\x16\x03\x03\x40\x00", itertools.repeat(0)))

    async def mail_drip(self, reader, writer):
        await self.dribble(writer, itertools.cycle(b"220-hello\r\n"))

    async def dns_drip(self, reader, writer):
        await reader.read(4096)
        await self.dribble(writer, itertools.chain(b"\x01\x00", itertools.repeat(0)))

    async def mid(self, reader, writer):
        await reader.read(4096)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"half\":")
        await self.silent(reader, writer)

    async def pour(self, writer, head, data):
        writer.write(head)
        for _ in range(GIB // (1 << 20)):
            writer.write(data)
            await writer.drain()

    async def flood(self, reader, writer):
        await reader.read(4096)
        await self.pour(writer, b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 20))

    async def bomb(self, reader, writer):
        await reader.read(4096)
        await self.pour(writer, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff", self.block)

    async def headers(self, reader, writer):
        await reader.read(4096)
        await self.pour(writer, b"HTTP/1.1 200 OK\r\n", b"X-Header: nothing\r\n" * 5000)

    async def redirects(self, reader, writer):
        while await reader.read(4096):
            writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


def probes_at(ports, folder):
    """name: keys"""
    found = {f"http-{k}": f'{{type: http, url: "http://127.0.0.1:{ports[k]}/", expect_json: {{a: b}}' for k in HTTP}
    found |= {f"https-{k}": f'{{type: http, url: "https://127.0.0.1:{ports[k]}/"' for k in TLS}
    found["tcp-full"] = f"{{type: tcp, host: 127.0.0.1, port: {ports['full']}"
    found |= {f"tcp-{k}": f"{{type: tcp, host: 127.0.0.1, port: {ports[k]}, tls: true" for k in TLS}
    found |= {f"dns-{k}": f'{{type: dns, name: x.example, record: A, servers: ["127.0.0.1:{ports[k]}"]' for k in ("udp-silent", "udp-cut")}
    found |= {f"postgresql-{k}": f"{{type: postgresql, dsn: \"host=127.0.0.1 port={ports[k]} dbname=shop user=x password=y\""
              for k in ("full", "silent", "drip", "flood")}
    found["exec-hangs"] = '{type: exec, command: [/bin/sleep, "1000"]'
    found["exec-ignores"] = '{type: exec, command: [/bin/sh, -c, "trap : TERM; while :; do sleep 100; done"]'
    found["exec-floods"] = '{type: exec, command: [/bin/cat, /dev/zero]'
    found["exec-leaves"] = '{type: exec, command: [/bin/sh, -c, "sleep 1000 & echo OK"]'
    return {n: f"{k}, interval: 2s, fast_interval: 1500ms, timeout: {TIMEOUT:g}s}}" for n, k in found.items()}


def actions_at(ports, folder):
    found = {f"alert-{k}": f'type: alert, webhook: {{url: "http://127.0.0.1:{ports[k]}/", format: json, timeout: {TIMEOUT:g}s}}' for k in HTTP}
    found |= {f"http-{k}": f'type: http, url: "http://127.0.0.1:{ports[k]}/", timeout: {TIMEOUT:g}s' for k in HTTP}
    found |= {f"https-{k}": f'type: http, url: "https://127.0.0.1:{ports[k]}/", timeout: {TIMEOUT:g}s' for k in TLS}
    found |= {f"mail-{k}": f'type: alert, smtp: {{url: "smtp://127.0.0.1:{ports[k]}", tls: none, from: a@shop.example, '
              f'to: [b@shop.example], timeout: {TIMEOUT:g}s}}' for k in ("full", "silent", "mail-drip", "flood")}
    found["exec-hangs"] = f'type: exec, command: [/bin/sleep, "1000"], timeout: {TIMEOUT:g}s'
    found["exec-floods"] = f"type: exec, command: [/bin/cat, /dev/zero], timeout: {TIMEOUT:g}s"
    found |= {f"cloudflare-{k}": f'type: dns, provider: cloudflare, zone: shop.example, token_file: "{folder}/token", '
              f'url: "http://127.0.0.1:{ports[k]}", records: {{primary: ["shop.example. 60 A 192.0.2.1"], '
              f'crypto: ["shop.example. 60 A 192.0.2.2"]}}' for k in ("silent", "drip", "flood")}
    return [f"  - {{name: hole-{n}, {k}}}\n" for n, k in found.items()]


class Holed(Story):
    def holes(self, ports):
        """The configuration of the well shop, and all holes beside it."""
        with open(f"{self.folder}/token", "w", encoding="utf-8") as f:
            f.write("secret\n")
        os.chmod(f"{self.folder}/token", 0o600)
        self.configure()
        with open(f"{self.folder}/failoverd.yaml", encoding="utf-8") as f:
            text = f.read()
        self.hole_probes = probes_at(ports, self.folder)
        self.hole_actions = actions_at(ports, self.folder)
        text = text.replace("modes:\n", "".join(f"  hole-{n}: {k}\n" for n, k in self.hole_probes.items()) + "modes:\n", 1)
        with open(f"{self.folder}/new.yaml", "w", encoding="utf-8") as f:
            f.write(text + "".join(self.hole_actions))
        os.chmod(f"{self.folder}/new.yaml", 0o600)
        os.rename(f"{self.folder}/new.yaml", f"{self.folder}/failoverd.yaml")

    def reloaded(self, n_probes):
        self.daemon.process.send_signal(1)
        wait_for(f"reloaded, with {n_probes} probes", lambda: len(self.daemon.status()["probes"]) == n_probes)

    def memory(self, field):
        return int(re.search(rf"{field}:\s+(\d+)", read(f"/proc/{self.daemon.process.pid}/status"))[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def children(self):
        return read(f"/proc/{self.daemon.process.pid}/task/{self.daemon.process.pid}/children").split()

    def lateness(self):
        """[(bound in seconds, attempts that began no later)]"""
        text = self.insist("/metrics").decode()
        return [(float(b), int(float(n))) for b, n in
                re.findall(r'failoverd_schedule_lateness_seconds_bucket{le="([^"]+)"} (\S+)', text)]


def age(text):
    return time.time() - datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Campaign:
    def __init__(self, options):
        self.options = options
        self.attempts = self.stuck = 0
        self.slowest = self.late = self.latest = self.flip = self.machine = 0.0
        self.peak = 0

    def say(self, words):
        self.stuck += 1
        print(f"stuck: {words}", flush=True)

    def look(self, s, seen):
        """Every attempt has ended in time, and the next one has, too."""
        for p in s.daemon.status()["probes"]:
            if p["type"] == "passive" or not p["at"]:
                continue
            if p["at"] not in seen.setdefault(p["name"], set()):
                seen[p["name"]].add(p["at"])
                self.attempts += 1
                self.slowest = max(self.slowest, (p["latency_ms"] or 0) / 1000)
                if (p["latency_ms"] or 0) / 1000 > TIMEOUT + LATE:
                    self.say(f"an attempt of {p['name']} has taken {p['latency_ms']} ms")
            if age(p["at"]) > TIMEOUT + LATE + 2.5:
                self.say(f"{p['name']} has said nothing for {age(p['at']):.1f} s")
                p["at"] = None
        self.peak = max(self.peak, s.memory("VmRSS"))


def late(before, after, share):
    """The bound below which this share of the attempts between the two began, in seconds."""
    total = after[-1][1] - before[-1][1]
    return next(b for (b, n), (_, m) in zip(after, before) if n - m >= share * total)


def story(c, o):
    holes = Holes()
    s = Holed(argparse.Namespace(build=o.build, folder=o.folder), o.program)
    s.environment["ASAN_OPTIONS"] += ":quarantine_size_mb=16"
    try:
        s.start()
        s.judge_round()
        wait_for("everything is up", s.all_up)
        rest = min(s.descriptors() for _ in range(60) if not time.sleep(0.01))
        n_probes, usual = len(s.daemon.status()["probes"]), s.memory("VmRSS")
        s.holes(holes.ports)
        s.reloaded(n_probes + len(s.hole_probes))
        before, seen = s.lateness(), {}
        wait_for("every hole was looked into", lambda: all(p["at"] or p["type"] == "passive" for p in s.daemon.status()["probes"]), 30)
        began, end = time.monotonic(), time.monotonic() + o.seconds
        s.api.order("status 503")
        s.buys("crypto")
        c.flip = time.monotonic() - began
        while time.monotonic() < end and c.stuck < 5:
            c.look(s, seen)
            before_sleep = time.monotonic()
            time.sleep(0.05)
            c.machine = max(c.machine, time.monotonic() - before_sleep - 0.05)
        names = [p["name"] for p in s.daemon.status()["probes"] if p["name"].startswith("hole-")]
        for name in names:
            if name != "hole-exec-leaves" and not seen.get(name):
                c.say(f"{name} has never ended")
        up = [p["name"] for p in s.daemon.status()["probes"] if p["name"] in names and p["verdict"] == "up"]
        if set(up) - {"hole-exec-leaves"}:
            c.say(f"taken for well: {[(p['name'], p['message']) for p in s.daemon.status()['probes'] if p['name'] in up]}")
        after = s.lateness()
        c.late, c.latest = late(before, after, 0.95), late(before, after, 1)
        if c.latest > 2 and c.machine < 0.3:
            c.say("an attempt has begun more than 2 s late")
        judge_actions(c, s)
        s.api.order("ok")
        s.buys("primary")

        # All of it is given back.
        s.configure()
        s.reloaded(n_probes)
        s.judge_round(("crypto", "primary"))
        wait_for("no child is left", lambda: len(s.children()) <= 2, 30)
        left = min(s.descriptors() for _ in range(100) if not time.sleep(0.01))
        if left > rest + KEPT:
            links = [os.readlink(f"/proc/{s.daemon.process.pid}/fd/{n}") for n in os.listdir(f"/proc/{s.daemon.process.pid}/fd")]
            c.say(f"{left - rest} descriptors more than before: {sorted(links)}")
        if c.peak - usual > MEMORY:
            c.say(f"it takes {(c.peak - usual) >> 10} MiB more")
        s.stop()
        s.judge_log()
        return c.peak - usual
    finally:
        s.close()


def judge_actions(c, s):
    """What is well was not held up; what is not was tried, and given up in time to be tried again."""
    actions = s.daemon.status()["actions"]
    for a in actions:
        name = a.get("name") or a["type"]
        hole = name.startswith("hole-")
        if not hole and a["state"] not in ("done", "superseded"):
            c.say(f"{name} is {a['state']}, {a['attempts']} attempts: {a.get('message')}")
        if hole and a["state"] == "pending" and a["attempts"] == 0 and age(a.get("at") or "1970-01-01T00:00:00Z") > 8:
            c.say(f"{name} was never tried to its end")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", required=True)
    p.add_argument("--build", required=True)
    p.add_argument("--stage", choices=["quick", "full", "bug"], default="quick")
    p.add_argument("--keep", action="store_true")
    o = p.parse_args()
    end_well()
    o.seconds = {"quick": 6, "full": 300, "bug": 6}[o.stage]
    o.folder = tempfile.mkdtemp(prefix="holes.", dir=os.environ.get("TMPDIR", "/tmp"))
    c, status, more = Campaign(o), 1, 0
    try:
        try:
            more = story(c, o) or 0
        except Failed as e:
            c.say(str(e))
        print(f"holes: attempts {c.attempts}, stuck {c.stuck}; the longest {c.slowest:.2f} s with a timeout of {TIMEOUT:g} s, begun at "
              f"most {c.late:g} s late (95 %), {c.latest:g} s (all; this script: {c.machine:.2f} s), outage to payment.env {c.flip:.2f} s, {more >> 10} MiB more than without holes", flush=True)
        status = 1 if c.stuck else 0
    finally:
        if status == 0 and not o.keep:
            shutil.rmtree(o.folder)
        else:
            print(f"kept: {o.folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
