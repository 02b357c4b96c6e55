#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_workers.py - the nginx module in the life of nginx: configuration, reload, crashes, load

test_workers.py MODULE TOTE [TEST...]
"""
import os, resource, select, shutil, signal, socket, subprocess, sys, threading, unittest

from servers import DEADLINE, Host, Receiver, Upstream, until, values

MODULE = os.path.abspath(sys.argv.pop(1))
TOTE = os.path.abspath(sys.argv.pop(1))
NAMED = 'tote on; tote_span_name $uri; server { listen LISTEN; location / { return 200 ok; } }'


CONFIGURATION = """
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        schedule_delay: 50
        exporter:
          otlp_http:
            endpoint: http://127.0.0.1:{}/v1/traces
"""


class Nginx(unittest.TestCase):
    def setUp(self):
        self.host = Host(MODULE)
        self.addCleanup(self.host.close)

    def receive(self, port=0):
        receiver = Receiver(port)
        self.addCleanup(receiver.close)
        return receiver

    def assert_single_threads(self):
        for process in self.host.workers() + [self.host.nginx.pid]:
            self.assertEqual(os.listdir(f"/proc/{process}/task"), [str(process)])


class Configuration(Nginx):
    def test_errors_are_reported_by_nginx_with_file_and_line(self):
        location = "server { listen LISTEN; location / { %s } }"
        cases = [
            ("tote_endpoint ftp://a;", '"tote_endpoint ftp://a" cannot be used: its scheme'),
            ('tote_endpoint "";', 'invalid parameter "" of "tote_endpoint"'),
            ("tote_endpoint http://a protocol=xml;", 'invalid parameter "protocol=xml"'),
            ("tote_endpoint http://a compression=;", 'invalid parameter "compression="'),
            ("tote_endpoint https://a ca=/does/not/exist;", "/does/not/exist"),
            ("tote_endpoint http://a; tote_endpoint http://b;", '"tote_endpoint" directive is dup'),
            ('tote_header "a b" c;', '"tote_header a b" is not sent: its name'),
            ("tote_header a;", 'invalid number of arguments in "tote_header"'),
            ("tote_batch delay=x;", 'invalid parameter "delay=x"'),
            ("tote_batch size=0;", 'invalid parameter "size=0"'),
            ("tote_batch queue=-1;", 'invalid parameter "queue=-1"'),
            ("tote_batch other=1;", 'invalid parameter "other=1"'),
            ("tote_disk_queue q fast;", 'invalid parameter "fast"'),
            ("tote_disk_queue q max_size=x;", 'invalid parameter "max_size=x"'),
            ("tote on; tote_endpoint http://a protocol=http/json; tote_disk_queue q crash_safe;",
             '"crash_safe" of "tote_disk_queue" cannot be used'),
            ("tote_config_file missing.yaml;", "missing.yaml"),
            ("tote maybe;", 'invalid value "maybe" in "tote" directive'),
            ("tote_trust all;", 'invalid value "all"'),
            (location % "tote_span_name $tote_unknown;", 'unknown "tote_unknown" variable'),
            (location % "tote_sample $tote_unknown;", 'unknown "tote_unknown" variable'),
            (location % "tote_sample 101%;", 'invalid parameter "101%" of "tote_sample"'),
            (location % "tote_sample x%;", 'invalid parameter "x%"'),
            (location % "tote_sample 1%; tote_sample 2%;", '"tote_sample" directive is dup'),
            (location % "tote_span_attribute a;", "invalid number of arguments"),
            (location % "tote_endpoint http://a;", '"tote_endpoint" directive is not allowed here'),
        ]
        for text, wanted in cases:
            self.host.write(f"\n{text}\n", endpoint=False)
            code, printed = self.host.test()
            self.assertEqual(code, 1, text)
            self.assertIn("[emerg]", printed)
            self.assertIn(wanted, printed, text)
            self.assertNotIn("tote_otlp_options", printed)
            if not wanted.startswith("unknown"): # nginx checks variables at the end
                self.assertRegex(printed, r"nginx\.conf:\d+\n", text)

    def test_a_valid_configuration_passes_and_starts_nothing(self):
        self.host.write("""
            tote on;
            tote_endpoint http://127.0.0.1:1/ protocol=http/protobuf compression=gzip;
            tote_header authorization "Bearer token";
            tote_service_name edge;
            tote_resource_attribute deployment.environment.name test;
            tote_batch delay=1s size=100 queue=1000;
            tote_disk_queue queue crash_safe max_size=10m;
            """ + NAMED.replace("tote on;", ""), endpoint=False)
        self.assertEqual(self.host.test(), (0, ""))

    def test_headers_and_resource_of_the_directives_are_sent(self):
        receiver = self.receive()
        self.host.start_receiver()
        self.host.start(NAMED)
        self.host.get("/default")
        self.assertEqual(self.host.only(url__path="/default")["resource"]["service.name"], "nginx")
        self.host.stop()
        self.host.start('tote_service_name edge; tote_resource_attribute zone "a b";' + NAMED)
        self.host.get("/a")
        resource = self.host.only(url__path="/a")["resource"]
        self.assertEqual((resource["service.name"], resource["zone"]), ("edge", "a b"))
        self.host.stop()
        self.host.start(f"tote_endpoint http://127.0.0.1:{receiver.port};"
                        'tote_header X-Token "a b"; tote_batch delay=0;' + NAMED, endpoint=False)
        self.host.get("/b")
        until(lambda: receiver.names == ["/b"], lambda: f"the span; there are {receiver.names}")
        self.assertEqual(receiver.headers["X-Token"], "a b")

    def test_variables_that_nginx_passes_to_its_workers_apply(self):
        receiver = self.receive()
        self.host.start(NAMED, f"env OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{receiver.port};"
                               "env OTEL_BSP_SCHEDULE_DELAY=50;", endpoint=False)
        self.host.get("/a")
        until(lambda: receiver.names == ["/a"], lambda: f"the span; there are {receiver.names}")
        self.assert_single_threads()

    def test_other_formats_of_headers_have_the_id_of_the_try(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        self.host.start_receiver()
        self.host.start("tote on; server { listen LISTEN; location / {"
                        f"proxy_pass http://127.0.0.1:{upstream.port}; }} }}",
                        "env OTEL_PROPAGATORS=b3,b3multi,jaeger,tracecontext;")
        self.host.get("/a", {"x-b3-spanid": "00f067aa0ba902b7"})
        client = self.host.only(kind=3)
        (request,) = upstream.requests
        for header, value in (("x-b3-spanid", "{1}"), ("b3", "{0}-{1}-1"),
                              ("uber-trace-id", "{0}:{1}:0:1")):
            self.assertEqual(values(request, header),
                             [value.format(client["traceId"], client["spanId"])])
        self.assertIn(client["spanId"], values(request, "traceparent")[0])

    def test_a_configuration_file_applies_without_a_thread(self):
        receiver = self.receive()
        with open(f"{self.host.folder}/tote.yaml", "w") as out:
            out.write(CONFIGURATION.format(receiver.port))
        self.host.start("tote_config_file tote.yaml;" + NAMED, endpoint=False)
        self.host.get("/a")
        until(lambda: receiver.names == ["/a"],
              lambda: f"the span; there are {receiver.names}; {self.host.error_log()}")
        self.assert_single_threads()

    def test_a_receiver_that_is_down_delays_neither_requests_nor_the_end(self):
        self.host.start(NAMED)
        for _ in range(20):
            self.assertEqual(self.host.get("/a")[0], 200)
        self.assertEqual(self.host.stop(), 0)

    def test_a_module_that_no_location_uses_starts_no_sdk(self):
        self.host.start("server { listen LISTEN; location / { return 200 [$tote_trace_id]; } }")
        self.assertTrue(self.host.get_until_ended("/a").endswith(b"\r\n\r\n[]"))
        (worker,) = self.host.workers()
        links = [os.readlink(f"/proc/{worker}/fd/{fd}") for fd in os.listdir(f"/proc/{worker}/fd")]
        self.assertEqual(len([link for link in links if "eventpoll" in link]), 1)


class Life(Nginx):
    def test_a_reload_loses_no_span_and_uses_the_new_configuration(self):
        self.host.start_receiver()
        http = "tote_service_name NAME;" + NAMED
        self.host.start(http.replace("NAME", "old"), "worker_processes 2;")
        old = until(lambda: len(self.host.workers()) == 2 and self.host.workers(), "two workers")
        sent = []
        stop = threading.Event()

        def run():
            while not stop.is_set():
                sent.append(f"/r{len(sent)}")
                self.host.get(sent[-1])

        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: len(sent) > 20, "requests")
        for name in ("middle", "new"):
            self.host.write(http.replace("NAME", name), "worker_processes 2;")
            self.host.nginx.send_signal(signal.SIGHUP)
            until(lambda: [s for s in self.host.spans() if s["resource"]["service.name"] == name],
                  f"spans of the configuration {name}")
        stop.set()
        thread.join(DEADLINE)
        until(lambda: not set(old) & set(self.host.workers()), "the old workers end")
        until(lambda: len(self.host.spans()) >= len(sent), "all spans")
        self.assertEqual(sorted(s["name"] for s in self.host.spans()), sorted(sent))
        self.assertEqual(self.host.stop(), 0) # all workers have written their messages
        self.assertNotIn("open socket", self.host.error_log(None))

    def test_a_reload_after_an_upgrade_loads_the_new_module_next_to_the_old_one(self):
        module = self.host.module = f"{self.host.folder}/module.so"
        shutil.copy(MODULE, module)
        self.host.start_receiver()
        self.host.start("tote_service_name old;" + NAMED)
        self.host.get("/old")
        shutil.copy(MODULE, f"{module}.new")
        os.rename(f"{module}.new", module)
        for name in ("new", "newer"):
            before = self.host.workers()
            self.host.write(f"tote_service_name {name};" + NAMED)
            self.host.nginx.send_signal(signal.SIGHUP)
            until(lambda: not set(before) & set(self.host.workers()), "the old workers end")
            self.host.get(f"/{name}")
        for name in ("old", "new", "newer"):
            span = self.host.only(url__path=f"/{name}")
            self.assertEqual(span["resource"]["service.name"], name)
        self.assertEqual(self.host.stop(), 0)

    def test_spans_that_are_queued_when_nginx_quits_are_sent(self):
        for how in (signal.SIGQUIT, signal.SIGTERM):
            with self.subTest(how=how):
                receiver = self.receive()
                self.host.start(f"tote_endpoint http://127.0.0.1:{receiver.port};"
                                "tote_batch delay=60s;" + NAMED, endpoint=False)
                names = [f"/q{i}" for i in range(20)]
                for name in names:
                    self.host.get(name)
                self.assertEqual(self.host.stop(how), 0)
                # After SIGTERM nginx does not wait for a slow receiver, which reads the request later.
                until(lambda: len(receiver.names) >= len(names),
                      lambda: f"the spans; there are {receiver.names}")
                self.assertEqual(sorted(receiver.names), sorted(names))

    def crash_safe(self, receiver):
        return (f"tote_endpoint http://127.0.0.1:{receiver.port};"
                "tote_batch delay=60s; tote_disk_queue FOLDER/queue crash_safe;" + NAMED)

    def test_a_worker_that_is_killed_loses_no_span_that_has_ended(self):
        receiver = self.receive()
        self.host.start(self.crash_safe(receiver), "worker_processes 2;", endpoint=False)
        names = [f"/k{i}" for i in range(100)]
        for name in names:
            self.host.get_until_ended(name)
        self.assertEqual(receiver.names, [])
        killed = self.host.workers()
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        until(lambda: len(receiver.names) >= len(names),
              lambda: f"the spans of the killed workers; {len(receiver.names)}; {self.host.error_log()}")
        self.assertEqual(sorted(receiver.names), sorted(names))
        until(lambda: len(self.host.workers()) == 2, "new workers")
        self.assertEqual(self.host.get("/after")[0], 200)

    def test_the_spans_of_a_killed_nginx_are_sent_by_tote_send(self):
        receiver = self.receive()
        self.host.start(self.crash_safe(receiver), endpoint=False)
        names = [f"/s{i}" for i in range(50)]
        for name in names:
            self.host.get_until_ended(name)
        for process in [self.host.nginx.pid] + self.host.workers():
            descriptor = os.pidfd_open(process)
            self.addCleanup(os.close, descriptor)
            os.kill(process, signal.SIGKILL)
            # A process that is ending still has its queue.
            self.assertTrue(select.select([descriptor], [], [], DEADLINE)[0])
        self.host.nginx.wait()
        self.assertEqual(receiver.names, [])
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}"}
        done = subprocess.run([TOTE, "send", f"{self.host.folder}/queue"], env=environment,
                              capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(receiver.names), sorted(names))
        self.host.nginx.stderr.close()
        self.host.nginx = None


class Load(Nginx):
    def test_a_thousand_connections_at_once_have_all_their_spans(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 4096:
            self.skipTest("the limit of open files is too low")
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
        receiver = self.receive()
        self.host.start(f"tote_endpoint http://127.0.0.1:{receiver.port}; tote_batch delay=50ms;"
                        "tote on; tote_span_name $uri; server { listen LISTEN backlog=2048;"
                        "location / { proxy_pass http://unix:FOLDER/inner.sock; } }"
                        "server { listen unix:FOLDER/inner.sock backlog=2048; tote off;"
                        "location / { return 200 ok; } }",
                        "worker_processes 2; worker_rlimit_nofile 4096;", endpoint=False)
        connections = [socket.create_connection(("127.0.0.1", self.host.port), DEADLINE)
                       for _ in range(1000)]
        for turn in range(2):
            for i, connection in enumerate(connections):
                connection.sendall(f"GET /c{turn}-{i} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            for connection in connections:
                response = b""
                while not response.endswith(b"ok"):
                    part = connection.recv(4096)
                    self.assertTrue(part)
                    response += part
                self.assertIn(b" 200 ", response)
        for connection in connections:
            connection.close()
        wanted = {f"/c{turn}-{i}" for turn in range(2) for i in range(1000)}
        until(lambda: len(receiver.names) >= 4000, lambda: f"4000 spans, not {len(receiver.names)}")
        self.assertEqual(set(receiver.names) - {"GET"}, wanted)
        self.assertEqual(len(receiver.names), 4000)
        self.assert_single_threads()


if __name__ == "__main__":
    unittest.main(verbosity=2)
