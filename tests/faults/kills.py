#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills failoverd at random moments while its shop lives through one outage after the other, starts it again each time,
and judges what became of it. kills.sh says how it is called.

Somebody breaks and mends the payment API, the receiver of notices and the operator's mind all the time; a reader looks at
the files all the time. After each kill the database is copied and read without a line of the daemon's code.
"""
import argparse
import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time

import audit
from kill import PATIENCE, Daemon, Failed, Part, ask, files_are_whole, mode_json, payment_env, read, wait_for

UP_SECONDS = 2  # promised
PACE = "interval: 200ms, fast_interval: 30ms, timeout: 400ms, fall: 2, window: 3, rise: 2"
STATE, EVENTS = ["payment-mode", "status-page"], ["alert", "http", "exec", *audit.NOTICES]
CONFIG = """
node: {{id: shop, name: Shop, url: "http://127.0.0.1", key_file: node.key}}
probes:
  payment-api: {{type: http, url: "http://127.0.0.1:{api}/v1/account", {pace}}}
  btcpay: {{type: http, url: "http://127.0.0.1:{crypto}/api/v1/health", {pace}}}
modes:
  - {{name: primary, requires: [payment-api]}}
  - {{name: crypto, requires: [btcpay]}}
failback: {{hold: 100ms, hold_max: 100ms, max_changes_per_day: 0}}
actions:
  - {{type: payment-mode, http: {{url: "http://127.0.0.1:{sink}/hook"}}}}
  - {{type: status-page}}
  - {{type: alert, webhook: {{url: "http://127.0.0.1:{sink}/alert", format: json, timeout: 1s}}}}
  - {{type: http, url: "http://127.0.0.1:{sink}/http", timeout: 1s}}
  - {{type: notify-peers, peers: [{peers}], timeout: 1s}}
  - {{type: exec, command: [/bin/sh, -c, 'sleep 0.02; echo "$FAILOVER_CHANGE" >>"$0"', "{folder}/exec.txt"]}}
"""
ENV = re.compile(r"PAYMENT_MODE=\w+\nCHECKOUT_ROUTE=\w+\nFAILOVER_CHANGE=\w{26}\n")


class Shop:
    """A folder, what the shop depends on, and all that the outside ever hears of it."""

    def __init__(self, build, program, folder, state=None):
        self.program, self.folder, self.state = program, folder, state or f"{folder}/state"
        os.makedirs(folder, exist_ok=True)
        self.api = Part(build, folder, "api", "payment-api")
        self.crypto = Part(build, folder, "crypto", "payment-api")
        self.sink = Part(build, folder, "sink", "webhook-sink", "--record", f"{folder}/sink.jsonl")
        with open(f"{folder}/failoverd.yaml", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(api=self.api.port, crypto=self.crypto.port, sink=self.sink.port, folder=folder,
                                  peers=audit.peers_config(self.sink.port), pace=PACE))
        audit.write_key(folder)
        os.chmod(f"{folder}/failoverd.yaml", 0o600)
        self.daemon = None
        self.acknowledged = []  # changes that somebody was told are saved

    def close(self):
        if self.daemon and not self.daemon.dead():
            self.daemon.process.kill()
            self.daemon.process.wait()
        for part in (self.api, self.crypto, self.sink):
            part.stop()

    def start(self):
        with open(f"{self.folder}/log", "a", encoding="utf-8") as log:
            self.daemon = Daemon(self.program, self.folder, log)
        return self.daemon

    def taken(self):
        """The requests to which the sink has said yes."""
        lines = [json.loads(line) for line in read(f"{self.folder}/sink.jsonl").splitlines()]
        return [r for r in lines if r["status"] == 200 and r["answered"] == "status"]

    def arrivals(self):
        """(action, id) in the order of arrival, doubles included."""
        bodies = [(r["path"].strip("/"), json.loads(r["body"])) for r in self.taken()]
        return [(path, body.get("id") or body["change"]) for path, body in bodies]

    def executed(self):
        return read(f"{self.folder}/exec.txt").split()

    def operate(self, command):
        """What it answers is a promise."""
        try:
            answer = json.loads(ask(f"{self.folder}/run/control.sock", "/v1/mode", json.dumps(command), timeout=3))
            if answer.get("durable"):
                self.acknowledged.append(answer["change"])
        except (OSError, ValueError, http.client.HTTPException):
            pass  # killed meanwhile


class Trouble(threading.Thread):
    """Breaks and mends what the shop depends on, at random."""

    def __init__(self, shop, chance):
        super().__init__(daemon=True)
        self.shop, self.chance = shop, chance
        self.ended = threading.Event()

    def run(self):
        broken = False
        while not self.ended.wait(self.chance.uniform(0.05, 0.3)):
            what = self.chance.random()
            if what < 0.6:
                broken = not broken
                self.shop.api.order(self.chance.choice(["status 503", "refuse", "reset"]) if broken else "ok")
            elif what < 0.85:
                self.shop.sink.order(self.chance.choice(["status 200", "status 200", "status 500", "hang", "reset"]))
            elif what < 0.91:
                self.shop.operate({"mode": self.chance.choice(["primary", "crypto"]), "for": "1s"})
            elif what < 0.94:
                self.shop.operate({"mode": self.chance.choice(["primary", "crypto"])})
            else:
                self.shop.operate({"auto": True})

    def end(self):
        self.ended.set()
        self.join()
        self.shop.api.order("ok")
        self.shop.sink.order("status 200")


class Reader(threading.Thread):
    """The shop: reads payment.env and mode.json all the time. What it sees must be whole, and payment.env the newer one."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.findings, self.reads = folder, [], 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.004) and len(self.findings) < 20:
            self.findings += look(self.folder)
            self.reads += 1

    def end(self):
        self.ended.set()
        self.join()


def look(folder):
    """Findings of one look. mode.json is read first: what it says stands in payment.env by then."""
    text = read(f"{folder}/run/mode.json")
    env = read(f"{folder}/run/payment.env")
    if env and not ENV.fullmatch(env):
        yield ("corrupt", f"payment.env is damaged: {env!r}")
    try:
        mode = json.loads(text) if text else {}
    except ValueError as e:
        yield ("corrupt", f"mode.json is damaged: {e}: {text[:200]!r}")
        return
    if env and mode and env.rsplit("=", 1)[1].strip() < mode["change"]:
        yield ("stale", f"mode.json says change {mode['change']}, payment.env still {env.split()[2]}")


class Stored:
    """What the database holds at a moment when nobody has it open: a copy is read."""

    def __init__(self, state, scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(scratch)
        for name in os.listdir(state):
            if name in ("state.db", "state.db-wal"):
                shutil.copy(f"{state}/{name}", f"{scratch}/{name}")
        db = sqlite3.connect(f"{scratch}/state.db")
        self.damage = [r[0] for r in db.execute("PRAGMA integrity_check") if r[0] != "ok"]
        self.changes = db.execute("SELECT id, to_mode FROM change ORDER BY seq").fetchall()
        rows = db.execute("SELECT action, facts, event FROM delivery WHERE state = 'done'").fetchall()
        self.done = {(action, json.loads(facts)["id"]) for action, facts, _ in rows}
        memory = db.execute("SELECT value FROM memory").fetchone()
        self.memory = json.loads(memory[0]) if memory else {}
        db.close()


class Round:
    def __init__(self, options, chance, number):
        self.options, self.chance = options, chance
        self.shop = Shop(options.build, options.program, f"{options.folder}/{number}")
        self.findings, self.seconds = [], []
        self.n_changes = self.n_applied = self.reads = 0

    def find(self, kind, words):
        self.findings.append((kind, words))

    def play(self, kills):
        shop = self.shop
        shop.start()
        wait_for("the first start is done", lambda: shop.daemon.done("primary"))
        reader, trouble = Reader(shop.folder), Trouble(shop, self.chance)
        reader.start()
        trouble.start()
        try:
            for _ in range(kills):
                self.kill()
        finally:
            trouble.end()
            reader.end()
        self.reads = reader.reads
        self.findings += reader.findings
        self.end()

    def kill(self):
        shop = self.shop
        time.sleep(self.chance.expovariate(1 / 0.25))
        if shop.daemon.dead():
            raise Failed(f"failoverd has ended by itself with {shop.daemon.process.returncode}")
        shop.daemon.stop(signal.SIGKILL)
        promised = list(shop.acknowledged)
        self.findings += [("corrupt", words) for words in files_are_whole(shop.folder, False)]
        self.findings += look(shop.folder)
        stored = Stored(shop.state, f"{shop.folder}/copy")
        self.judge_stored(stored, promised)
        arrived, executed = len(shop.arrivals()), len(shop.executed())
        self.start_again(stored)
        repeated = [x for x in shop.arrivals()[arrived:] + [("exec", i) for i in shop.executed()[executed:]] if x in stored.done]
        # The hook of payment-mode is a part of that action.
        repeated += [x for x in shop.arrivals()[arrived:] if x[0] == "hook" and ("payment-mode", x[1]) in stored.done]
        for action, i in repeated:
            self.find("repeated", f"{action} of {i} was done before the kill, and is done again")

    def judge_stored(self, stored, promised):
        shop, known = self.shop, {c[0] for c in stored.changes}
        for words in stored.damage:
            self.find("corrupt", f"integrity_check after the kill: {words}")
        for change in promised:
            if change not in known:
                self.find("lost", f"change {change} was answered as saved, and is not in the database")
        for name, change in (("payment.env", payment_env(shop.folder).get("FAILOVER_CHANGE")),
                             ("mode.json", mode_json(shop.folder).get("change"))):
            if change and change not in known and mode_json(shop.folder).get("durable"):
                self.find("lost", f"{name} named change {change}, which is not in the database")

    def start_again(self, stored):
        """Its first word must be what is stored, or what follows from that."""
        shop = self.shop
        daemon = shop.start()
        first = wait_for("it answers", lambda: (s := daemon.status()) and "mode" in s and s)
        wait_for("payment.env and mode.json are there", lambda: payment_env(shop.folder) and mode_json(shop.folder))
        seconds = time.monotonic() - daemon.started
        self.seconds.append(seconds)
        if seconds > self.options.patience:
            self.find("late", f"up again after {seconds:.2f} s")
        last, mode = stored.changes[-1] if stored.changes else ("", "")
        if first["change"] == last and first["mode"] != mode:
            self.find("lost", f"the database says {mode} by {last}, the start {first['mode']}")
        if first["change"] < last:
            self.find("lost", f"the database knows change {last}, the start said {first['change']}")

    def end(self):
        """All is well at last: everything that was begun is ended, once, and the history is whole."""
        shop = self.shop
        shop.operate({"auto": True})
        wait_for("on primary, since the API is well, and all is done", lambda: shop.daemon.done("primary"), PATIENCE + 70)
        code = shop.daemon.stop(signal.SIGTERM)
        if code != 0:
            raise Failed(f"stopped, failoverd returned {code}")
        a = audit.Audit(shop.state, STATE, EVENTS)
        arrivals = shop.arrivals()
        for action in ("alert", "http"):
            a.check_receiver(action, [i for path, i in arrivals if path == action])
        a.check_notices(audit.notices(shop.taken()))
        a.check_receiver("exec", shop.executed())
        for change in shop.acknowledged:
            a.check_known(change, "an answer")
        self.findings += a.findings
        self.n_changes = len(a.changes)
        self.n_applied = len({*arrivals, *(("exec", i) for i in shop.executed())})


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True, help="where tests/ with the counterparts is")
    p.add_argument("--program", required=True)
    p.add_argument("--kills", type=int, default=25)
    p.add_argument("--round", type=int, default=40, help="kills after which the story is played to its end, and another shop opens")
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--patience", type=float, default=UP_SECONDS, help="seconds within which it must be up again")
    p.add_argument("--first", action="store_true", help="stop at the first finding")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    options.folder = tempfile.mkdtemp(prefix="kills.", dir=os.environ.get("TMPDIR", "/tmp"))
    rounds, left = [], options.kills
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        while left > 0 and not (options.first and any(r.findings for r in rounds)):
            r = Round(options, chance, len(rounds))
            rounds.append(r)
            try:
                r.play(min(left, options.round))
            except Failed as e:
                r.find("stuck", str(e))
            finally:
                r.shop.close()
            for kind, words in r.findings[:20]:
                print(f"{kind}: {words} ({r.shop.folder})", flush=True)
            if not r.findings and not options.keep:
                shutil.rmtree(r.shop.folder)
            left -= options.round
    finally:
        if not any(r.findings for r in rounds) and not options.keep:
            shutil.rmtree(options.folder)
        else:
            print(f"kept: {options.folder}", file=sys.stderr)
    return report(rounds, seed)


def report(rounds, seed):
    kinds = {kind: sum(f[0] == kind for r in rounds for f in r.findings)
             for kind in ("lost", "doubled", "repeated", "corrupt", "stale", "late", "stuck")}
    seconds = sorted(s for r in rounds for s in r.seconds) or [0]
    print(f"kills: {len(seconds)} kills, {sum(r.n_changes for r in rounds)} changes, {sum(r.n_applied for r in rounds)} messages applied, "
          f"{sum(r.reads for r in rounds)} looks at the files; lost {kinds['lost']}, doubled after dedupe {kinds['doubled']}, "
          f"finished but repeated {kinds['repeated']}, torn or corrupt {kinds['corrupt']}, payment.env behind mode.json {kinds['stale']}, "
          f"stuck {kinds['stuck']}; up again in {seconds[len(seconds) // 2]:.2f} s (median), {seconds[-1]:.2f} s (longest), "
          f"late {kinds['late']}; seed {seed}")
    return 1 if any(r.findings for r in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
