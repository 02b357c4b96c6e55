#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compliance.py - the compliance matrix, and the tests that prove its rows

compliance.py              write docs/compliance.md from compliance.tsv and the marks in tests
compliance.py check CTEST  fail if that would change the page, if a mark names an unknown row or is
                           not at a test that runs, or if a row has neither a mark nor a reason

A mark is `Compliance: ID, ID` at the end of the comment directly above a test function. The check
runs in a build directory and asks the program CTEST for the tests.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/compliance.md"
TABLE = pathlib.Path(__file__).with_suffix(".tsv")
SPECIFICATION = "https://opentelemetry.io/docs/specs/otel/"
LEVELS = ("required", "optional")
STATES = ("met", "met, not proven", "partial", "not yet", "not planned")

COMMENTED_TEST = re.compile(r"/\*((?:(?!\*/).)*)\*/\nstatic void (\w+)\(void \*\*\w+\) \{", re.S)
MARK = re.compile(r"Compliance: ([A-Z]{2}-\d\d(?:, [A-Z]{2}-\d\d)*)$")
MACRO = re.compile(r"#define (\w+)\(\w+\)((?:[^\n]*\\\n)*[^\n]*)")

Row = collections.namedtuple("Row", "id section feature level specification state note")
Test = collections.namedtuple("Test", "file name")

HEAD = """# Compliance with the OpenTelemetry specification

<!-- tests/docs/compliance.py writes this page from compliance.tsv and the marks in tests. -->

This page lists rows of the [compliance matrix][matrix] of the OpenTelemetry specification, and the
tests that prove them. The matrix is that of August 2026, after version 1.60.0. Tote implements
tracing and context propagation. Therefore the page leaves out metrics and logs with their
variables, exporters and self-observability metrics, the Zipkin and Prometheus exporters, and the
compatibility with OpenCensus and OpenTracing.

[matrix]: https://github.com/open-telemetry/opentelemetry-specification/blob/main/spec-compliance-matrix.md

"""

LEGEND = """
* *met*: the tests in the last column prove it.
* *met, not proven*: Tote has the feature, but no test proves it. The last column names the place.
* *partial*, *not yet*: the last column names what is missing.
* *not planned*: Tote leaves this out, for the reason in the last column. The tests prove that it
  reports a setting that asks for it.

The ids are Tote's own: two letters for the section of the matrix, and a number. A row keeps its id
when the matrix changes. A test is a program and one of its functions:
`build/tests/test_sdk a_root_span_ignores_the_parent` runs one. The comment above the function ends
with the ids of the rows that it proves, for example `Compliance: TR-20`.
`tests/docs/compliance.tsv` has the rows, and `tests/docs/compliance.py` writes this page. The test
`docs_compliance` fails if a row has neither a test nor a reason, if one of the tests does not run,
or if the page is not up to date.
"""


def read_rows(problems):
    rows = {}
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        row = Row(*cells, *[""] * (len(Row._fields) - len(cells)))
        if row.level not in LEVELS or row.state not in STATES or row.id in rows:
            problems.append(f"{TABLE.name}:{number}: the id, level or state is wrong")
        if row.state != "met" and not row.note:
            problems.append(f"{TABLE.name}:{number}: {row.id} is {row.state} without a reason")
        rows[row.id] = row
    return rows


def check_notes(rows, problems):
    """The functions and fields that a note names are in a public header."""
    headers = "".join(path.read_text() for path in ROOT.glob("*/include/**/*.h"))
    words = set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", " ", headers, flags=re.S)))
    for row in rows.values():
        for names in re.findall(r"\btote_\w+(?:\.\w+)?", row.note):
            if not words.issuperset(names.split(".")):
                problems.append(f"{TABLE.name}: {row.id} names {names}, which no header declares")


def test_macros(texts):
    """What registers a test: the macros of cmocka, and those that expand to one of them."""
    macros = {"cmocka_unit_test", "cmocka_unit_test_setup", "cmocka_unit_test_teardown",
              "cmocka_unit_test_setup_teardown"}
    bodies = [found.groups() for text in texts for found in MACRO.finditer(text)]
    while True:
        more = {name for name, body in bodies if macros & set(re.findall(r"\w+(?=\()", body))}
        if more <= macros:
            return macros
        macros |= more


def read_marks(rows, problems):
    """The tests of each row, in the order of files and functions."""
    files = {path: path.read_text() for path in sorted((ROOT / "tests").rglob("*.[ch]"))}
    registered = re.compile(r"\b(?:%s)\((\w+)[,)]" % "|".join(test_macros(files.values())))
    tests = collections.defaultdict(list)
    for path, text in files.items():
        name = path.relative_to(ROOT)
        run = set(registered.findall(text))
        marks = 0
        for comment, function in COMMENTED_TEST.findall(text):
            mark = MARK.search(re.sub(r"\s+(\* )?", " ", comment).strip())
            for row in mark.group(1).split(", ") if mark else []:
                tests[row].append(Test(name, function))
                if row not in rows:
                    problems.append(f"{name}: {function} has a mark of {row}, an unknown row")
            if mark and function not in run:
                problems.append(f"{name}: {function} has a mark, and is in no table of tests")
            marks += bool(mark)
        if marks != text.count("Compliance:"):
            problems.append(f"{name}: a mark is not at the end of a comment above a test function")
    for row in rows.values():
        if row.state in ("met", "not planned") and not tests[row.id]:
            problems.append(f"{TABLE.name}: {row.id} is {row.state}, and no test has a mark of it")
        if row.state in ("met, not proven", "not yet") and tests[row.id]:
            problems.append(f"{TABLE.name}: {row.id} is {row.state}, and a test has a mark of it")
    return tests


def check_programs(tests, ctest, problems):
    """A test program has the name of its file, in ctest too. This is a build directory."""
    listed = subprocess.run([ctest, "--show-only=json-v1"], check=True, capture_output=True)
    run = {test["name"] for test in json.loads(listed.stdout)["tests"]}
    for file in sorted({test.file for proof in tests.values() for test in proof}):
        if file.stem not in run:
            problems.append(f"{file}: ctest does not run it")


def link(specification):
    if not specification.startswith("https:"):
        page, _, heading = specification.partition("#")
        page = re.sub(r"(README)?\.md$", "", page).rstrip("/")
        specification = f"{SPECIFICATION}{page}/" + (f"#{heading}" if heading else "")
    return specification


def counts(name, rows):
    states = [sum(row.state == state for row in rows) for state in STATES]
    return f"| {name} | {len(rows)} | " + " | ".join(map(str, states)) + " |\n"


def summary(rows):
    text = "| | rows | " + " | ".join(STATES) + " |\n| --- |" + " ---: |" * (len(STATES) + 1) + "\n"
    for level in LEVELS:
        text += counts(level, [row for row in rows if row.level == level])
    for part in dict.fromkeys(row.section.split(": ")[0] for row in rows):
        text += counts(part, [row for row in rows if row.section.split(": ")[0] == part])
    return text + counts("**all**", rows)


def generate(rows, tests):
    text = HEAD + summary(rows.values()) + LEGEND
    part = section = None
    for row in rows.values():
        if row.section != section:
            section = row.section
            heading, _, subheading = section.partition(": ")
            text += f"\n## {heading}\n" if heading != part else ""
            text += f"\n### {subheading}\n" if subheading else ""
            text += "\n| row | feature | level | status | test |\n| --- | --- | --- | --- | --- |\n"
            part = heading
        proof = [f"[{test.file.stem}](../{test.file}): `{test.name}`" for test in tests[row.id]]
        last = "<br>".join(proof + ([f"{row.note}."] if row.note else []))
        text += (f"| {row.id} | [{row.feature}]({link(row.specification)}) | {row.level} | "
                 f"{row.state} | {last} |\n")
    return text


def main():
    problems = []
    rows = read_rows(problems)
    check_notes(rows, problems)
    tests = read_marks(rows, problems)
    page = generate(rows, tests)
    if sys.argv[1:2] != ["check"]:
        PAGE.write_text(page)
    else:
        check_programs(tests, sys.argv[2], problems)
        if not PAGE.exists() or PAGE.read_text() != page:
            problems.append(f"docs/{PAGE.name} is not up to date: run tests/docs/{TABLE.stem}.py")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
