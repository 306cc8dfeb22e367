#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants a canary in every place where a secret can be, lets everything fail in every way at debug level, and then looks for
them wherever others can look. secrets.sh says how it is called.

What counts: the log, the status page, mode.json, the database, every answer on the control socket, every verb of failoverctl,
check-config, arguments and environment of the daemon and of its children, looked at all the time. What does not: the files
that hold the secrets, and whom they are sent to.
"""
import argparse
import base64
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from kill import Failed, Part, ask, payment_env, read, wait_for

PACE = "interval: 200ms, fast_interval: 100ms, timeout: 300ms, fall: 2, window: 3, rise: 2"
MOODS = [("ok", "status 200"), ("status 401", "status 401"), ("refuse", "refuse"), ("garbage", "status 400"), ("reset", "reset"),
         ("silent", "hang"), ("html", "status 503"), ("truncated", "status 200"), ("huge", "status 404")]
CONFIG = """
node: {{id: shop, name: Shop, url: "http://127.0.0.1", key_file: node.key}}
heartbeat: {{url: "http://127.0.0.1:{sink}/{heartbeat}", every: 10s}}
probes:
  payment-api: {{type: http, url: "http://127.0.0.1:{api}/v1/account?key={query}", bearer_file: api.key, {pace}}}
  headers: {{type: http, url: "http://127.0.0.1:{api}/", method: POST, headers: {{X-Token: {header}}}, body: "{body}", expect_body: nothing, {pace}}}
  nowhere: {{type: http, url: "http://nowhere.invalid/{path}?t={query}", {pace}}}
  database: {{type: postgresql, dsn: "host=127.0.0.1 port={api} user=shop password={dsn} sslmode=disable dbname=shop", {pace}}}
  database-tls: {{type: postgresql, dsn: "postgresql://shop:{dsn}@127.0.0.1:{api}/shop?sslmode=require", {pace}}}
  database-file: {{type: postgresql, dsn_file: database.dsn, {pace}}}
  btcpay: {{type: http, url: "http://127.0.0.1:{crypto}/", {pace}}}
modes:
  - {{name: primary, requires: [payment-api]}}
  - {{name: crypto, requires: [btcpay]}}
failback: {{hold: 0s, max_changes_per_day: 0}}
actions:
  - {{type: payment-mode, http: {{url: "http://127.0.0.1:{sink}/{hook}"}}}}
  - {{type: status-page}}
  - {{type: alert, webhook: {{url: "http://127.0.0.1:{sink}/{webhook}", format: json, secret_file: hook.key, headers: {{Authorization: Bearer {header}}}, timeout: 300ms}}}}
  - {{type: alert, name: slack, webhook: {{url: "http://127.0.0.1:{sink}/services/{webhook}", format: slack, timeout: 300ms}}}}
  - {{type: alert, name: nowhere, webhook: {{url: "https://nowhere.invalid/{webhook}", format: ntfy, timeout: 300ms}}}}
  - {{type: alert, name: mail, smtp: {{url: "smtps://127.0.0.1:{api}", from: a@shop.example, to: [b@shop.example], username: shop, password_file: mail.key, timeout: 1s}}}}
  - {{type: http, url: "http://127.0.0.1:{sink}/{path}?key={query}", bearer_file: action.key, headers: {{X-Token: {header}}}, timeout: 300ms}}
  - {{type: notify-peers, peers: [{{id: other, url: "http://127.0.0.1:{sink}"}}], timeout: 300ms}}
  - {{type: dns, name: zone, provider: rfc2136, server: "127.0.0.1:{api}", zone: shop.example, key_file: dns.key, records: {{primary: ["shop.example. 60 A 192.0.2.1"], crypto: ["shop.example. 60 A 192.0.2.2"]}}}}
  - {{type: dns, name: cloud, provider: cloudflare, url: "http://127.0.0.1:{api}/{path}", zone: shop.example, token_file: cloud.key, records: {{primary: ["shop.example. 60 A 192.0.2.1"], crypto: ["shop.example. 60 A 192.0.2.2"]}}}}
  - {{type: exec, command: [/bin/sleep, "0.2"]}}
"""
# Files with what is wrong inside: whoever says why must not say what.
SPOILED = {
    "api.key": "one {bearer}\ntwo {bearer}\n", "action.key": "one {action}\ntwo {action}\n", "hook.key": "whsec_!{hookkey}\n",
    "mail.key": "a {smtp}\nb {smtp}\n", "database.dsn": "host=127.0.0.1 password {dsnfile} = = 'x\n", "cloud.key": "a {cloud}\nb {cloud}\n",
    "dns.key": 'key "k" {{ algorithm nonsense; secret "{tsig}"; \n', "node.key": "{node}",
}
# Configurations that are refused, with a secret where it is not understood.
REFUSED = [
    ('"http://127.0.0.1:{crypto}/"', '"http://user:{userinfo}@127.0.0.1:{crypto}/"'),
    ('"http://127.0.0.1:{crypto}/"', '"htp://user:{userinfo}@127.0.0.1:{crypto}/"'),
    ('"http://127.0.0.1:{sink}/{hook}"', '"http://user:{userinfo}@127.0.0.1:{sink}/{hook}"'),
    ('"http://127.0.0.1:{sink}/{heartbeat}"', '"{heartbeat}"'),
    ('X-Token: {header}}}, body', '"X Token": "{header}"}}, body'),
    ('password={dsn} sslmode=disable', "password '{dsn} sslmode=disable"),
    ('"postgresql://shop:{dsn}@127.0.0.1:{api}/shop?sslmode=require"', '"postgresql://shop:{dsn}@[::1/shop"'),
    ('"smtps://127.0.0.1:{api}"', '"smtps://shop:{smtp}@127.0.0.1:{api}/x?y"'),
    ('webhook: {{url: "https://nowhere.invalid/{webhook}"', 'webhook: {{url: "gopher://{webhook}"'),
    ('Authorization: Bearer {header}', 'Authorization: [ "Bearer {header}" ]'),
    ('body: "{body}"', 'body: [ "{body}" ]'),
]


class Campaign:
    def __init__(self, options):
        self.options, self.folder = options, options.folder
        self.api = Part(options.build, self.folder, "api", "payment-api")
        self.crypto = Part(options.build, self.folder, "crypto", "payment-api")
        self.sink = Part(options.build, self.folder, "sink", "webhook-sink", "--record", f"{self.folder}/sink.jsonl")
        names = "bearer action header body userinfo path query dsn dsnfile heartbeat hook webhook smtp cloud".split()
        self.words = {n: f"canary-{n}-7f3a9c" for n in names}
        self.words["hookkey"] = base64.b64encode(b"canary of the webhook's secret").decode()
        self.words["tsig"] = base64.b64encode(b"canary of the key for the zone.!").decode()
        self.hits, self.looks, self.seen = {}, 0, set()
        self.process = None
        self.write_files()
        self.forms = {form: n for n, w in self.words.items() for form in self.spellings(w)}

    def path(self, name):
        return f"{self.folder}/{name}"

    def put(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def spellings(self, word):
        raw = word.encode()
        yield word
        yield urllib.parse.quote(word, safe="")
        yield raw.hex()
        for user in (b"user:", b"shop:", b"\0shop\0", b""):
            for cut in (0, 1, 2):  # in the middle of something longer, too
                yield base64.b64encode(b"x" * cut + user + raw).decode()[4 if cut else 0:-4]

    def write_files(self):
        subprocess.run([f"{self.options.build}/failoverctl", "keygen", self.path("node.key")], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        key = [x for x in read(self.path("node.key")).split() if len(x) > 40]
        self.words["node"] = max(key, key=len)
        self.good = {"node.key": read(self.path("node.key")), "api.key": self.words["bearer"], "action.key": self.words["action"],
                     "hook.key": f"whsec_{self.words['hookkey']}", "mail.key": self.words["smtp"], "cloud.key": self.words["cloud"],
                     "database.dsn": f"host=127.0.0.1 port={self.api.port} user=shop password={self.words['dsnfile']} dbname=shop",
                     "dns.key": f'key "k" {{ algorithm hmac-sha256; secret "{self.words["tsig"]}"; }};'}
        for name, text in self.good.items():
            self.put(name, text + "\n")
        self.put("failoverd.yaml", self.config(CONFIG))

    def config(self, text):
        return text.format(api=self.api.port, crypto=self.crypto.port, sink=self.sink.port, pace=PACE, **self.words)

    # ---- looking

    def look(self, text, where):
        self.looks += 1
        for form, name in self.forms.items():
            if len(form) > 8 and form in text:
                self.hits.setdefault((name, where), text[max(0, text.index(form) - 80):text.index(form) + 60])

    def look_at_processes(self, ended):
        """Arguments and environment, while they run. The children of the daemon have its session or ours: all are looked at."""
        while not ended.wait(0.002):
            family = {self.process.pid}
            for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
                try:
                    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                        parent = int(f.read().rsplit(")", 1)[1].split()[1])
                except (OSError, IndexError):
                    continue
                if pid not in family and parent not in family:
                    continue
                family.add(pid)
                for name in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{pid}/{name}", "rb") as f:
                            text = f.read().replace(b"\0", b"\n").decode(errors="replace")
                    except OSError:
                        continue
                    if name == "cmdline":
                        self.seen.add(text.split("\n")[0])
                    self.look(text, f"{name} of {'the daemon' if pid == self.process.pid else 'a child'}")

    def look_at_answers(self):
        control = self.path("run/control.sock")
        for url in ("/v1/status", "/metrics", "/v1/history?limit=100", "/v1/explain/last", "/v1/plan?mode=crypto", "/v1/plan?mode=primary"):
            try:
                self.look(ask(control, url, timeout=5), f"GET {url}")
            except (OSError, http.client.HTTPException):
                pass
        for verb in (["status"], ["status", "--json"], ["status", "--nagios"], ["history"], ["explain"], ["plan"], ["probe"], ["alert", "--test"],
                     ["check-config", self.path("failoverd.yaml")], ["--json", "check-config", self.path("failoverd.yaml")]):
            p = subprocess.run([f"{self.options.build}/failoverctl", "--socket", control, *verb], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=60, check=False,
                               env=dict(os.environ, PATH=f"{os.path.dirname(self.options.program)}:{os.environ['PATH']}"))
            self.look(p.stdout.decode(errors="replace"), f"failoverctl {verb[0]}")

    def look_at_files(self):
        for where in ("run", "state", "status"):
            for root, _, names in os.walk(self.path(where)):
                for name in names:
                    if name.endswith(".sock"):
                        continue
                    with open(f"{root}/{name}", "rb") as f:
                        self.look(f.read().decode("latin-1"), f"{where}/{name}")
        with open(self.path("log"), encoding="utf-8", errors="replace") as f:
            self.look(f.read(), "the log")

    # ---- the story

    def start(self):
        with open(self.path("log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.options.program, "--config", self.path("failoverd.yaml"), "--state-dir", self.path("state"),
                                             "--runtime-dir", self.path("run"), "--status-dir", self.path("status"), "--log-level", "debug"],
                                            stdout=log, stderr=log, preexec_fn=self.allow_core)
        wait_for("it answers", lambda: self.process.poll() is not None or os.path.exists(self.path("run/mode.json")))
        if self.process.poll() is not None:
            raise Failed(f"failoverd has ended with {self.process.returncode}: {read(self.path('log'))[-1500:]}")

    @staticmethod
    def allow_core():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    def listen(self, ended):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(0.2)
            s.connect(self.path("run/control.sock"))
            s.sendall(b"GET /v1/events HTTP/1.1\r\nHost: f\r\n\r\n")
            while not ended.is_set():
                try:
                    self.look(s.recv(1 << 20).decode(errors="replace"), "GET /v1/events")
                except socket.timeout:
                    pass

    def reload(self, text):
        before = read(self.path("log")).count("reload")
        self.put("failoverd.yaml", text)
        self.process.send_signal(signal.SIGHUP)
        wait_for("the reload ends", lambda: read(self.path("log")).count("reload") > before)

    def check(self, text):
        self.put("refused.yaml", text)
        for arguments in (["--check"], ["--check", "--json"]):
            p = subprocess.run([self.options.program, "--config", self.path("refused.yaml"), *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=60, check=False)
            self.look(p.stdout.decode(errors="replace"), "check-config of a spoiled file")

    def mood(self, api, sink):
        self.api.order(api)
        self.sink.order(sink)
        if api not in ("ok", "html", "huge"):  # those are answers, too
            wait_for("buyers pay by crypto", lambda: payment_env(self.folder).get("PAYMENT_MODE") == "crypto")
        time.sleep(0.7)  # a few rounds of each probe and action; not for a condition
        self.look_at_answers()

    def play(self):
        self.start()
        ended = threading.Event()
        watchers = [threading.Thread(target=t, args=(ended,), daemon=True) for t in (self.look_at_processes, self.listen)]
        for w in watchers:
            w.start()
        for api, sink in MOODS[:self.options.moods]:
            self.mood(api, sink)
        if not self.options.brief:
            self.spoil()
        self.look_at_core()
        ended.set()
        for w in watchers:
            w.join()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.look_at_files()

    def spoil(self):
        for name, text in SPOILED.items():
            self.put(name, text.format(**self.words))
        self.mood("status 503", "status 500")
        self.check(self.config(CONFIG))
        self.reload(self.config(CONFIG))
        for name, text in self.good.items():
            self.put(name, text + "\n", 0o644)
        self.mood("status 503", "status 500")
        self.check(self.config(CONFIG))
        for name, text in self.good.items():
            self.put(name, text + "\n")
        for good, spoiled in REFUSED:
            if good not in CONFIG:
                raise Failed(f"not in the configuration: {good}")
            text = self.config(CONFIG.replace(good, spoiled))
            self.check(text)
            self.reload(text)

    def look_at_core(self):
        limit = [x for x in read(f"/proc/{self.process.pid}/limits").splitlines() if x.startswith("Max core")][0].split()[4]
        if limit != "0":
            self.hits[("any", "a core")] = f"a crash would write one of {limit} bytes"

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for part in (self.api, self.crypto, self.sink):
            part.stop()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--program", required=True)
    p.add_argument("--moods", type=int, default=4, help=f"of {len(MOODS)}")
    p.add_argument("--brief", action="store_true", help="the moods alone, no spoiled files")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    options.folder = tempfile.mkdtemp(prefix="secrets.", dir=os.environ.get("TMPDIR", "/tmp"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    campaign, stuck = Campaign(options), 0
    try:
        campaign.play()
    except Failed as e:
        print(f"stuck: {e}")
        stuck = 1
    finally:
        campaign.close()
        if not options.keep:
            shutil.rmtree(options.folder)
    for (name, where), text in list(campaign.hits.items())[:40]:
        print(f"hit: {name} in {where}: {text!r}")
    print(f"secrets: {len(campaign.words)} canaries, {len(campaign.forms)} spellings, looked at {campaign.looks} texts and "
          f"{len(campaign.seen)} programs; hits {len(campaign.hits)}, stuck {stuck}")
    return 1 if campaign.hits or stuck else 0


if __name__ == "__main__":
    sys.exit(main())
