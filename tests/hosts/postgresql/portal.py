#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""portal.py TRACEPARENT QUERY ROWS [EXECUTES]: run a query by the extended protocol, in a portal that
is executed with at most ROWS rows each time. Prints one line per Execute: its number of rows.

The server is that of PGHOST (a folder) and PGPORT."""
import os, socket, struct, sys

traceparent, query, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
executes = int(sys.argv[4]) if len(sys.argv) > 4 else 0  # 0: until the portal is complete
server = socket.socket(socket.AF_UNIX)
server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}")
stream = server.makefile("rb")


def send(kind, *parts):
    body = b"".join(parts)
    server.sendall(kind + struct.pack("!i", len(body) + 4) + body)


def text(value):
    return value.encode() + b"\0"


def receive_until(kinds):
    """Return the kind that ends it, and the number of rows before."""
    count = 0
    while True:
        kind, size = stream.read(1), struct.unpack("!i", stream.read(4))[0]
        body = stream.read(size - 4)
        if kind == b"E":
            sys.exit(body.decode())
        count += kind == b"D"
        if kind in kinds:
            return kind, count


send(b"", struct.pack("!i", 196608), text("user"), text("postgres"), text("database"),
     text("postgres"), b"\0")
receive_until(b"Z")
for statement in (f"SET tote.traceparent = '{traceparent}'", "BEGIN"):
    send(b"Q", text(statement))
    receive_until(b"Z")
send(b"P", text("s"), text(query), struct.pack("!h", 0))
send(b"B", text("p"), text("s"), struct.pack("!hhh", 0, 0, 0))
done = 0
while True:
    send(b"E", text("p"), struct.pack("!i", rows))
    send(b"H")
    kind, count = receive_until(b"sC")
    print(count)
    done += 1
    if kind == b"C" or done == executes:
        break
send(b"S")
receive_until(b"Z")
send(b"Q", text("COMMIT"))
receive_until(b"Z")
send(b"X")
