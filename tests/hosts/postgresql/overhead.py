#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""overhead.py - the processor time of a backend for the select of pgbench -S, by setting

overhead.py PLAIN TRACED SECONDS: two connection strings, of servers without and with the extension

Each block of transactions is between two blocks of the server without the extension, so that other
load on the machine affects all of them. After it, the background worker saves all spans. Prints the
processor time (user and system) of a transaction in the quietest tenth of the blocks and its ratio
to that of the server without the extension, then the median and the quartiles of the ratio to the
neighbours. "again" is the server without the extension: the noise of the machine.
"""
import random
import statistics
import sys
import time

import psycopg2

BLOCK = 50  # transactions
ACCOUNTS = 100000

VARIANTS = {
    "again": None,
    "off": "set tote.enabled = off; set tote.sample_rate = 0",
    "0 %": "set tote.enabled = on; set tote.sample_rate = 0",
    "1 %": "set tote.enabled = on; set tote.sample_rate = 0.01",
    "100 %": "set tote.enabled = on; set tote.sample_rate = 1",
}


class Backend:
    """A connection, and the processor time of its process."""

    def __init__(self, target):
        connection = psycopg2.connect(target)
        connection.autocommit = True
        self.cursor = connection.cursor()
        self.schedstat = open(f"/proc/{connection.get_backend_pid()}/schedstat", "rb", 0)

    def nanoseconds(self):
        self.schedstat.seek(0)
        return int(self.schedstat.read().split()[0])

    def run(self):
        """Run a block. Returns the processor time of a transaction in microseconds."""
        before = self.nanoseconds()
        for _ in range(BLOCK):
            self.cursor.execute("SELECT abalance FROM pgbench_accounts WHERE aid = "
                                f"{random.randint(1, ACCOUNTS)};")
        return (self.nanoseconds() - before) / BLOCK / 1000

    def drain(self):
        self.cursor.execute("set tote.enabled = off")
        while True:
            self.cursor.execute("select recorded = saved from tote_stats()")
            if self.cursor.fetchone()[0]:
                return
            time.sleep(0.01)


def main():
    plain, again, traced = Backend(sys.argv[1]), Backend(sys.argv[1]), Backend(sys.argv[2])
    end = time.monotonic() + float(sys.argv[3])
    figures = {name: [] for name in VARIANTS}
    neighbours = []
    for backend in (plain, again, traced):
        backend.run()
    while time.monotonic() < end or len(figures["again"]) < 3:
        for name, settings in VARIANTS.items():
            backend = traced if settings else again
            if settings:
                backend.cursor.execute(settings)
            before, own, after = plain.run(), backend.run(), plain.run()
            figures[name].append((own, 2 * own / (before + after)))
            neighbours += before, after
            if settings:
                backend.drain()
    print(f"{len(figures['again'])} rounds of {BLOCK} transactions")
    plain_us = statistics.quantiles(neighbours, n=10)[0]
    for name, blocks in figures.items():
        low, middle, high = statistics.quantiles([ratio for _, ratio in blocks], n=4)
        quiet_us = statistics.quantiles([own for own, _ in blocks], n=10)[0]
        print(f"{name:8} {quiet_us:6.1f} us {quiet_us / plain_us:.3f}   "
              f"{middle:.3f} ({low:.3f} - {high:.3f})")


main()
