#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_haproxy.py - requests through HAProxy and their spans

test_haproxy.py TOTE_SPOA
"""
import os, socket, struct, subprocess, sys, time

from host import *

program = sys.argv[1]
spans = Spans()
backend = start_backend()
agent = Agent(program, spans)
closed = socket.socket()
closed.bind(("127.0.0.1", 0))  # not listening: connections are refused
rules = """    http-request deny if { path /denied }
    http-request return status 200 if { path /own }
    use_backend refusing if { path /refused }
    use_backend empty if { path /empty }
"""
sections = """backend refusing
    option redispatch
    retries 2
    server one 127.0.0.1:{0}
    server two 127.0.0.1:{0}
backend empty
""".format(closed.getsockname()[1])
proxy = HAProxy(agent.port, backend, sections,
                {"    default_backend": rules + "    default_backend"})
# Only requests that shall exceed a limit have a short one.
impatient = {"client": HAProxy(agent.port, backend, timeouts=(8, 60)),
             "server": HAProxy(agent.port, backend, timeouts=(60, 4))}

with open(os.path.join(top, "docs/haproxy.md")) as page:
    page = page.read()
for name in ("haproxy.cfg", "tote.spoe.conf"):
    check("docs/haproxy.md shows %s as it is tested here" % name,
          "```text\n%s```" % documented(name) in page)

if os.path.exists("/etc/haproxy/haproxy.cfg"):
    file = os.path.join(work, "documented.cfg")
    with open(file, "w") as out:
        out.write(documented("haproxy.cfg").replace("/usr/local/share/tote/haproxy/tote.spoe.conf",
                                                    os.path.join(config, "tote.spoe.conf")))
    checked = subprocess.run(["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg", "-f", file],
                             capture_output=True, text=True)
    check("the documented files fit to the configuration of the distribution",
          checked.returncode == 0 and "WARNING" not in checked.stderr, checked.stderr)

# One trace: the client, HAProxy, the server.
until(lambda: trace_of(proxy.get("/ready")[1]))
sent = {"traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "tracestate": "vendor=1", "baggage": "user=alice", "User-Agent": "client/1"}
status, got = proxy.get("/orders/7?full=1&sig=secret", sent)
server, client = spans.pair("0123456789abcdef0123456789abcdef")
check("the server span continues the trace of the client",
      server.get("parentSpanId") == "0123456789abcdef", server)
check("the client span is the child of the server span",
      client.get("parentSpanId") == server.get("spanId"), client)
check("the server receives the ids of the client span",
      got.get("traceparent") == "00-0123456789abcdef0123456789abcdef-%s-01" % client.get("spanId"),
      got, client)
check("tracestate and baggage go on to the server",
      (got.get("tracestate"), got.get("baggage")) == ("vendor=1", "user=alice"), got)
a = server["attributes"]
check("the server span has the stable attributes of HTTP",
      (server.get("name"), a.get("http.request.method"), a.get("url.path"), a.get("url.query"),
       a.get("url.scheme"), a.get("http.response.status_code"), a.get("server.address"),
       a.get("server.port"), a.get("client.address"), a.get("user_agent.original"),
       a.get("network.protocol.version"), a.get("haproxy.frontend"))
      == ("GET", "GET", "/orders/7", "full=1&sig=REDACTED", "http", 200, "127.0.0.1", proxy.port,
          "127.0.0.1", "client/1", "1.1", "www"), a)
a = client["attributes"]
check("the client span has the address of the server that HAProxy has chosen",
      (a.get("server.address"), a.get("server.port"), a.get("network.peer.port"),
       a.get("haproxy.backend"), a.get("haproxy.server"), a.get("http.response.status_code"),
       a.get("url.full"))
      == ("127.0.0.1", int(backend), int(backend), "app", "app1", 200,
          "http://127.0.0.1:%d/orders/7?full=1&sig=REDACTED" % proxy.port), a)
check("the service is named haproxy", server.get("resource", {}).get("service.name") == "haproxy")

# Without a trace of the client.
status, got = proxy.get("/new")
check("a request without a trace starts one", len(trace_of(got)) == 32, got)
check("the server receives no empty headers", "tracestate" not in got and "baggage" not in got, got)
check("a root span has no parent", not spans.pair(trace_of(got))[0].get("parentSpanId"))
status, got = proxy.get("/invalid", {"traceparent": "00-zz-1-1", "tracestate": "vendor=1"})
# Spec: W3C Trace Context, section 4.3: without a valid traceparent, tracestate is not used.
check("a tracestate without a valid traceparent is not sent on", not got.get("tracestate"), got)

status, got = proxy.get("/large", {**sent, "Cookie": "c" * 6000, "baggage": "k=" + "v" * 8000})
check("a request with 14 kB of headers is served, and continues its trace",
      status == 200 and trace_of(got) == sent["traceparent"][3:35] and
      got["traceparent"] != sent["traceparent"] and len(got.get("baggage", "")) == 8002, status)

# Keep-alive and HTTP/2: a trace for each request.
peer = proxy.connect()
traces = {trace_of(proxy.get("/kept", connection=peer)[1]) for _ in range(5)}
peer.close()
check("each request of a kept connection has its own trace",
      len(traces) == 5 and all(spans.pair(trace)[1]["attributes"] for trace in traces), traces)
urls = ["http://127.0.0.1:%d/http2/%d" % (proxy.port, i) for i in range(5)]
subprocess.run(["nghttp", "-n", *urls], check=True, timeout=60)
found = [spans.server_of_path("/http2/%d" % i) for i in range(5)]
check("each request of an HTTP/2 connection has its own trace",
      len({span["traceId"] for span in found}) == 5 and
      all(span["attributes"].get("network.protocol.version") == "2" for span in found), found)

# Responses and failures: (path, status, error of the server span, whether a client span is there,
# error of the client span).
for path, code, error, has_client, client_error in (
        ("/status/404", 404, None, True, "404"),
        ("/status/500", 500, "500", True, "500"),
        ("/denied", 403, None, False, None),
        ("/own", 200, None, False, None),
        ("/refused", 503, "connection_failed", True, "connection_failed"),
        ("/empty", 503, "no_server", False, None),
        ("/abort", 502, "server_abort", True, "server_abort"),
        ("/hang", 504, "response_timeout", True, "response_timeout")):
    status, _ = (impatient["server"] if path == "/hang" else proxy).get(path)
    server = spans.server_of_path(path)
    a = server["attributes"]
    check("%s: the server span has the status %d and the error %s" % (path, code, error),
          (status, a.get("http.response.status_code"), a.get("error.type"))
          == (code, code, error) and
          (server.get("status", {}).get("code") == 2) == (error is not None), status, server)
    if has_client:
        a = spans.pair(server["traceId"])[1]["attributes"]
        check("%s: the client span has the error %s" % (path, client_error),
              a.get("error.type") == client_error and
              a.get("http.response.status_code") == (code if code in (404, 500) else None), a)
    else:
        time.sleep(0.2)
        check("%s: no request was sent, so there is no client span" % path,
              [span["kind"] for span in spans.of(server["traceId"])] == [2],
              spans.of(server["traceId"]))
a = spans.pair(spans.server_of_path("/refused")["traceId"])[1]["attributes"]
check("retries and a redispatch are recorded",
      (a.get("http.request.resend_count"), a.get("haproxy.redispatched")) == (2, True), a)


def connect(to):
    return socket.create_connection(("127.0.0.1", to.port), 60)


def send_raw(to, data):
    with connect(to) as peer:
        peer.sendall(data)
        return peer.recv(4096)


def bad_requests(status):
    return [span for span in spans.all() if span["kind"] == 2 and span["name"] == "HTTP" and
            span["attributes"].get("http.response.status_code") == status]


with connect(proxy) as peer:
    peer.sendall(b"GET /hold/left HTTP/1.1\r\nHost: a\r\n\r\n")
    tell(backend, "/await/left")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
tell(backend, "/release/left")
a = spans.server_of_path("/hold/left")["attributes"]
check("a client that closes its connection early is an error of both spans",
      a.get("error.type") == "client_abort" and
      spans.pair(spans.server_of_path("/hold/left")["traceId"])[1]["attributes"].get("error.type")
      == "client_abort", a)
send_raw(proxy, b"NO REQUEST\r\n\r\n")
check("a request that HAProxy cannot parse has a server span with the status 400",
      until(lambda: bad_requests(400)), spans.all()[-1:])
send_raw(impatient["client"], b"GET /slow HTTP/1.1\r\n")
found = until(lambda: bad_requests(408))
check("a request that is not complete in time has a server span with the status 408",
      found and found[0]["attributes"].get("error.type") == "client_timeout", found)

# Sockets of the file system.
path = os.path.join(work, "spoa")
with open(path + ".log", "w") as file:
    file.write("not a socket")
refused = subprocess.run([program, "--listen", "unix:" + path], capture_output=True, text=True,
                         timeout=60)
with open(path + ".log") as file:
    check("a file that has the name of a socket is an error, and is kept",
          refused.returncode == 1 and file.read() == "not a socket" and not os.path.exists(path),
          refused)
os.remove(path + ".log")
killed = Agent(program, spans, "unix:" + path)
killed.process.kill()
killed.process.wait()
again = Agent(program, spans, "unix:" + path)
check("the sockets of an agent that was killed are replaced", again.process.poll() is None)
check("an agent removes its sockets when it ends",
      again.stop() == 0 and not os.path.exists(path) and not os.path.exists(path + ".log"))

check("every span was ended once",
      len({span["spanId"] for span in spans.all()}) == len(spans.all()))
check("the agent ends with the status 0", agent.stop() == 0)
check("no request was left without an end",
      not [span for span in spans.all()
           if span["attributes"].get("error.type") in ("unfinished", "shutdown")], spans.all()[-2:])
finish()
