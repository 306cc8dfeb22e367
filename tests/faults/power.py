#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cuts the power while a shop lives through outages: its state is on ext4 in a file on XFS, of which a reflink copy is made
in an instant. What ext4 has not written yet is not in the copy, as after a power cut. The copy is mounted (its journal is
replayed), judged, and a daemon is started on it. power.sh says how it is called, in a mount namespace of its own.

The loop device writes directly into the file (no cache of its own): the copy holds what the disk was given, in the order in
which it was given.
"""
import argparse
import fcntl
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

import audit
from kill import Daemon, Failed, files_are_whole, mode_json, payment_env, read, wait_for
from kills import ENV, Shop, Stored, Trouble

FICLONE = 0x40049409
STATE, EVENTS = ["payment-mode", "status-page"], ["alert", "http", "exec"]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


class Disk:
    """A file system in a file, mounted through a loop device."""

    def __init__(self, image, folder, *options):
        self.folder, self.device = folder, None
        os.makedirs(folder, exist_ok=True)
        for _ in range(50):  # the devices are everybody's: another may take the free one first
            p = subprocess.run(["losetup", "--direct-io=on", "--show", "-f", image], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, check=False)
            if p.returncode == 0:
                self.device = p.stdout.strip()
                break
            time.sleep(0.1)
        if not self.device:
            print(f"skipped: no loop device: {p.stderr.strip()}")
            sys.exit(77)
        try:
            run("mount", *options, self.device, folder)
        except subprocess.CalledProcessError as e:
            run("losetup", "-d", self.device)
            raise Failed(f"cannot mount {image}: {e.output}") from None

    def close(self):
        if not self.device:
            return
        for _ in range(100):  # a process that was killed may not have let go yet
            if subprocess.run(["umount", self.folder], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
            time.sleep(0.05)
        else:
            subprocess.run(["umount", "-l", self.folder], check=False)
        run("losetup", "-d", self.device)
        self.device = None


class Witness(threading.Thread):
    """Hears what the daemon says is so: mode.json, status, events, messages. Each is a promise that no power cut may break."""

    def __init__(self, shop):
        super().__init__(daemon=True)
        self.shop, self.control = shop, f"{shop.folder}/run/control.sock"
        self.ended, self.reads = threading.Event(), 0
        self.heard = {}  # change: who said so first
        self.tail = 0

    def note(self, change, where):
        if change and change not in self.heard:
            self.heard[change] = where

    def run(self):
        threading.Thread(target=self.listen, daemon=True).start()
        while not self.ended.wait(0.003):
            mode = mode_json(self.shop.folder)
            if mode.get("durable"):
                self.note(mode["change"], "mode.json")
            self.look_at_status()
            self.look_at_messages()
            self.reads += 1

    def look_at_status(self):
        s = self.shop.daemon.status()
        if s and s.get("durable"):
            self.note(s["change"], "status")

    def look_at_messages(self):
        with open(f"{self.shop.folder}/sink.jsonl", encoding="utf-8") as f:
            f.seek(self.tail)
            text = f.read()
        text = text[:text.rfind("\n") + 1]
        self.tail += len(text.encode())
        for line in text.splitlines():
            data = json.loads(json.loads(line)["body"]).get("data")
            if data and data["durable"]:
                self.note(data["change"], "a message")

    def listen(self):
        """GET /v1/events."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.control)
            s.sendall(b"GET /v1/events HTTP/1.1\r\nHost: failoverd\r\n\r\n")
            s.settimeout(0.2)
            text = ""
            while not self.ended.is_set():
                try:
                    got = s.recv(65536)
                except socket.timeout:
                    continue
                except OSError:
                    return
                if not got:
                    return
                text += got.decode(errors="replace")
                while "\n\n" in text:
                    event, text = text.split("\n\n", 1)
                    m = re.search(r'event: change\r?\ndata: (.*)', event)
                    if m and json.loads(m[1]).get("durable"):
                        self.note(json.loads(m[1])["change"], "an event")


def torn(folder):
    """Files that are there and are not whole. Those of the runtime directory, a tmpfs in production, need not be there."""
    path = f"{folder}/run/payment.env"
    if os.path.exists(path) and not ENV.fullmatch(read(path)):
        yield f"payment.env is damaged: {read(path)!r}"
    yield from files_are_whole(folder, True)


class Campaign:
    def __init__(self, options):
        self.options = options
        self.findings, self.seconds = [], []
        self.promises = self.cuts = self.n_changes = 0
        self.disks = []
        try:
            self.xfs = self.make_disk("xfs.img", "400M", ["mkfs.xfs", "-q", "-m", "reflink=1"], "xfs")
            self.ext4 = self.make_disk("xfs/ext4.img", "48M", ["mkfs.ext4", "-q", "-b", "4096"], "disk",
                                       "-o", "commit=1")  # names are written down every second
            self.shop = self.open()
        except BaseException:
            self.close()
            raise

    def path(self, name):
        return f"{self.options.folder}/{name}"

    def make_disk(self, image, size, mkfs, folder, *options):
        run("truncate", "-s", size, self.path(image))
        run(*mkfs, self.path(image))
        disk = Disk(self.path(image), self.path(folder), *options)
        self.disks.append(disk)
        return disk

    def open(self):
        """What must survive is on the disk, what the test needs is not."""
        self.make_links(self.path("shop"), self.path("disk"))
        return Shop(self.options.build, self.options.program, self.path("shop"), self.path("disk/state"))

    @staticmethod
    def make_links(folder, disk):
        os.makedirs(folder)
        for name in ("state", "run", "status"):
            os.makedirs(f"{disk}/{name}", exist_ok=True)
            os.symlink(f"{disk}/{name}", f"{folder}/{name}")

    def close(self):
        if hasattr(self, "shop"):
            self.shop.close()
        for disk in reversed(self.disks):
            disk.close()

    def find(self, kind, words):
        self.findings.append((kind, words))
        if len(self.findings) <= 20:
            print(f"{kind}: {words:.400}", flush=True)

    def play(self, chance):
        shop = self.shop
        shop.start()
        wait_for("the first start is done", lambda: shop.daemon.done("primary"))
        witness, trouble = Witness(shop), Trouble(shop, chance)
        witness.start()
        trouble.start()
        try:
            for self.cuts in range(1, self.options.cuts + 1):
                time.sleep(chance.uniform(0.05, 0.5))
                self.cut(witness)
                if self.options.first and {"lost", "torn"} <= {kind for kind, _ in self.findings}:
                    break
        finally:
            trouble.end()
            witness.ended.set()
            witness.join()
        self.n_changes = len(witness.heard)

    def cut(self, witness):
        """Nobody may be told between the end of the list and the copy; who is told later counts at the next cut."""
        if self.shop.daemon.dead():
            raise Failed(f"failoverd has ended by itself with {self.shop.daemon.process.returncode}")
        promised = {**witness.heard, **{c: "an answer" for c in list(self.shop.acknowledged)}}
        image = self.path("xfs/cut.img")
        with open(self.path("xfs/ext4.img"), "rb") as source, open(image, "wb") as copy:
            fcntl.ioctl(copy.fileno(), FICLONE, source.fileno())
        self.promises += len(promised)
        disk = Disk(image, self.path("after"))
        self.disks.append(disk)
        try:
            self.judge(promised)
        finally:
            disk.close()
            self.disks.remove(disk)
            os.unlink(image)

    def judge(self, promised):
        folder, where = self.path("again"), self.path("after")
        shutil.rmtree(folder, ignore_errors=True)
        self.make_links(folder, where)
        for name in ("failoverd.yaml", "node.key"):
            shutil.copy(f"{self.shop.folder}/{name}", folder)
        for words in torn(folder):
            self.find("torn", words)
        stored = Stored(f"{where}/state", self.path("copy"))
        for words in stored.damage:
            self.find("corrupt", f"integrity_check: {words}")
        known = [c[0] for c in stored.changes]
        for change, who in promised.items():
            if change not in known:
                self.find("lost", f"{who} said that change {change} is saved, and after the power cut it is gone")
        self.start_on_copy(folder, stored)
        for kind, words in audit.Audit(f"{where}/state", STATE, EVENTS, deliveries=False).findings:
            self.find(kind, words)

    def start_on_copy(self, folder, stored):
        """On the disk as it was found, without payment.env and mode.json half of the time: a tmpfs is empty then."""
        if self.cuts % 2:
            shutil.rmtree(f"{self.path('after')}/run")
            os.makedirs(f"{self.path('after')}/run")
        with open(f"{folder}/log", "a", encoding="utf-8") as log:
            daemon = Daemon(self.options.program, folder, log)
        try:
            first = wait_for("it answers after the power cut", lambda: (s := daemon.status()) and "mode" in s and s)
            wait_for("payment.env is there", lambda: payment_env(folder))
            self.seconds.append(time.monotonic() - daemon.started)
            last, mode = stored.changes[-1]
            if first["change"] < last or (first["change"] == last and first["mode"] != mode):
                self.find("lost", f"the database says {mode} by {last}, the start {first['mode']} by {first['change']}")
        except Failed as e:
            self.find("stuck", f"{e}: {open(f'{folder}/log', encoding='utf-8').read()[-2000:]}")
        finally:
            if not daemon.dead():
                daemon.process.kill()
                daemon.process.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--program", required=True)
    p.add_argument("--cuts", type=int, default=8)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--first", action="store_true", help="stop when something was lost and something torn")
    options = p.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    options.folder = tempfile.mkdtemp(prefix="power.", dir=os.environ.get("TMPDIR", "/tmp"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    campaign = None
    try:
        campaign = Campaign(options)
        campaign.play(random.Random(seed))
    except Failed as e:
        if not campaign:
            raise
        campaign.find("stuck", str(e))
    finally:
        if campaign:
            campaign.close()
        shutil.rmtree(options.folder, ignore_errors=True)
    kinds = {k: sum(f[0] == k for f in campaign.findings) for k in ("lost", "corrupt", "torn", "stuck", "doubled")}
    seconds = sorted(campaign.seconds) or [0]
    print(f"power: {campaign.cuts} cuts, {campaign.n_changes} changes said to be saved, looked for {campaign.promises} times; "
          f"lost {kinds['lost']}, corrupt {kinds['corrupt'] + kinds['doubled']}, torn files {kinds['torn']}, stuck {kinds['stuck']}; "
          f"started on the copy in {seconds[len(seconds) // 2]:.2f} s (median), {seconds[-1]:.2f} s (longest); seed {seed}")
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
