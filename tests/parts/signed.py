# SPDX-License-Identifier: MIT
"""Signed JSON once more, from the specification (Matrix, appendix "Signing JSON") and PyNaCl: shares nothing with the programs under
test, which have to agree with it."""
import base64
import http.client
import json
import time
import urllib.parse

import nacl.signing


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def now():
    return int(time.time() * 1000)


class Key:
    """Made anew, or read from the file that `failoverctl keygen` writes: "ed25519 ID SEED"."""

    def __init__(self, key_id="k1", file=None):
        if file:
            with open(file, encoding="ascii") as f:
                _, key_id, seed = f.readline().split()[:3]  # the first one signs
            self.secret = nacl.signing.SigningKey(base64.b64decode(seed + "=" * (-len(seed) % 4)))
        else:
            self.secret = nacl.signing.SigningKey.generate()
        self.id = key_id
        self.public = b64(bytes(self.secret.verify_key))

    def signature(self, document):
        bare = {k: v for k, v in document.items() if k not in ("signatures", "unsigned")}
        return b64(self.secret.sign(canonical(bare)).signature)

    def sign(self, document, name):
        """A copy with this key's signature as NAME's, beside those that are there."""
        signatures = {k: dict(v) for k, v in document.get("signatures", {}).items()}
        signatures.setdefault(name, {})[f"ed25519:{self.id}"] = self.signature(document)
        return {**document, "signatures": signatures}


def node_document(node, url, keys, **more):
    """What a node says of itself, signed by each of its keys; keys: [(Key, {} or {"revoked_ts": …})]."""
    document = {"id": node, "name": f"Shop {node}", "url": url, "type": "full", "paymentMethods": ["stripe"],
                "revenueShare": {"accepts": True, "percentage": 12}, "operator": "Test", "location": "here",
                "keys": {f"ed25519:{k.id}": {"key": k.public, **said} for k, said in keys},
                "valid_until_ts": now() + 86400_000, "version_ts": now(), **more}
    for key, _ in keys:
        document = key.sign(document, node)
    return document


def ask(url, body=None, headers=None, method=None):
    """(status, headers, bytes); body: bytes, or what becomes JSON. Who is refused in the middle of what he says hears why."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False).encode()
    to = urllib.parse.urlsplit(url)
    node = http.client.HTTPConnection(to.netloc, timeout=20)
    try:
        try:
            node.request(method or ("GET" if body is None else "POST"), to._replace(scheme="", netloc="").geturl(), body,
                         {"Content-Type": "application/json", **(headers or {})})
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = node.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        node.close()


def ask_json(*args, **more):
    """(status, document); a document that is none is an error of its own."""
    status, _, body = ask(*args, **more)
    return status, json.loads(body)
