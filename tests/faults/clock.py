#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sets the wall clock forwards and backwards under failoverd. clock.sh says how it is called.

At every moment of a described outage, with a hold, a pin that ends by itself and a crash, in virtual time (`failoverd
--simulate` runs the same engine): the changes must be those of the same story without a jump, none more, none less, and
none later than a tilt allows. And under the daemon as it runs (tests/parts/fake-clock.c), with what only it has: deadlines
that are stored, retries, pins, restarts, files that say when they were written.
"""
import argparse
import datetime
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from kill import Failed, ask, mode_json, payment_env, wait_for
from story import Story, end_well

DAY, YEAR = 86400, 365 * 86400
JUMPS = [1, 3, 60, 3600, DAY, 30 * DAY, YEAR]
JUMPS += [-j for j in JUMPS]  # a trace takes no more than a year
TILT = 30  # seconds in which automation stands still
SLACK = 12  # and the fast runs after it
CONFIG = """
node: {id: shop}
probes:
  payment-api: {type: http, url: "https://api.example/", scope: external}
  btcpay: {type: http, url: "http://127.0.0.1:23000/"}
  database: {type: tcp, host: 127.0.0.1, port: 5432}
  reference-a: {type: http, url: "https://a.example/"}
  reference-b: {type: http, url: "https://b.example/"}
vantage: [reference-a, reference-b]
modes:
  - {name: primary, requires: [payment-api, database]}
  - {name: crypto, requires: [btcpay, database]}
"""
# An outage from 300 to 600, the return after a hold of 300 s, a pin of five minutes, a crash.
TRACE = [(300, {"probe": "payment-api", "behaviour": "fail", "latency": 0.02}),
         (600, {"probe": "payment-api", "behaviour": "pass", "latency": 0.02}),
         (1100, {"operator": "force-fallback", "for": "5m"}), (1250, {"crash": 1.5}), (2400, {"end": True})]
MOMENTS = (10, 2000)


class Campaign:
    def __init__(self, options):
        self.options = options
        self.jumps = self.flips = self.missed = self.wrong = 0
        self.latest = 0.0

    def found(self):
        return self.flips + self.missed + self.wrong

    def say(self, kind, words):
        setattr(self, kind, getattr(self, kind) + 1)
        print(f"{kind}: {words}", flush=True)


# ---- in virtual time

def simulate(o, jumps):
    trace = sorted(TRACE + [(t, {"clock_jump": j}) for t, j in jumps], key=lambda e: e[0])
    text = "".join(json.dumps({"t": t, **e}) + "\n" for t, e in trace)
    r = subprocess.run([o.program, "--config", f"{o.folder}/described.yaml", "--simulate", "-"], input=text, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if r.returncode != 0:
        raise Failed(f"--simulate ends with {r.returncode}: {r.stderr}")
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    return [(x["t"], x["from"], x["to"], x["automatic"]) for x in lines if "change" in x]


def described(c, moments):
    """One jump at each of these moments: the same changes as without it, no later than a tilt makes them."""
    usual = simulate(c.options, [])
    if [u[2] for u in usual] != ["crypto", "primary", "crypto", "primary"]:
        raise Failed(f"the story without a jump has the changes {usual}")
    for moment, size in moments:
        c.jumps += 1
        got = simulate(c.options, [(moment, size)])
        what = f"a jump of {size} s at {moment:.1f} s"
        extra = len(got) - len(usual)
        if extra > 0:
            c.say("flips", f"{what}: {got}")
        elif extra < 0 or [g[1:] for g in got] != [u[1:] for u in usual]:
            c.say("missed", f"{what}: {got}")
        else:
            late = max(g[0] - u[0] for g, u in zip(got, usual))
            # A return whose hold was not over waits for passes that are younger than the jump.
            c.latest = max(c.latest, late)
            if late > TILT + SLACK:
                c.say("missed", f"{what}: {late:.1f} s later than without it: {got}")


# ---- as it runs

class Clocked(Story):
    def __init__(self, options, program, **more):
        self.offset, self.clock = 0, f"{options.folder}/clock"
        self.set(0)
        super().__init__(options, program, preload="fake-clock", variable={"FAKE_CLOCK": self.clock}, **more)

    def set(self, offset):
        self.offset = offset
        with open(self.clock + ".new", "w", encoding="utf-8") as f:
            f.write(str(offset))
        os.rename(self.clock + ".new", self.clock)

    def off(self, text):
        """By how many seconds a time that it has written differs from what its clock says."""
        then = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
        return abs(then - time.time() - self.offset)

    def jump(self, c, size):
        """By size, and a look whether it goes on in the new time."""
        c.jumps += 1
        runs = self.requests()
        self.set(self.offset + size)
        wait_for(f"after {size} s the status is in the new time", lambda: self.off(self.daemon.status()["updated"]) < 3, 10)
        if abs(size) > 2:
            wait_for(f"after {size} s it has noticed", lambda: self.daemon.status()["tilt"], 5)
            wait_for(f"after {size} s mode.json is in the new time", lambda: self.off(mode_json(self.folder)["updated"]) < 10, 5)
        wait_for(f"after {size} s it goes on to ask", lambda: self.requests() >= runs + 3, 10)

    def requests(self):
        return json.loads(ask(self.api.control, "/"))["requests"]

    def same(self, c, what, mode, change):
        env = payment_env(self.folder)
        if env.get("PAYMENT_MODE") != mode or env.get("FAILOVER_CHANGE") != change or not self.all_up():
            c.say("flips", f"{what}: {env}, {self.daemon.status()['cause']}")

    def change(self):
        return self.daemon.status()["change"]


def judge_ids(c, s):
    """Newest first, and each sorts after those before it."""
    ids = [x["id"] for x in s.insist("/v1/history?limit=100")["changes"]]
    if ids != sorted(ids, reverse=True):
        c.say("wrong", f"ids of changes do not sort as they were made: {ids}")


def real(c, jumps, full):
    folder = tempfile.mkdtemp(dir=c.options.folder)
    s = Clocked(argparse.Namespace(build=c.options.build, folder=folder), c.options.program)
    try:
        s.start()
        wait_for("everything is up", s.all_up)
        change = s.change()
        for size in jumps:
            s.jump(c, size)
            s.same(c, f"all well, a jump of {size} s", "primary", change)

        # An operator's pin that ends by itself, and an alert that nobody takes for a while.
        s.sink.order("status 503")
        began = time.monotonic()
        s.insist("/v1/mode", '{"mode": "crypto", "for": "4s"}')
        s.buys("crypto")
        for size in jumps[:3]:
            s.jump(c, -size)
        change = s.change()
        wait_for("the pin ends", lambda: s.daemon.status()["operator"]["pinned"] is None, 30)
        lasted = time.monotonic() - began
        if lasted < 3.9 or lasted > 12:  # on a busy machine; what follows the wall clock is off by what it jumped
            c.say("missed", f"a pin of 4 s has lasted {lasted:.1f} s")
        s.sink.order("status 200")
        restarts(c, s)
        if full:
            wait_for("the tilt ends, and with it the pin's mode", lambda: payment_env(s.folder)["PAYMENT_MODE"] == "primary", 150)
            outages(c, s)
        else:
            s.insist("/v1/mode", '{"mode": "primary"}')  # an operator need not wait for the tilt's end
            s.buys("primary")
        wait_for("what nobody took is delivered in the end", lambda: s.daemon.done("primary"), 90)
        judge_ids(c, s)
        s.stop()
        s.audit(tolerate="caused [], not")  # what is older than it is kept goes by the wall clock
    finally:
        s.close()


def restarts(c, s):
    """The clock is set while it is not there."""
    before = s.daemon.status()
    s.stop()
    c.jumps += 1
    s.set(s.offset - 3 * YEAR)
    s.launch()
    wait_for("it is up again", lambda: s.daemon.agreed())
    now = s.daemon.status()
    returned = now["mode"] == "primary" and now["cause"] == "primary is well again"  # where tilts have used up their time
    if (now["mode"], now["change"]) != (before["mode"], before["change"]) and not returned:
        c.say("flips", f"a clock set back while it was down: {now['mode']}, {now['cause']}")
    # Operators are not made to wait, and what they change is the newest.
    s.insist("/v1/mode", '{"mode": "primary"}')
    s.buys("primary")
    s.insist("/v1/mode", '{"mode": "crypto", "for": "1s"}')
    s.buys("crypto")


def outages(c, s):
    """A jump at each stage of an outage and of the hold: it is handled all the same."""
    for stage in ("before", "in", "hold"):
        wait_for("no tilt", lambda: not s.daemon.status()["tilt"], 150)
        if stage == "before":
            s.jump(c, YEAR)
        s.api.order("status 503")
        if stage == "in":
            s.jump(c, -3600)
        wait_for(f"buyers pay by crypto, jump {stage}", lambda: payment_env(s.folder)["PAYMENT_MODE"] == "crypto", 60)
        s.api.order("ok")
        if stage == "hold":
            s.jump(c, 10 * YEAR)
        wait_for(f"buyers pay by card, jump {stage}", lambda: payment_env(s.folder)["PAYMENT_MODE"] == "primary", 60)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", required=True)
    p.add_argument("--build", required=True)
    p.add_argument("--stage", choices=["quick", "full", "bug"], default="quick")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--keep", action="store_true")
    o = p.parse_args()
    end_well()
    o.folder = tempfile.mkdtemp(prefix="clock.", dir=os.environ.get("TMPDIR", "/tmp"))
    with open(f"{o.folder}/described.yaml", "w", encoding="utf-8") as f:
        f.write(CONFIG)
    os.chmod(f"{o.folder}/described.yaml", 0o600)
    c, status = Campaign(o), 1
    draw = random.Random(o.seed)
    try:
        try:
            if o.stage == "full":
                described(c, [(m, j) for m in range(*MOMENTS, 5) for j in JUMPS])
                real(c, [*JUMPS, 20 * YEAR, *JUMPS, -20 * YEAR], True)
            else:
                if o.stage == "quick":
                    described(c, [(draw.uniform(*MOMENTS), j) for j in JUMPS for _ in range(2)])
                real(c, [*draw.sample(JUMPS, 3), 20 * YEAR], False)
        except Failed as e:
            c.say("wrong", str(e))
        print(f"clock: jumps {c.jumps}, flips {c.flips}, missed {c.missed}, otherwise wrong {c.wrong}; "
              f"at most {c.latest:.1f} s later than without a jump (seed {o.seed})", flush=True)
        status = 1 if c.found() else 0
    finally:
        if status == 0 and not o.keep:
            shutil.rmtree(o.folder)
        else:
            print(f"kept: {o.folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
