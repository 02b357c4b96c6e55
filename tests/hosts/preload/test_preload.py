#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_preload.py - what preload objects leave unchanged

test_preload.py HOST STATIC OBJECT...: programs run without and with the objects, one by one and all together.
"""
import http.server
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cli"))
from otlp import SpanReceiver, environment, read_spans

HOST, STATIC, *OBJECTS = sys.argv[1:]
WORK = tempfile.mkdtemp(prefix="tote-objects.")
SPANS = os.path.join(WORK, "spans")
SETS = [*OBJECTS, ":".join(OBJECTS)]
NOBODY = pwd.getpwnam("nobody").pw_uid
CLOSED = "http://127.0.0.1:1"

# Programs that use none of the libraries.
OTHERS = [
    ["sh", "-c", "echo out; echo err >&2; exit 7"],
    ["sh", "-c", "kill -TERM $$"],
    ["sh", "-c", "trap '' PIPE; yes | head -n 1; echo ${PIPESTATUS:-none}"],
    ["sh", "-c", "exec 5</dev/null; ls /proc/self/fd | wc -l; cat /nowhere"],
    ["/usr/bin/python3", "-c", "import os; print(os.listdir('/proc/self/task') == [str(os.getpid())])"],
    [HOST, "state"],
    [STATIC],
]


def run(command, preload="", user=None, errors=subprocess.PIPE, **variables):
    if preload:
        variables["LD_PRELOAD"] = preload
    done = subprocess.run(command, cwd=WORK, stdin=subprocess.DEVNULL, user=user,
                          stdout=subprocess.PIPE, stderr=errors, timeout=60,
                          env=environment("LD_", LC_ALL="C.UTF-8", HOME=WORK, **variables))
    return done.returncode, done.stdout.decode(), (done.stderr or b"").decode()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Preload(unittest.TestCase):
    maxDiff = None

    def test_programs_that_use_none_of_the_libraries_are_unchanged(self):
        for command in OTHERS:
            plain = run(command)
            for preload in SETS:
                with self.subTest(command=command, preload=preload):
                    self.assertEqual(run(command, preload), plain)

    def test_signals_errno_locale_descriptors_and_children_are_unchanged_by_traced_calls(self):
        plain = run([HOST, "sqlite"])
        for preload in SETS:
            with self.subTest(preload=preload):
                code, out, _ = run([HOST, "sqlite"], preload, OTEL_EXPORTER_OTLP_ENDPOINT=CLOSED)
                self.assertEqual((code, out), plain[:2])

    def test_a_program_that_takes_its_functions_from_dlsym_is_not_traced(self):
        plain = run([HOST, "dlopen"])
        for preload in SETS:
            with self.subTest(preload=preload):
                self.assertEqual(run([HOST, "dlopen"], preload, OTEL_TRACES_EXPORTER="console"), plain)

    def test_objects_in_one_process_share_one_sdk(self):
        page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        self.addCleanup(page.server_close)
        self.addCleanup(page.shutdown)
        receiver = SpanReceiver(SPANS)
        self.addCleanup(receiver.close)
        for order in "sc", "cs":
            open(SPANS, "w").close()
            code, _, errors = run([HOST, "both", "http://127.0.0.1:%d/" % page.server_port, order], SETS[-1],
                                  **receiver.variables)
            self.assertEqual((code, errors), (0, ""))
            spans = read_spans(SPANS)
            self.assertEqual({span["name"] for span in spans},
                             {"GET", "CREATE TABLE t", "INSERT t", "SELECT missing"})
            self.assertEqual(len({span["resource"]["service.instance.id"] for span in spans}), 1)

    def test_a_program_runs_untraced_if_the_sdk_cannot_be_loaded(self):
        folder = os.path.join(WORK, "broken")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "libtote.so.0.1"), "w"):
            pass
        plain = run([HOST, "sqlite"])
        sqlite = [path for path in OBJECTS if path.endswith("-sqlite.so")]
        code, out, errors = run([HOST, "sqlite"], ":".join(sqlite), LD_LIBRARY_PATH=folder)
        self.assertEqual((code, out), plain[:2])
        self.assertRegex(errors, r"^tote: error: preload: calls are not traced: .*libtote.so.0.1.*\n$")

    def test_a_program_whose_standard_error_nobody_reads_is_not_ended_by_the_report(self):
        with open(os.path.join(WORK, "libtote.so.0.1"), "w"):
            pass
        ends = os.pipe()
        os.close(ends[0])
        try:
            code, out, _ = run([HOST, "sqlite"], SETS[-1], errors=ends[1], LD_LIBRARY_PATH=WORK)
            self.assertEqual((code, out), run([HOST, "sqlite"])[:2])
        finally:
            os.close(ends[1])

    @unittest.skipIf(os.getuid() != 0, "a program of another user needs root")
    def test_setuid_programs_refuse(self):
        copy = os.path.join(WORK, "privileged")
        os.chmod(WORK, 0o755)
        shutil.copy(HOST, copy)
        os.chmod(copy, 0o755)
        reachable = os.path.join(WORK, "objects")
        os.makedirs(reachable, exist_ok=True)
        for path in OBJECTS:
            shutil.copy(path, reachable)
        shutil.copy(os.path.join(os.path.dirname(os.path.dirname(HOST)), "libtote-api.so.0.1"), reachable)
        preload = ":".join(os.path.join(reachable, os.path.basename(path)) for path in OBJECTS)
        code, out, _ = run([copy, "privileges"], preload, user=NOBODY)
        self.assertEqual(code, 0)
        self.assertIn("tote-preload-sqlite.so", out)
        os.chmod(copy, 0o4755)
        plain = run([copy, "privileges"], user=NOBODY)
        if "privileged = 1" not in plain[1]:
            self.skipTest("the file system ignores the bit")
        self.assertEqual(run([copy, "privileges"], preload, user=NOBODY), plain)
        self.assertNotIn("tote-preload", plain[1])


try:
    unittest.main(argv=[sys.argv[0], "-v"])
finally:
    shutil.rmtree(WORK, ignore_errors=True)
