#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_agent.py - HAProxy serves whatever happens to its agent, and no span is lost or invented

test_agent.py TOTE_SPOA [VALGRIND]
"""
import asyncio, os, signal, socket, subprocess, sys, threading, time

from host import *

program = sys.argv[1]
valgrind = sys.argv[2] if len(sys.argv) > 2 else None
spans = Spans()
backend = start_backend()
agent = Agent(program, spans)
port = agent.port
proxy = HAProxy(port, backend)
sent = {"traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "tracestate": "vendor=1", "baggage": "user=alice"}


def is_traced():
    """Whether the server gets ids of a new span: the agent responds in time."""
    return proxy.get("/ready", sent)[1].get("traceparent") not in (sent["traceparent"], None)


def is_closed(peer):
    """Whether the other end has sent something, or closed the connection."""
    peer.setblocking(False)
    try:
        peer.recv(1, socket.MSG_PEEK)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def send_raw(proxy, data, number=None):
    with socket.create_connection(("127.0.0.1", number or proxy.port), 60) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        return peer.recv(4096)


def paths_of(path):
    return [span for span in spans.all() if span["attributes"].get("url.path") == path]


def errors(name):
    return [span for span in spans.all() if span["attributes"].get("error.type") == name]


# 1,000 connections at a time.
async def request(number, is_ready, count):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    count[0] += 1
    if count[0] == 1000:
        is_ready.set()
    await asyncio.wait_for(is_ready.wait(), 30)
    writer.write(b"GET /many/%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % number)
    await writer.drain()
    response = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return response.startswith(b"HTTP/1.1 200")


async def many():
    is_ready = asyncio.Event()
    count = [0]
    return await asyncio.gather(*(request(i, is_ready, count) for i in range(1000)))

until(is_traced)
served = asyncio.run(many())
check("HAProxy serves 1,000 connections at a time", all(served), served.count(False))


def ended():
    return [span["attributes"]["url.path"] for span in spans.all()
            if span["kind"] == 2 and span["attributes"]["url.path"].startswith("/many/")]

until(lambda: len(ended()) >= 1000)
check("each of them has one server span", sorted(ended()) == sorted("/many/%d" % i
                                                                    for i in range(1000)))

# The agent does not run, for a time.
exact = HAProxy(port, backend, is_patient=False)
agent.process.kill()
agent.process.wait()
status, got = exact.get("/without", sent)
check("without an agent HAProxy serves the request", status == 200)
check("without an agent the headers of the client go on unchanged",
      {name: got.get(name) for name in sent} == sent, got)
agent = Agent(program, spans, "127.0.0.1:" + port)
check("a new agent on the same port traces again", until(is_traced))
check("a new agent ends in order", agent.stop() == 0)

# A slow agent: it is stopped while requests are served.
agent = Agent(program, spans, "127.0.0.1:" + port)
until(is_traced)
time.sleep(0.3)
spans.clear()
agent.signal(signal.SIGSTOP)
status, got = exact.get("/stopped", sent)
check("with an agent that does not respond HAProxy serves the request in time", status == 200)
check("with an agent that does not respond the headers of the client go on unchanged",
      got.get("traceparent") == sent["traceparent"], got)
agent.signal(signal.SIGCONT)
check("the agent continues", until(is_traced))
check("a request that began and ended meanwhile leaves nothing open",
      agent.stop() == 0 and not errors("shutdown") and not errors("unfinished"),
      errors("shutdown"), errors("unfinished"))

# Peers that are not HAProxy.
agent = Agent(program, spans, "127.0.0.1:" + port, ["--max-connections", "8"])
until(is_traced)
idle = [socket.create_connection(("127.0.0.1", int(port)), 60) for _ in range(40)]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 20000, b"\0" * 4, os.urandom(5000),
             b"\0\0\0\x0a\x03\0\0\0\x01\x01\x01\x05abc"):
    with socket.create_connection(("127.0.0.1", int(port)), 60) as peer:
        try:
            peer.sendall(data)
            while peer.recv(4096):
                pass
        except ConnectionError:
            pass
    udp.sendto(data, ("127.0.0.1", int(port)))
    udp.sendto(b"<1>1 t h a p m [tote@32473 stream=\"1\"" + data, ("127.0.0.1", int(port)))
check("connections of other programs do not keep HAProxy from its agent", until(is_traced))
check("the agent closes connections above its limit",
      until(lambda: sum(map(is_closed, idle)) >= 32), sum(map(is_closed, idle)))
for peer in idle:
    peer.close()
check("the agent is still the same process", agent.process.poll() is None)
agent.stop()


# Signals.
def export():
    """The end of the request reaches the agent after the response: a signal can be too early."""
    agent.signal(signal.SIGHUP)
    return paths_of("/queued")


def hold(path):
    """Begin a request, and wait until the server has it."""
    thread = threading.Thread(target=proxy.get, args=("/hold/" + path,), daemon=True)
    thread.start()
    tell(backend, "/await/" + path)
    return thread


def release(path, thread):
    tell(backend, "/release/" + path)
    thread.join()


def is_draining():
    try:
        socket.create_connection(("127.0.0.1", int(port)), 60).close()
        return False
    except ConnectionError:
        return True

agent = Agent(program, spans, "127.0.0.1:" + port, ["--drain", "50s"],
              OTEL_BSP_SCHEDULE_DELAY="600000")
until(is_traced)
spans.clear()
proxy.get("/queued")
time.sleep(0.3)  # a span that is exported too early has time to arrive
before = len(spans.all())
check("SIGHUP exports what is queued, and the agent goes on",
      before == 0 and until(export) and is_traced(), spans.all())
spans.clear()
late = hold("drained")
agent.signal(signal.SIGTERM)
check("SIGTERM closes the port", until(is_draining))
release("drained", late)
check("SIGTERM ends the agent with the status 0", agent.process.wait(60) == 0)
found = paths_of("/hold/drained")
check("SIGTERM waits for the end of requests",
      len(found) == 1 and found[0]["attributes"].get("http.response.status_code") == 200, found)

# The export has the time of the drain again.
agent = Agent(program, spans, "127.0.0.1:" + port, ["--drain", "5s"])
until(is_traced)
spans.clear()
late = hold("longer")
agent.stop()
check("a request that is longer than the drain ends with the error shutdown",
      [span["attributes"].get("error.type") for span in paths_of("/hold/longer")]
      == ["shutdown"], spans.all())
release("longer", late)

# Options and variables.
for trust, links in (("link", 1), ("ignore", 0)):
    agent = Agent(program, spans, "127.0.0.1:" + port, ["--trust", trust])
    until(is_traced)
    spans.clear()
    _, got = proxy.get("/edge", sent)
    server = spans.server_of_path("/edge")
    check("--trust %s starts a new trace" % trust,
          server["traceId"] not in ("", sent["traceparent"][3:35]) and
          trace_of(got) == server["traceId"] and not server.get("parentSpanId"), server, got)
    check("--trust %s: the span has %d links" % (trust, links),
          len(server.get("links", [])) == links, server)
    check("--trust %s: the server gets no tracestate and no baggage of the client" % trust,
          not got.get("tracestate") and not got.get("baggage"), got)
    agent.stop()
agent = Agent(program, spans, "127.0.0.1:" + port, OTEL_TRACES_SAMPLER="always_off")
until(is_traced)
spans.clear()
_, got = proxy.get("/unsampled")
check("an unsampled request is passed on as such",
      int(got.get("traceparent", "1")[-1], 16) & 1 == 0, got)
agent.stop()
check("an unsampled request has no span", not spans.all(), spans.all())
for arguments in (["--listen", "example.org:1"], ["--trust", "all"], ["more"], ["--drain", "x"]):
    result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    check("%s is wrong usage" % " ".join(arguments),
          result.returncode in (1, 2) and result.stderr.startswith("tote-spoa: "), result)

# The other lines of the page: a Unix socket, another format of headers, a route.
with open(os.path.join(top, "docs/haproxy.md")) as page:
    page = page.read()


def shown(line):
    check("docs/haproxy.md shows: %s" % line, line in page)
    return line

path = os.path.join(work, "agent.sock")
agent = Agent(program, spans, "unix:" + path, OTEL_PROPAGATORS="b3")
over_unix = HAProxy("0", backend, change={
    "server agent 127.0.0.1:0 check inter 1s fall 100":
        shown("server agent unix@/run/tote/spoa check inter 1s fall 1").replace("/run/tote/spoa",
                                                                               path),
    "log 127.0.0.1:0 format rfc5424 local0":
        shown("log /run/tote/spoa.log format rfc5424 local0").replace("/run/tote/spoa", path),
    "    http-request set-header traceparent":
        "    " + shown("http-request del-header traceparent") + "\n    " +
        shown("http-request set-header b3 %[var(txn.tote.b3)] if { var(txn.tote.b3) -m found }") +
        "\n    http-request set-header traceparent",
    "method=method": "method=method " + shown("route=str(/orders/{id})")})
_, got = until(lambda: (r := over_unix.get("/unix", sent)) and "b3" in r[1] and r) or (0, {})
server, client = spans.pair(got.get("b3", "").split("-")[0])
check("a route becomes part of the name", server.get("name") == "GET /orders/{id}", server)
check("a Unix socket works, with the headers of another propagator",
      client["attributes"].get("haproxy.server") == "app1" and "traceparent" not in got, got)
agent.process.kill()
agent.process.wait()
agent = Agent(program, spans, "unix:" + path, OTEL_PROPAGATORS="b3")
check("the socket of a killed agent is replaced",
      until(lambda: "b3" in over_unix.get("/unix")[1]))
check("the files of the socket are removed in the end",
      agent.stop() == 0 and not os.path.exists(path) and not os.path.exists(path + ".log"))

# The manual page.
manual = os.path.join(work, "tote-spoa.1")
with open(manual, "w") as out:
    made = subprocess.run(["sh", os.path.join(top, "cli/man/page.sh"), program, "spoa",
                           os.path.join(top, "instrumentation/haproxy/tote-spoa.mdoc")], stdout=out)
with open(manual) as file:
    check("the manual page has the options of the help",
          made.returncode == 0 and "request\\-timeout" in file.read())
if shutil.which("mandoc"):
    found = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", manual], capture_output=True,
                           text=True)
    check("mandoc finds no problem in the manual page", not found.stdout, found.stdout)

# Memory.
if valgrind:
    agent = Agent(program, spans, "127.0.0.1:" + port,
                  wrapper=[valgrind, "-q", "--error-exitcode=99", "--leak-check=full",
                           "--errors-for-leak-kinds=definite", "--fair-sched=yes"])
    check("an agent in valgrind traces", until(is_traced, 120))
    for number in range(20):
        proxy.get("/checked", sent)
    proxy.get("/abort")
    send_raw(proxy, b"NO REQUEST\r\n\r\n")
    send_raw(proxy, b"", int(port))
    check("valgrind finds no error and no leak", agent.stop() == 0, agent.process.returncode)
finish()
