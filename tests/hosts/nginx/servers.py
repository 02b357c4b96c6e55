#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""servers.py - nginx, its upstreams and the receiver of its spans, for the tests

All listen on 127.0.0.1, keep their files in one folder, and are ended by close().
"""
import http.client, http.server, os, shutil, signal, socket, subprocess, sys, tempfile, threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
sys.path.insert(0, os.path.join(ROOT, "tests/cli"))
import otlp

DEADLINE = 30
NGINX = "/usr/sbin/nginx"


def until(condition, what):
    """Wait for a value that is true, and return it. `what` describes the wait, at its end."""
    value = otlp.until(condition, DEADLINE)
    if not value:
        raise AssertionError(f"not within {DEADLINE} s: {what() if callable(what) else what}")
    return value


def free_port():
    return int(subprocess.check_output([sys.executable, os.path.join(ROOT, "examples/free_port.py")]))


class Closed:
    """A port that refuses connections: no other process gets it until close()."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class Upstream:
    """A server that answers by path and keeps each request: its path and its headers."""

    def __init__(self, answer=None):
        self.requests = []
        self.answer = answer or (lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(1024)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while self.serve_one(connection, stream):
                    pass
            except OSError:
                pass

    def serve_one(self, connection, stream):
        line = stream.readline().split()
        if not line:
            return False
        headers = []
        for header in iter(stream.readline, b"\r\n"):
            name, _, value = header.decode("latin-1").partition(":")
            headers.append((name.lower(), value.strip()))
        length = int(dict(headers).get("content-length", 0))
        body = stream.read(length)
        request = {"method": line[0].decode(), "path": line[1].decode(), "headers": headers,
                   "body": body, "stream": stream, "connection": connection}
        self.requests.append(request)
        answer = self.answer(request)
        if answer is None:
            return False
        connection.sendall(answer)
        return dict(headers).get("connection", "") != "close"

    def close(self):
        """End the thread first: it could accept connections of the next socket with this number."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def values(request, name):
    """The values of the headers with this name."""
    return [value for header, value in request["headers"] if header == name]


def fields(message):
    """The fields of a protobuf message that have bytes: pairs of number and bytes."""
    at = 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        key = varint()
        if key & 7 == 2:
            length = varint()
            yield key >> 3, message[at:at + length]
            at += length
        else:
            at += {1: 8, 5: 4}.get(key & 7) or 0
            if key & 7 == 0:
                varint()


class Accepting(http.server.BaseHTTPRequestHandler):
    """Accepts each OTLP request in protobuf."""

    protocol_version = "HTTP/1.1"

    def take(self, message):
        pass

    def do_POST(self):
        self.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Receiver:
    """An OTLP receiver for protobuf, which crash-safe mode needs. Keeps headers and span names."""

    def __init__(self, port=0):
        outer = self
        self.names = []
        self.headers = {}

        class Handler(Accepting):
            def take(self, message):
                outer.take(message, self.headers)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, message, headers):
        self.headers = dict(headers)
        for _, resource in (f for f in fields(message) if f[0] == 1):
            for _, scope in (f for f in fields(resource) if f[0] == 2):
                for _, span in (f for f in fields(scope) if f[0] == 2):
                    self.names.append(next(text for number, text in fields(span)
                                           if number == 5).decode())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Host:
    """A folder with nginx and a receiver."""

    def __init__(self, module, prefix=()):
        self.module = module
        self.prefix = list(prefix) # for example valgrind
        self.folder = tempfile.mkdtemp(prefix="tote-nginx-")
        os.chmod(self.folder, 0o755)
        self.file = os.path.join(self.folder, "spans")
        self.receiver = None
        self.nginx = None
        self.port = None # start() sets it
        self.down = Closed() # the receiver before start_receiver()
        self.owner = None # the test that runs, if several share this nginx
        self.owners = {} # of the paths that were asked
        self.receiver_port = self.down.port

    def start_receiver(self):
        self.receiver = otlp.SpanReceiver(self.file)
        self.receiver_port = self.receiver.port

    def write(self, http, main="", endpoint=True):
        """Write a configuration. In `http`, LISTEN is the address of nginx."""
        self.port = self.port or free_port()
        with open(os.path.join(self.folder, "nginx.conf"), "w") as out:
            out.write(f"load_module {self.module};\n"
                      f"pid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log notice;\n"
                      f"worker_shutdown_timeout 20s;\n{main}\n"
                      "events { worker_connections 4096; }\nhttp {\n")
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
                out.write(f"{kind}_temp_path {self.folder}/{kind};\n")
            out.write(f"access_log off;\n")
            if endpoint:
                out.write(f"tote_endpoint http://127.0.0.1:{self.receiver_port} "
                          "protocol=http/json;\ntote_batch delay=50ms;\n")
            out.write(http.replace("LISTEN", f"127.0.0.1:{self.port}")
                      .replace("FOLDER", self.folder))
            out.write("\n}\n")

    def command(self, *arguments):
        return subprocess.Popen(
            self.prefix + [NGINX, "-p", self.folder, "-c", f"{self.folder}/nginx.conf",
                           "-e", f"{self.folder}/error.log", *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=otlp.environment())

    def test(self):
        """Run nginx -t. Returns its exit code and what it printed."""
        process = self.command("-t", "-q")
        _, text = process.communicate(timeout=DEADLINE)
        return process.returncode, text

    def start(self, http, main="", directives="daemon off;", endpoint=True):
        """Start nginx on a free port. Another process can take the port: try again."""
        for _ in range(5):
            self.port = free_port()
            self.write(http, main, endpoint)
            self.nginx = self.command("-g", directives)
            until(lambda: self.is_listening() or self.nginx.poll() is not None,
                  lambda: f"nginx listens; {self.error_log()}")
            if self.nginx.poll() is None:
                return
            self.stop()
            if "Address already in use" not in self.printed:
                break
        raise AssertionError(f"nginx ended: {self.printed}")

    def is_listening(self):
        """nginx writes its id after it has bound its port."""
        try:
            with open(os.path.join(self.folder, "nginx.pid")) as file:
                return file.read() == f"{self.nginx.pid}\n"
        except FileNotFoundError:
            return False

    def error_log(self, most=4000):
        """The last characters of the log, at most so many. None: all of them."""
        try:
            with open(os.path.join(self.folder, "error.log")) as log:
                return log.read()[-most if most else None:]
        except OSError:
            return ""

    def workers(self):
        """The ids of the worker processes."""
        path = f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children"
        with open(path) as children:
            return [int(child) for child in children.read().split()]

    def stop(self, how=signal.SIGQUIT):
        if self.nginx:
            self.nginx.send_signal(how)
            code = self.nginx.wait(DEADLINE)
            self.printed = self.nginx.stderr.read()
            self.nginx.stderr.close()
            self.nginx = None
            return code
        return 0

    def close(self):
        if self.nginx:
            self.nginx.send_signal(signal.SIGTERM)
            try:
                self.nginx.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.nginx.kill()
            self.nginx.stderr.close()
        if self.receiver:
            self.receiver.close()
        self.down.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, path, headers=None, method="GET", body=None):
        """Send a request on a connection of its own. Returns the status and the body.

        Spans are found by their path, so two tests never ask for the same one."""
        owner = self.owners.setdefault(path.split("?")[0], self.owner)
        assert owner == self.owner, f"{owner} has asked for {path} before"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode("latin-1")
        finally:
            connection.close()

    def raw(self, text):
        """Send bytes, and return the response until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as connection:
            connection.sendall(text)
            response = b""
            while True:
                part = connection.recv(65536)
                if not part:
                    return response
                response += part

    def get_until_ended(self, path):
        """Send a request. Returns the response when its span has ended: nginx closes the connection
        later."""
        return self.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    def spans(self):
        return otlp.read_spans(self.file)

    def find(self, **wanted):
        """The spans with these attributes, `.` written as `__`, and perhaps of a kind (2: server,
        3: client) or with a parent."""
        kind = wanted.pop("kind", None)
        parent = wanted.pop("parent", {}).get("spanId")
        pairs = [(name.replace("__", "."), value) for name, value in wanted.items()]
        return [span for span in self.spans()
                if kind in (None, span["kind"]) and parent in (None, span.get("parentSpanId")) and
                all(span["attributes"].get(name) == value for name, value in pairs)]

    def wait(self, count=1, **wanted):
        """Wait for this number of such spans, and return them in the order of their start."""
        found = until(lambda: len(self.find(**wanted)) >= count and self.find(**wanted),
                      lambda: f"{count} spans with {wanted}; there are {self.spans()}; {self.error_log()}")
        assert len(found) == count, f"{len(found)} spans with {wanted}, not {count}: {found}"
        return sorted(found, key=lambda span: int(span["startTimeUnixNano"]))

    def only(self, **wanted):
        return self.wait(1, **wanted)[0]
