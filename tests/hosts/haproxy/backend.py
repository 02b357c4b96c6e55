#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""backend.py - a server behind HAProxy

It prints its port, and responds with the headers that it got.

/abort closes the connection, /status/N responds with the status N, and /hang never. /hold/NAME
responds after a request for /release/NAME, and /await/NAME when a request for /hold/NAME is here.
"""
import asyncio, collections, json

held = collections.defaultdict(asyncio.Event)
released = collections.defaultdict(asyncio.Event)


async def respond(path, headers, writer):
    kind, _, name = path[1:].partition("?")[0].partition("/")
    if kind == "hang":
        await asyncio.sleep(600)
    if kind == "hold":
        held[name].set()
        await released[name].wait()
    if kind == "await":
        await held[name].wait()
    if kind == "release":
        released[name].set()
    status = int(name) if kind == "status" else 200
    body = json.dumps(headers).encode()
    writer.write(b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
    await writer.drain()


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1]
            if path == "/abort":
                break
            await respond(path, [line.split(": ", 1) for line in head[1:] if line], writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
