#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills failoverd at every system call of a flip and a return that changes state or reaches the network, starts it
again, and judges what became of the shop. kill.sh says how it is called.

A run under strace lists the calls, counted per thread and name. Then each (thread, name, k) is one point: a shop of its
own, a kill as that thread enters its k-th such call, a restart, and the story goes on to its end. strace is attached to
that one thread, at rest. During a start there is no thread to attach to yet: there, a point is the k-th call of whichever
thread comes first. In the stage of errors that call fails, and failoverd has to go on.
"""
import argparse
import collections
import http.client
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import audit

# What changes files, memory that others see, other processes, or reaches the network.
CALLS = """write pwrite64 writev pwritev pwritev2 sendfile copy_file_range fdatasync fsync sync_file_range msync
 rename renameat renameat2 unlink unlinkat rmdir link linkat symlink symlinkat mkdir mkdirat mknodat open openat openat2 creat
 truncate ftruncate fallocate chmod fchmod fchmodat chown fchown fchownat utimensat setxattr fsetxattr
 socket connect bind listen accept accept4 shutdown sendto sendmsg sendmmsg
 clone clone3 fork vfork execve pipe2 kill pidfd_send_signal tgkill fcntl""".split()
# Of the flip, what makes it durable and what it says to others: for the quick run.
QUICK = {"disk": {"pwrite64", "fdatasync"}, "runtime": {"renameat", "write"}, "main": {"sendto", "clone", "connect"}}
STATE, EVENTS = ["payment-mode", "status-page"], ["alert", "http", "exec", *audit.NOTICES]
PAST_THE_END = 3  # calls tried beyond those that the trace saw
MANY = 100  # a new database writes its reserve of 2 MiB: of so many calls in a row, every 16th will do
PATIENCE = float(os.environ.get("PATIENCE", 20))

CONFIG = """
node: {{id: shop, name: Shop, url: "http://127.0.0.1", key_file: node.key}}
probes:
  payment-api: {{type: http, url: "http://127.0.0.1:{api}/v1/account", {pace}}}
  btcpay: {{type: http, url: "http://127.0.0.1:{crypto}/api/v1/health", {pace}}}
modes:
  - {{name: primary, requires: [payment-api]}}
  - {{name: crypto, requires: [btcpay]}}
failback: {{hold: 0s}}
actions:
  - {{type: payment-mode}}
  - {{type: status-page}}
  - {{type: alert, webhook: {{url: "http://127.0.0.1:{sink}/{name}/alert", format: json}}}}
  - {{type: http, url: "http://127.0.0.1:{sink}/{name}/http"}}
  - {{type: notify-peers, peers: [{peers}]}}
  - {{type: exec, command: [/bin/sh, -c, 'echo "$FAILOVER_CHANGE" >>"$0"', "{folder}/exec.txt"]}}
"""
# Nothing runs by itself while the calls are counted: runs are asked for, and a fail or a pass is followed up at once.
PACE = "interval: 10m, fast_interval: 50ms, timeout: 5s, fall: 2, window: 3, rise: 2"

Point = collections.namedtuple("Point", "thread call k error", defaults=[""])
ANY = "any"

# How calls fail in life.
ERRORS = {
    "pwrite64": "EIO ENOSPC", "fdatasync": "EIO", "fsync": "EIO", "openat": "EMFILE EACCES EIO", "renameat": "EIO ENOSPC",
    "renameat2": "EIO", "ftruncate": "EIO ENOSPC", "fallocate": "ENOSPC EOPNOTSUPP EIO", "fchmod": "EPERM", "mkdir": "ENOSPC EACCES",
    "unlink": "EIO", "unlinkat": "EIO", "socket": "EMFILE ENOBUFS", "connect": "ECONNREFUSED ENETUNREACH", "sendto": "ECONNRESET EPIPE",
    "sendmsg": "EPIPE", "accept4": "EMFILE ECONNABORTED", "pipe2": "EMFILE", "clone": "EAGAIN ENOMEM", "clone3": "EAGAIN",
    "vfork": "EAGAIN", "shutdown": "ENOTCONN",
}


class Failed(Exception):
    """The story does not go on as it must."""


def wait_for(claim, condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {patience:g} s: {claim}")
        time.sleep(0.005)


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def ask(path, url, body=None, method=None, timeout=10):
    """One HTTP request over a Unix socket."""
    c = http.client.HTTPConnection("localhost", timeout=timeout)
    c.sock = socket.socket(socket.AF_UNIX)
    try:
        c.sock.settimeout(timeout)
        c.sock.connect(path)
        c.request(method or ("POST" if body is not None else "GET"), url, body)
        return c.getresponse().read().decode()
    finally:
        c.close()


class Part:
    """A counterpart of tests/parts."""

    def __init__(self, build, folder, name, *arguments):
        self.control = f"{folder}/{name}.sock"
        self.process = subprocess.Popen([f"{build}/tests/{arguments[0]}", "--control", self.control, *arguments[1:]],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def order(self, words):
        ask(self.control, "/", words)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Daemon:
    def __init__(self, program, folder, log, wrapper=()):
        self.folder, self.control = folder, f"{folder}/run/control.sock"
        self.started = time.monotonic()
        environment = dict(os.environ, LC_ALL="C.UTF-8")
        for name in "NOTIFY_SOCKET WATCHDOG_USEC LISTEN_FDS LISTEN_PID CREDENTIALS_DIRECTORY JOURNAL_STREAM".split():
            environment.pop(name, None)
        self.process = subprocess.Popen([*wrapper, program, "--config", f"{folder}/failoverd.yaml", "--state-dir", f"{folder}/state",
                                         "--runtime-dir", f"{folder}/run", "--status-dir", f"{folder}/status"],
                                        stdout=log, stderr=log, env=environment)

    def dead(self):
        return self.process.poll() is not None

    def status(self):
        if self.dead():
            raise Failed(f"failoverd has ended with {self.process.returncode}")
        try:
            status = json.loads(ask(self.control, "/v1/status"))
            return status if "mode" in status else None  # else a word about what it lacks
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def probe(self, name):
        """Runs a probe now. The answer is not waited for: it may never come."""
        try:
            ask(self.control, f"/v1/probe/{name}", "", timeout=3)
        except (OSError, http.client.HTTPException):
            pass

    def agreed(self):
        """The status, once it, mode.json and payment.env say the same."""
        s = self.status()
        if not s or "mode" not in s:
            return None
        env, mode = payment_env(self.folder), mode_json(self.folder)
        same = (env.get("FAILOVER_CHANGE") == mode.get("change") == s["change"] and
                env.get("PAYMENT_MODE") == mode.get("payment") == s["payment"] and mode.get("mode") == s["mode"])
        return s if same else None

    def done(self, mode):
        """In this mode, and nothing left to do."""
        s = self.agreed()
        return s if s and s["mode"] == mode and s["durable"] and s["actions"] and all(
            a["state"] in ("done", "superseded") for a in s["actions"]) else None

    def all_up(self):
        return all(p["verdict"] == "up" and p["outcome"] for p in self.status()["probes"])

    def threads(self):
        """Thread ids by name; the main thread's is main."""
        names = {}
        for tid in os.listdir(f"/proc/{self.process.pid}/task"):
            name = read(f"/proc/{self.process.pid}/task/{tid}/comm").strip()
            names["main" if int(tid) == self.process.pid else name] = int(tid)
        return names

    def switches(self):
        """How often its threads have slept: it stands still when nothing happens."""
        total = 0
        try:
            for tid in os.listdir(f"/proc/{self.process.pid}/task"):
                for line in read(f"/proc/{self.process.pid}/task/{tid}/status").splitlines():
                    if "ctxt_switches" in line:
                        total += int(line.split()[1])
        except OSError:
            return -1
        return total

    def wait_quiet(self, quiet=0.12):
        """Until it has done nothing for so long; fast runs are 50 ms apart."""
        last, since, end = None, time.monotonic(), time.monotonic() + PATIENCE
        while not self.dead() and time.monotonic() < end:
            now = self.switches()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > quiet:
                return
            time.sleep(0.01)

    def stop(self, how):
        if not self.dead():
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("failoverd does not stop") from None


def payment_env(folder):
    return dict(line.split("=", 1) for line in read(f"{folder}/run/payment.env").splitlines() if "=" in line)


def mode_json(folder):
    text = read(f"{folder}/run/mode.json")
    return json.loads(text) if text else {}


def files_are_whole(folder, new):
    """What readers see after the kill, before anybody mends it. Yields what is wrong. new: they may not be there yet."""
    env = read(f"{folder}/run/payment.env")
    if not (new and not env) and not re.fullmatch(r"PAYMENT_MODE=\w+\nCHECKOUT_ROUTE=\w+\nFAILOVER_CHANGE=\w{26}\n", env):
        yield f"payment.env is damaged: {env!r}"
    paths = [] if new and not os.path.exists(f"{folder}/run/mode.json") else [f"{folder}/run/mode.json"]
    for root, _, names in os.walk(f"{folder}/status"):
        paths += [f"{root}/{n}" for n in names if n.endswith(".json") and not n.startswith(".")]
        for name, end in (("index.html", "</html>"), ("history.atom", "</feed>"), ("badge.svg", "</svg>")):
            if name in names and not read(f"{root}/{name}").rstrip().endswith(end):
                yield f"{name} is cut off"
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                json.load(f)
        except (OSError, ValueError) as e:
            yield f"{path}: {e}"


def strace(folder, point):
    """The command that kills at a point, or else lists all calls."""
    command = ["strace", "-q", "-o", f"{folder}/trace"]
    if point:
        what = f"error={point.error}" if point.error else "signal=SIGKILL"
        return command + ["-e", f"trace={point.call}", "-e", f"inject={point.call}:{what}:when={point.k}"]
    return command + ["-e", "trace=" + ",".join("?" + c for c in CALLS)]


def calls(folder, threads):
    """[(thread, call)] as they were listed."""
    names = {str(tid): name for name, tid in threads.items()}
    lines = (re.match(r"(\d+) +(\w+)\(", line) for line in read(f"{folder}/trace").splitlines())
    return [(names[m[1]], m[2]) for m in lines if m and m[1] in names]


class Trace:
    """strace, attached to the point's thread, or else to all."""

    def __init__(self, daemon, point=None):
        threads = daemon.threads()
        tids = [threads[point.thread]] if point else list(threads.values())
        what = ["-p", str(tids[0])] if point else ["-f", "-p", str(daemon.process.pid)]
        self.process = subprocess.Popen([*strace(daemon.folder, point), *what], stderr=subprocess.DEVNULL)
        wait_for("strace is attached", lambda: all(self.attached(t) for t in tids))

    def attached(self, tid):
        """Traced, and waiting in its call again: strace has let it go on."""
        if self.process.poll() is not None:
            raise Failed("strace cannot attach")
        status = read(f"/proc/{tid}/status")
        return re.search(r"^TracerPid:\t[1-9]", status, re.M) and re.search(r"^State:\tS", status, re.M)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Shop:
    """Where one worker plays its points, with counterparts of its own."""

    def __init__(self, options, program, number):
        self.options, self.program = options, program
        self.folder = f"{options.folder}/{os.path.basename(program)}-{number}"
        os.makedirs(self.folder)
        self.api = Part(options.build, self.folder, "api", "payment-api")
        self.crypto = Part(options.build, self.folder, "crypto", "payment-api")
        self.sink = Part(options.build, self.folder, "sink", "webhook-sink", "--record", f"{self.folder}/sink.jsonl")
        self.template = None
        self.daemon = self.trace = None
        self.prepare()

    def close(self):
        self.abandon()
        for part in (self.api, self.crypto, self.sink):
            part.stop()

    def abandon(self):
        """Ends what a story that failed has left running."""
        if self.trace:
            self.trace.stop()
        if self.daemon and not self.daemon.dead():
            self.daemon.process.kill()
            self.daemon.process.wait()
        self.daemon = self.trace = None

    def open(self, name):
        """A folder for a story, in mode primary unless it is the first."""
        where = f"{self.folder}/{name}"
        if self.template:
            shutil.copytree(self.template, where, ignore=shutil.ignore_patterns("control.sock"))
        else:
            os.makedirs(where)
        with open(f"{where}/failoverd.yaml", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(api=self.api.port, crypto=self.crypto.port, sink=self.sink.port, name=name, folder=where,
                                  peers=audit.peers_config(self.sink.port, f"{name}/"), pace=PACE))
        if not self.template:
            audit.write_key(where)
        os.chmod(f"{where}/failoverd.yaml", 0o600)
        self.heard_from = os.path.getsize(f"{self.folder}/sink.jsonl")
        self.api.order("ok")
        return where

    def start(self, where, wrapper=()):
        with open(f"{where}/log", "a", encoding="utf-8") as log:
            self.daemon = Daemon(self.program, where, log, wrapper)
        return self.daemon

    def start_traced(self, where, point):
        """strace -D: the daemon, not strace, is our child."""
        return self.start(where, [*strace(where, point), "-D", "-f", "--"])

    def prepare(self):
        """Leaves behind the state in which each story of this stage begins."""
        if self.options.stage == "first-start":
            return
        where = self.open("primary")
        daemon = self.start(where)
        wait_for("the first start is done", lambda: daemon.done("primary"))
        daemon.wait_quiet()
        daemon.stop(signal.SIGTERM)
        self.template = where
        if self.options.stage == "restart":
            where = self.open("committed")
            daemon = self.begin(where)
            self.trace = Trace(daemon, Point("runtime", "openat", 1))
            self.api.order("status 503")
            if self.flip(daemon, where, "crypto", 1):
                raise Failed("the change is not killed before its first action")
            self.abandon()
            self.template = where

    def begin(self, where):
        """Running, in mode primary, and at rest."""
        daemon = self.start(where)
        wait_for("failoverd is up", lambda: daemon.done("primary"))
        wait_for("all probes are up", daemon.all_up)
        daemon.wait_quiet()
        return daemon

    def lines(self):
        """What the sink has recorded since this story began."""
        with open(f"{self.folder}/sink.jsonl", encoding="utf-8") as f:
            f.seek(self.heard_from)
            return [json.loads(line) for line in f if line.endswith("\n")]

    def heard(self, where, action):
        """The ids that the sink has recorded for this story, doubles included."""
        path = f"/{os.path.basename(where)}/{action}"
        return [json.loads(r["body"])["id"] for r in self.lines() if r["path"] == path]

    def notices(self, where):
        return audit.notices(self.lines(), f"{os.path.basename(where)}/")

    def executed(self, where):
        return read(f"{where}/exec.txt").split()

    def arrived(self, where, mode, n):
        """The mode is what buyers see, and n changes have been said to everybody. Asks nobody: calls are counted."""
        return (payment_env(where).get("PAYMENT_MODE") == mode and
                (json.loads(read(f"{where}/status/api/v2/status.json") or "{}").get("failover") or {}).get("mode") == mode and
                len(set(self.heard(where, "alert"))) >= n and len(set(self.heard(where, "http"))) >= n and
                all(len(set(got)) >= n for got in self.notices(where).values()) and len(set(self.executed(where))) >= n)

    def flip(self, daemon, where, to, n):
        """Until all of it is done, or failoverd is dead: then False."""
        asked = 0

        def arrived():
            nonlocal asked
            if not asked or (self.options.stage == "errors" and time.monotonic() > asked + 1):
                daemon.probe("payment-api")  # again: that it was asked at all may have failed
                asked = time.monotonic()
            return daemon.dead() or self.arrived(where, to, n)

        wait_for(f"the shop is on {to}", arrived)
        daemon.wait_quiet()
        return not daemon.dead()

    def record(self):
        """[(thread, call)], in their order."""
        where = self.open("record")
        if self.options.stage in ("flip", "all", "errors"):
            daemon = self.begin(where)
            self.trace = Trace(daemon)
            self.change_modes(daemon, where)
            self.trace.stop()
            self.trace = None
            found = calls(where, daemon.threads())
        else:
            self.api.order("ok" if self.options.stage == "first-start" else "status 503")
            daemon = self.start_traced(where, None)
            self.wait_started(daemon, where)
            threads = daemon.threads()
            daemon.stop(signal.SIGKILL)
            wait_for("strace has written all", lambda: f"{daemon.process.pid} +++ killed" in re.sub(" +", " ", read(f"{where}/trace")))
            return [(ANY, call) for thread, call in longest(calls(where, threads)) if call != "execve"]
        daemon.stop(signal.SIGKILL)
        return found

    def change_modes(self, daemon, where):
        """A flip, and unless that is all, the return. True while failoverd lives and the API is broken."""
        self.api.order("status 503")
        if not self.flip(daemon, where, "crypto", 1) or self.options.stage == "flip":
            return "broken"
        self.api.order("ok")
        self.flip(daemon, where, "primary", 2)
        return "well"

    def wait_started(self, daemon, where):
        mode, n = ("primary", 0) if self.options.stage == "first-start" else ("crypto", 1)
        wait_for(f"the shop is on {mode}", lambda: daemon.dead() or self.arrived(where, mode, n))
        daemon.wait_quiet()

    def play(self, point):
        """One point: (killed, seconds until it was up again, findings)."""
        where = self.open("-".join((point.thread, point.call, str(point.k), point.error or "kill")))
        findings = []
        try:
            result = (self.bear if point.error else self.story)(point, where, findings)
        except Failed as e:
            findings.append(("stuck", str(e)))
            result = (True, 0)
        self.abandon()
        if not findings and not self.options.keep:
            shutil.rmtree(where)
        return (*result, [(kind, f"{words} ({where})") for kind, words in findings])

    def story(self, point, where, findings):
        if self.options.stage in ("flip", "all"):
            daemon = self.begin(where)
            self.trace = Trace(daemon, point)
            phase = self.change_modes(daemon, where)
        else:
            phase = "new" if self.options.stage == "first-start" else "broken"
            self.api.order("ok" if phase == "new" else "status 503")
            daemon = self.start_traced(where, point)
            self.wait_started(daemon, where)
        killed = daemon.dead()
        if daemon.stop(signal.SIGKILL) != -signal.SIGKILL:
            findings.append(("corrupt", f"failoverd ended with {daemon.process.returncode}"))
        if self.trace:
            self.trace.stop()
        self.trace = None
        findings += [("corrupt", words) for words in files_are_whole(where, phase == "new")]
        seen = [("payment.env", payment_env(where).get("FAILOVER_CHANGE")), ("mode.json", mode_json(where).get("change"))]
        seconds = self.resume(where, phase)
        self.judge(where, seen, findings)
        return killed, seconds

    def bear(self, point, where, findings):
        """The call fails, and the same process plays the story to its end."""
        daemon = self.begin(where)
        self.trace = Trace(daemon, point)
        self.change_modes(daemon, where)
        self.trace.stop()
        self.trace = None
        if daemon.dead():
            findings.append(("stuck", f"failoverd ended with {daemon.process.returncode}"))
            return True, 0
        wait_for("on primary, since the API is well, and all is done", lambda: daemon.done("primary"))
        if daemon.stop(signal.SIGTERM) != 0:
            raise Failed(f"stopped, failoverd returned {daemon.process.returncode}")
        self.judge(where, [], findings)
        return "(INJECTED)" in read(f"{where}/trace"), 0

    def resume(self, where, phase):
        """Starts it again and plays the story to its end; the seconds until all agreed again."""
        daemon = self.start(where)
        wait_for("status, mode.json and payment.env agree", daemon.agreed)
        seconds = time.monotonic() - daemon.started
        if phase == "new":
            wait_for("on primary, where all is up", lambda: daemon.done("primary") and daemon.all_up())
            self.api.order("status 503")
            daemon.probe("payment-api")
        if phase != "well":
            wait_for("on crypto, since the API is broken, and all is done", lambda: daemon.done("crypto"))
            self.api.order("ok")
            daemon.probe("payment-api")
        wait_for("on primary, since the API is well, and all is done", lambda: daemon.done("primary"))
        if daemon.stop(signal.SIGTERM) != 0:
            raise Failed(f"stopped, failoverd returned {daemon.process.returncode}")
        return seconds

    def judge(self, where, seen, findings):
        a = audit.Audit(f"{where}/state", STATE, EVENTS)
        findings += a.findings
        for name, change in seen:
            a.check_known(change, name)
        for action in ("alert", "http"):
            a.check_receiver(action, self.heard(where, action))
        a.check_notices(self.notices(where))
        a.check_receiver("exec", self.executed(where))
        modes = [c["to_mode"] for c in a.changes]
        if modes != ["primary", "crypto", "primary"]:
            kind = "doubled" if len(modes) > 3 else "lost"
            a.find(kind, f"one outage, and the history says {modes}")
        findings += [f for f in a.findings if f not in findings]


def longest(listed):
    """Of each call, those of the thread that makes most of them."""
    most = {}
    for (thread, call), n in collections.Counter(listed).items():
        most[call] = max(most.get(call, (0, "")), (n, thread))
    return [(thread, call) for thread, call in listed if most[call][1] == thread]


def points_of(listed):
    """Every call of every thread that was seen, and some past the end."""
    counts = collections.Counter(listed)
    return [Point(thread, call, k) for (thread, call), n in sorted(counts.items()) for k in range(1, n + PAST_THE_END + 1)
            if thread != ANY or min(k, n - k) < MANY or k % 16 == 0]


def errors_of(points):
    return [p._replace(error=e) for p in points for e in ERRORS.get(p.call, "").split()]


def play_all(options, program, points):
    """[(point, killed, seconds, findings)], by several workers side by side."""
    todo, results, errors = queue.SimpleQueue(), [], []
    for p in points:
        todo.put(p)

    def work(number):
        shop = None
        try:
            shop = Shop(options, program, number)
            while not errors:
                point = todo.get_nowait()
                result = (point, *shop.play(point))
                results.append(result)
                if options.verbose:
                    print(*point, "killed" if result[1] else "not reached", f"{result[2]:.3f}", flush=True)
                for kind, words in result[3]:
                    print(f"{kind}: {point.error or 'killed'} at {point.call} {point.k} of {point.thread}: {words}", flush=True)
                if result[3] and options.first:
                    return
        except queue.Empty:
            pass
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)
        finally:
            if shop:
                shop.close()

    workers = [threading.Thread(target=work, args=(i,)) for i in range(options.jobs)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    if errors:
        raise errors[0]
    return results


def check_capability():
    """Exits with 77 when this machine does not let us trace a process."""
    sleeper = subprocess.Popen(["sleep", "60"])
    tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(sleeper.pid)], stderr=subprocess.PIPE, text=True)
    try:
        attached = lambda: re.search(r"^TracerPid:\t[1-9]", read(f"/proc/{sleeper.pid}/status"), re.M)
        wait_for("strace attaches, or says why not", lambda: attached() or tracer.poll() is not None)
        if tracer.poll() is not None:
            print(f"skipped: strace cannot attach to a process (CAP_SYS_PTRACE): {tracer.stderr.read().strip()}")
            sys.exit(77)
    finally:
        tracer.kill()
        sleeper.kill()
        tracer.wait()
        sleeper.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", required=True)
    p.add_argument("--build", required=True, help="where tests/ with the counterparts is")
    p.add_argument("--stage", choices=["flip", "all", "restart", "first-start", "errors"], default="all",
                   help="flip: only its commit and what it says to others; all: every call of a flip and a return")
    p.add_argument("--first", action="store_true", help="stop at the first finding")
    p.add_argument("--only", help="THREAD,CALL[,K]: this one, for looking closer")
    p.add_argument("--jobs", type=int, default=4)
    p.add_argument("--keep", action="store_true")
    p.add_argument("--verbose", action="store_true")
    options = p.parse_args()
    check_capability()
    options.folder = tempfile.mkdtemp(prefix="kill.", dir=os.environ.get("TMPDIR", "/tmp"))
    status = 1
    try:
        recorder = Shop(options, options.program, "record")
        try:
            listed = recorder.record()
        finally:
            recorder.close()
        points = points_of(listed)
        if options.stage == "flip":
            points = [x for x in points if x.call in QUICK.get(x.thread, ())]
        if options.stage == "errors":
            points = errors_of(points)
        if options.only:
            points = [x for x in points if ",".join(map(str, x)).startswith(options.only)]
        status = report(options.stage, play_all(options, options.program, points), len(listed))
    finally:
        if status == 0 and not options.keep:
            shutil.rmtree(options.folder)
        else:
            print(f"kept: {options.folder}", file=sys.stderr)
    return status


def report(stage, results, n_calls):
    kinds = collections.Counter(kind for r in results for kind in {f[0] for f in r[3]})
    kills = sum(r[1] for r in results)
    seconds = sorted(r[2] for r in results if r[2]) or [0]
    again = f"; up again in {seconds[len(seconds) // 2]:.2f} s (median), {seconds[-1]:.2f} s (longest)"
    print(f"{stage}: {n_calls} calls, points {len(results)}, {'failed' if stage == 'errors' else 'kills'} {kills}, lost {kinds['lost']}, "
          f"doubled after dedupe {kinds['doubled']}, corrupt {kinds['corrupt']}, stuck {kinds['stuck']}"
          f"{again if stage != 'errors' else ''}")
    return 1 if kinds or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
