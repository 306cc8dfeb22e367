#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills one of two shops at each of its system calls that change state or reach the network while a buyer goes from one to the
other, pays, and gets the money back; starts it again, and compares the two ledgers. ledger.sh says how it is called.

What must be, once both have spoken again: both have the same sales, by the same terms, in the same state, to the minor unit;
nobody has one that was never begun; what was acknowledged (to the page, to the shop's own software) is there; each step is in
the audit log once, and its chain is whole. This reads the databases itself, without a line of the daemon's code."""
import argparse
import collections
import hashlib
import http.client
import json
import os
import queue
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import kill
from kill import Failed, ask, check_capability, read

CALLS = """write pwrite64 writev fdatasync fsync fallocate ftruncate rename renameat renameat2 unlink unlinkat openat fchmod chmod
 socket connect accept4 shutdown sendto sendmsg sendfile""".split()
QUICK = {("source", "store"): {"pwrite64", "fdatasync"}, ("referrer", "store"): {"pwrite64", "fdatasync"},
         ("source", "main"): {"sendto", "sendmsg"}, ("referrer", "main"): {"sendto", "sendmsg"}}
QUICK_POINTS = 7  # of each of these at most
PAST_THE_END = 2
BOOK, PRICE, PCT, SHARE = "b1", 1250, 15, 188
patience = kill.PATIENCE
Point = collections.namedtuple("Point", "who thread call k")


def wait_for(claim, condition):
    return kill.wait_for(claim, condition, patience)


class Node:
    def __init__(self, options, program, folder, name, address, port):
        self.options, self.program, self.folder, self.name = options, program, f"{folder}/{name}", name
        self.address, self.port, self.process = address, port, None
        self.control = f"{self.folder}/run/control.sock"
        os.makedirs(f"{self.folder}/state")
        made = subprocess.run([f"{options.build}/failoverctl", "keygen", "--json", "--id", "k1", f"{self.folder}/node.key"],
                              capture_output=True, text=True, check=True)
        self.public = json.loads(made.stdout)["public_key"]

    def configure(self, other, share):
        with open(f"{self.folder}/federationd.yaml", "w", encoding="ascii") as f:
            f.write(f"""node: {{id: {self.name}, url: "http://{self.address}:{self.port}", revenue_share: {share}, key_file: node.key}}
listen: ["{self.address}:{self.port}"]
network:
  check_interval: 1h
  peers: [{{id: {other.name}, url: "http://{other.address}:{other.port}", public_key: "{other.public}", revenue_share: {PCT}}}]
failover: {{runtime_dir: "{self.folder}/none", status_dir: "{self.folder}/none"}}
limits: {{requests_per_second: 0, per_address: 0}}
""")
        os.chmod(f"{self.folder}/federationd.yaml", 0o600)

    def command(self, *more):
        return [self.program, "--config", f"{self.folder}/federationd.yaml", "--state-dir", f"{self.folder}/state",
                "--runtime-dir", f"{self.folder}/run", *more]

    def start(self):
        environment = dict(os.environ, LC_ALL="C.UTF-8", ASAN_OPTIONS="detect_leaks=0")
        with open(f"{self.folder}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=environment)
        wait_for(f"{self.name} is ready", self.ready)

    def ready(self):
        if self.dead():
            raise Failed(f"{self.name} has ended with {self.process.returncode}: {read(self.folder + '/log')[-500:]}")
        return self.answers()

    def answers(self):
        try:
            return json.loads(ask(self.control, "/v1/status")).get("ready")
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def dead(self):
        return self.process.poll() is not None

    def threads(self):
        names = {}
        for tid in os.listdir(f"/proc/{self.process.pid}/task"):
            comm = read(f"/proc/{self.process.pid}/task/{tid}/comm").strip()
            names["main" if int(tid) == self.process.pid else comm] = int(tid)
        return names

    def post(self, path, body):
        c = http.client.HTTPConnection(self.address, self.port, timeout=10)
        try:
            c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return json.loads(c.getresponse().read())
        finally:
            c.close()

    def stop(self, how=signal.SIGTERM):
        if self.process and not self.dead():
            self.process.send_signal(how)
        if self.process:
            self.process.wait(20)

    def read_ledger(self):
        """Copied first: the daemon lets nobody else open it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as where:
            for name in ("federation.db", "federation.db-wal"):
                if os.path.exists(f"{self.folder}/state/{name}"):
                    shutil.copy(f"{self.folder}/state/{name}", where)
            db = sqlite3.connect(f"{where}/federation.db")
            try:
                if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    raise Failed(f"{self.name}'s database is damaged")
                rows = db.execute("SELECT side, id, book, price_minor, currency, pct, share_minor, state, told FROM referral").fetchall()
                audit = db.execute("SELECT n, at, event, node, actor, detail, hash FROM audit ORDER BY n").fetchall()
            finally:
                db.close()
        return rows, audit


def json_text(s):
    return json.dumps(s, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def check_chain(name, audit):
    before = bytes(32)
    for n, (row, at, event, node, actor, detail, hash_) in enumerate(audit, 1):
        text = f"{before.hex()} {row} {at} " + "".join(map(json_text, (event, node, actor, detail)))
        before = hashlib.sha256(text.encode()).digest()
        if row != n or before != hash_:
            raise Failed(f"{name}'s audit log is broken at {row}")


class World:
    """Two shops that live on through many sales and kills."""

    def __init__(self, options, program, number):
        self.folder = tempfile.mkdtemp(dir=options.folder)
        self.options, self.acknowledged = options, {}
        pid = os.getpid()
        address = f"127.{64 + (pid >> 16 & 63)}.{pid >> 8 & 255}.{pid & 255}"
        self.nodes = {name: Node(options, program, self.folder, name, address, 8500 + 2 * number + i)
                      for i, name in enumerate(("referrer", "source"))}
        self.a, self.b = self.nodes["referrer"], self.nodes["source"]
        self.a.configure(self.b, 10)
        self.b.configure(self.a, PCT)
        with open(f"{self.folder}/books.csv", "w", encoding="ascii") as f:
            f.write(f"id,title,price_minor,currency\n{BOOK},A book,{PRICE},USD\n")
        subprocess.run(self.b.command("--import", f"{self.folder}/books.csv"), capture_output=True, check=True)
        self.b.start()
        self.a.start()
        wait_for("a first sale", lambda: self.checkout() and self.last["state"] == "confirmed")

    def close(self):
        for node in self.nodes.values():
            node.stop(signal.SIGKILL)

    def checkout(self):
        """The referral, or None: the page heard nothing."""
        self.last = None
        try:
            answer = self.a.post("/api/network/checkout", {"bookId": BOOK, "sourceNodeId": "source", "email": "canary@buyers.example"})
        except (OSError, ValueError, http.client.HTTPException):
            return None
        if not answer.get("success"):
            raise Failed(f"a checkout is refused: {answer}")
        self.last = answer
        self.acknowledged[answer["referral"]] = answer["state"]
        return answer["referral"]

    def revive(self):
        killed = False
        for node in self.nodes.values():
            if node.process.poll() is not None:
                if node.process.returncode != -signal.SIGKILL:
                    raise Failed(f"{node.name} has ended with {node.process.returncode}: {read(node.folder + '/log')[-800:]}")
                node.start()
                killed = True
        return killed

    def settle(self, referral, status):
        """The shop's own software says it until it is answered."""

        def said():
            self.revive()
            try:
                answer = json.loads(ask(self.b.control, f"/v1/orders/{referral}", json.dumps({"status": status})))
            except (OSError, ValueError, http.client.HTTPException):
                return False
            if "no buyer was sent" in answer.get("error", ""):
                return False  # the order is still on its way
            if answer.get("state") != status:
                raise Failed(f"{status} is answered by {answer}")
            self.acknowledged[referral] = status
            return True

        wait_for(f"{referral} is {status}", said)

    def knows(self, node, referral, state):
        self.revive()
        try:
            row = json.loads(ask(node.control, f"/v1/orders/{referral}"))
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return row.get("state") == state and (node is self.a or row.get("told"))

    def sale(self):
        referral = self.checkout()
        if referral is None:
            return
        for status in ("paid", "refunded"):
            self.settle(referral, status)
            wait_for(f"both know that {referral} is {status}",
                     lambda s=status: self.knows(self.a, referral, s) and self.knows(self.b, referral, s))

    def attach(self, point):
        tid = wait_for("its thread is there", lambda: self.nodes[point.who].threads().get(point.thread))
        tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={point.call}", "-e",
                                   f"inject={point.call}:signal=SIGKILL:when={point.k}", "-p", str(tid)], stderr=subprocess.DEVNULL)
        pid = self.nodes[point.who].process.pid
        wait_for("strace is attached", lambda: re.search(r"^TracerPid:\t[1-9]", read(f"/proc/{pid}/task/{tid}/status"), re.M))
        return tracer

    def play(self, point):
        """(killed, findings)"""
        tracer = self.attach(point)
        victim = self.nodes[point.who].process
        findings = []
        try:
            self.sale()
        except Failed as e:
            findings.append(str(e))
        tracer.terminate()
        tracer.wait()
        wait_for("it is dead, or well", lambda: victim.poll() is not None or self.nodes[point.who].answers())
        killed = victim.poll() == -signal.SIGKILL
        try:
            self.revive()
            self.settle_down()
            self.judge()
        except Failed as e:
            findings.append(str(e))
        return killed, findings

    def settle_down(self):
        """Nothing is on its way any more."""

        def quiet():
            rows = {**{r[1]: r for r in self.a.read_ledger()[0]}}
            return all(r[7] not in ("open", "unconfirmed") for r in rows.values())

        wait_for("all orders are answered", quiet)

    def judge(self):
        (ours, our_audit), (theirs, their_audit) = self.a.read_ledger(), self.b.read_ledger()
        to_us = {r[1]: r[2:8] for r in ours if r[0] == 0}
        by_us = {r[1]: r[2:8] for r in theirs if r[0] == 1}
        if to_us != by_us:
            apart = [(k, to_us.get(k), by_us.get(k)) for k in to_us.keys() | by_us.keys() if to_us.get(k) != by_us.get(k)]
            raise Failed(f"the two ledgers differ: {apart[:3]}")
        for referral, state in self.acknowledged.items():
            row = to_us.get(referral)
            if not row or (state in ("paid", "refunded") and row[5] != "refunded" and state != row[5]):
                raise Failed(f"{referral} was {state}, and is {row}")
            if row[1:5] != (PRICE, "USD", PCT, SHARE):
                raise Failed(f"{referral} is by other terms: {row}")
        for name, audit in (("referrer", our_audit), ("source", their_audit)):
            check_chain(name, audit)
            steps = collections.Counter((event, detail.split(" ")[0]) for _, _, event, _, _, detail, _ in audit
                                        if event in ("referral-made", "referral-confirmed", "referral-paid", "referral-refunded",
                                                     "order-taken", "order-paid", "order-refunded"))
            doubled = [k for k, n in steps.items() if n > 1]
            if doubled:
                raise Failed(f"{name} has done twice: {doubled[:3]}")
        made = sum(r[0] == 0 for r in ours)
        if made != sum(e[2] == "referral-made" for e in our_audit):
            raise Failed("referrals and their audit rows are not as many")

    def record(self, who):
        node = self.nodes[who]
        names = {tid: name for name, tid in node.threads().items()}
        tracer = subprocess.Popen(["strace", "-qq", "-f", "-o", f"{self.folder}/trace", "-e", "trace=" + ",".join("?" + c for c in CALLS),
                                   "-p", str(node.process.pid)], stderr=subprocess.DEVNULL)
        wait_for("strace is attached", lambda: all(re.search(r"^TracerPid:\t[1-9]", read(f"/proc/{node.process.pid}/task/{t}/status"), re.M)
                                                   for t in names))
        self.sale()
        tracer.terminate()
        tracer.wait()
        counts = collections.Counter(re.match(r"(\d+) +(\w+)\(", line).groups() for line in read(f"{self.folder}/trace").splitlines()
                                     if re.match(r"(\d+) +(\w+)\(", line))
        return [Point(who, names[int(tid)], call, k) for (tid, call), n in sorted(counts.items()) if int(tid) in names
                for k in range(1, n + 1 + PAST_THE_END)]


def chosen(points, draw):
    groups = collections.defaultdict(list)
    for p in points:
        if p.call in QUICK.get((p.who, p.thread), ()):
            groups[p[:3]].append(p)
    return [p for g in groups.values() for p in sorted(draw.sample(g, min(QUICK_POINTS, len(g))))]


def play_all(options, points):
    todo, results, errors = queue.Queue(), [], []
    for p in points:
        todo.put(p)

    def work(number):
        world = None
        try:
            while not errors:
                point = todo.get_nowait()
                world = world or World(options, options.program, number)
                killed, findings = world.play(point)
                results.append((point, killed, findings))
                if options.verbose:
                    print(*point, "killed" if killed else "not reached", flush=True)
                for words in findings:
                    print(f"killed at {point.call} {point.k} of {point.who}'s {point.thread}: {words} ({world.folder})", flush=True)
                if findings:
                    world.close()
                    world = None
                    if options.first:
                        return
        except queue.Empty:
            pass
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)
        finally:
            if world:
                world.close()

    workers = [threading.Thread(target=work, args=(i,)) for i in range(1, options.jobs + 1)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    if errors:
        raise errors[0]
    return results


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--program", required=True)
    p.add_argument("--quick", action="store_true", help="some of the calls that make a step durable or tell of it")
    p.add_argument("--first", action="store_true", help="stop at the first finding")
    p.add_argument("--only", help="WHO,THREAD,CALL[,K]: for looking closer")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--keep", action="store_true")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--patience", type=float, default=kill.PATIENCE, help="seconds for each step")
    options = p.parse_args()
    global patience  # pylint: disable=global-statement
    patience = options.patience
    check_capability()
    options.folder = tempfile.mkdtemp(prefix="ledger.", dir=os.environ.get("TMPDIR", "/tmp"))
    status = 1
    try:
        world = World(options, options.program, 0)
        try:
            points = [x for who in world.nodes for x in world.record(who)]
        finally:
            world.close()
        listed = len(points)
        if options.quick:
            points = chosen(points, random.Random(options.seed))
        if options.only:
            points = [x for x in points if ",".join(map(str, x)).startswith(options.only)]
        results = play_all(options, points)
        kills, findings = sum(r[1] for r in results), sum(bool(r[2]) for r in results)
        print(f"{os.path.basename(options.program)}: {listed} calls of both, points {len(results)}, kills {kills}; ledgers that differ, "
              f"sales lost or doubled: {findings} (seed {options.seed})")
        status = 1 if findings or not kills else 0
    finally:
        if status == 0 and not options.keep:
            shutil.rmtree(options.folder)
        else:
            print(f"kept: {options.folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
