# SPDX-License-Identifier: MIT
"""otlp.py - receive.py and the spans that it has received, for tests in Python"""
import json, os, subprocess, sys, time


def until(condition, seconds=30):
    """Wait until the condition has a true value. Returns the value it has in the end."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


def environment(*unset, **variables):
    """The variables of this process except those with these prefixes and of traces, and new ones."""
    unset += ("OTEL_", "TRACE", "BAGGAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    return {**kept, "no_proxy": "*", **variables}


def read_spans(file):
    """The spans that were received so far."""
    try:
        with open(file) as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]
    except FileNotFoundError:
        return []


class SpanReceiver:
    """A process of receive.py. `variables` make a program export to it."""

    def __init__(self, file, port=0):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "receive.py")
        self.process = subprocess.Popen([sys.executable, script, file, str(port)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
                          "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
