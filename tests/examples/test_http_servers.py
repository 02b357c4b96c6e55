#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_http_servers.py - the servers of docs/http-servers.md have spans by the HTTP conventions

test_http_servers.py PROGRAM
"""
import http.client
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from otlp import SpanReceiver, environment, read_spans

PROGRAM = sys.argv[1]
NAME = pathlib.Path(PROGRAM).name
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CONCURRENT = 20
failed = False


def expect(what, value, wanted):
    global failed
    if value == wanted:
        print("ok -", what)
    else:
        print(f"not ok - {what}: {value!r}, not {wanted!r}")
        failed = True


class Server:
    """The program; when it has ended, `spans` are what it has exported."""

    def __init__(self, requests):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name) / "spans"
        self.receiver = SpanReceiver(self.file)
        self.program = subprocess.Popen(
            [PROGRAM, str(requests)], stdout=subprocess.PIPE, text=True,
            env=environment(LC_ALL="C.UTF-8", **self.receiver.variables))
        self.port = int(self.program.stdout.readline().rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        try:
            self.status = self.program.wait(60)
        except subprocess.TimeoutExpired:
            self.program.kill()
            self.status = "timeout"
        self.receiver.close()
        self.spans = read_spans(self.file)
        self.folder.cleanup()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


def ask(connection, target, method="GET", **headers):
    connection.request(method, target, headers=headers)
    response = connection.getresponse()
    return response.status, response.read().decode().strip()


def attributes(span, *keys):
    return [span["attributes"].get(key) for key in keys]


def named(spans, name):
    return [span for span in spans if span["name"] == name]


with Server(3) as server:
    connection = server.connect()
    found = ask(connection, "/hello?sig=s3cr3t", traceparent=f"00-{TRACE}-{PARENT}-01",
                baggage="user.id=u_1", Host="shop.test", **{"X-Forwarded-Proto": "https"})
    expect("the store of the scope contains the baggage", found, (200, "hello, u_1"))
    expect("another request on the connection does not", ask(connection, "/hello"),
           (200, "hello, nobody"))
    expect("an unknown path has status 404", ask(connection, "/nowhere/7%3Fa", "POST")[0], 404)
    connection.close()
expect("the server exits with status 0", server.status, 0)
first, = (s for s in named(server.spans, "GET /hello") if s["traceId"] == TRACE)
expect("the span is the caller's child", (first["parentSpanId"], first["kind"]), (PARENT, 2))
expect("it has the attributes of the HTTP conventions",
       attributes(first, "http.request.method", "url.path", "url.query", "url.scheme",
                  "server.address", "server.port", "network.peer.address", "http.route",
                  "http.response.status_code"),
       ["GET", "/hello", "sig=REDACTED", "https", "shop.test", 443, "127.0.0.1", "/hello", 200])
expect("the span of the work is below it",
       [s["traceId"] for s in named(server.spans, "greet") if s["parentSpanId"] == first["spanId"]],
       [TRACE])
expect("the next request has a trace of its own",
       len({span["traceId"] for span in named(server.spans, "GET /hello")}), 2)
path = "/nowhere/7?a" if NAME == "http_civetweb" else "/nowhere/7%3Fa"  # it has no other
expect("a path is no route, and an encoded ? in it begins no query",
       [attributes(s, "url.path", "url.query", "http.route", "http.response.status_code")
        for s in named(server.spans, "POST")], [[path, None, None, 404]])
expect("a status of 404 is no error of the server",
       named(server.spans, "POST")[0].get("status", {}).get("code", 0), 0)

with Server(CONCURRENT) as server:
    connections = [server.connect() for _ in range(CONCURRENT)]
    for number, connection in enumerate(connections):
        connection.request("GET", "/hello", headers={"baggage": f"user.id=u_{number}"})
    answers = [connection.getresponse().read().decode().strip() for connection in connections]
    for connection in connections:
        connection.close()
expect("concurrent requests see their own store", answers,
       [f"hello, u_{number}" for number in range(CONCURRENT)])
users = {s["traceId"]: s["attributes"]["user.id"] for s in named(server.spans, "GET /hello")}
expect("each has its own trace", (len(users), len(set(users.values()))), (CONCURRENT, CONCURRENT))
expect("its work is in it", [s["attributes"]["user.id"] for s in named(server.spans, "greet")],
       [users[s["traceId"]] for s in named(server.spans, "greet")])

if NAME != "http_civetweb":  # which responds before it could notice
    with Server(2) as server:
        server.program.send_signal(signal.SIGSTOP)  # it reads the request after the reset
        with socket.create_connection(("127.0.0.1", server.port)) as lost:
            lost.sendall(b"GET /hello HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            lost.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.program.send_signal(signal.SIGCONT)
        connection = server.connect()
        expect("a lost connection does not harm the next", ask(connection, "/hello")[0], 200)
        connection.close()
    expect("and the server exits with status 0", server.status, 0)
    expect("its span has the error",
           sorted(str(*attributes(s, "error.type")) for s in named(server.spans, "GET /hello")),
           ["None", "connection_lost"])
sys.exit(failed)
