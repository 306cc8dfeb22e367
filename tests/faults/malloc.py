#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets allocations of failoverd fail, one at a time and from one on for a second, while its shop has an outage, while it
starts and while it stops; malloc.sh says how it is called.

While it runs, one process takes one refusal a round, and has to go on. Orders reach it by memory that it shares with
us (tests/parts/scarce-memory.c). A refusal is told by its number in the round, or is the next one at a place, that is
with a chain of callers, that has not been refused yet: the second finds out by itself how many there are.
"""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from kill import Failed, wait_for
from story import Orders, Story, end_well

NAMES = ["asked", "first", "last", "fresh", "refused", "low", "high"]
FOR_EVER = 1 << 62
# Where libraries end us, which only they can mend: glibc 2.36 in the first look-up of a user in a process or a thread (an
# assertion, an address near NULL, no thread-local data).
THEIRS = re.compile("nss_database|thread-local data")
DROUGHT = 1.0  # seconds for which "for ever" lasts: then memory is back, and all must be well again
SIZE = 8 * (len(NAMES) + 65536)


class Scarce(Story):
    def __init__(self, options, program):
        path, self.orders = options.orders
        super().__init__(options, program, "scarce-memory", {"SCARCE_MEMORY": path})
        self.wrapper = ["setarch", "-R"]  # a place is the same in every process

    def arm(self, first=0, last=0, fresh=0):
        self.orders["asked"] = self.orders["refused"] = 0
        self.orders["last"] = last
        self.orders["fresh"] = fresh
        self.orders["first"] = first

    def within(self, function):
        """Counts only what this function of the program has caused."""
        symbols = subprocess.run(["nm", "--print-size", self.program], stdout=subprocess.PIPE, text=True, check=True).stdout
        start, size = next((int(f[0], 16), int(f[1], 16)) for f in map(str.split, symbols.splitlines())
                           if len(f) == 4 and f[3] == function)
        with open(f"/proc/{self.daemon.process.pid}/maps", encoding="utf-8") as maps:
            base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(os.path.realpath(self.program)))
        self.orders["low"], self.orders["high"] = base + start, base + start + size

    def relieve(self):
        self.orders["first"] = self.orders["fresh"] = 0

    def dry(self, k):
        """From the k-th on, for a second."""
        self.arm(first=k, last=FOR_EVER)
        end = time.monotonic() + 5
        while not self.orders["refused"] and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(DROUGHT)
        self.relieve()


class Campaign:
    def __init__(self, options):
        self.options = options
        self.runs = self.refusals = self.signals = self.silent = self.hangs = self.theirs = 0
        self.most = 0

    def judged(self, story, what, play):
        """One run. A story that has failed cannot go on: a new one is begun. Returns that which is to go on."""
        self.runs += 1
        try:
            play(story)
        except Failed as e:
            self.count(story, what, e)
            story.close()
            return None
        self.refusals += story.orders["refused"] > 0
        return story

    def count(self, story, what, e):
        code = story.daemon.process.poll() if story.daemon else None
        if code not in (None, 0) and THEIRS.search(story.last_words(30)):
            self.theirs += 1
            return
        if code is not None and (code < 0 or code > 1 or "the log says" in str(e)):
            self.signals += 1
        elif "not within" in str(e) or "no answer" in str(e) or "does not stop" in str(e):
            self.hangs += 1
        else:
            self.silent += 1
        print(f"{what}: {e} ({story.folder})", flush=True)

    def found(self):
        return self.signals + self.silent + self.hangs


def new_story(options, program, started=True):
    folder = tempfile.mkdtemp(dir=options.folder)
    options.orders[1]["first"] = options.orders[1]["fresh"] = 0
    story = Scarce(argparse.Namespace(build=options.build, folder=folder, orders=options.orders), program)
    if started:
        try:
            story.start()
            story.judge_round()
        except BaseException:
            story.close()
            raise
    return story


def while_running(campaign, program, points):
    """points yields (words, how to arm); a drought if it is callable."""
    o = campaign.options
    story = new_story(o, program)
    if o.within:
        story.within(o.within)

    def play(s):
        if callable(point):
            s.api.order("status 503")
            point(s)
            s.buys("crypto")
            s.end_of_outage()
            s.settle("primary")
            s.known = None  # a change for which there was no memory may be missing from the history, which is said
            s.judge_round()
        else:
            s.arm(**point)
            s.round()
            campaign.most = max(campaign.most, s.orders["asked"])
            s.relieve()
            s.judge_round()

    try:
        for what, point in points:
            story = campaign.judged(story, what, play)
            if not story:
                if o.first or campaign.found() >= o.enough:
                    return
                story = new_story(o, program)
            elif not callable(point) and point.get("fresh") and not story.orders["refused"]:
                break
        dry = any(callable(point) for _, point in points) if isinstance(points, list) else False
        campaign.judged(story, "at the end", lambda s: (s.stop(), dry or s.audit()))
    finally:
        if story:
            story.close()


def starts_and_stops(campaign, program, points):
    """The same, while it starts, and again while it stops. It may end with a word about it; then the next start is well."""
    o = campaign.options
    story = new_story(o, program)

    def wait_up(s):
        """False: it has ended, by itself."""
        def up():
            return s.daemon.dead() or s.daemon.done("primary")
        wait_for("it is up, or has ended", up)
        if s.daemon.dead() and s.daemon.process.returncode != 1:
            raise Failed(f"failoverd has ended with {s.daemon.process.returncode}: {s.last_words()}")
        return not s.daemon.dead()

    def play(s):
        forever = point.get("last") == FOR_EVER
        s.arm(**point)
        s.launch()
        if forever:
            end = time.monotonic() + DROUGHT
            while time.monotonic() < end and not s.daemon.dead():
                time.sleep(0.01)
            s.relieve()
        alive = wait_up(s)
        refused = s.orders["refused"]
        s.relieve()
        if not alive:
            if not refused:
                raise Failed(f"it has ended without a reason: {s.last_words()}")
            s.judge_log()
            s.launch()
            if not wait_up(s):
                raise Failed(f"and does not start again: {s.last_words()}")
        s.judge_round(())
        s.arm(**point)
        s.stop()
        s.relieve()
        if refused:
            s.orders["refused"] = refused

    try:
        story.stop()
        for what, point in points:
            story = campaign.judged(story, what, play)
            if not story:
                if o.first or campaign.found() >= o.enough:
                    return
                story = new_story(o, program)
                story.stop()
            elif point.get("fresh") and not story.orders["refused"]:
                break
        campaign.judged(story, "at the end", lambda s: s.audit())
    finally:
        if story:
            story.close()


def fresh():
    n = 0
    while True:
        n += 1
        yield f"place {n}", {"fresh": 1}


def numbers(ks, forever=False):
    for k in ks:
        if forever:
            yield f"from allocation {k} on", {"first": k, "last": FOR_EVER}
        else:
            yield f"allocation {k}", {"first": k, "last": k}


def droughts(ks):
    for k in ks:
        yield f"in an outage, from allocation {k} on", lambda s, k=k: s.dry(k)


def spread(n, most, salt):
    """n numbers up to most, one of each n-th part of it; others every time."""
    draw = random.Random(salt)
    return [1 + int((i + draw.random()) * most / n) for i in range(n)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", required=True)
    p.add_argument("--build", required=True)
    p.add_argument("--stage", choices=["quick", "full", "places", "starts", "droughts", "numbers"], default="quick")
    p.add_argument("--first", action="store_true", help="stop at the first finding")
    p.add_argument("--enough", type=int, default=20, help="stop after so many findings")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--count", type=int, help="of a stage: so many points at most")
    p.add_argument("--most", type=int, default=20000, help="of the numbers: the highest")
    p.add_argument("--within", help="of the numbers: only what this function has caused")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    end_well()
    options.folder = tempfile.mkdtemp(prefix="malloc.", dir=os.environ.get("TMPDIR", "/tmp"))
    options.orders = f"{options.folder}/orders", Orders(f"{options.folder}/orders", NAMES, SIZE)
    c = Campaign(options)
    status = 1
    try:
        play(c, options)
        print(f"malloc: runs {c.runs}, with a refusal {c.refusals}, up to {c.most} allocations a round; "
              f"signals {c.signals}, silent errors {c.silent}, hangs {c.hangs}; libraries' own {c.theirs} (seed {options.seed})", flush=True)
        status = 1 if c.found() or not c.refusals else 0
    finally:
        if status == 0 and not options.keep:
            shutil.rmtree(options.folder)
        else:
            print(f"kept: {options.folder}", file=sys.stderr)
    return status


def limited(points, n):
    for i, p in enumerate(points):
        if n is not None and i >= n:
            return
        yield p


def play(c, o):
    if o.stage == "quick":  # a few numbers and a drought, and starts and stops
        while_running(c, o.program, [*numbers(spread(6, 9000, o.seed))])
        while_running(c, o.program, [*droughts(spread(1, 1500, o.seed))])
        starts_and_stops(c, o.program, [*numbers(spread(3, 3000, o.seed)), *numbers(spread(1, 3000, o.seed), forever=True)])
    if o.stage in ("full", "places"):
        while_running(c, o.program, limited(fresh(), o.count))
    if o.stage in ("full", "starts"):
        starts_and_stops(c, o.program, limited(fresh(), o.count))
    if o.stage in ("full", "droughts"):
        while_running(c, o.program, [*droughts(spread(o.count or 40, 3000, o.seed))])
        starts_and_stops(c, o.program, numbers(spread(o.count or 40, 20000, o.seed), forever=True))
    if o.stage in ("full", "numbers"):
        while_running(c, o.program, numbers(range(1, 1 << 20)) if not o.count else numbers(spread(o.count, o.most, o.seed)))


if __name__ == "__main__":
    sys.exit(main())
