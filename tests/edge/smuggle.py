# SPDX-License-Identifier: MIT
# Requests that servers read in different ways, through a proxy with TLS: each is refused, or reaches the server behind it once, in
# the one form that has one meaning.
#
# smuggle.py ADDRESS PORT CA RECORD [direct]      RECORD: what raw-backend.py writes; direct: with no proxy, to be seen to fail
import concurrent.futures
import pathlib
import re
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions

address, port, ca, record = sys.argv[1], int(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4])
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols(["http/1.1"])
path = b"/api/network/ping"
begin = b"POST " + path + b" HTTP/1.1\r\nHost: shop.example\r\n"
second = b"GET /api/network/smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n"
length = b"Content-Length: %d\r\n" % len(second)
chunked = b"Transfer-Encoding: chunked\r\n"
last = b"0\r\n\r\n"

cases = {
    "nothing wrong": begin + b"Content-Length: 2\r\n\r\n{}",
    "nothing wrong, in chunks": begin + chunked + b"\r\n2\r\n{}\r\n" + last,
    "lines end with LF": (begin + b"Content-Length: 2\r\n\r\n{}").replace(b"\r\n", b"\n"),
    "one line ends with LF": begin + b"X: y\n" + length + b"\r\n" + second,
    "LF hides a header": begin + b"X: y\nTransfer-Encoding: chunked\r\n" + length + b"\r\n" + last + second,
    "lines end with CR": (begin + b"Content-Length: 2\r\n\r\n{}").replace(b"\r\n", b"\r"),
    "CR in a value": begin + b"X: a\rTransfer-Encoding: chunked\r\n" + length + b"\r\n" + last + second,
    "CR before a name": begin + b"\rTransfer-Encoding: chunked\r\n" + length + b"\r\n" + last + second,
    "CR CR LF": begin + b"X: y\r\r\nContent-Length: 2\r\n\r\n{}",
    "folded by a space": begin + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "folded by a tab": begin + b"X: a\r\n\tb\r\nContent-Length: 2\r\n\r\n{}",
    "a folded encoding": begin + b"Transfer-Encoding:\r\n chunked\r\n" + length + b"\r\n" + last + second,
    "a folded length": begin + b"Content-Length:\r\n 2\r\n\r\n{}" + second,
    "folded first header": b"POST " + path + b" HTTP/1.1\r\n Host: shop.example\r\nHost: shop.example\r\n" + length + b"\r\n" + second,
    "length and chunks": begin + length + chunked + b"\r\n" + last + second,
    "chunks and length": begin + chunked + length + b"\r\n" + last + second,
    "two lengths": begin + b"Content-Length: 0\r\n" + length + b"\r\n" + second,
    "the same length twice": begin + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": begin + b"Content-Length: 0, %d\r\n\r\n" % len(second) + second,
    "a length with a plus": begin + b"Content-Length: +%d\r\n\r\n" % len(second) + second,
    "a length with a minus": begin + b"Content-Length: -1\r\n\r\n" + second,
    "a hexadecimal length": begin + b"Content-Length: 0x02\r\n\r\n{}" + second,
    "a length beyond 64 bits": begin + b"Content-Length: 18446744073709551618\r\n\r\n{}" + second,
    "white space before the colon": begin + b"Content-Length : %d\r\n\r\n" % len(second) + second,
    "a tab before the colon": begin + b"Transfer-Encoding\t: chunked\r\n" + length + b"\r\n" + last + second,
    "white space before a name": begin + b" Content-Length: %d\r\n\r\n" % len(second) + second,
    "another encoding": begin + b"Transfer-Encoding: xchunked\r\n" + length + b"\r\n" + last + second,
    "two encodings": begin + chunked + b"Transfer-Encoding: identity\r\n\r\n" + last + second,
    "a list of encodings": begin + b"Transfer-Encoding: identity, chunked\r\n" + length + b"\r\n" + last + second,
    "chunks, then something": begin + b"Transfer-Encoding: chunked, cow\r\n" + length + b"\r\n" + last + second,
    "a vertical tab": begin + b"Transfer-Encoding: \x0bchunked\r\n" + length + b"\r\n" + last + second,
    "chunks of HTTP/1.0": begin.replace(b"1.1", b"1.0") + chunked + length + b"\r\n" + last + second,
    "NUL in a value": begin + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "NUL in a name": begin + b"Transfer-Encoding\0: chunked\r\n" + length + b"\r\n" + last + second,
    "two hosts": begin + b"Host: other.example\r\n" + b"Content-Length: 2\r\n\r\n{}",
    "a host in the address": b"GET http://other.example/api/network/ping HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    "chunks end with LF": begin + chunked + b"\r\n2\n{}\n0\n\n" + second,
    "a chunk extension with LF": begin + chunked + b"\r\n2;a\nb\r\n{}\r\n" + last,
    "a chunk beyond 64 bits": begin + chunked + b"\r\n10000000000000002\r\n{}\r\n" + last + second,
    "a chunk longer than said": begin + chunked + b"\r\n2\r\n{}abc\r\n" + last + second,
    "a trailer": begin + chunked + b"\r\n2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n" + second,
    "a second request at once": begin + b"Content-Length: 2\r\n\r\n{}" + second,
    "LF in the request line": b"GET " + path + b"\nX: y HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    "CR in the request line": b"GET " + path + b"?a\rb HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    "HTTP/0.9": b"GET " + path + b"\r\n" + second,
}
legitimate = {"nothing wrong", "nothing wrong, in chunks", "a second request at once", "nothing wrong, over HTTP/2"}
# Over HTTP/2, from which proxies make requests of the older kind: (headers, body), in place of bytes.
pseudo = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"shop.example"), (b":path", path)]
over_http2 = {
    "nothing wrong": (pseudo + [(b"content-length", b"2")], b"{}"),
    "a header in a value": (pseudo + [(b"x", b"y\r\ntransfer-encoding: chunked")], last + second),
    "a header behind LF": (pseudo + [(b"x", b"y\ntransfer-encoding: chunked")], last + second),
    "a header in a name": (pseudo + [(b"x: y\r\ntransfer-encoding", b"chunked")], last + second),
    "a space in a name": (pseudo + [(b"transfer-encoding ", b"chunked")], last + second),
    "a colon in a name": (pseudo + [(b"transfer-encoding:", b"chunked")], last + second),
    "an encoding": (pseudo + [(b"transfer-encoding", b"chunked")], last + second),
    "an encoding, in capitals": (pseudo + [(b"Transfer-Encoding", b"chunked")], last + second),
    "a connection header": (pseudo + [(b"connection", b"transfer-encoding"), (b"transfer-encoding", b"chunked")], last + second),
    "a length that is too small": (pseudo + [(b"content-length", b"0")], second),
    "a length that is too large": (pseudo + [(b"content-length", b"400")], second),
    "two lengths": (pseudo + [(b"content-length", b"0"), (b"content-length", b"%d" % len(second))], second),
    "a second line in the path": (pseudo[:3] + [(b":path", path + b" HTTP/1.1\r\nHost: shop.example\r\n\r\n" + second)], b""),
    "a space in the path": (pseudo[:3] + [(b":path", path + b" HTTP/1.1 x")], b""),
    "a second line in the method": ([(b":method", b"GET " + path + b" HTTP/1.1\r\nX: y\r\n\r\nPOST")] + pseudo[1:], b""),
    "a second line in the host": (pseudo[:2] + [(b":authority", b"shop.example\r\nTransfer-Encoding: chunked"), pseudo[3]], last + second),
    "two hosts": (pseudo + [(b"host", b"other.example")], b"{}"),
    "two paths": (pseudo + [(b":path", b"/api/network/other")], b"{}"),
    "a pseudo header behind the others": (pseudo[:3] + [(b"x", b"y"), pseudo[3]], b"{}"),
    "NUL in a value": (pseudo + [(b"x", b"a\0b")], b"{}"),
}
needed = [b"host:", b"x-forwarded-for:"]  # the second one shows that the proxy knows this to be a request
if sys.argv[5:] == ["direct"]:
    needed, over_http2 = needed[:1], {}
cases |= {f"{claim}, over HTTP/2": what for claim, what in over_http2.items()}
name_re = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\x20-\x7e\x80-\xff\t]*")


def ask(request):
    """What comes back until the connection ends, or nothing comes for a while."""
    answer = b""
    with socket.create_connection((address, port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="shop.example") as tls:
            tls.settimeout(0.7)
            try:
                tls.sendall(request)
                while piece := tls.recv(65536):
                    answer += piece
            except (OSError, ssl.SSLError):
                pass
    return answer


def ask_http2(headers, body):
    """The status, as an answer begins with it; nothing when the request is not answered."""
    conf = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None)
    connection = h2.connection.H2Connection(conf)
    context2 = ssl.create_default_context(cafile=ca)
    context2.set_alpn_protocols(["h2"])
    with socket.create_connection((address, port), 10) as plain:
        with context2.wrap_socket(plain, server_hostname="shop.example") as tls:
            tls.settimeout(0.7)
            try:
                connection.initiate_connection()
                connection.send_headers(1, headers, end_stream=not body)
                if body:
                    connection.send_data(1, body, end_stream=True)
                tls.sendall(connection.data_to_send())
                while piece := tls.recv(65536):
                    for event in connection.receive_data(piece):
                        if isinstance(event, h2.events.ResponseReceived):
                            return b"HTTP/1.1 " + dict(event.headers)[b":status"] + b" "
            except (OSError, ssl.SSLError, h2.exceptions.H2Error):
                pass
    return b""


def body_of(head, rest):
    """The body that head announces, and what is behind it. Raises ValueError where two readings are possible."""
    lengths = [h for h in head if h.lower().startswith(b"content-length:")]
    encodings = [h for h in head if h.lower().startswith(b"transfer-encoding:")]
    if len(lengths) + len(encodings) > 1:
        raise ValueError("more than one length")
    if lengths:
        value = lengths[0].split(b":", 1)[1].strip()
        if not re.fullmatch(rb"[0-9]{1,9}", value):
            raise ValueError("no length")
        return rest[: int(value)], rest[int(value) :]
    if encodings:
        if encodings[0].split(b":", 1)[1].strip().lower() != b"chunked":
            raise ValueError("another encoding")
        body = b""
        while True:
            match = re.match(rb"([0-9A-Fa-f]{1,8})\r\n", rest)
            if not match and (b"\r\n" in rest or len(rest) > 9):
                raise ValueError("no chunk")
            if not match or len(rest) < match.end() + int(match[1], 16) + 2:
                return body, b""  # cut off, as when the client is found to be wrong half way: nobody takes it for whole
            size = int(match[1], 16)
            rest = rest[match.end() :]
            if rest[size : size + 2] != b"\r\n":
                raise ValueError("a chunk's end")
            body, rest = body + rest[:size], rest[size + 2 :]
            if size == 0:
                return body, rest
    return b"", rest


def judge(data):
    """The request line of what reached the server; ValueError unless it has one meaning and is one request."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("no head")
    lines = head.split(b"\r\n")
    if not re.fullmatch(rb"(GET|POST) [\x21-\x7e]+ HTTP/1\.[01]", lines[0]):
        raise ValueError("request line")
    for line in lines[1:]:
        if not name_re.fullmatch(line):
            raise ValueError(f"header {line!r}")
    for name in needed:
        if sum(h.lower().startswith(name) for h in lines[1:]) != 1:
            raise ValueError(f"not one {name.decode()}")
    _, rest = body_of(lines[1:], rest)
    if rest:
        raise ValueError("something behind the body")
    return lines[0]


def own(number, request):
    """The request with paths of its own, which are of the same size, so that all can be sent at once."""
    def mark(text):
        return text.replace(path, b"/api/network/p%03d" % number).replace(b"/smuggled ", b"/smug-%03d " % number)

    if isinstance(request, bytes):
        return mark(request)
    return [(name, mark(value)) for name, value in request[0]], mark(request[1])


def ask_either(request):
    return ask(request) if isinstance(request, bytes) else ask_http2(*request)


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    answers = list(pool.map(ask_either, (own(*pair) for pair in enumerate(cases.values()))))
reached = {}
problems = [[] for _ in cases]
for file in record.iterdir():
    data = file.read_bytes()
    number = re.search(rb"/api/network/(?:p|smug-)([0-9]{3})", data)
    if not number:
        if data.startswith(b"GET /api/config "):
            continue
        problems[0].append(f"from nobody: {data!r}")
        continue
    number = int(number[1])
    try:
        reached.setdefault(number, []).append(judge(data))
    except ValueError as error:
        problems[number].append(f"{error}: {data!r}")

for number, (claim, request) in enumerate(cases.items()):
    lines = reached.get(number, [])
    if claim in legitimate and not answers[number].startswith(b"HTTP/1.1 200 "):
        problems[number].append("not let through")
    if problems[number]:
        print(f"not so: {claim}: {'; '.join(problems[number])}; answered {answers[number][:200]!r}")
failed = sum(map(bool, problems))
print(f"{len(cases)} requests: {len(cases) - len(reached) - failed} refused, {len(reached)} made plain, {failed} not")
sys.exit(failed > 0)
