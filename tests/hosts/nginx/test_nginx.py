#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_nginx.py - the nginx module in the nginx of the distribution

test_nginx.py MODULE [TEST...]
"""
import http.client, os, re, socket, subprocess, sys, threading, unittest

from servers import DEADLINE, Closed, Host, Upstream, until, values

MODULE = os.path.abspath(sys.argv.pop(1))
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVER, CLIENT = 2, 3
ERROR = {"code": 2}


def traceparent(request):
    """The ids and flags in the only traceparent of a request to an upstream."""
    (value,) = values(request, "traceparent")
    _, trace, span, flags = value.split("-")
    return trace, span, flags


def scgi(request):
    return b"Status: 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Cgi(Upstream):
    """An upstream that gets headers as the variables of CGI."""

    def keep(self, texts):
        """Keep a request of which these are the names and values in turn."""
        texts = [text.decode("latin-1") for text in texts]
        fields = {name.lower(): value for name, value in zip(texts[::2], texts[1::2])}
        self.requests.append({"path": fields["request_uri"], "headers": [
            (name[5:].replace("_", "-"), value) for name, value in fields.items()
            if name.startswith("http_")]})


class Scgi(Cgi):
    """The variables are a netstring."""

    def serve_one(self, connection, stream):
        size = b""
        for byte in iter(lambda: stream.read(1), b":"):
            size += byte
        fields = stream.read(int(size)).split(b"\0")
        stream.read(1)
        self.keep(fields[:-1])
        connection.sendall(scgi(None))
        return False


class Fastcgi(Cgi):
    @staticmethod
    def texts(parameters):
        """A length has one byte, or four of which the first has its highest bit set."""
        at = 0
        while at < len(parameters):
            sizes = []
            for _ in range(2):
                width = 4 if parameters[at] & 128 else 1
                sizes.append(int.from_bytes(parameters[at:at + width], "big") & 0x7fffffff)
                at += width
            for size in sizes:
                yield parameters[at:at + size]
                at += size

    def serve_one(self, connection, stream):
        parameters, kind = b"", 0
        while kind != 5: # standard input follows the parameters
            head = stream.read(8)
            kind, size = head[1], int.from_bytes(head[4:6], "big")
            content = stream.read(size + head[6])[:size]
            parameters += content if kind == 4 else b""
        self.keep(self.texts(parameters))
        text = scgi(None)
        for kind, content in ((6, text), (6, b""), (3, bytes(8))):
            connection.sendall(bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + b"\0\0" +
                               content)
        return False


class Uwsgi(Cgi):
    @staticmethod
    def texts(variables):
        at = 0
        while at < len(variables):
            size = int.from_bytes(variables[at:at + 2], "little")
            yield variables[at + 2:at + 2 + size]
            at += 2 + size

    def serve_one(self, connection, stream):
        size = int.from_bytes(stream.read(4)[1:3], "little")
        self.keep(self.texts(stream.read(size)))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return False


def echo(request):
    """Accept a websocket, and echo all bytes."""
    connection = request["connection"]
    if "hang" in request["path"]:
        request["stream"].read() # until nginx closes the connection
        return None
    if "upgrade" in dict(request["headers"]):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                           b"Upgrade: websocket\r\n\r\n")
        while True:
            part = request["stream"].read1(65536)
            if not part:
                return None
            connection.sendall(part)
    status = re.search(r"status=(\d+)", request["path"])
    line = f"{status.group(1)} Wanted" if status else "200 OK"
    return f"HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\nok".encode()


class Tested(unittest.TestCase):
    """One nginx for all tests of a class."""

    HTTP = ""
    MAIN = ""

    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream(echo)
        cls.busy = Upstream(lambda request: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        cls.scgi, cls.fastcgi, cls.uwsgi = Scgi(), Fastcgi(), Uwsgi()
        cls.alone = Upstream() # only a variable has its address
        cls.closed = Closed()
        cls.host = Host(MODULE)
        cls.host.start_receiver()
        text = cls.HTTP.replace("UPSTREAM", f"127.0.0.1:{cls.upstream.port}")
        text = text.replace("BUSY", f"127.0.0.1:{cls.busy.port}")
        for name in ("scgi", "fastcgi", "uwsgi"):
            text = text.replace(f" {name.upper()}", f" 127.0.0.1:{getattr(cls, name).port}")
        text = text.replace("ALONE", f"127.0.0.1:{cls.alone.port}")
        text = text.replace("CLOSED", f"127.0.0.1:{cls.closed.port}")
        for server in (cls.upstream, cls.busy, cls.scgi, cls.fastcgi, cls.uwsgi, cls.alone,
                       cls.closed, cls.host):
            cls.addClassCleanup(server.close)
        cls.host.start(text, cls.MAIN)

    def setUp(self):
        self.host.owner = self.id()

    def last(self, path):
        """The only request that the upstream got for this path."""
        (request,) = [r for r in self.upstream.requests if r["path"].split("?")[0] == path]
        return request


class Requests(Tested):
    HTTP = """
    tote on;
    log_format ids '$uri $tote_trace_id $tote_span_id $tote_sampled $tote_traceparent';
    upstream pool { server UPSTREAM; keepalive 4; }
    upstream tries { server CLOSED; server BUSY; server UPSTREAM backup; }
    upstream down { server CLOSED; }
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server {
        listen LISTEN;
        listen unix:FOLDER/h2.sock http2;
        client_max_body_size 100;
        proxy_http_version 1.1;
        location / { return 200 "$tote_trace_id $tote_span_id $tote_sampled\\n"; }
        location = /exact { return 204; }
        location ~ ^/orders/(\\d+)$ { return 200 ok; }
        location /proxy/ { proxy_pass http://UPSTREAM; }
        location /pool/ { proxy_pass http://pool; proxy_set_header Connection ""; }
        location /tries/ {
            proxy_pass http://tries;
            proxy_next_upstream error timeout http_503;
        }
        location /down/ { proxy_pass http://down; }
        location /slow/ { proxy_pass http://UPSTREAM; proxy_read_timeout 200ms; }
        location /scgi/ { scgi_pass SCGI; scgi_param REQUEST_URI $request_uri; }
        location /fastcgi/ { fastcgi_pass FASTCGI; fastcgi_param REQUEST_URI $request_uri; }
        location /uwsgi/ { uwsgi_pass UWSGI; uwsgi_param REQUEST_URI $request_uri; }
        location /grpc/ { grpc_pass grpc://unix:FOLDER/grpc.sock; }
        location /variable/ { set $backend ALONE; proxy_pass http://$backend$request_uri; }
        location /socket/ {
            proxy_pass http://UPSTREAM;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
        location /guarded/ { auth_request /auth; proxy_pass http://UPSTREAM; }
        location = /auth { internal; proxy_pass http://UPSTREAM/auth$request_uri; }
        location /missing/ { error_page 404 /proxy/error-page; root FOLDER; }
        location /named/ { try_files $uri @app; }
        location @app { proxy_pass http://UPSTREAM; }
        location /off/ { tote off; proxy_pass http://UPSTREAM; }
        location /link/ { tote_trust link; proxy_pass http://UPSTREAM; }
        location /ignore/ { tote_trust ignore; proxy_pass http://UPSTREAM; }
        location /sample/ { tote_sample $arg_sample; proxy_pass http://UPSTREAM; }
        location /share/ {
            tote_sample 30%;
            proxy_pass http://UPSTREAM;
            location /share/none/ { tote_sample 0%; proxy_pass http://UPSTREAM; }
            location /share/all/ { tote_sample 100%; proxy_pass http://UPSTREAM; }
            location /share/link/ { tote_trust link; tote_sample 0.0%; proxy_pass http://UPSTREAM; }
        }
        location /logged/ { access_log FOLDER/access.log ids; return 200 ok; }
        location /own/ {
            tote_span_name "$request_method own";
            tote_span_attribute app.user $arg_user;
            tote_span_attribute app.empty $arg_none;
            tote_span_attribute app.fixed value;
            location /own/inner/ { return 200 ok; }
            location /own/other/ { tote_span_attribute app.other 1; return 200 ok; }
            return 200 ok;
        }
    }
    server { listen unix:FOLDER/grpc.sock http2; location / { return 200 ok; } }"""

    # Spec: http-spans.md#http-server
    def test_a_request_has_a_server_span_with_the_stable_attributes(self):
        self.host.get("/orders/7?full=1&sig=secret", {"User-Agent": "test", "Host": "shop:81"})
        span = self.host.only(url__path="/orders/7")
        attributes = span["attributes"]
        self.assertGreater(attributes.pop("network.peer.port"), 0)
        self.assertEqual(attributes, {
            "http.request.method": "GET", "url.path": "/orders/7", "url.scheme": "http",
            "url.query": "full=1&sig=REDACTED", "http.route": r"^/orders/(\d+)$",
            "http.response.status_code": 200, "server.address": "shop", "server.port": 81,
            "client.address": "127.0.0.1", "network.peer.address": "127.0.0.1",
            "network.protocol.version": "1.1", "user_agent.original": "test"})
        self.assertEqual(span["kind"], SERVER)
        self.assertEqual(span["name"], r"GET ^/orders/(\d+)$")
        self.assertNotIn("code", span.get("status", {}))

    def test_the_route_is_the_location(self):
        for path, route in (("/exact", "/exact"), ("/any/path", "/"), ("/orders/12", None)):
            self.host.get(path)
            attributes = self.host.only(url__path=path)["attributes"]
            self.assertEqual(attributes["http.route"], route or r"^/orders/(\d+)$")

    # Spec: http-spans.md#http-client
    def test_a_try_of_an_upstream_is_a_client_span_whose_id_is_sent(self):
        self.host.get("/proxy/a?q=1", {"traceparent": PARENT, "tracestate": "a=b"})
        server, client = self.host.only(url__path="/proxy/a"), None
        client = self.host.only(kind=CLIENT, url__full=f"http://127.0.0.1:{self.upstream.port}"
                                                       "/proxy/a?q=1")
        request = self.last("/proxy/a")
        trace, span, flags = traceparent(request)
        self.assertEqual((trace, span), (client["traceId"], client["spanId"]))
        self.assertEqual(client["parentSpanId"], server["spanId"])
        self.assertEqual(server["parentSpanId"], "b7ad6b7169203331")
        self.assertEqual((trace, flags), ("0af7651916cd43dd8448eb211c80319c", "01"))
        self.assertEqual(values(request, "tracestate"), ["a=b"])
        self.assertEqual(client["name"], "GET")
        attributes = client["attributes"]
        self.assertEqual(attributes, {
            "http.request.method": "GET", "url.full": attributes["url.full"],
            "server.address": "127.0.0.1", "server.port": self.upstream.port,
            "network.peer.address": "127.0.0.1", "network.peer.port": self.upstream.port,
            "http.response.status_code": 200})
        self.assertLessEqual(int(server["startTimeUnixNano"]), int(client["startTimeUnixNano"]))
        self.assertLessEqual(int(client["endTimeUnixNano"]), int(server["endTimeUnixNano"]))

    def test_each_try_has_a_span_and_the_upstream_gets_the_id_of_its_own_try(self):
        before = len(self.busy.requests)
        self.assertEqual(self.host.get("/tries/a")[0], 200)
        url = "http://tries/tries/a"
        tries = self.host.wait(3, kind=CLIENT, url__full=url)
        server = self.host.only(url__path="/tries/a")
        by_port = {span["attributes"]["network.peer.port"]: span for span in tries}
        self.assertEqual(traceparent(self.last("/tries/a"))[1],
                         by_port[self.upstream.port]["spanId"])
        self.assertEqual(traceparent(self.busy.requests[before])[1],
                         by_port[self.busy.port]["spanId"])
        self.assertEqual(by_port[self.closed.port]["attributes"]["error.type"], "connection_failed")
        self.assertEqual(by_port[self.busy.port]["attributes"]["error.type"], "503")
        self.assertEqual(by_port[self.closed.port]["status"], ERROR)
        self.assertEqual({span["parentSpanId"] for span in tries}, {server["spanId"]})
        self.assertEqual([span["attributes"].get("http.request.resend_count") for span in tries],
                         [None, 1, 2])
        self.assertEqual({span["attributes"]["server.address"] for span in tries}, {"tries"})

    def test_an_upstream_that_is_down_or_slow_is_an_error(self):
        self.assertEqual(self.host.get("/down/a")[0], 502)
        client = self.host.only(kind=CLIENT, url__full="http://down/down/a")
        self.assertEqual(client["attributes"]["error.type"], "connection_failed")
        server = self.host.only(url__path="/down/a")
        self.assertEqual(server["attributes"]["error.type"], "502")
        self.assertEqual(server["status"], ERROR)
        self.assertEqual(self.host.get("/slow/hang")[0], 504)
        server = self.host.only(url__path="/slow/hang", error__type="504")
        self.assertEqual(self.host.only(parent=server)["attributes"]["error.type"], "timeout")

    # Spec: http-spans.md#status
    def test_a_status_of_500_is_an_error_of_both_and_404_one_of_the_client_span(self):
        for status, server_code, client_code in ((500, 2, 2), (404, None, 2), (302, None, None)):
            path = f"/proxy/s{status}"
            self.host.get(f"{path}?status={status}")
            server = self.host.only(url__path=path)
            client = self.host.only(parent=server)
            self.assertEqual(server.get("status", {}).get("code"), server_code)
            self.assertEqual(client.get("status", {}).get("code"), client_code)

    def test_headers_that_are_sent_twice_or_not_trusted_reach_no_upstream(self):
        text = ("GET /proxy/twice HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                f"traceparent: {PARENT}\r\nX-Own: 1\r\nTraceparent: {PARENT}\r\n"
                "tracestate: a=b\r\n\r\n")
        self.host.raw(text.encode())
        request = self.last("/proxy/twice")
        client = self.host.only(kind=CLIENT, url__full=f"http://127.0.0.1:{self.upstream.port}"
                                                       "/proxy/twice")
        self.assertEqual(traceparent(request)[1], client["spanId"])
        self.assertEqual(values(request, "x-own"), ["1"])
        self.assertEqual(len(values(request, "host")), 1)

    def test_trust_continues_links_or_ignores_the_incoming_context(self):
        sent = {"traceparent": PARENT, "tracestate": "a=b", "baggage": "k=v"}
        for path in ("/proxy/trusted", "/link/a", "/ignore/a"):
            self.host.get(path, sent)
        link = self.host.only(url__path="/link/a")
        ignored = self.host.only(url__path="/ignore/a")
        self.assertEqual(values(self.last("/proxy/trusted"), "baggage"), ["k=v"])
        for span, path in ((link, "/link/a"), (ignored, "/ignore/a")):
            request = self.last(path)
            self.assertNotIn("0af7651916cd43dd8448eb211c80319c", str(request["headers"]))
            self.assertEqual(traceparent(request)[0], span["traceId"])
            self.assertEqual(values(request, "baggage"), [])
            self.assertEqual(values(request, "tracestate"), [])
            self.assertFalse(span.get("parentSpanId"))
        (linked,) = link["links"]
        self.assertEqual(linked["spanId"], "b7ad6b7169203331")
        self.assertFalse(ignored.get("links"))

    def test_a_variable_decides_whether_a_request_is_recorded(self):
        for value in ("0", "off", "", "1"):
            self.host.get(f"/sample/v{value}?sample={value}")
        self.host.only(url__path="/sample/v1")
        self.assertEqual(len([s for s in self.host.find(kind=SERVER)
                              if s["attributes"]["url.path"].startswith("/sample/")]), 1)
        for path in ("/sample/v0", "/sample/voff", "/sample/v"):
            trace, span, flags = traceparent(self.last(path))
            self.assertNotEqual((trace, span), ("0" * 32, "0" * 16))
            self.assertEqual(int(flags, 16) & 1, 0)
        self.host.get("/sample/kept?sample=0", {"traceparent": PARENT})
        self.assertEqual(values(self.last("/sample/kept"), "traceparent"), [PARENT])

    def test_a_share_of_new_traces_is_recorded_and_all_that_continue_one(self):
        for i in range(200):
            self.host.get(f"/share/{i}")
        self.host.get("/share/none/new")
        self.host.get("/share/link/other", {"traceparent": PARENT})
        self.host.get("/share/none/garbage", {"traceparent": "garbage"})
        self.host.get("/share/none/continued", {"traceparent": PARENT})
        self.host.get("/share/all/new")
        self.host.only(url__path="/share/none/continued")
        self.host.only(url__path="/share/all/new")
        paths = [s["attributes"]["url.path"] for s in self.host.find(kind=SERVER)]
        for path in ("/share/none/new", "/share/link/other", "/share/none/garbage"):
            self.assertNotIn(path, paths)
        recorded = [path for path in paths if re.fullmatch(r"/share/\d+", path)]
        self.assertTrue(20 < len(recorded) < 120, recorded) # 60 are expected, 6.5 the deviation
        self.assertEqual(traceparent(self.last("/share/none/new"))[2][1] in "02", True)

    def test_a_location_that_is_off_changes_no_header_and_has_no_span(self):
        self.host.get("/off/a", {"traceparent": PARENT, "tracestate": "x=y"})
        request = self.last("/off/a")
        self.assertEqual(values(request, "traceparent"), [PARENT])
        self.assertEqual(values(request, "tracestate"), ["x=y"])
        self.host.get("/after-off")
        self.host.only(url__path="/after-off")
        self.assertEqual(self.host.find(url__path="/off/a"), [])

    def test_variables_have_the_ids_of_the_span(self):
        body = self.host.get("/variables")[1].split()
        span = self.host.only(url__path="/variables")
        self.assertEqual(body, [span["traceId"], span["spanId"], "1"])
        self.host.get("/logged/a")
        span = self.host.only(url__path="/logged/a")
        ids = f"{span['traceId']} {span['spanId']}"
        with open(f"{self.host.folder}/access.log") as log:
            line = log.read()
        self.assertRegex(line, f"^/logged/a {ids} 1 00-{ids.replace(' ', '-')}-0[13]\n$")

    def test_directives_name_the_span_and_add_attributes(self):
        self.host.get("/own/a?user=u1")
        span = self.host.only(url__path="/own/a")
        self.assertEqual(span["name"], "GET own")
        self.assertEqual(span["attributes"]["app.user"], "u1")
        self.assertEqual(span["attributes"]["app.fixed"], "value")
        self.assertNotIn("app.empty", span["attributes"])
        self.host.get("/own/inner/a")
        self.assertEqual(self.host.only(url__path="/own/inner/a")["attributes"]["app.fixed"],
                         "value")
        self.host.get("/own/other/a")
        other = self.host.only(url__path="/own/other/a")
        self.assertEqual(other["attributes"]["app.other"], "1")
        self.assertNotIn("app.fixed", other["attributes"])
        self.assertEqual(other["name"], "GET own")

    def test_requests_that_are_refused_early_have_a_span_with_their_status(self):
        self.assertIn(b" 400 ", self.host.raw(b"GET /early HTTP/1.1\r\n\r\n"))
        self.assertIn(b" 400 ", self.host.raw(b"BAD\x01LINE\r\n\r\n"))
        self.assertIn(b" 414 ", self.host.raw(b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n"))
        self.assertEqual(self.host.get("/proxy/large", method="POST", body="a" * 101)[0], 413)
        early, line = self.host.wait(2, http__response__status_code=400)
        self.assertEqual(early["attributes"]["url.path"], "/early")
        self.assertEqual(line["name"], "HTTP")
        self.assertEqual(early["attributes"]["network.protocol.version"], "1.1")
        self.assertNotIn("network.protocol.version", line["attributes"]) # it was not read
        self.host.only(http__response__status_code=414)
        large = self.host.only(http__response__status_code=413)
        self.assertEqual(large["name"], "POST /proxy/")
        for span in (early, line, large):
            self.assertNotIn("code", span.get("status", {}))

    def test_a_client_that_leaves_is_an_error_of_the_request(self):
        with socket.create_connection(("127.0.0.1", self.host.port)) as connection:
            connection.sendall(b"GET /proxy/hang HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: [r for r in self.upstream.requests if r["path"] == "/proxy/hang"], "it")
        span = self.host.only(url__path="/proxy/hang")
        self.assertEqual(span["attributes"]["http.response.status_code"], 499)
        self.assertEqual(span["attributes"]["error.type"], "client_abort")
        self.assertEqual(self.host.only(parent=span)["attributes"]["error.type"], "aborted")

    def test_a_subrequest_has_no_span_and_its_tries_belong_to_the_request(self):
        self.assertEqual(self.host.get("/guarded/a")[0], 200)
        server = self.host.only(url__path="/guarded/a")
        base = f"http://127.0.0.1:{self.upstream.port}"
        auth = self.host.only(kind=CLIENT, url__full=f"{base}/auth/guarded/a")
        client = self.host.only(kind=CLIENT, url__full=f"{base}/guarded/a")
        self.assertEqual({auth["parentSpanId"], client["parentSpanId"]}, {server["spanId"]})
        self.assertEqual(traceparent(self.last("/auth/guarded/a"))[1], auth["spanId"])
        self.assertEqual(traceparent(self.last("/guarded/a"))[1], client["spanId"])

    def test_an_internal_redirect_keeps_the_span_and_its_route(self):
        for path, route, status in (("/missing/a", "/missing/", 404), ("/named/a", "/named/", 200)):
            self.assertEqual(self.host.get(path)[0], status)
            server = self.host.only(url__path=path)
            self.assertEqual(server["attributes"]["http.route"], route)
            self.assertEqual(server["attributes"]["http.response.status_code"], status)
            self.assertEqual(self.host.only(parent=server)["kind"], CLIENT)

    def test_connections_that_are_kept_alive_have_a_span_for_each_request(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=DEADLINE)
        for i in range(3):
            connection.request("GET", f"/pool/{i}")
            self.assertEqual(connection.getresponse().read(), b"ok")
        connection.close()
        for i in range(3):
            self.host.only(url__path=f"/pool/{i}")
            client = self.host.only(kind=CLIENT, url__full=f"http://pool/pool/{i}")
            self.assertEqual(traceparent(self.last(f"/pool/{i}"))[1], client["spanId"])

    def test_a_websocket_passes_bytes_in_both_directions(self):
        with socket.create_connection(("127.0.0.1", self.host.port), DEADLINE) as connection:
            connection.sendall(b"GET /socket/a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                               b"Upgrade: websocket\r\n\r\n")
            stream = connection.makefile("rb")
            self.assertIn(b" 101 ", stream.readline())
            for _ in iter(stream.readline, b"\r\n"):
                pass
            for size in (1, 70000):
                connection.sendall(b"x" * size)
                self.assertEqual(stream.read(size), b"x" * size)
            stream.close()
        server = self.host.only(url__path="/socket/a")
        for span in (server, self.host.only(parent=server)):
            self.assertEqual(span["attributes"]["http.response.status_code"], 101)

    def test_other_protocols_of_upstreams_get_the_id_of_the_try(self):
        for name in ("scgi", "fastcgi", "uwsgi"):
            upstream = getattr(self, name)
            self.assertEqual(self.host.get(f"/{name}/a", {"traceparent": PARENT})[0], 200)
            (request,) = upstream.requests
            client = self.host.only(kind=CLIENT, server__port=upstream.port)
            self.assertEqual(traceparent(request)[1], client["spanId"])
            self.assertEqual(client["attributes"]["url.full"],
                             f"{name}://127.0.0.1:{upstream.port}/{name}/a")

    def test_an_upstream_of_grpc_gets_the_id_of_the_server_span(self):
        self.assertEqual(self.host.get("/grpc/a")[0], 200)
        outer, inner = self.host.wait(2, kind=SERVER, url__path="/grpc/a")
        self.assertEqual(inner["parentSpanId"], outer["spanId"])
        client = self.host.only(kind=CLIENT, url__full="grpc://localhost/grpc/a")
        self.assertEqual(client["parentSpanId"], outer["spanId"])

    def test_an_address_from_a_variable_has_a_client_span_and_the_id_of_the_server_span(self):
        self.assertEqual(self.host.get("/variable/a")[0], 200)
        server = self.host.only(url__path="/variable/a")
        client = self.host.only(kind=CLIENT, url__full=f"http://127.0.0.1:{self.alone.port}"
                                                       "/variable/a")
        self.assertEqual(client["parentSpanId"], server["spanId"])
        self.assertEqual(traceparent(self.alone.requests[0])[1], server["spanId"])

    def test_requests_of_http_2_have_spans(self):
        relay = socket.socket()
        relay.bind(("127.0.0.1", 0))
        relay.listen(4)

        def pump(source, target):
            for part in iter(lambda: source.recv(65536), b""):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)

        def run():
            with relay.accept()[0] as client, socket.socket(socket.AF_UNIX) as server:
                server.connect(f"{self.host.folder}/h2.sock")
                other = threading.Thread(target=pump, args=(client, server), daemon=True)
                other.start()
                pump(server, client)
                other.join(DEADLINE)

        threading.Thread(target=run, daemon=True).start()
        url = f"http://127.0.0.1:{relay.getsockname()[1]}/proxy/h2-"
        done = subprocess.run(["nghttp", "-n", f"{url}a", f"{url}b"], timeout=DEADLINE,
                              stdout=subprocess.DEVNULL)
        relay.close()
        self.assertEqual(done.returncode, 0)
        for name in "ab":
            span = self.host.only(url__path=f"/proxy/h2-{name}")
            self.assertEqual(span["attributes"]["network.protocol.version"], "2")
            self.assertEqual(span["attributes"]["server.address"], "127.0.0.1")

    def test_no_process_of_nginx_has_a_thread(self):
        self.host.get("/proxy/thread")
        self.host.only(url__path="/proxy/thread")
        for process in self.host.workers() + [self.host.nginx.pid]:
            self.assertEqual(os.listdir(f"/proc/{process}/task"), [str(process)])


class AllowedHosts(Tested):
    """The headers are made before nginx selects an upstream, so no host is the allowed one."""

    MAIN = "env OTEL_C_PROPAGATION_ALLOWED_HOSTS=127.0.0.1;"
    HTTP = """
    tote on;
    server {
        listen LISTEN;
        location / { proxy_pass http://UPSTREAM; }
    }"""

    def test_no_upstream_gets_a_trace_context(self):
        self.assertEqual(self.host.get("/new")[0], 200)
        self.assertEqual(self.host.get("/continued", {"traceparent": PARENT})[0], 200)
        for path in ("/new", "/continued"):
            self.host.only(url__path=path)
            self.assertEqual(values(self.last(path), "traceparent"), [])
        self.assertEqual(self.host.only(url__path="/continued")["parentSpanId"], "b7ad6b7169203331")


if __name__ == "__main__":
    unittest.main(verbosity=2)
