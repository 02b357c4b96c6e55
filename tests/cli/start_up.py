#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""start_up.py - CPU and time of the commands of tote that start often, beside /bin/true

start_up.py TOTE [RUNS]: the commands run in turn, RUNS times (200). Figures are medians in
milliseconds; CPU includes children that were waited for. Background senders are not included.
"""
import os
import statistics
import sys
import tempfile
import time

tote = os.path.abspath(sys.argv[1])
runs = int(sys.argv[2]) if len(sys.argv) > 2 else 200
commands = {
    "/bin/true": ["/bin/true"],
    "tote --version": [tote, "--version"],
    "tote span --name x": [tote, "span", "--name", "x", "--quiet"],
    "tote exec -- /bin/true": [tote, "exec", "--quiet", "--", "/bin/true"],
}


def measure(command, environment):
    """Return CPU and elapsed time in milliseconds."""
    null = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    start = time.monotonic()
    pid = os.posix_spawn(command[0], command, environment, file_actions=null)
    usage = os.wait4(pid, 0)[2]
    return 1000 * (usage.ru_utime + usage.ru_stime), 1000 * (time.monotonic() - start)


with tempfile.TemporaryDirectory() as folder:
    environment = dict(os.environ, XDG_STATE_HOME=folder,
                       OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    figures = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            figures[name].append(measure(command, environment))
    time.sleep(1)  # a sender may still use the folder
    base = [statistics.median(column) for column in zip(*figures["/bin/true"])]
    print(f"{'':24}{'CPU ms':>10}{'more':>8}{'elapsed ms':>14}{'more':>8}")
    for name, rows in figures.items():
        cpu, elapsed = (statistics.median(column) for column in zip(*rows))
        print(f"{name:24}{cpu:10.2f}{cpu - base[0]:8.2f}{elapsed:14.2f}{elapsed - base[1]:8.2f}")
os._exit(0)
