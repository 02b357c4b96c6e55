#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""instructions.py - what the nginx module costs: instructions for each request, beside plain nginx

instructions.py MODULE [REQUESTS [FOLDER]]

nginx runs in callgrind, so the result does not depend on the load of the machine. It contains the
share of a request in the export. With FOLDER, the profiles stay there, for callgrind_annotate.
"""
import os, socket, subprocess, sys, tempfile

import overhead
from servers import Host

REQUESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
WARM_UP = 600


class Connection:
    """A connection that is kept alive, as that of wrk."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.stream = self.socket.makefile("rb")
        self.host = f"127.0.0.1:{port}"

    def get(self, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        assert b" 200 " in self.stream.readline()
        length = 0
        for line in iter(self.stream.readline, b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.stream.read(length)

    def close(self):
        self.stream.close()
        self.socket.close()


def control(option, process):
    subprocess.run(["callgrind_control", option, str(process)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def total(profile):
    """The sum of instructions in a profile."""
    with open(profile) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(("summary:", "totals:")))


def measure(load, path, name, text, inner, sink_port, folder):
    profile = os.path.join(folder, f"{load}-{name}".replace(" ", "_").replace("%", "percent"))
    host = Host(overhead.MODULE, ["valgrind", "-q", "--tool=callgrind", "--dump-instr=no",
                                  f"--callgrind-out-file={profile}"])
    try:
        overhead.start(host, text, overhead.MAIN.get(name, ""), inner, sink_port,
                       "daemon off; master_process off;")
        connection = Connection(host.port)
        for _ in range(WARM_UP):
            connection.get(path)
        control("-z", host.nginx.pid)
        for _ in range(REQUESTS):
            connection.get(path)
        control("-d", host.nginx.pid)
        connection.close()
        return total(f"{profile}.1") / REQUESTS
    finally:
        host.close()


def main():
    folder = sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp(prefix="tote-instructions-")
    os.makedirs(folder, exist_ok=True)
    with overhead.sink() as sink_port, overhead.upstream() as inner:
        print(f"{'instructions':20}" + "".join(f"{name:>22}" for name in overhead.VARIANTS))
        for load, path in overhead.LOADS.items():
            counts = [measure(load, path, name, text, inner, sink_port, folder)
                      for name, text in overhead.VARIANTS.items()]
            print(f"{load:20}{counts[0]:22.0f}" +
                  "".join(f"{count - counts[0]:+22.0f}" for count in counts[1:]), flush=True)


if __name__ == "__main__":
    main()
