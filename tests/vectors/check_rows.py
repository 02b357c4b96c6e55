#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_rows.py BUILD - every row of every table in tests/vectors is checked by a test

A test program that calls vectors_check() prints how many rows of a table it has checked. The rows
are counted here, too. The environment variable TOTE_VECTORS may name another directory.
"""
import os
import pathlib
import re
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
RUNNER = re.compile(r"^static void (\w+)\(void \*\*\w+\) \{\n(.*?)^\}", re.M | re.S)
CALL = re.compile(r'\b(?:vectors_check|check_rows)\("(\w+\.tsv)"')
PRINTED = re.compile(r"^(\w+\.tsv): (\d+) rows$", re.M)


def count_rows(table):
    lines = table.read_bytes().split(b"\n")
    return sum(1 for line in lines if line and not line.startswith(b"#"))


def runners():
    """Each program and function that checks a table."""
    for source in sorted(TESTS.rglob("test_*.c")):
        for function, body in RUNNER.findall(source.read_text()):
            if CALL.search(body):
                yield source.stem, function


def run(program, function):
    """The rows that a test says it has checked, by table."""
    if not program.exists():
        sys.exit(f"{program} is not built")
    result = subprocess.run([program, function], capture_output=True, text=True, check=False)
    output = result.stdout + result.stderr
    if result.returncode:
        sys.exit(f"{program.name} {function} fails:\n{output}")
    return {name: int(count) for name, count in PRINTED.findall(output)}


def main(build):
    tables = pathlib.Path(os.environ.get("TOTE_VECTORS", TESTS / "vectors"))
    checked = {}
    for program, function in runners():
        checked.update(run(pathlib.Path(build) / "tests" / program, function))
    rows = {table.name: count_rows(table) for table in tables.glob("*.tsv")}
    errors = [f"{name}: {checked.get(name, 0)} of {count} rows are checked"
              for name, count in sorted(rows.items()) if checked.get(name, 0) != count]
    print("\n".join(errors) or f"{sum(checked.values())} rows of {len(checked)} tables are checked")
    sys.exit(1 if errors or not rows else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
