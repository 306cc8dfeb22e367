#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets system calls of failoverd fail while its shop has an outage and an operator, one at a time and all of a name for a
second; while it starts; and lets reads and writes do less than they were asked to. calls.sh says how it is called.

One process bears one failing call a round, and has to go on. strace lets it fail: it is attached to the threads that are
there, not to children, and counts calls by thread and name. A point is (call, error, k): the k-th such call of each thread.
"""
import argparse
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kill import Failed, check_capability, read, wait_for
from story import Orders, Story, end_well

# How calls fail in life. What cannot fail so is not here: a timerfd is not read with EIO, and futex() has its own law.
ERRORS = {
    "read": "EIO EINTR ECONNRESET ENOMEM", "pread64": "EIO EINTR ENOMEM", "readv": "EIO EINTR", "recvfrom": "ECONNRESET EINTR ENOMEM EIO",
    "recvmsg": "ECONNRESET EINTR ENOMEM", "write": "EIO ENOSPC EINTR ECONNRESET ENOMEM", "pwrite64": "EIO ENOSPC EINTR ENOMEM",
    "writev": "EIO ENOSPC ECONNRESET ENOMEM", "sendto": "ECONNRESET EINTR ENOMEM EPIPE", "sendmsg": "ECONNRESET EINTR ENOMEM EPIPE",
    "openat": "EIO ENOSPC EMFILE ENOMEM EINTR", "open": "EMFILE EIO", "close": "EIO EINTR", "fsync": "EIO ENOSPC EINTR",
    "fdatasync": "EIO ENOSPC EINTR", "ftruncate": "EIO ENOSPC EINTR", "fallocate": "EIO ENOSPC EINTR EOPNOTSUPP",
    "renameat": "EIO ENOSPC ENOMEM", "renameat2": "EIO ENOSPC ENOMEM", "rename": "EIO ENOSPC ENOMEM", "unlink": "EIO ENOMEM",
    "unlinkat": "EIO ENOMEM", "mkdir": "EIO ENOSPC ENOMEM", "fchmod": "EIO ENOSPC", "chmod": "EIO", "fchown": "EIO", "fstat": "EIO ENOMEM",
    "newfstatat": "EIO ENOMEM", "statx": "EIO", "lseek": "EIO", "access": "EIO ENOMEM", "fcntl": "EINTR EMFILE EIO ENOMEM",
    "socket": "EMFILE ENOMEM ENOBUFS", "connect": "ECONNRESET EINTR ENOMEM ENOBUFS", "accept4": "EMFILE ENOMEM ECONNRESET EINTR",
    "bind": "ENOMEM EADDRINUSE", "getsockopt": "ENOMEM", "setsockopt": "ENOMEM", "getsockname": "ENOBUFS", "getpeername": "ENOBUFS",
    "shutdown": "ECONNRESET", "pipe2": "EMFILE ENOMEM", "epoll_wait": "EINTR", "ppoll": "EINTR ENOMEM", "poll": "EINTR ENOMEM",
    "epoll_ctl": "ENOMEM ENOSPC", "clone": "EAGAIN ENOMEM", "clone3": "EAGAIN ENOMEM", "vfork": "ENOMEM", "wait4": "EINTR",
    "waitid": "EINTR", "mmap": "ENOMEM", "memfd_create": "EMFILE ENOMEM", "pidfd_open": "EMFILE ENOMEM", "eventfd2": "EMFILE ENOMEM",
    "epoll_create1": "EMFILE ENOMEM", "getrandom": "EINTR", "getdents64": "EIO", "statfs": "EIO EINTR", "flock": "EINTR ENOMEM",
    "inotify_init1": "EMFILE", "inotify_add_watch": "ENOSPC ENOMEM",
}
# What sd-event uses for itself never fails so. What strace lets fail there is no point.
NOT_IN_LIFE = re.compile(r"anon_inode:\[?(timerfd|eventfd|signalfd|eventpoll|pidfd)|signalfd|timerfd")
# Where libraries end us, which only they can mend: libmicrohttpd 0.9.75 panics when it cannot take a descriptor out of epoll.
THEIRS = re.compile("epoll_ctl")
PAST_THE_END = 2
SHORT = [7, 64, 500]


class Bearing(Story):
    def __init__(self, options, program, **more):
        super().__init__(options, program, **more)
        self.trace_file = f"{self.folder}/trace"

    def attach(self, *expressions):
        tids = self.daemon.threads().values()
        command = ["strace", "-qq", "-yy", "-o", self.trace_file]
        for e in expressions:
            command += ["-e", e]
        for tid in tids:
            command += ["-p", str(tid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for("strace is attached", lambda: all(
                re.search(r"^TracerPid:\t[1-9]", read(f"/proc/{self.daemon.process.pid}/task/{t}/status"), re.M) for t in tids))
        except BaseException:
            tracer.kill()
            tracer.wait()
            raise
        return tracer

    def detach(self, tracer):
        tracer.send_signal(signal.SIGTERM)
        tracer.wait()

    def injected(self):
        """The lines of the calls that failed."""
        return [line for line in read(self.trace_file).splitlines() if "(INJECTED)" in line]


class Campaign:
    def __init__(self, options):
        self.options = options
        self.points = self.runs = self.failed = self.signals = self.silent = self.hangs = self.theirs = 0

    def found(self):
        return self.signals + self.silent + self.hangs

    def count(self, story, what, e):
        code = story.daemon.process.poll() if story.daemon else None
        words = story.injected()[-3:] if isinstance(story, Bearing) else []
        if any(NOT_IN_LIFE.search(w) for w in words) or (code is not None and code < 0 and any(THEIRS.search(w) for w in words)):
            self.theirs += 1
            return
        if code is not None and code < 0 or "the log says" in str(e):
            self.signals += 1
        elif "not within" in str(e) or "no answer" in str(e) or "does not stop" in str(e):
            self.hangs += 1
        else:
            self.silent += 1
        print(f"{what}: {e} ({story.folder}: {' '.join(words)})", flush=True)


def new_story(options, program, started=True, **more):
    folder = tempfile.mkdtemp(dir=options.folder)
    story = Bearing(argparse.Namespace(build=options.build, folder=folder), program, **more)
    if started:
        try:
            story.start()
            story.judge_round()
        except BaseException:
            story.close()
            raise
    return story


def record(options):
    """How often each call is made in a round, by the thread that makes most of them."""
    story = new_story(options, options.program)
    try:
        names = ",".join("?" + n for n in ERRORS)
        tracer = story.attach(f"trace={names}")
        story.round()
        story.judge_round()
        story.detach(tracer)
        counts = collections.Counter(re.match(r"(\d+) +(\w+)\(", line).groups() for line in read(story.trace_file).splitlines()
                                     if re.match(r"(\d+) +(\w+)\(", line))
        story.stop()
    finally:
        story.close()
    most = collections.Counter()
    for (_, name), n in counts.items():
        most[name] = max(most[name], n)
    return most


def points_of(counts):
    return [(name, error, k) for name in sorted(counts) for error in ERRORS[name].split()
            for k in range(1, counts[name] + PAST_THE_END + 1)]


def chosen(points, n, seed):
    """n of them: every call comes up before any comes up twice."""
    draw = random.Random(seed)
    by_name = collections.defaultdict(list)
    for p in points:
        by_name[p[0]].append(p)
    order = [draw.sample(ps, len(ps)) for ps in by_name.values()]
    draw.shuffle(order)
    rounds = [ps[i] for i in range(max(map(len, order))) for ps in order if i < len(ps)]
    return rounds[:n]


def bear(c, program, points):
    """The rounds, in one process while it bears them."""
    o = c.options
    story = new_story(o, program)
    try:
        for name, error, k in points:
            c.points += 1
            c.runs += 1
            tracer = None
            try:
                tracer = story.attach(f"trace={name}", f"inject={name}:error={error}:when={k}")
                if k == "1+":
                    story.api.order("status 503")
                    time.sleep(1)
                    story.detach(tracer)
                    tracer = None
                    story.buys("crypto")
                    story.end_of_outage()
                    story.judge_round(("crypto", "primary"))
                else:
                    story.round()
                    story.detach(tracer)
                    tracer = None
                    story.judge_round()
                c.failed += bool(story.injected())
                continue
            except Failed as e:
                if tracer:
                    story.detach(tracer)
                c.count(story, f"{name} {error} {k}", e)
            story.close()
            if o.first and c.found() or c.found() >= o.enough:
                return
            story = new_story(o, program)
        try:
            story.stop()
            story.audit()
        except Failed as e:
            c.count(story, "at the end", e)
    finally:
        story.close()


def starts(c, points):
    """The k-th call of a thread fails while it starts: it may end with a word, and the next start is well."""
    o = c.options
    story = new_story(o, o.program)
    story.environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # which cannot be under strace
    try:
        story.stop()
        for name, error, k in points:
            c.points += 1
            c.runs += 1
            try:
                story.wrapper = ["strace", "-qq", "-D", "-f", "-o", story.trace_file, "-e", f"trace={name}",
                                 "-e", f"inject={name}:error={error}:when={k}"]
                story.launch()
                story.wrapper = []
                wait_for("it is up, or has ended", lambda: story.daemon.dead() or story.daemon.done("primary"))
                if story.daemon.dead():
                    code = story.daemon.process.returncode
                    if code not in (1, 126, 127):  # these two: it could not even be loaded
                        raise Failed(f"failoverd has ended with {code}: {story.last_words()}")
                    story.launch()
                story.settle("primary")
                story.judge_round(())
                story.stop()
                c.failed += bool(story.injected())
            except Failed as e:
                c.count(story, f"start: {name} {error} {k}", e)
                story.close()
                if o.first or c.found() >= o.enough:
                    return
                story = new_story(o, o.program)
                story.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
                story.stop()
        story.audit()
    finally:
        story.close()


def short(c, program, sizes):
    """Start, round and stop with reads and writes of so many bytes at most."""
    o = c.options
    for size in sizes:
        c.points += 1
        c.runs += 1
        path = f"{o.folder}/short.{size}"
        orders = Orders(path, ["max", "shortened"])
        story = new_story(o, program, started=False, preload="short-calls", variable={"SHORT_CALLS": path})
        try:
            orders["max"] = size
            story.start()
            story.judge_round()
            for _ in range(3):
                story.round()
                story.judge_round()
            story.stop()
            story.audit()
            c.failed += orders["shortened"] > 0
        except Failed as e:
            c.count(story, f"at most {size} bytes", e)
        finally:
            story.close()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", required=True)
    p.add_argument("--build", required=True)
    p.add_argument("--stage", choices=["quick", "full", "once", "for-a-second", "starts", "short"], default="quick")
    p.add_argument("--first", action="store_true", help="stop at the first finding")
    p.add_argument("--enough", type=int, default=20, help="stop after so many findings")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--count", type=int, help="of a stage: so many points at most")
    p.add_argument("--only", help="CALL[,ERROR[,K]]: for looking closer")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    end_well()
    check_capability()
    options.folder = tempfile.mkdtemp(prefix="calls.", dir=os.environ.get("TMPDIR", "/tmp"))
    c = Campaign(options)
    status = 1
    try:
        play(c, options)
        print(f"calls: points {c.points}, runs {c.runs}, with a failed call {c.failed}; signals {c.signals}, "
              f"silent errors {c.silent}, hangs {c.hangs}; not in life, or libraries' own {c.theirs} (seed {options.seed})", flush=True)
        status = 1 if c.found() or not c.failed else 0
    finally:
        if status == 0 and not options.keep:
            shutil.rmtree(options.folder)
        else:
            print(f"kept: {options.folder}", file=sys.stderr)
    return status


def play(c, o):
    def mine(points):
        points = [x for x in points if not o.only or ",".join(map(str, x)).startswith(o.only)]
        return points if o.count is None else chosen(points, o.count, o.seed)

    if o.stage == "quick":
        bear(c, o.program, chosen(points_of(record(o)), 10, o.seed))
        bear(c, o.program, chosen([("openat", "EMFILE", "1+"), ("pwrite64", "ENOSPC", "1+"), ("socket", "EMFILE", "1+")], 1, o.seed))
        short(c, o.program, [random.Random(o.seed).choice(SHORT)])
    counts = record(o) if o.stage in ("full", "once") else {}
    if o.stage in ("full", "once"):
        bear(c, o.program, mine(points_of(counts)))
    if o.stage in ("full", "for-a-second"):
        bear(c, o.program, mine([(n, e, "1+") for n in ERRORS if n not in ("epoll_wait", "close", "poll", "ppoll", "wait4", "waitid")
                                 for e in ERRORS[n].split() if e != "EINTR"]))
    if o.stage in ("full", "starts"):
        starts(c, mine([(n, e, k) for n in ERRORS if n != "mmap" for e in ERRORS[n].split() for k in range(1, 60)]))
    if o.stage in ("full", "short"):
        short(c, o.program, SHORT)


if __name__ == "__main__":
    sys.exit(main())
