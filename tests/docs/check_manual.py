#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_manual.py - each public name is on one manual page, and each page is right

check_manual.py FOLDER LIBRARY...    FOLDER has man3, man5 and man7; libraries are shared
"""
import collections
import pathlib
import re
import subprocess
import sys

import reference

PROGRAMS = {f"tote-{path.stem}.1" for path in (reference.ROOT / "cli/man").glob("*.mdoc")}
PROGRAMS |= {"tote.1", "tote-spoa.1"}


def read(folder):
    """The text of each page, and the pages that only refer to another one."""
    pages, links = {}, {}
    for path in sorted(folder.glob("man[357]/*")):
        text = path.read_text()
        found = re.fullmatch(r"\.so (man\d/\S+)\n", text)
        if found:
            links[path.name] = found[1]
        else:
            pages[path.name] = text
    return pages, links


def headings(pages, pattern):
    """Where each name is described."""
    found = collections.defaultdict(list)
    for page, text in pages.items():
        for heading in re.findall(pattern, text, re.M):
            for name in re.split(r", ", heading):
                found[name].append(page)
    return found


def described_once(kind, names, found, problems):
    for name in sorted(names):
        if len(found[name]) != 1:
            problems.append(f"{kind} {name} is described in {found[name] or 'no page'}")


def sections_have_text(pages, problems):
    """Each function has a description: its heading is not followed by another heading."""
    for page, text in pages.items():
        for heading in re.findall(r"^\.Ss (.*)\n(?=\.S|\Z)", text, re.M):
            problems.append(f"{page}: {heading} has no description")


def main():
    folder = pathlib.Path(sys.argv[1])
    pages, links = read(folder)
    problems = []
    functions = reference.functions(sys.argv[2:])
    types, enumerators, macros = reference.other_names()
    if len(functions) < 300 or len(types) < 90 or len(enumerators) < 50 or len(macros) < 30:
        problems.append(f"only {len(functions)} functions, {len(types)} types, {len(enumerators)} "
                        f"enumerators and {len(macros)} macros were found")

    section_3 = {page: text for page, text in pages.items() if page.endswith(".3")}
    prototypes = headings(section_3, r"^\.Fo (\w+)$")
    texts = headings(section_3, r"^\.Ss (.*)$")
    described_once("the prototype of", functions, prototypes, problems)
    described_once("function", {f"{name}()" for name in functions}, texts, problems)
    described_once("type", types, texts, problems)
    described_once("macro", macros, texts, problems)
    described_once("enumerator", enumerators, headings(section_3, r"^\.It Dv (\w+)$"), problems)
    sections_have_text(pages, problems)

    everything = set(pages) | set(links) | PROGRAMS
    for name in sorted(functions | types):
        if f"{name}.3" not in everything:
            problems.append(f"there is no page {name}(3)")
    for link, target in links.items():
        if target.partition("/")[2] not in pages:
            problems.append(f"{link} refers to {target}, which is no page")
    for page, text in pages.items():
        for name, section in re.findall(r"\bXr (\S+) (\d)", text):
            if f"{name}.{section}" not in everything:
                problems.append(f"{page} refers to {name}({section}), which does not exist")

    files = [str(folder / f"man{page[-1]}" / page) for page in pages]
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *files], text=True,
                          check=False, stdout=subprocess.PIPE).stdout
    problems += lint.splitlines()
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(functions)} functions, {len(types)} types, {len(enumerators)} enumerators and "
          f"{len(macros)} macros in {len(pages)} pages")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
