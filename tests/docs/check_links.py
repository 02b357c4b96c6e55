#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_links.py - links of the pages, and pages that the code names, exist, with their headings

A page of docs/ is in docs/README.md. A table of contents, which is a list of links before the first
heading of the second level, has all headings of that level.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPONENTS = ("api", "propagators", "sdk", "delivery", "exporters", "configuration",
              "instrumentation", "cli", "examples", "tests/unit")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def without_code(text):
    """The text without code, at the same lines."""
    text = re.sub(r"^```.*?^```$", lambda block: "\n" * block.group(0).count("\n"), text,
                  flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: "x" * len(code.group(0)), text)


def headings(path):
    """The anchors of a page, as GitHub makes them, with their levels."""
    found = {}
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    for level, title in re.findall(r"^(#+) +(.*?) *$", text, flags=re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count, unique = 0, anchor
        while unique in found:
            count += 1
            unique = f"{anchor}-{count}"
        found[unique] = len(level)
    return found


def links(path):
    text = without_code(path.read_text())
    for link in LINK.finditer(text):
        if not re.match(r"[a-z]+:", link.group(1)):
            yield text.count("\n", 0, link.end()) + 1, link.group(1)


def check(path, problems):
    contents = set()
    first = path.read_text().partition("\n## ")[0].count("\n")
    for number, target in links(path):
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        if not page.exists():
            problems.append(f"{path.relative_to(ROOT)}:{number}: there is no {name}")
        elif anchor and anchor not in headings(page):
            problems.append(f"{path.relative_to(ROOT)}:{number}: {page.name} has no #{anchor}")
        elif page == path and number <= first:
            contents.add(anchor)
    if contents:
        problems += [f"{path.relative_to(ROOT)}: its contents lack #{anchor}"
                     for anchor, level in headings(path).items()
                     if level == 2 and anchor not in contents]


def check_code(problems):
    """Pages that comments, diagnostics and scripts name."""
    paths = [path for name in COMPONENTS for path in (ROOT / name).rglob("*.[ch]*")]
    for path in [*paths, ROOT / "dev", *ROOT.glob("examples/*.sh")]:
        for name, anchor in re.findall(r"(docs/[\w-]+\.md)(?:#([\w-]+))?", path.read_text()):
            if not (ROOT / name).exists() or anchor and anchor not in headings(ROOT / name):
                problems.append(f"{path.relative_to(ROOT)}: there is no {name}#{anchor}")


def main():
    problems = []
    pages = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
    for page in pages:
        check(page, problems)
    check_code(problems)
    index = {target.partition("#")[0] for _, target in links(ROOT / "docs/README.md")}
    problems += [f"docs/README.md: {page.name} is not in it" for page in pages
                 if page.parent.name == "docs" and page.name not in index | {"README.md"}]
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
