#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reloads failoverd again and again, each time with a configuration in which everything may be another, with broken files in
between, while attempts and actions are in flight and clients ask. reloads.sh says how it is called.
"""
import argparse
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from kill import Failed, Part, ask, read, wait_for

RSS_ALLOWED = 10 << 20  # the allocator's own, over thousands of reloads
SMALL_QUARANTINE = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=8"
MODES = ["primary", "crypto", "federated"]
BROKEN = [  # (what is done to a good file, part of the reason)
    (lambda t: t.replace("interval:", "intervall:", 1), "intervall"),
    (lambda t: t.replace("type: passive", "type: pasive", 1), "pasive"),
    (lambda t: t + "modes: {", ""),
    (lambda t: t.replace("requires: [", "requires: [nobody, ", 1), "nobody"),
    (lambda t: t.replace("node:", "nodes:", 1), ""),
    (lambda t: "", ""),
    (lambda t: "[" * 5000, ""),
    (lambda t: t + "\tx: 1\n", ""),
    (lambda t: t + "modes: []\n", "modes"),
    (lambda t: t.replace("bearer_file: good.key", "bearer_file: open.key"), "open.key"),
]


class World:
    def __init__(self, options, chance):
        self.options, self.chance, self.folder = options, chance, options.folder
        self.parts = [Part(options.build, self.folder, f"api{i}", "payment-api") for i in range(4)]
        self.sink = Part(options.build, self.folder, "sink", "webhook-sink", "--record", f"{self.folder}/sink.jsonl")
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a name server that is silent
        self.udp.bind(("127.0.0.1", 0))
        for name, mode in (("good.key", 0o600), ("open.key", 0o644)):
            with open(f"{self.folder}/{name}", "w", encoding="utf-8") as f:
                f.write("sk_test\n")
            os.chmod(f"{self.folder}/{name}", mode)
        with open(f"{self.folder}/registry.json", "w", encoding="utf-8") as f:
            f.write("{}")
        self.process, self.number = None, 0
        self.log = f"{self.folder}/log"
        self.taken = self.refused = 0

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for part in [*self.parts, self.sink]:
            part.stop()
        self.udp.close()

    # ---- configurations

    def pace(self):
        c = self.chance
        return (f"interval: {c.choice(['60ms', '100ms', '1s', '1h'])}, fast_interval: {c.choice(['20ms', '50ms'])}, "
                f"timeout: {c.choice(['100ms', '300ms', '5s'])}, fall: {c.choice([1, 2])}, window: {c.choice([2, 3])}, rise: {c.choice([1, 2])}")

    def probe(self):
        c, port = self.chance, self.chance.choice(self.parts).port
        kind = c.choice(["http", "http", "http", "tcp", "dns", "exec", "disk", "passive", "peers", "postgresql", "unit"])
        keys = {
            "http": c.choice([f'url: "http://127.0.0.1:{port}/v1/account"', f'url: "http://localhost:{port}/", bearer_file: good.key',
                              f'url: "http://127.0.0.1:{port}/x", headers: {{X-A: b}}, body: text, expect_body: charges']),
            "tcp": f"host: {c.choice(['127.0.0.1', 'localhost'])}, port: {port}" + c.choice(["", ", tls: true"]),
            "dns": f'name: shop.example, servers: ["127.0.0.1:{self.udp.getsockname()[1]}"]',
            "exec": "command: " + c.choice(["[/bin/true]", "[/bin/sleep, '0.05']", "[/bin/sleep, '30']", "[/nonexistent]", "[/bin/sh, -c, 'sleep 9 & exit 2']"]),
            "disk": f'path: "{self.folder}"',
            "passive": "from: [root], max_silence: 15m",
            "postgresql": f"dsn: host=127.0.0.1 port={port} dbname=shop password=secret",
            "unit": "name: shop.service",
            "peers": f'registry: "{self.folder}/registry.json"',
        }[kind]
        return f"{{type: {kind}, {keys}{'' if kind == 'passive' else ', ' + self.pace()}}}"

    def action(self, i):
        c, url = self.chance, f"http://127.0.0.1:{self.sink.port}"
        return c.choice([
            "{type: payment-mode}", f'{{type: payment-mode, http: {{url: "{url}/hook"}}}}', "{type: status-page}",
            f'{{type: alert, webhook: {{url: "{url}/alert", format: {c.choice(["json", "slack", "ntfy", "alertmanager"])}, timeout: 500ms}}}}',
            f'{{type: alert, name: pager, webhook: {{url: "{url}/pager", format: json, secret_file: good.key}}}}',
            f'{{type: http, url: "{url}/http{i}", timeout: 300ms}}', f'{{type: http, name: hook-{i}, url: "{url}/h", bearer_file: good.key}}',
            "{type: exec, command: [/bin/sleep, '0.02']}", "{type: exec, name: long, command: [/bin/sleep, '20'], timeout: 1s}",
            "{type: exec, modes: [crypto], command: [/bin/false]}"])

    def config(self):
        """A good file. The probe r-NUMBER tells that this one, and no other, is in force."""
        c, self.number = self.chance, self.number + 1
        names = c.sample([f"p{i}" for i in range(12)], c.randint(1, 8))
        probes = [f"  {n}: {self.probe()}" for n in names] + [f"  r-{self.number}: {{type: passive}}", f"  timed: {{type: tcp, host: 127.0.0.1, port: 1, {self.pace()}}}"]
        modes = [f"  - {{name: {m}, requires: [{', '.join(c.sample(names, c.randint(0 if m == 'federated' else 1, min(2, len(names)))))}]}}"
                 for m in MODES]
        actions, seen = [], set()
        for i in range(c.randint(0, 5)):
            a = self.action(i)
            kind = a.split(",")[0].strip("{}") + (a.split("name: ")[1].split(",")[0] if "name: " in a else "")
            if "payment" not in kind and "status" not in kind and "name: " in a and kind in seen or kind in seen:
                continue
            seen.add(kind)
            actions.append(f"  - {a}")
        text = "node: {id: shop, name: Shop}\nprobes:\n" + "\n".join(probes) + "\nmodes:\n" + "\n".join(modes) + "\n"
        vantage = c.sample(names, c.randint(0, min(2, len(names))))
        vantage = [n for n in vantage if not any(line.startswith(f"  {n}: {{type: passive") for line in probes)]
        if vantage:
            text += f"vantage: [{', '.join(vantage)}]\n"
        text += f"failback: {{hold: {c.choice(['0s', '50ms', '1h'])}, max_changes_per_day: 0}}\n"
        if c.random() < 0.5:
            text += f"metrics_listen: 127.0.0.1:{self.options.metrics_port}\n"
        if c.random() < 0.5:
            text += f'heartbeat: {{url: "http://127.0.0.1:{self.sink.port}/beat", every: 10s}}\n'
        if actions:
            text += "actions:\n" + "\n".join(actions) + "\n"
        return text

    def quiet_config(self):
        """Always the same: what the daemon has then must always be the same, too."""
        self.number += 1
        return (f"node: {{id: shop}}\nprobes:\n  p0: {{type: http, url: \"http://127.0.0.1:{self.parts[0].port}/v1/account\", interval: 100ms, fast_interval: 50ms}}\n"
                f"  r-{self.number}: {{type: passive}}\nmodes:\n  - {{name: primary, requires: [p0]}}\n  - {{name: crypto}}\n  - {{name: federated}}\n")

    def write(self, text):
        """At once: a reload that is still under way must not find half of it."""
        with open(f"{self.folder}/new.yaml", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(f"{self.folder}/new.yaml", 0o600)
        os.rename(f"{self.folder}/new.yaml", f"{self.folder}/failoverd.yaml")

    # ---- the daemon

    def start(self):
        self.write(self.quiet_config())
        environment = dict(os.environ, ASAN_OPTIONS=SMALL_QUARANTINE)
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.options.program, "--config", f"{self.folder}/failoverd.yaml", "--state-dir",
                                             f"{self.folder}/state", "--runtime-dir", f"{self.folder}/run"],
                                            stdout=log, stderr=log, env=environment)
        wait_for("it answers", self.status)

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failed(f"failoverd has ended with {self.process.returncode}")

    def status(self):
        self.check_alive()
        try:
            s = json.loads(ask(f"{self.folder}/run/control.sock", "/v1/status", timeout=5))
            return s if "mode" in s else None
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def shape(self):
        """What a reload changes, and a bad file does not."""
        s = self.status()
        plan = json.loads(ask(f"{self.folder}/run/control.sock", "/v1/plan?mode=crypto"))
        return [p["name"] for p in s["probes"]], [m["name"] for m in s["modes"]], [(a["name"], a["target"]) for a in plan["actions"]]

    def outcomes(self):
        self.check_alive()
        text = read(self.log)
        return len(re.findall(r"reloaded: ", text)), len(re.findall(r"reload refused", text))

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def reload_good(self, text):
        """In force, or refused for a reason that only the running daemon knows: its mode would be gone."""
        marker, refused = f"r-{self.number}", self.outcomes()[1]
        self.write(text)
        for _ in range(self.chance.choice([1, 1, 1, 2, 5])):
            self.hup()
        in_force = lambda: (s := self.status()) and any(p["name"] == marker for p in s["probes"])
        wait_for(f"{marker} is in force", lambda: in_force() or self.outcomes()[1] > refused)
        if not in_force():
            raise Failed(f"a good file was refused: {read(self.log).splitlines()[-1]}")
        self.taken += 1

    def reload_bad(self, good):
        break_it, why = self.chance.choice(BROKEN)
        text = break_it(good)
        if text == good:
            return
        before, refused = self.shape(), self.outcomes()[1]
        self.write(text)
        self.hup()
        wait_for("a broken file is refused", lambda: self.outcomes()[1] > refused)
        line = [x for x in read(self.log).splitlines() if "reload refused" in x][-1]
        if why not in line:
            raise Failed(f"refused, but not for {why}: {line}")
        after = self.shape()
        if after != before:
            raise Failed(f"a broken file has changed {before} to {after}: {line}")
        self.refused += 1

    def measure(self, wanted=None):
        """Descriptors, threads, children and memory, once all that was begun has ended or was cancelled."""
        for part in self.parts:
            part.order("ok")
        self.sink.order("status 200")
        self.reload_good(self.quiet_config())
        pid = self.process.pid
        children = lambda: [int(c) for t in os.listdir(f"/proc/{pid}/task") for c in read(f"/proc/{pid}/task/{t}/children").split()]
        wait_for("no child is left", lambda: not children())
        least, end = (10000, 10000), time.monotonic() + 1.5  # attempts come and go
        while time.monotonic() < end or (wanted and least > wanted and time.monotonic() < end + 20):
            ask(f"{self.folder}/run/control.sock", "/v1/probe/p0", "")  # news, by which it notices that a listener has left
            least = min(least, (len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))))
            time.sleep(0.01)
        self.open = sorted(os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
        rss = int(re.search(r"VmRSS:\s+(\d+)", read(f"/proc/{pid}/status"))[1]) << 10
        return (*least, rss)


class Clients(threading.Thread):
    """They ask all the time: streams, runs that are waited for, pins, metrics; and what the probes ask has its moods."""

    def __init__(self, world, chance):
        super().__init__(daemon=True)
        self.world, self.chance, self.ended = world, chance, threading.Event()
        self.asked = 0

    def run(self):
        c, control = self.chance, f"{self.world.folder}/run/control.sock"
        streams = []
        while not self.ended.wait(0.01):
            self.asked += 1
            what = c.random()
            try:
                if what < 0.25:
                    c.choice(self.world.parts).order(c.choice(["ok", "ok", "status 503", "slow 200", "silent", "drip 50", "reset", "refuse", "blackhole"]))
                elif what < 0.35:
                    self.world.sink.order(c.choice(["status 200", "status 500", "hang", "reset"]))
                elif what < 0.6:  # nobody waits for the answer: the client leaves
                    s = socket.socket(socket.AF_UNIX)
                    s.settimeout(1)
                    s.connect(control)
                    s.sendall(f"POST /v1/probe/p{c.randrange(12)} HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n".encode())
                    streams.append(s)
                elif what < 0.7:
                    s = socket.socket(socket.AF_UNIX)
                    s.settimeout(1)
                    s.connect(control)
                    s.sendall(b"GET /v1/events HTTP/1.1\r\nHost: f\r\n\r\n")
                    streams.append(s)
                elif what < 0.8:
                    ask(control, "/v1/mode", json.dumps(c.choice([{"auto": True}, {"auto": True}, {"mode": "crypto", "for": "1s"}])), timeout=2)
                elif what < 0.9:
                    ask(control, c.choice(["/metrics", "/v1/plan?mode=crypto", "/v1/history?limit=5"]), timeout=2)
                else:
                    ask(control, "/v1/report", json.dumps({"probe": f"p{c.randrange(12)}", "outcome": c.choice(["pass", "fail"])}), timeout=2)
            except (OSError, http.client.HTTPException, ValueError):
                pass
            while len(streams) > 8:
                streams.pop(c.randrange(len(streams))).close()
        for s in streams:
            s.close()

    def end(self):
        self.ended.set()
        self.join()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def campaign(options, world):
    world.start()
    world.reload_good(world.quiet_config())
    before = after = None
    warm = max(20, min(options.reloads // 5, 500))
    clients = None
    try:
        while world.taken < options.reloads:
            if not clients:
                clients = Clients(world, random.Random(world.chance.random()))
                clients.start()
            good = world.config()
            world.reload_good(good)
            if world.chance.random() < 0.15:
                world.reload_bad(good)
            if not before and world.taken >= warm and options.reloads >= 50:
                clients.end()
                clients = None
                before = world.measure()
    finally:
        if clients:
            clients.end()
    before = before or world.measure()
    after = world.measure(before[:2]) if options.reloads >= 50 else before
    world.process.send_signal(signal.SIGTERM)
    try:
        code = world.process.wait(30)
    except subprocess.TimeoutExpired:
        raise Failed("failoverd does not stop") from None
    findings = []
    if code != 0:
        findings.append(f"failoverd ended with {code}: a leak, if it is a sanitizer's")
    for what, was, became in zip(("descriptors", "threads"), before, after):
        if became > was:
            findings.append(f"{what}: {was} became {became}: {world.open}")
    if after[2] > before[2] + RSS_ALLOWED:
        findings.append(f"memory: {before[2] >> 10} KiB became {after[2] >> 10} KiB")
    return before, after, findings


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--program", required=True)
    p.add_argument("--reloads", type=int, default=300)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    options.folder = tempfile.mkdtemp(prefix="reloads.", dir=os.environ.get("TMPDIR", "/tmp"))
    options.metrics_port = free_port()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = World(options, random.Random(seed))
    before = after = (0, 0, 0)
    began, findings = time.monotonic(), []
    try:
        before, after, findings = campaign(options, world)
    except Failed as e:
        findings = [str(e)]
    finally:
        world.close()
        if findings:
            for words in findings:
                print(f"finding: {words}")
            print("\n".join(read(world.log).splitlines()[-60:]))
        if options.keep:
            print(f"kept: {options.folder}", file=sys.stderr)
        else:
            shutil.rmtree(options.folder, ignore_errors=True)
    print(f"reloads: {world.taken} reloads in {time.monotonic() - began:.0f} s, {world.refused} broken files refused, findings {len(findings)}; "
          f"descriptors {before[0]} to {after[0]}, threads {before[1]} to {after[1]}, memory {before[2] >> 10} to {after[2] >> 10} KiB; seed {seed}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
