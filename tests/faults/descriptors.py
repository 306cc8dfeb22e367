#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes failoverd's descriptors away while it runs: none is left, or a few. That is no outage, and with a few a real one is
still seen and acted on. descriptors.sh says how it is called."""
import argparse
import os
import re
import resource
import shutil
import socket
import sys
import tempfile
import time

from kill import Failed, payment_env, read, wait_for
from story import Story, end_well

LIMIT = resource.RLIMIT_NOFILE
AWAKE_MAX = 0.4 # of its looks; 0.05 is seen of a daemon that does not spin, 0.6 and more of one that does


class Poor(Story):
    def descriptors(self):
        return [int(n) for n in os.listdir(f"/proc/{self.daemon.process.pid}/fd")]

    def at_rest(self):
        """How many it has when it does nothing; attempts in flight have some more."""
        return min(len(self.descriptors()) for _ in range(50) if not time.sleep(0.01))

    def limit(self, spare):
        """It gets so many more than it has. 0: not even those that it gives back. None: as before."""
        pid = self.daemon.process.pid
        if spare is None:
            resource.prlimit(pid, LIMIT, self.usual)
            return
        numbers = self.descriptors()
        free = [n for n in range(1024) if n not in numbers]
        resource.prlimit(pid, LIMIT, (free[spare] if spare else 1, self.usual[1]))

    def awake(self):
        """Does its loop run, or would it if a processor were free?"""
        return read(f"/proc/{self.daemon.process.pid}/task/{self.daemon.process.pid}/stat").rsplit(")", 1)[1].split()[0] == "R"

    def log_size(self):
        return os.path.getsize(f"{self.folder}/log")

    def logged(self, since):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as f:
            f.seek(since)
            return f.read()

    def callers(self, n):
        """So many wait to be let in."""
        sockets = [socket.socket(socket.AF_UNIX) for _ in range(n)]
        for s in sockets:
            s.setblocking(False)
            try:
                s.connect(self.daemon.control)
                s.send(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
            except OSError:
                pass
        return sockets


class Campaign:
    def __init__(self, options):
        self.options = options
        self.runs = self.false_flips = self.fails = self.seen = self.missed = self.stuck = self.lost = 0
        self.busiest = 0.0

    def found(self):
        return self.false_flips + self.fails + self.missed + self.stuck + self.lost

    def say(self, kind, words):
        setattr(self, kind, getattr(self, kind) + 1)
        print(f"{kind}: {words}", flush=True)

    def poverty(self, s, spare, outage):
        """Some seconds with so few descriptors, and then as before."""
        self.runs += 1
        what = f"{spare} to spare, {'an outage' if outage else 'all well'}"
        since = s.log_size()
        s.limit(spare)
        awake = looks = 0
        if outage:
            s.api.order("status 503")
        waiting = s.callers(3)
        end = time.monotonic() + self.options.seconds
        seen = None
        while time.monotonic() < end:
            time.sleep(0.01)
            looks += 1
            awake += s.awake()
            if not seen and outage and "probe payment-api is down" in s.logged(since):
                seen = time.monotonic()
                end = max(end, seen + 5)
            if seen and payment_env(s.folder).get("PAYMENT_MODE") == "crypto":
                break
        share = awake / looks
        self.busiest = max(self.busiest, share)
        if share > AWAKE_MAX:
            self.say("stuck", f"{what}: it is awake {100 * share:.0f} % of the time")
        if seen:
            self.seen += 1
            if payment_env(s.folder).get("PAYMENT_MODE") != "crypto":
                self.say("missed", f"{what}: the outage was seen, but payment.env not written")
        s.limit(None)
        for c in waiting:
            c.close()
        self.judge(s, what, outage, since)

    def judge(self, s, what, outage, since):
        if outage:
            s.buys("crypto")
            s.api.order("ok")
        s.judge_round(("crypto", "primary") if outage else ())
        wait_for(f"{what}: every probe passes again", s.all_up)
        blamed = set(re.findall(r"probe (\S+) is down", s.logged(since))) - ({"payment-api"} if outage else set())
        if blamed:
            self.say("fails", f"{what}: it blames {', '.join(sorted(blamed))}: " + " | ".join(
                line for line in s.logged(since).splitlines() if " is down" in line))


def start_poor(c, o, program):
    """From so few descriptors on it starts; with fewer it says that it cannot."""
    story = Poor(argparse.Namespace(build=o.build, folder=tempfile.mkdtemp(dir=o.folder)), program)
    fewest = None
    try:
        for n in [8, 31, 32, 40] if o.quick else [*range(4, 80)]:
            c.runs += 1
            story.wrapper = ["prlimit", f"--nofile={n}:{n}"]
            story.launch()
            wait_for(f"with {n} descriptors: it is up, or has ended", lambda: story.daemon.dead() or story.daemon.done("primary"))
            if story.daemon.dead():
                code = story.daemon.process.returncode
                story.judge_log()
                if code not in (1, 127) or fewest:  # 127: not even its libraries could be loaded
                    c.say("stuck", f"with {n} descriptors it ends with {code}: {story.last_words()}")
                continue
            fewest = fewest or n
            wait_for(f"with {n} descriptors: every probe passes", story.all_up)
            story.stop()
    except Failed as e:
        c.say("stuck", str(e))
    finally:
        story.close()
    return fewest


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", required=True)
    p.add_argument("--build", required=True)
    p.add_argument("--stage", choices=["quick", "full", "bug"], default="quick")
    p.add_argument("--keep", action="store_true")
    o = p.parse_args()
    end_well()
    o.quick = o.stage != "full"
    o.seconds = 1.5 if o.quick else 5
    o.folder = tempfile.mkdtemp(prefix="descriptors.", dir=os.environ.get("TMPDIR", "/tmp"))
    c = Campaign(o)
    story, fewest, status = None, None, 1
    spares = {"quick": [0, 3, 8], "full": range(0, 24), "bug": [0]}[o.stage]
    try:
        story = Poor(argparse.Namespace(build=o.build, folder=o.folder), o.program)
        try:
            story.start()
            story.judge_round()
            story.usual = resource.prlimit(story.daemon.process.pid, LIMIT)
            base = story.at_rest()
            for spare in spares:
                for outage in (False, True) if o.stage != "bug" else (False,):
                    c.poverty(story, spare, outage)
            more = story.at_rest() - base
            if more > 1:
                c.say("lost", f"{more} descriptors more than at the beginning")
            story.stop()
            story.audit()
        except Failed as e:
            c.say("stuck", str(e))
        finally:
            story.close()
        if o.stage != "bug":
            fewest = start_poor(c, o, o.program)
        print(f"descriptors: runs {c.runs}, own trouble called an outage {c.fails}, outages seen {c.seen} and missed {c.missed}, "
              f"stuck or spinning {c.stuck}, lost {c.lost}; awake {100 * c.busiest:.0f} % of the time at most; starts with {fewest}", flush=True)
        status = 1 if c.found() or not c.seen and o.stage != "bug" else 0
    finally:
        if status == 0 and not o.keep:
            shutil.rmtree(o.folder)
        else:
            print(f"kept: {o.folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
