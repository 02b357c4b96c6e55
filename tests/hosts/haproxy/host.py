# SPDX-License-Identifier: MIT
"""host.py - HAProxy with the documented configuration, its agent, a server and a receiver of spans

Everything listens on loopback. The processes are killed when the test ends.
"""
import atexit, http.client, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../cli"))
from otlp import SpanReceiver, environment, read_spans, until

top = os.path.dirname(os.path.dirname(os.path.dirname(here)))
config = os.path.join(top, "instrumentation/haproxy/config")
work = tempfile.mkdtemp(prefix="tote-haproxy.")
processes = []
failures = 0
began = time.monotonic()


@atexit.register
def clean_up():
    for process in processes:
        if process.poll() is None:
            process.kill()
    for process in processes:
        process.wait()
    shutil.rmtree(work, ignore_errors=True)


def check(what, is_true, *shown):
    global failures
    print("ok -" if is_true else "not ok -", what, "(%.1f s)" % (time.monotonic() - began),
          flush=True)
    if not is_true:
        failures += 1
        for item in shown:
            print("   ", item, flush=True)


def finish():
    sys.exit(1 if failures else 0)


def start(arguments, pattern=None, seconds=0, **options):
    """Start a process, and wait for its first line. Returns it, and the match of the pattern.

    A process that ends instead is started again for these seconds.
    """
    def attempt():
        process = subprocess.Popen(arguments, text=True,
                                   stdout=subprocess.PIPE if pattern else None, **options)
        processes.append(process)
        if not pattern:
            return process, None
        match = re.search(pattern, process.stdout.readline())
        return match and (process, match.group(1))

    started = until(attempt, seconds)
    if not started:
        print("not ok - %s starts" % arguments[0])
        sys.exit(1)
    return started


class Spans:
    """An OTLP receiver, and the spans that it has received."""

    def __init__(self):
        self.file = os.path.join(work, "spans")
        receiver = SpanReceiver(self.file)
        processes.append(receiver.process)
        self.variables = receiver.variables

    def all(self):
        return read_spans(self.file)

    def clear(self):
        if os.path.exists(self.file):
            os.truncate(self.file, 0)

    def of(self, trace_id):
        return [span for span in self.all() if span["traceId"] == trace_id]

    def pair(self, trace_id):
        """Wait for the spans of a request. Returns the server span and the client span."""
        def both():
            kinds = {span["kind"]: span for span in self.of(trace_id)}
            return (kinds[2], kinds[3]) if {2, 3} <= set(kinds) else None
        return until(both) or ({"attributes": {}}, {"attributes": {}})

    def server_of_path(self, path):
        """Wait for the server span of a request to this path."""
        def server():
            return [s for s in self.all()
                    if s["kind"] == 2 and s["attributes"].get("url.path") == path]
        return (until(server) or [{"attributes": {}, "traceId": ""}])[0]


class Agent:
    """tote-spoa. A given port may have another user for a moment: then it is started again."""

    def __init__(self, program, spans, listen="127.0.0.1:0", arguments=(), wrapper=(), **variables):
        variables = {**spans.variables, "OTEL_BSP_SCHEDULE_DELAY": "50", **variables}
        self.process, self.address = start([*wrapper, program, "--listen", listen, *arguments],
                                           r"^listening on (\S+)", env=environment(**variables),
                                           seconds=30 if re.search(":[1-9][0-9]*$", listen) else 0)
        self.port = self.address.rpartition(":")[2]

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """End it in order. Returns its exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            return "still running"


def documented(name):
    with open(os.path.join(config, name)) as file:
        return file.read()


class HAProxy:
    """HAProxy with the documented files: addresses and paths differ.

    By default it also waits longer for its agent, because the machine may be slow.
    """

    def __init__(self, agent_port, backend_port, sections="", change={}, timeouts=(60, 60),
                 is_patient=True):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        spoe_file = os.path.join(work, "tote.spoe.conf.%d" % self.port)
        file = os.path.join(work, "haproxy.cfg.%d" % self.port)
        spoe = documented("tote.spoe.conf")
        text = documented("haproxy.cfg")
        patience = {"processing 100ms": "processing 20s", "fall 1": "fall 100"}
        for old, new in (*(patience.items() if is_patient else ()),
                         ("bind :80", "bind fd@%d" % self.listener.fileno()),
                         ("127.0.0.1:4390", "127.0.0.1:%s" % agent_port),
                         ("/usr/local/share/tote/haproxy/tote.spoe.conf", spoe_file),
                         ("127.0.0.1:8080", "127.0.0.1:%s" % backend_port), *change.items()):
            assert old in spoe + text, old
            spoe = spoe.replace(old, new)
            text = text.replace(old, new)
        with open(spoe_file, "w") as out:
            out.write(spoe)
        with open(file, "w") as out:
            out.write("global\n    maxconn 4000\n"
                      "defaults\n    mode http\n    option httplog\n    option dontlognull\n"
                      "    retries 1\n    timeout connect 30s\n    timeout client %ds\n"
                      "    timeout server %ds\n" % timeouts + text + sections)
        checked = subprocess.run(["haproxy", "-c", "-f", file], capture_output=True, text=True,
                                 pass_fds=[self.listener.fileno()])
        check("HAProxy's own checker accepts the documented configuration without a warning",
              checked.returncode == 0 and "WARNING" not in checked.stderr, checked.stderr)
        self.process, _ = start(["haproxy", "-db", "-f", file],
                                pass_fds=[self.listener.fileno()], stderr=subprocess.DEVNULL)
        until(lambda: self.is_serving())

    def is_serving(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as peer:
                peer.settimeout(2)
                peer.sendall(b"OPTIONS /ready HTTP/1.0\r\n\r\n")
                return peer.recv(1)
        except OSError:
            return False

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path, headers={}, connection=None):
        """Returns the status, and the headers that the server received."""
        peer = connection or self.connect()
        peer.request("GET", path, headers=headers)
        response = peer.getresponse()
        body = response.read()
        if not connection:
            peer.close()
        try:
            return response.status, {name.lower(): value for name, value in json.loads(body)}
        except ValueError:
            return response.status, {}


def start_backend():
    return start([sys.executable, os.path.join(here, "backend.py")], r"^(\d+)$")[1]


def tell(backend, path):
    """Send a request to the server itself, and wait for the response."""
    peer = http.client.HTTPConnection("127.0.0.1", int(backend), timeout=60)
    peer.request("GET", path)
    peer.getresponse().read()
    peer.close()


def trace_of(headers):
    return headers.get("traceparent", "--").split("-")[1]
