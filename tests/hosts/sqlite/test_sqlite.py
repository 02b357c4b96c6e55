#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_sqlite.py - programs that use SQLite, with tote-preload-sqlite.so and with libtote-sqlite

test_sqlite.py PRELOAD CALLBACKS LINKED: each program runs without and with the preload object, in a directory of its
own. The exit code, the output and the database are the same. The spans come by OTLP.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cli"))
from otlp import SpanReceiver, environment, read_spans

PRELOAD, CALLBACKS, LINKED = sys.argv[1:4]
WORK = tempfile.mkdtemp(prefix="tote-sqlite.", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
SPANS = os.path.join(WORK, "spans")
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

TRANSACTION = """
import sqlite3
db = sqlite3.connect("shop.db", timeout=60)
db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT)")
with db:
    db.executemany("INSERT INTO orders (name) VALUES (?)", [("a",), ("b",), ("c",)])
try:
    db.execute("INSERT INTO orders VALUES (1, 'secret')")
except sqlite3.IntegrityError as error:
    print(error)
try:
    db.execute("SELEC 'secret'")
except sqlite3.OperationalError as error:
    print(error)
db.rollback()
print(db.execute("SELECT name FROM orders").fetchall())
db.close()
"""

LEFT_OPEN = """
import sqlite3
db = sqlite3.connect("shop.db")
db.execute("CREATE TABLE t (a)")
db.execute("INSERT INTO t VALUES (1)")
db.execute("INSERT INTO t VALUES (2)")
rows = db.execute("SELECT a FROM t")
print(next(rows))
import ctypes, sys
sys.stdout.flush()
ctypes.CDLL(None).exit(3)
"""

LOCKS = """
import sqlite3, threading, time
first = sqlite3.connect("shop.db", timeout=60, isolation_level=None)
first.execute("CREATE TABLE t (a)")
first.execute("BEGIN IMMEDIATE")
started = threading.Event()
def insert():
    second = sqlite3.connect("shop.db", timeout=60, isolation_level=None)
    second.set_trace_callback(lambda sql: started.set())
    second.execute("INSERT INTO t VALUES (?)", (1,))
    second.close()
def sleeps():
    with open("/proc/self/task/%d/status" % thread.native_id) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary"))
thread = threading.Thread(target=insert)
thread.start()
started.wait(60)
before = sleeps()
while sleeps() < before + 5: # in the busy handler, which it does not leave before the commit
    time.sleep(0.01)
first.execute("COMMIT")
thread.join()
print(first.execute("SELECT * FROM t").fetchall())
first.close()
"""

CALLBACK = """
import sqlite3
db = sqlite3.connect(":memory:")
db.set_trace_callback(print)
db.create_function("twice", 1, lambda a: 2 * a)
db.execute("CREATE TABLE t (a)")
db.execute("INSERT INTO t VALUES (twice(?))", (21,))
print(db.execute("SELECT a FROM t").fetchone())
db.set_trace_callback(None)
db.execute("SELECT 1")
db.close()
"""

FORK = """
import os, sqlite3
db = sqlite3.connect("parent.db")
db.execute("CREATE TABLE t (a)")
db.close()
if os.fork() == 0:
    db = sqlite3.connect("child.db")
    db.execute("CREATE TABLE u (a)")
    db.close()
else:
    print(os.wait()[1])
"""


def run(command, preload="", **variables):
    if preload:
        variables["LD_PRELOAD"] = preload
    directory = os.path.join(WORK, "run")
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120,
                          env=environment("LD_PRELOAD", LC_ALL="C.UTF-8", PYTHONHASHSEED="0", HOME=WORK,
                                          **variables))
    return done.returncode, done.stdout, done.stderr


def python(script):
    return ["/usr/bin/python3", "-c", script]


class Sqlite(unittest.TestCase):
    maxDiff = None

    def trace(self, command, preload=PRELOAD, **variables):
        """Run the command, compare it with a run without the object, and return its spans by their order."""
        plain = run(command, OTEL_TRACES_EXPORTER="none")
        open(SPANS, "w").close()
        with contextlib.closing(SpanReceiver(SPANS)) as receiver:
            traced = run(command, preload, **receiver.variables, **variables)
        if preload:
            self.assertEqual(plain, traced)
        return sorted(read_spans(SPANS), key=lambda span: int(span["startTimeUnixNano"]))

    def named(self, spans, name):
        return [span for span in spans if span["name"] == name]

    def test_each_statement_of_the_shell_has_a_span(self):
        sql = ("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'secret'); SELECT * FROM t;"
               "SELECT * FROM missing; SELECT 1")
        spans = self.trace(["sqlite3", "shop.db", sql])
        self.assertEqual([span["name"] for span in spans],
                         ["CREATE TABLE t", "INSERT t", "SELECT t", "SELECT missing"])
        insert, failed = spans[1], spans[3]
        self.assertEqual(insert["kind"], 3)
        self.assertEqual(insert["attributes"]["db.system.name"], "sqlite")
        self.assertEqual(insert["attributes"]["db.namespace"], os.path.join(WORK, "run", "shop.db"))
        self.assertEqual(insert["attributes"]["db.query.text"], "INSERT INTO t VALUES (?, ?);")
        self.assertEqual(insert["resource"]["service.name"], "unknown_service:sqlite3")
        self.assertEqual(failed["attributes"]["error.type"], "1")
        self.assertEqual(failed["status"]["code"], 2)
        self.assertNotIn("secret", json.dumps(spans))

    def test_commands_of_the_shell_print_the_same(self):
        spans = self.trace(["sqlite3", "shop.db", "-cmd", ".trace stdout", "-cmd", ".timer off",
                            "CREATE TABLE t (a); INSERT INTO t VALUES (1); SELECT * FROM t", ".dump", ".tables"])
        self.assertEqual(len(self.named(spans, "INSERT t")), 1)

    def test_a_transaction_of_python_has_a_span_around_its_statements(self):
        spans = self.trace(python(TRANSACTION), TRACEPARENT="00-%s-%s-01" % (TRACE, PARENT))
        committed, undone = self.named(spans, "transaction")
        self.assertEqual(committed["attributes"]["sqlite.transaction.outcome"], "commit")
        self.assertEqual(undone["attributes"]["sqlite.transaction.outcome"], "rollback")
        self.assertEqual({span["traceId"] for span in spans}, {TRACE})
        self.assertEqual(committed["parentSpanId"], PARENT)
        inserts = self.named(spans, "INSERT orders")
        self.assertEqual([span["parentSpanId"] for span in inserts],
                         [committed["spanId"]] * 3 + [undone["spanId"]])
        self.assertEqual(inserts[0]["attributes"]["db.query.text"], "INSERT INTO orders (name) VALUES (?)")
        self.assertEqual(inserts[3]["attributes"]["db.response.status_code"], "1555")
        failed, = [span for span in spans if span["attributes"].get("error.type") == "1"]
        self.assertEqual(failed["parentSpanId"], undone["spanId"])
        self.assertNotIn("secret", json.dumps(spans))

    def test_an_exit_without_a_close_ends_the_spans_and_prints_nothing(self):
        spans = self.trace(python(LEFT_OPEN))
        transaction, = self.named(spans, "transaction")
        self.assertEqual(transaction["attributes"]["sqlite.transaction.outcome"], "rollback")
        inside = self.named(spans, "INSERT t") + self.named(spans, "SELECT t")
        self.assertEqual([span.get("parentSpanId") for span in inside],
                         [transaction["spanId"]] * 3)

    def test_the_number_of_rows_is_recorded_if_the_user_wants_it(self):
        for wanted, rows in ({"OTEL_C_DB_RETURNED_ROWS": "true"}, 3), ({}, None):
            spans = self.trace(python(TRANSACTION), **wanted)
            select, = self.named(spans, "SELECT orders")
            self.assertEqual(select["attributes"].get("db.response.returned_rows"), rows)

    def test_a_wait_for_another_connection_is_recorded(self):
        insert, = self.named(self.trace(python(LOCKS)), "INSERT t")
        waited = insert["attributes"]["sqlite.busy.wait_duration"]
        lasted = (int(insert["endTimeUnixNano"]) - int(insert["startTimeUnixNano"])) / 1e9
        self.assertGreater(insert["attributes"]["sqlite.busy.wait_count"], 0)
        self.assertTrue(0 < waited <= lasted)

    def test_the_callback_of_a_python_program_is_still_called(self):
        spans = self.trace(python(CALLBACK))
        self.assertEqual([span["name"] for span in spans][:1], ["CREATE TABLE t"])
        self.assertNotIn("db.namespace", spans[0]["attributes"])

    def test_a_forked_child_is_traced_too(self):
        spans = self.trace(python(FORK))
        self.assertEqual(sorted(span["name"] for span in spans), ["CREATE TABLE t", "CREATE TABLE u"])
        self.assertEqual(len({span["resource"]["process.pid"] for span in spans}), 2)

    def test_a_program_with_callbacks_of_every_kind_sees_the_same(self):
        spans = self.trace([CALLBACKS, "shop.db"])
        # 8 threads with 200 statements in 10 transactions each; the trigger has no span.
        self.assertEqual(len(self.named(spans, "INSERT log")), 8 * 200)
        self.assertEqual(len(self.named(spans, "transaction")), 8 * 10)
        self.assertEqual(len(self.named(spans, "INSERT t")), 3)

    def test_a_program_that_traces_its_connection_has_each_span_once(self):
        for preload in "", PRELOAD:
            spans = self.trace([LINKED, "shop.db"], preload)
            self.assertEqual([span["name"] for span in spans], ["CREATE TABLE own", "INSERT own", "INSERT own"])
            self.assertEqual(spans[2]["attributes"]["db.response.status_code"], "2067")

    def test_without_a_receiver_a_program_is_not_affected(self):
        command = ["sqlite3", "shop.db", "CREATE TABLE t (a); SELECT count(*) FROM t"]
        plain = run(command)
        traced = run(command, PRELOAD, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
        self.assertEqual(plain[:2], traced[:2])


try:
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[4:]])
finally:
    shutil.rmtree(WORK, ignore_errors=True)
