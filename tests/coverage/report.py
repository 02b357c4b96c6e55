#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py GCOVR_JSON - coverage by component, and the functions that are covered least

Prints a table, the ten functions with the most lines that no test runs, and the ten with the
smallest share of lines among those of at least 8 lines. Runs in the folder of the sources.
"""
import json
import pathlib
import sys

FEW_LINES = 8
SHOWN = 10


def component(name):
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "instrumentation" else parts[0]


def branches_of(line):
    return [branch for branch in line["branches"] if not branch.get("throw")]


def table(files):
    totals = {}
    for file in files:
        for key in (component(file["file"]), "all"):
            total = totals.setdefault(key, [0, 0, 0, 0])
            for line in lines_of(file):
                branches = branches_of(line)
                total[0] += 1
                total[1] += line["count"] > 0
                total[2] += len(branches)
                total[3] += sum(branch["count"] > 0 for branch in branches)
    rows = ["| component | lines | of them run | branches | of them taken |", "| --- | ---: | ---: | ---: | ---: |"]
    for key in sorted(totals, key=lambda key: (key == "all", key)):
        lines, run, branches, taken = totals[key]
        name = key if key == "all" else f"`{key}/`"
        rows.append(f"| {name} | {lines:,} | {share(run, lines)} | {branches:,} | {share(taken, branches)} |")
    return "\n".join(rows) + "\n"


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def lines_of(file):
    return [line for line in file["lines"] if not line.get("gcovr/noncode")]


def functions(file):
    """Yield name, number of lines and of missed lines. A function ends with } in the first column."""
    text = pathlib.Path(file["file"]).read_text().split("\n")
    lines = {line["line_number"]: line["count"] for line in lines_of(file)}
    for function in file.get("functions", []):
        start = function["lineno"]
        end = next((at for at in range(start, len(text)) if text[at].startswith("}")), start)
        counts = [lines[at] for at in range(start, end + 2) if at in lines]
        yield f"{file['file']}: {function['name']}", len(counts), counts.count(0)


def main():
    files = json.loads(pathlib.Path(sys.argv[1]).read_text())["files"]
    print(table(files))
    found = sorted(set(function for file in files for function in functions(file)))
    most = sorted(found, key=lambda item: (-item[2], item[0]))[:SHOWN]
    least = sorted((item for item in found if item[1] >= FEW_LINES),
                   key=lambda item: ((item[1] - item[2]) / item[1], item[0]))[:SHOWN]
    for title, chosen in (("most lines that no test runs", most), ("smallest share of lines", least)):
        print(f"{title}:")
        for name, lines, missed in chosen:
            print(f"  {missed:3} of {lines:3} lines missed: {name}")


if __name__ == "__main__":
    main()
