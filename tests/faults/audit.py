#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Judges what a stopped failoverd has left behind, without a line of its code: the database, the chain, the files.

audit.py STATE_DIR STATE_ACTION,... EVENT_ACTION,... [--received ACTION=SINK.jsonl]... prints what is wrong, one finding a
line, and at last the number of changes.
"""
import argparse
import hashlib
import json
import os
import sqlite3
import sys

PEERS = ["a", "b"]  # to whom the campaigns' action notify-peers speaks
NOTICES = [f"notify-peers/{p}" for p in PEERS]
# The specification's own (https://spec.matrix.org/v1.9/appendices/#cryptographic-test-vectors).
KEY = "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n"

CHANGE_COLUMNS = "id at from_mode to_mode cause rule reason automatic durable config_hash evidence previous hash".split()


def label(delivery):
    """Its action, and for one that speaks to several, to whom."""
    return f"{delivery['action']}/{delivery['target']}" if delivery["type"] == "notify-peers" else delivery["action"]


def write_key(folder):
    with open(f"{folder}/node.key", "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(KEY)


def peers_config(port, prefix=""):
    """`peers:` of notify-peers: all of them at one sink."""
    return ", ".join(f'{{id: {p}, url: "http://127.0.0.1:{port}/{prefix}{p}"}}' for p in PEERS)


def notices(lines, prefix=""):
    """{label: [(id, seq)]} of what a sink has recorded for each peer, in the order of arrival."""
    got = {n: [] for n in NOTICES}
    for r in lines:
        for peer, name in zip(PEERS, NOTICES):
            if r["path"] == f"/{prefix}{peer}/api/network/messages":
                body = json.loads(r["body"])
                got[name].append((body["id"], body["seq"]))
    return got


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def change_hash(c, previous):
    return hashlib.sha256(canonical({
        "at": c["at"], "automatic": bool(c["automatic"]), "cause": c["cause"], "config_hash": c["config_hash"],
        "durable": bool(c["durable"]), "evidence": c["evidence"], "from": c["from_mode"], "id": c["id"],
        "operator_reason": c["reason"], "previous": previous, "rule": c["rule"], "to": c["to_mode"]})).hexdigest()


class Audit:
    """findings: (kind, words); kind is lost, doubled or corrupt."""

    def __init__(self, state_dir, state_actions, event_actions, deliveries=True):
        self.findings, self.changes, self.deliveries, self.incidents = [], [], [], []
        self.state_actions, self.event_actions = set(state_actions), set(event_actions)
        if self.load(state_dir):
            self.check_chain()
            self.check_sequence()
            self.check_incidents()
            if deliveries:
                self.check_deliveries()

    def load(self, state_dir):
        path = os.path.join(state_dir, "state.db")
        try:
            db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            db.row_factory = sqlite3.Row
            for row in db.execute("PRAGMA integrity_check"):
                if row[0] != "ok":
                    self.find("corrupt", f"integrity_check: {row[0]}")
            self.changes = db.execute(f"SELECT {', '.join(CHANGE_COLUMNS)} FROM change ORDER BY seq").fetchall()
            self.deliveries = [dict(d) for d in db.execute("SELECT * FROM delivery ORDER BY id")]
            self.incidents = [json.loads(row[0]) for row in db.execute("SELECT value FROM bulletin WHERE kind = 0 ORDER BY id")]
            db.close()
        except sqlite3.Error as e:
            self.find("corrupt", f"{path}: {e}")
            return False
        for d in self.deliveries:
            d["facts"] = json.loads(d["facts"])
        return True

    def find(self, kind, words):
        self.findings.append((kind, words))

    def check_chain(self):
        previous = ""
        for c in self.changes:
            if c["previous"] != previous or c["hash"] != change_hash(c, previous):
                self.find("corrupt", f"the chain breaks at change {c['id']}")
            previous = c["hash"]

    def check_sequence(self):
        """Each change begins where the one before it ended, and none is stored twice under two ids."""
        mode = ""
        for c in self.changes:
            if c["from_mode"] != mode:
                kind = "doubled" if c["to_mode"] == mode else "lost"
                self.find(kind, f"change {c['id']} leads from {c['from_mode'] or 'the start'}, but the mode was {mode or 'none'}")
            mode = c["to_mode"]

    def check_incidents(self):
        """Every change but the first start stands in one incident, which is over when the shop is back in its first mode, unless it was
        put there while nobody could buy: the incident itself says so then."""
        told = [u["id"] for i in self.incidents for u in i["updates"]]
        for c in self.changes:
            if c["from_mode"] and told.count(c["id"]) != 1:
                self.find("doubled" if c["id"] in told else "lost", f"change {c['id']} stands in {told.count(c['id'])} incidents")
        is_back = self.changes and self.changes[-1]["to_mode"] == self.changes[0]["to_mode"]
        for i in self.incidents:
            if i["automatic"] and not i["resolved"] and is_back:
                latest = next(u for u in i["updates"] if u["automatic"])
                if latest["mode"] != self.changes[-1]["to_mode"] or latest["selling"] not in ("hampered", "not"):
                    self.find("lost", f"incident {i['id']} is open, and the shop is back: {latest}")

    def check_deliveries(self):
        """Every change has all that it causes, and all of that has ended."""
        by_change = {}
        for d in self.deliveries:
            if d["kind"] == 0:
                by_change.setdefault(d["change"], []).append(label(d))
            if d["state"] not in ("done", "superseded") or (d["event"] and d["state"] != "done"):
                self.find("lost", f"{d['action']} of {d['change']} is {d['state']}: {d['message']}")
        for c in self.changes:
            got = by_change.pop(c["id"], [])
            wanted = self.state_actions | (self.event_actions if c["from_mode"] else set())
            if len(got) > len(set(got)):
                self.find("doubled", f"change {c['id']} caused {sorted(got)}")
            if set(got) != wanted:
                self.find("lost", f"change {c['id']} caused {sorted(got)}, not {sorted(wanted)}")
        for change in by_change:
            self.find("lost", f"deliveries of change {change} are there, the change is not")

    def events(self, action):
        """The ids under which receivers must have heard of this action's deliveries."""
        return [d["facts"]["id"] for d in self.deliveries if d["event"] and label(d) == action]

    def check_receiver(self, action, received, alerts_may_be_lost=False):
        """received: ids in the order of arrival, doubles included. Alerts that are no changes are not kept in mode.json."""
        wanted = self.events(action)
        for i in sorted(set(wanted) - set(received)):
            self.find("lost", f"{action} of {i} is {'done' if i in wanted else 'unknown'}, but never arrived")
        for i in sorted(set(received) - set(wanted)):
            if i.endswith(("-raised", "-cleared")) and alerts_may_be_lost:
                continue
            self.find("lost", f"{action} of {i} arrived, but nothing in the database says so")
        if len(wanted) != len(set(wanted)):
            self.find("doubled", f"{action} has deliveries that share an id")
        order = list(dict.fromkeys(received))
        if order != [i for i in wanted if i in order] and set(order) == set(wanted):
            self.find("doubled", f"{action} arrived in the order {order}, not {wanted}")

    def check_notices(self, got):
        """got: notices(). A peer takes a new id only with a sequence number above all before it, and an id has one number."""
        for name, pairs in got.items():
            self.check_receiver(name, [i for i, _ in pairs])
            numbers = {}
            for i, seq in pairs:
                if i not in numbers and any(seq <= s for s in numbers.values()):
                    self.find("lost", f"{name} of {i} has sequence number {seq}, which a peer would refuse")
                if numbers.setdefault(i, seq) != seq:
                    self.find("doubled", f"{name} of {i} came with sequence numbers {numbers[i]} and {seq}")

    def check_known(self, change, where):
        """What others have seen must be in the history."""
        if change and change not in (c["id"] for c in self.changes):
            self.find("lost", f"{where} named change {change}, which is not in the history")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("state_dir")
    p.add_argument("state_actions", type=lambda s: [x for x in s.split(",") if x])
    p.add_argument("event_actions", type=lambda s: [x for x in s.split(",") if x])
    p.add_argument("--received", action="append", default=[])
    p.add_argument("--alerts-may-be-lost", action="store_true", help="killed while not durable")
    o = p.parse_args()
    a = Audit(o.state_dir, o.state_actions, o.event_actions)
    for received in o.received:
        action, path = received.split("=", 1)
        with open(path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        heard = [json.loads(r["body"])["id"] for r in lines if r["path"] == f"/{action}" and r["status"] == 200]
        a.check_receiver(action, heard, o.alerts_may_be_lost)
    for kind, words in a.findings:
        print(f"{kind}: {words}")
    print(len(a.changes))
    return 1 if a.findings else 0


if __name__ == "__main__":
    sys.exit(main())
