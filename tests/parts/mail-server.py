#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A mail server (aiosmtpd) that keeps what arrives, and misbehaves on order at any stage of the conversation.

mail-server.py --control SOCKET --store FOLDER --login PASSWORD [--tls=NAME | --implicit=NAME | --plain]

NAME.crt and NAME.key are for STARTTLS, or for TLS from the start; plain takes mail without a login, else user ops has to
log in.
Prints its port. Mail number n becomes n.eml, as it came, and n.json, its envelope. Orders, on the control socket (one
HTTP request each; GET tells how many connections and mails there were):

  ok                        all orders end
  hang|close|drip STAGE     at this answer: none; the connection ends; a byte every 50 ms
  reply STAGE CODE TEXT     … this one instead
  refuse ADDRESS CODE TEXT  this recipient
  strip                     STARTTLS is not offered
  inject                    more answers in one piece with that to STARTTLS, in clear
  banner BYTES              a greeting of so many bytes without an end
  endless                   a greeting of lines without end
  down, up                  connections are refused; no more
  certificate NAME          another one beside that of NAME, for the next connections
  mechanisms NAME...        what AUTH offers: PLAIN, LOGIN, CRAM-MD5; none

Stages: connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, end (of the mail), QUIT."""
import argparse
import asyncio
import hmac
import json
import os
import socket
import ssl
import warnings

from aiosmtpd.smtp import AuthResult, SMTP

warnings.simplefilter("ignore")
state = {"connections": 0, "mails": 0, "hung": 0}
orders = {}


def forget():
    orders.clear()
    orders.update(stage={}, refuse={}, mechanisms=["PLAIN", "LOGIN"], certificate=None)


class Server(SMTP):
    stage = "connect"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        state["connections"] += 1

    async def push(self, status):
        text = status if isinstance(status, str) else status.decode("latin-1")
        how = orders["stage"].get(self.stage)
        if text.startswith("250-STARTTLS") and "strip" in orders:
            return
        if text.startswith("250-AUTH"):
            if not orders["mechanisms"]:
                return
            text = "250-AUTH " + " ".join(orders["mechanisms"])
        if self.stage == "connect" and "banner" in orders:
            text = "220 " + "x" * orders["banner"]
        if self.stage == "connect" and "endless" in orders:
            while True:
                await super().push("220-" + "x" * 60)
                await asyncio.sleep(0)
        if self.stage == "STARTTLS" and "inject" in orders:
            text += "\r\n250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n235 in"
        if how:
            kind, *rest = how
            if kind == "hang":
                state["hung"] += 1
                await asyncio.sleep(3600)
            if kind == "close":
                self.transport.abort()
                return
            if kind == "reply":
                text = rest[0].encode("latin-1").decode("unicode_escape")
            if kind == "drip":
                for byte in (text + "\r\n").encode("latin-1"):
                    self._writer.write(bytes([byte]))
                    await self._writer.drain()
                    await asyncio.sleep(0.05)
                return
        await super().push(text.encode("latin-1"))
        if self.stage == "DATA" and text.startswith("354"):
            self.stage = "end"
        if self.stage == "connect":
            self.stage = "EHLO"


def staged(name):
    inherited = getattr(SMTP, "smtp_" + name)

    async def command(self, arg):
        self.stage = name
        await inherited(self, arg)

    command.__name__ = "smtp_" + name
    return command


for verb in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"):
    setattr(Server, "smtp_" + verb, staged(verb))


class Keeper:
    def __init__(self, store, login):
        self.store, self.login = store, login

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in orders["refuse"]:
            return orders["refuse"][address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server, session, envelope):
        state["mails"] += 1
        path = os.path.join(self.store, str(state["mails"]))
        how = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
               "user": getattr(session.auth_data, "login", session.auth_data or b"").decode(),
               "hello": session.host_name}
        with open(path + ".new", "w") as f:
            json.dump(how, f)
        with open(path + ".eml", "wb") as f:
            f.write(envelope.original_content)
        os.rename(path + ".new", path + ".json")
        return "250 2.0.0 Ok: queued as %d" % state["mails"]

    def authenticate(self, server, session, envelope, mechanism, data):
        fine = (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=fine, auth_data=data, handled=False)

    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<1896.697170952@mail.example>"
        answer = await server.challenge_auth(challenge)
        user, _, digest = answer.decode().partition(" ")
        wanted = hmac.new(self.login[1].encode(), challenge, "md5").hexdigest()
        return AuthResult(success=(user, digest) == (self.login[0], wanted), auth_data=user.encode(), handled=False)


def obey(text):
    word, _, rest = text.strip().partition(" ")
    if word == "ok":
        forget()
    elif word in ("hang", "close", "drip"):
        orders["stage"][rest] = (word,)
    elif word == "reply":
        stage, _, answer = rest.partition(" ")
        orders["stage"][stage] = ("reply", answer)
    elif word == "refuse":
        address, _, answer = rest.partition(" ")
        orders["refuse"][address] = answer
    elif word in ("strip", "inject", "endless"):
        orders[word] = True
    elif word == "banner":
        orders["banner"] = int(rest)
    elif word == "certificate":
        orders["certificate"] = rest
    elif word == "mechanisms":
        orders["mechanisms"] = rest.split()
    else:
        return "no such order: " + text
    return ""


listening = {}


async def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    listening["port"] = s.getsockname()[1]
    listening["server"] = await asyncio.get_running_loop().create_server(listening["protocol"], sock=s,
                                                                         ssl=listening["tls"])


async def listen_as(word):
    if word == "up":
        listening.pop("keeper").close()
        await listen(listening["port"])
        return
    listening["server"].close()
    s = listening["keeper"] = socket.socket()  # bound, so that nobody else takes the port
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", listening["port"]))


async def on_control(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    size = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
    body = (await reader.readexactly(size)).decode()
    wrong = ""
    if body in ("up", "down"):
        await listen_as(body)
    elif head.startswith("POST"):
        wrong = obey(body)
    answer = wrong or json.dumps(state)
    writer.write(("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                  % ("400 X" if wrong else "200 OK", len(answer), answer)).encode())
    await writer.drain()
    writer.close()


def context_for(name):
    if orders["certificate"]:
        name = os.path.join(os.path.dirname(name), orders["certificate"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(name + ".crt", name + ".key")
    return context


async def main():
    p = argparse.ArgumentParser()
    p.add_argument("--control", required=True)
    p.add_argument("--store", required=True)
    p.add_argument("--tls")
    p.add_argument("--implicit")
    p.add_argument("--plain", action="store_true")
    p.add_argument("--login", required=True)
    a = p.parse_args()
    forget()
    os.makedirs(a.store, exist_ok=True)
    state["mails"] = sum(name.endswith(".eml") for name in os.listdir(a.store))
    keeper = Keeper(a.store, ("ops", a.login))

    def protocol():
        return Server(keeper, hostname="mail.example", tls_context=context_for(a.tls) if a.tls else None,
                      require_starttls=bool(a.tls and "strip" not in orders), authenticator=keeper.authenticate,
                      auth_required=not a.plain, auth_require_tls=not a.implicit,
                      loop=asyncio.get_running_loop())

    listening.update(protocol=protocol, tls=context_for(a.implicit) if a.implicit else None)
    await listen(0)
    control = await asyncio.start_unix_server(on_control, a.control)
    print(listening["port"], flush=True)
    async with control:
        await control.serve_forever()


asyncio.run(main())
