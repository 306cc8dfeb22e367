#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills an import at each of its system calls that change state, looks at what is there, runs it again, and looks again.
import.sh says how it is called.

What must be: the catalog is as some whole number of batches made it, never between two; indexes and counts fit the books; who
is told that it is done finds all of it; running it again completes it, to the byte as if nothing had happened. A reader that
began before goes on seeing what it saw."""
import argparse
import collections
import concurrent.futures
import csv
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

CALLS = """write pwrite64 writev fdatasync fsync fallocate ftruncate truncate rename renameat renameat2 unlink unlinkat link open
 openat creat chmod fchmod fchmodat chown fchown fchownat mkdir mkdirat fcntl""".split()
QUICK = {"pwrite64": 31, "fdatasync": 9, "ftruncate": 1, "unlink": 1, "fchmod": 1, "write": 1}  # every n-th of these
ERRORS = {"pwrite64": "EIO ENOSPC", "fdatasync": "EIO", "fsync": "EIO", "ftruncate": "EIO", "unlink": "EIO", "fchmod": "EPERM",
          "openat": "EMFILE EACCES EIO", "write": "EIO", "fallocate": "ENOSPC"}
PAST_THE_END = 2  # calls tried beyond those that the trace saw
BATCH = 40  # rows, in federationd-small-batches
COLUMNS = "id title author isbn description category tags price currency language year popularity".split()

Point = collections.namedtuple("Point", "stage call k error", defaults=[""])


def book(i, r):
    words = "night river stone glass winter garden empire letters silence journey".split()
    return {"id": f"b{i}", "title": f"The {r.choice(words)} of {r.choice(words)} {i}", "author": f"{r.choice('ABCDE')}. Writer {i % 7}",
            "isbn": "", "description": " ".join(r.choices(words, k=12)) if i % 3 else "", "category": r.choice(["Fiction", "Poetry", "History"]),
            "tags": r.choice(["", "old, new"]), "price": f"{r.randrange(100, 9999) / 100:.2f}", "currency": "EUR",
            "language": r.choice(["en", "de"]), "year": r.randrange(1800, 2020), "popularity": int(r.paretovariate(0.5))}


def write_csv(path, books):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, COLUMNS)
        w.writeheader()
        w.writerows(books)


def content(path):
    """All that an import is to have done, and nothing that differs from run to run; the generation counted from the start."""
    with sqlite3.connect(path) as db:
        if db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'book_fts'").fetchone()[0] == 0:
            return None  # killed before the schema stood
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise ValueError("the database is damaged")
        facts = dict(db.execute("SELECT name, value FROM fact"))
        return {"books": db.execute("SELECT rank, id, title, author, isbn, description, category, tags, price_minor, currency, language,"
                                    " year, popularity, terms FROM book ORDER BY rank").fetchall(),
                "words": db.execute("SELECT word, books FROM word WHERE books > 0 ORDER BY word").fetchall(),
                "categories": db.execute("SELECT key, name, books FROM category WHERE books > 0 ORDER BY key").fetchall(),
                "count": facts["books"], "next": facts["next"], "changes": facts["generation"] % 1000,
                "packed": db.execute("SELECT data FROM word_block ORDER BY id").fetchall() if facts["changed"] == 0 else None}


def without(state, *names):
    return state and {k: v for k, v in state.items() if k not in names}


class Stage:
    """Something to import into something."""

    def __init__(self, options, name, before, books, program):
        self.options, self.name, self.program = options, name, program
        self.folder = f"{options.folder}/{os.path.basename(program)}-{name}"
        os.makedirs(f"{self.folder}/before")
        if before:
            write_csv(f"{self.folder}/before.csv", before)
            self.run(f"{self.folder}/before", f"{self.folder}/before.csv")
        write_csv(f"{self.folder}/books.csv", books)
        # What each number of batches makes of it.
        self.allowed = []
        batch = len(books) if program.endswith("/federationd") else BATCH
        for n in range(0, len(books) + batch, batch):
            write_csv(f"{self.folder}/part.csv", books[:n])
            where = self.fresh(f"part-{n}")
            if n > 0:
                self.run(where, f"{self.folder}/part.csv")
            self.allowed.append(content(f"{where}/catalog.db") if before or n > 0 else None)
            self.end_content = self.allowed[-1]
        self.number = 0
        self.lock = threading.Lock()

    def fresh(self, name):
        where = f"{self.folder}/{name}"
        shutil.copytree(f"{self.folder}/before", where)
        return where

    def command(self, where, books):
        return [self.program, "--state-dir", where, "--import", books]

    def run(self, where, books, wrapper=()):
        environment = dict(os.environ, LC_ALL="C.UTF-8", ASAN_OPTIONS="detect_leaks=0")
        done = subprocess.run([*wrapper, *self.command(where, books)], capture_output=True, text=True, env=environment, timeout=120)
        if not wrapper and done.returncode != 0:
            raise ValueError(f"the import ends with {done.returncode}: {done.stderr.strip()}")
        return done

    def points(self, quick):
        where = self.fresh("trace")
        # Only what happens once the program stands: its libraries are loaded by openat(), too.
        self.run(where, f"{self.folder}/books.csv", ["strace", "-f", "-o", f"{where}/trace", "-e", "trace=" + ",".join("?" + c for c in CALLS)])
        with open(f"{where}/trace", encoding="utf-8") as f:
            called = [m[1] + ("" if m[2] != "1" else " out") for m in (re.match(r"\d+ +(\w+)\((\d*)", line) for line in f) if m]
        told = called.index("write out")
        if called[:told][::-1].index("fdatasync") > called[:told][::-1].index("pwrite64"):
            raise ValueError("it says that it is done before the disk does")
        with open(f"{where}/trace", encoding="utf-8") as f:
            counts = collections.Counter(m[1] for m in (re.match(r"\d+ +(\w+)\(", line) for line in f) if m)
        points = []
        for call, n in counts.items():
            if quick and call not in QUICK:
                continue
            points += [Point(self.name, call, k) for k in range(1, n + 1 + PAST_THE_END, QUICK[call] if quick else 1)]
        return points

    def play(self, point):
        """Findings, one line each."""
        with self.lock:
            self.number += 1
            where = self.fresh(f"point-{self.number}")
        reader = None
        before = content(f"{where}/catalog.db") if os.path.exists(f"{where}/catalog.db") else None
        try:
            if point.k % 2 == 0 and before:
                reader = sqlite3.connect(f"{where}/catalog.db", check_same_thread=False, isolation_level=None)
                reader.execute("BEGIN")
                seen = reader.execute("SELECT count(*), max(title) FROM book").fetchone()
            what = f"error={point.error}" if point.error else "signal=SIGKILL"
            done = self.run(where, f"{self.folder}/books.csv",
                            ["strace", "-f", "-o", "/dev/null", "-e", f"trace={point.call}", "-e", f"inject={point.call}:{what}:when={point.k}"])
            yield from self.judge_cut(where, point, done)
            if reader:
                if reader.execute("SELECT count(*), max(title) FROM book").fetchone() != seen:
                    yield "what a reader sees changes under its eyes"
                reader.close()
                reader = None
            yield from self.judge_again(where)
        except (ValueError, sqlite3.Error, subprocess.TimeoutExpired) as e:
            yield f"{type(e).__name__}: {e}"
        finally:
            if reader:
                reader.close()
        if not self.options.keep:
            shutil.rmtree(where)

    def judge_cut(self, where, point, done):
        killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        if point.error and (done.returncode < 0 or "Sanitizer" in done.stderr):
            yield f"it dies: {done.returncode}: {done.stderr.strip()[-300:]}"
        if not point.error and not killed and done.returncode != 0:
            yield f"it ends with {done.returncode}: {done.stderr.strip()}"
        if point.error and done.returncode != 0 and not done.stderr.strip():
            yield f"it ends with {done.returncode} and no reason"
        path = f"{where}/catalog.db"
        state = content(path) if os.path.exists(path) and (os.path.getsize(path) or os.path.exists(path + "-wal")) else None
        names = ("packed", "changes") if not state or self.allowed[0] is None else ("packed",)
        told = " rows in " in done.stdout
        if told and without(state, *names) != without(self.end_content, *names):
            yield "said to be done, and it is not"
        if state is None and self.allowed[0] is None:
            return
        if state and not state["books"] and self.allowed[0] is None:
            return  # the schema, and nothing in it
        # An import's end is one change more: who is killed between two batches has not come to it.
        allowed = self.allowed + [{**a, "changes": a["changes"] - 1} for a in self.allowed[1:]]
        if without(state, *names) not in [without(a, *names) for a in allowed]:
            yield f"it stands between two batches: {state and state['count']} books"
        yield from self.audit(where)

    def judge_again(self, where):
        self.run(where, f"{self.folder}/books.csv")
        yield from self.audit(where)
        names = () if self.allowed[0] else ("changes",)
        if without(content(f"{where}/catalog.db"), *names) != without(self.end_content, *names):
            yield "run again, it does not complete it"
        third = self.run(where, f"{self.folder}/books.csv")
        if not re.search(r": 0 added, 0 updated, \d+ unchanged, 0 refused", third.stdout):
            yield f"run a third time, it changes something: {third.stdout.strip()}"

    def audit(self, where):
        audit = subprocess.run([f"{self.options.build}/tests/catalog-audit", f"{where}/catalog.db"], capture_output=True, text=True)
        if audit.returncode != 0:
            yield f"audit: {(audit.stdout or audit.stderr).strip()[-300:]}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--program", required=True)
    p.add_argument("--quick", action="store_true", help="every few calls, of those that make a batch durable")
    p.add_argument("--errors", action="store_true", help="calls fail, instead of a kill")
    p.add_argument("--stage", choices=["first", "again"], help="into no catalog, or one that has books; both by default")
    p.add_argument("--only", help="CALL,K[,ERROR]: this one, for looking closer; with --stage")
    p.add_argument("--first-finding", action="store_true", help="stop at the first finding")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    options.folder = tempfile.mkdtemp(prefix="import-")

    r = random.Random(options.seed)
    old = [book(i, r) for i in range(90)]
    fresh = [book(i, r) if i % 3 else old[i] for i in range(60)] + [book(i, r) for i in range(90, 150)]
    r.shuffle(fresh)
    stages = {name: Stage(options, name, before, fresh, options.program)
              for name, before in (("again", old), ("first", [])) if options.stage in (None, name)}
    if options.only:
        call, k, *error = options.only.split(",")
        points = [Point(options.stage, call, int(k), *error)]
    else:
        points = [point for s in stages.values() for point in s.points(options.quick)]
        if options.errors:
            points = [p._replace(error=e) for p in points for e in ERRORS.get(p.call, "").split()]
    n_findings, n_points = 0, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for point, findings in zip(points, pool.map(lambda p: list(stages[p.stage].play(p)), points)):
            n_points += 1
            for finding in findings:
                print(f"{point.stage}, {point.call} {point.k} {point.error}: {finding}", file=sys.stderr)
                n_findings += 1
            if findings and options.first_finding:
                pool.shutdown(cancel_futures=True)
                break
    if n_findings and not options.first_finding:
        print(f"the folder stays: {options.folder}", file=sys.stderr)
    elif not options.keep:
        shutil.rmtree(options.folder)
    what = "calls failed" if options.errors else "kills"
    print(f"{os.path.basename(options.program)}: {n_points} {what}; batches in part, books lost or doubled, indexes unfit: {n_findings}")
    return n_findings > 0


sys.exit(main())
