#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""receive.py - an OTLP/HTTP receiver (http/json) that appends each span to a file, one JSON a line

receive.py FILE [PORT [STATUS [DELAY]]]: prints its port. A STATUS other than 200 accepts nothing.
DELAY: seconds before each response. No response is sent while FILE.hold exists.
"""
import http.server, json, os, sys, time


def value(item):
    """An AnyValue as a value of Python."""
    (kind, content), = item.items() or [("none", None)]
    return {"intValue": int, "doubleValue": float,
            "arrayValue": lambda a: [value(i) for i in a.get("values", [])],
            "kvlistValue": lambda m: attributes(m.get("values", []))}.get(kind, lambda v: v)(content)


def attributes(items):
    return {item["key"]: value(item["value"]) for item in items}


def flatten(request):
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for item in [span] + span.get("events", []) + span.get("links", []):
                    item["attributes"] = attributes(item.get("attributes", []))
                span["schemaUrl"] = scope.get("schemaUrl")
                span["resource"] = attributes(resource["resource"]["attributes"])
                yield span


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if status == 200:
            with open(sys.argv[1], "a") as out:
                for span in flatten(json.loads(body)):
                    out.write(json.dumps(span) + "\n")
        time.sleep(delay)
        while os.path.exists(sys.argv[1] + ".hold"):
            time.sleep(0.01)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


status = int(sys.argv[3]) if len(sys.argv) > 3 else 200
delay = float(sys.argv[4]) if len(sys.argv) > 4 else 0
server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
