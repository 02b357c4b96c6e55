#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_valgrind.py - the nginx module under valgrind: no error, no leak

test_valgrind.py MODULE [TEST...]
"""
import os, signal, socket, sys, unittest

import servers
from servers import Closed, Host, Receiver, Upstream, until

MODULE = os.path.abspath(sys.argv.pop(1))
servers.DEADLINE = 100
HTTP = """
    tote on;
    log_format ids '$tote_trace_id $tote_span_id $tote_sampled $tote_traceparent';
    upstream tries { server CLOSED; server UPSTREAM backup; keepalive 2; }
    server {
        listen LISTEN;
        client_max_body_size 10;
        access_log FOLDER/access.log ids;
        location / { return 200 ok; }
        location /tries/ { proxy_pass http://tries; tote_span_name $uri; }
        location /link/ { tote_trust link; proxy_pass http://UPSTREAM; }
        location /off/ { tote_sample 0; proxy_pass http://UPSTREAM; }
        location /guarded/ { auth_request /auth; proxy_pass http://UPSTREAM; }
        location = /auth { internal; proxy_pass http://UPSTREAM; }
        location /variable/ { set $backend ALONE; proxy_pass http://$backend$request_uri; }
        location /missing/ { error_page 404 /tries/missing; root FOLDER; }
    }"""

# The environment of a process that ends.
OF_NGINX = "{\n nginx\n Memcheck:Leak\n fun:malloc\n fun:ngx_alloc\n fun:ngx_set_environment\n}\n"


class Memory(unittest.TestCase):
    def test_requests_of_all_kinds_leave_no_error_and_no_leak(self):
        upstream, alone, closed, receiver = Upstream(), Upstream(), Closed(), Receiver()
        host = Host(MODULE, ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                             "--errors-for-leak-kinds=definite"])
        suppressions = f"{host.folder}/suppressions"
        with open(suppressions, "w") as out:
            out.write(OF_NGINX)
        host.prefix.append(f"--suppressions={suppressions}")
        for server in (upstream, alone, closed, receiver, host):
            self.addCleanup(server.close)
        text = HTTP.replace("UPSTREAM", f"127.0.0.1:{upstream.port}")
        text = text.replace("ALONE", f"127.0.0.1:{alone.port}")
        host.start(f"tote_endpoint http://127.0.0.1:{receiver.port}; tote_batch delay=100ms;"
                   "tote_disk_queue FOLDER/queue crash_safe;"
                   + text.replace("CLOSED", f"127.0.0.1:{closed.port}"),
                   "user root;" if os.geteuid() == 0 else "",
                   directives="daemon off; master_process off;", endpoint=False)
        sent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "baggage": "a=b"}
        paths = ["/a", "/tries/a", "/tries/b", "/link/a", "/off/a", "/guarded/a", "/variable/a",
                 "/missing/a"]
        for path in paths:
            host.get(path)
            host.get(path, sent)
        self.assertEqual(host.get("/tries/large", method="POST", body="a" * 11)[0], 413)
        self.assertIn(b" 400 ", host.raw(b"GET / HTTP/1.1\r\n\r\n"))
        with socket.create_connection(("127.0.0.1", host.port)) as connection:
            connection.sendall(b"GET /tries/left HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: "/tries/b" in receiver.names, "spans arrive")
        code = host.stop(signal.SIGQUIT)
        self.assertEqual(code, 0, host.printed)
        self.assertGreater(len(receiver.names), 2 * len(paths))


if __name__ == "__main__":
    unittest.main(verbosity=2)
