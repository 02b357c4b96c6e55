#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_troubleshooting.py - the messages that docs/troubleshooting.md quotes are those of the code

A quoted message in the first column of a table stands for one in the code: each of its parts,
between `...`, conversions and HTTP statuses, is in a string literal. A cell that begins with "none"
has no message. The same holds for quotes of three words in the text of the pages of PROSE, unless they are
commands.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
COMPONENTS = ("api", "propagators", "sdk", "delivery", "exporters", "configuration",
              "instrumentation", "cli")
LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*')
PROSE = ("configuration", "delivery", "guest", "troubleshooting")
COMMAND = re.compile(r"[=(/]|^(tote:?|install|kill|ipcs) ")
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


def unknown_parts(message, literals):
    """The parts of a quoted message that no string literal has."""
    return [part for part in map(str.strip, re.split(r"\.\.\.|\b[1-5]\d\d\b", message))
            if len(part) >= SHORTEST and part not in literals]


def messages_of_tables():
    has_messages = False
    for number, line in enumerate(PAGE.read_text().split("\n"), 1):
        if not line.startswith("|"):
            has_messages = False
            continue
        has_messages = has_messages or line.startswith("| message |")
        for message in quoted(line) if has_messages else []:
            yield f"docs/{PAGE.name}:{number}", message


def messages_of_prose():
    for name in PROSE:
        text = (ROOT / f"docs/{name}.md").read_text()
        text = re.sub(r"^(```.*?^```|\|[^\n]*)$", "", text, flags=re.M | re.S)
        for message in (" ".join(quote.split()) for quote in re.findall(r"`([^`]+)`", text)):
            if message.count(" ") >= 2 and not COMMAND.search(message):
                yield f"docs/{name}.md", message


def main():
    literals = read_literals()
    tables = list(messages_of_tables())
    problems = [f"{place}: no message of the code has '{part}'"
                for place, message in [*tables, *messages_of_prose()]
                for part in unknown_parts(message, literals)]
    if len(tables) < 50:
        problems.append(f"docs/{PAGE.name}: only {len(tables)} messages were found")
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
