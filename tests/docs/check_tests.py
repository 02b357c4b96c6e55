#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_tests.py CTEST - the tests that pages name in italics exist

Run in the build directory. Names are separated by commas: *test_fork, exits close*. A name may be the
prefix of several tests, or a pattern. Italics without an underscore are not names, except "exits ...".
A test that this build leaves out, for example for a missing library, is in a CMakeLists.txt.
"""
import fnmatch
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ITALICS = re.compile(r"(?<![*\w\\])\*([a-z](?:[^*\\]|\\\*)*)\*(?!\*)")


def read_tests(ctest):
    listing = subprocess.run([ctest, "-N"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^ *Test +#\d+: (\S+)$", listing, flags=re.M)


def names(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    text = re.sub(r"`[^`\n]*`", "", text)
    for italics in ITALICS.findall(text):
        for name in re.split(r",\s+", italics):
            name = re.sub(r"^exits\s+", "exits_", name.replace("\\*", "*"))
            if re.fullmatch(r"[a-z0-9_*-]+", name) and "_" in name:
                yield name


def main():
    tests = read_tests(sys.argv[1])
    lists = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("CMakeLists.txt"))
    found = [(page, name) for page in sorted(ROOT.glob("docs/*.md")) for name in names(page)]
    problems = [f"{page.relative_to(ROOT)}: there is no test {name}" for page, name in found
                if not any(fnmatch.fnmatch(test, pattern) for test in tests
                           for pattern in (name, f"{name}[_.-]*"))
                and not re.search(rf"\b{re.escape(name)}\b", lists)]
    if len(found) < 50:
        problems.append(f"only {len(found)} names of tests were found")
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
