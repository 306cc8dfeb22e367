# SPDX-License-Identifier: MIT
# A server behind a proxy that writes down what reached it, byte by byte: each connection becomes RECORD/N. It answers each head
# that it sees with 200 and the connection's end. Prints its port. With a certificate and its key it speaks TLS.
#
# raw-backend.py ADDRESS RECORD [CERTIFICATE KEY]
import asyncio
import itertools
import pathlib
import ssl
import sys

record = pathlib.Path(sys.argv[2])
numbers = itertools.count(1)


async def serve(reader, writer):
    with open(record / str(next(numbers)), "wb", buffering=0) as file:
        head = b""
        while b"\n\r\n" not in head and b"\n\n" not in head:
            piece = await reader.read(65536)
            if not piece:
                break
            file.write(piece)
            head += piece
        try:  # a body, or what somebody takes for the next request
            while piece := await asyncio.wait_for(reader.read(65536), 0.15):
                file.write(piece)
        except asyncio.TimeoutError:
            pass
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
    try:
        await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def main():
    context = None
    if len(sys.argv) > 3:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    server = await asyncio.start_server(serve, sys.argv[1], 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


record.mkdir()
asyncio.run(main())
