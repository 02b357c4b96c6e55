#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_troubleshooting.py - the messages that docs/troubleshooting.md quotes are those of the code

A quoted message in the first column of a table stands for one in the code: each of its parts,
between `...`, conversions and HTTP statuses, is in a string literal. A cell that begins with "none"
has no message.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
COMPONENTS = ("api", "propagators", "sdk", "delivery", "exporters", "configuration",
              "instrumentation", "cli")
LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*')
SHORTEST = 4  # what is shorter, such as ": ", proves nothing


def read_literals():
    """All string literals; adjacent ones are one."""
    found = []
    for path in (path for name in COMPONENTS for path in (ROOT / name).rglob("*.[ch]")):
        text = re.sub(r"^#include.*$", "", path.read_text(), flags=re.M)
        for match in LITERALS.finditer(re.sub(r"/\*.*?\*/", " ", text, flags=re.S)):
            whole = re.sub(r'"\s*"', "", match.group(0))[1:-1]
            found.append(whole.replace('\\"', '"').replace("%%", "%"))
    return "\n".join(found)


def quoted(line):
    """The messages of a row of a table."""
    cell = line.strip().strip("|").split("|")[0].strip()
    return [] if cell.startswith("none") else re.findall(r"`([^`]+)`", cell)


def main():
    literals = read_literals()
    problems = 0
    rows = 0
    has_messages = False
    for number, line in enumerate(PAGE.read_text().split("\n"), 1):
        if not line.startswith("|"):
            has_messages = False
            continue
        has_messages = has_messages or line.startswith("| message |")
        for message in quoted(line) if has_messages else []:
            rows += 1
            for part in re.split(r"\.\.\.|\b[1-5]\d\d\b", message):
                if len(part.strip()) >= SHORTEST and part.strip() not in literals:
                    print(f"docs/{PAGE.name}:{number}: no message of the code has '{part.strip()}'",
                          file=sys.stderr)
                    problems += 1
    if rows < 50:
        print(f"docs/{PAGE.name}: only {rows} messages were found", file=sys.stderr)
        problems += 1
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
