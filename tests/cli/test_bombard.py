#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bombard.py - a viewer under hostile and excessive input stays up and within its memory

test_bombard.py TOTE
"""
import json, os, random, re, socket, struct, subprocess, sys, threading, time, urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from export import request, span

tote = sys.argv[1]
CAP_MB = 512 + 256 + 256 + 64  # traces: model.h; bodies, a decoded request: bytes.h; the program
failed = False
deadline = time.monotonic() + 200


def expect(what, is_met, detail=""):
    global failed
    print("ok -" if is_met else "not ok -", what, "" if is_met else detail)
    failed |= not is_met


environment = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
output = open("/tmp/bombard.%d" % os.getpid(), "w+b")
os.unlink(output.name)
viewer = subprocess.Popen([tote, "view", "--web", "--port", "0"],
                          stdout=output, stderr=output, env=environment)


def printed():
    return os.pread(output.fileno(), 1 << 30, 0)


def port(kind):
    while time.monotonic() < deadline:
        found = re.search(rb"listening on %s://127.0.0.1:(\d+)\n" % kind, printed())
        if found or viewer.poll() is not None:
            return int(found[1])
        time.sleep(0.02)


def connect(to):
    return socket.create_connection(("127.0.0.1", to), 30)


def head(length, content="application/x-protobuf"):
    return ("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
            "Content-Length: %d\r\n\r\n" % (content, length)).encode()


def post(body, content="application/x-protobuf", path="/v1/traces"):
    """Returns the status, retrying while the viewer is busy."""
    while True:
        message = urllib.request.Request("http://127.0.0.1:%d%s" % (http, path), body,
                                         {"Content-Type": content} if body is not None else {})
        try:
            with opener.open(message, timeout=60) as response:
                response.read()
                return response.status
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                return error.code
            time.sleep(0.1)


def post_spans(spans):
    return post(json.dumps(request(spans, "shop")).encode(), "application/json")


def works():
    """Whether the viewer still receives and answers."""
    return viewer.poll() is None and post_spans([span(7, 7, "alive")]) == 200


def peak_mb():
    with open("/proc/%d/status" % viewer.pid) as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) // 1024


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
http, grpc = port(b"http"), port(b"grpc")
drawn = []  # by tote trace
random.seed(1)


def garbage():
    for to in (http, grpc):
        for size in (1, 10, 1000, 100000):
            with connect(to) as peer:
                try:
                    peer.sendall(random.randbytes(size))
                except OSError:
                    pass
    statuses = {post(random.randbytes(size)) for size in (1, 100, 10000)}
    statuses |= {post(b'{"resourceSpans":' + b"[" * 100000, "application/json")}
    statuses |= {post(b"\x1f\x8b" + random.randbytes(100))}
    expect("garbage is refused", statuses <= {200, 400}, statuses)


def many_connections():
    held = []
    opened = 0
    for i in range(10000):
        try:
            held.append(connect(http if i % 2 else grpc))
            opened += 1
        except OSError:
            pass
        if len(held) == 500:
            for peer in held[:250]:
                peer.close()
            del held[:250]
    expect("10,000 connections, 500 of them at once", opened == 10000 and works(), opened)
    for peer in held:
        peer.close()


def slow_readers():
    held = []
    for _ in range(64):
        peer = connect(http)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(b"GET /api/traces?limit=0 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        held.append(peer)
    for i in range(64):
        peer = connect(http)
        peer.sendall(head(1 << 20) + b"x" * i)  # never complete
        held.append(peer)
    expect("clients that do not read or do not write", works())
    for peer in held:
        peer.close()


def huge_body():
    status = b""
    with connect(http) as peer:
        peer.sendall(head(1 << 30))
        block = b"\n" * (1 << 20)
        try:
            for _ in range(1024):
                peer.sendall(block)
            status = peer.recv(1000)
        except OSError as error:
            status = str(error).encode()
    expect("a body of 1 GB is refused", b"413" in status or b"Broken pipe" in status or
           b"reset" in status, status)
    expect("and the viewer still works", works())


def hostile_spans():
    spans = [span(21, i, "cycle", i % 1000 + 1) for i in range(1, 1001)]
    spans += [span(22, 1, "own parent", 1)]
    spans += [span(23, i, "deep", i - 1) for i in range(1, 20001)]
    names = ["\x1b[2J\x1b]0;title\x07", "\x9b31m", "a\u202eb\u2066c\u200f", "\r\nforged line", "\x00",
             "\u0300" * 5000, "\U000e0041", "x" * 100000]
    spans += [span(24, i + 1, name, status=name, **{name[:50]: name})
              for i, name in enumerate(names)]
    spans += [dict(span(25, 1, "times"), startTimeUnixNano=str(2**64 - 1), endTimeUnixNano="1")]
    expect("cyclic parents, deep trees, and hostile names and times", post_spans(spans) == 200)
    for trace in (21, 22, 24, 25):
        drawn.append(subprocess.run([tote, "trace", "%032x" % trace, "--url",
                                     "http://127.0.0.1:%d" % http], env=environment, timeout=60,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout)
    expect("hostile traces are drawn", all(b"trace 000000" in text for text in drawn))
    for path in ("/api/traces?limit=0", "/api/traces/%032x" % 21, "/api/traces/%032x" % 24, "/api/map"):
        status = post(None, path=path)
        expect("GET " + path.split("?")[0] + " answers", status == 200, status)


def varint(number):
    result = b""
    while number >= 0x80:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


def field(number, content):
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def one_trace():
    """A million spans with one trace id, in protobuf. Spec: protocol/otlp.md"""
    resource = field(1, field(1, field(1, b"service.name") + field(2, field(1, b"flood"))))
    sent = 0
    statuses = set()
    for batch in range(100):
        spans = b"".join(
            field(2, b"\x0a\x10" + b"\x01" * 16 + b"\x12\x08" + struct.pack(">Q", i + 1) +
                  b"\x2a\x04spam" + b"\x39" + struct.pack("<Q", 10**18 + i) + b"\x41" +
                  struct.pack("<Q", 10**18 + i + 5))
            for i in range(batch * 10000, batch * 10000 + 10000))
        statuses.add(post(field(1, resource + field(2, spans))))
        sent += 10000
    expect("a million spans with one trace id", statuses == {200}, statuses)
    expect("and the viewer still works", works())


try:
    for step in (garbage, many_connections, slow_readers, hostile_spans, huge_body, one_trace):
        start = time.monotonic()
        step()
        print("# %s: %.1f s, peak %d MB" % (step.__name__, time.monotonic() - start, peak_mb()))
    expect("the peak of the memory is below the limits", peak_mb() < CAP_MB,
           "%d MB" % peak_mb())
    viewer.terminate()
    expect("the viewer ends normally", viewer.wait(60) == 0, viewer.returncode)
finally:
    viewer.kill()
text = printed() + b"".join(drawn)
control = re.findall(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xaa-\xae]|"
                     rb"\xe2\x81[\xa6-\xa9]|\xf3\xa0\x80|\xf3\xa0\x81", text)
expect("nothing is printed that a terminal executes", not control, control[:10])
sys.exit(failed)
