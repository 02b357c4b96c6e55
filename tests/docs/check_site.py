#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_site.py - the site has each public name once, and needs nothing outside of its folder

check_site.py FOLDER LIBRARY...    libraries are shared

Links lead to a page of the folder and to an anchor that exists. Pages load no script, style sheet,
font or image of another place. If tidy is installed, it finds no error.
"""
import collections
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import reference

LOADING = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"),
           ("source", "src"), ("video", "src"), ("object", "data"), ("form", "action")}


class Page(html.parser.HTMLParser):
    """The anchors and links of a page, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded, self.problems = [], [], [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if values.get("id"):
            self.anchors.append(values["id"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        for name, value in attrs:
            if (tag, name) in LOADING and value and values.get("rel") not in ("index", "search"):
                self.loaded.append(value)
        if tag == "img" and not values.get("alt"):
            self.problems.append(f"{values.get('src')} has no text instead of the image")
        if tag == "html" and not values.get("lang"):
            self.problems.append("the language is missing")


def is_external(target):
    return re.match(r"(https?:)?//", target) is not None


def check_links(folder, pages, problems):
    for path, page in pages.items():
        for link in page.links + page.loaded:
            name, _, anchor = link.partition("#")
            name = urllib.parse.unquote(name.partition("?")[0])
            if re.match(r"[a-z]+:|//", link):
                continue
            target = (path.parent / name).resolve() if name else path
            if not target.exists():
                problems.append(f"{path.relative_to(folder)}: there is no {name}")
            elif anchor and target in pages and \
                    urllib.parse.unquote(anchor) not in pages[target].anchors:
                problems.append(f"{path.relative_to(folder)}: {name or 'it'} has no #{anchor}")


def check_loaded(folder, pages, problems):
    for path, page in pages.items():
        problems += [f"{path.relative_to(folder)}: loads {target}" for target in page.loaded
                     if is_external(target)]
        problems += [f"{path.relative_to(folder)}: {problem}" for problem in page.problems]
        twice = [name for name, count in collections.Counter(page.anchors).items() if count > 1]
        problems += [f"{path.relative_to(folder)}: #{name} is there twice" for name in twice]
    for path in folder.rglob("*.css"):
        for target in re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", path.read_text()):
            if is_external(target):
                problems.append(f"{path.relative_to(folder)}: loads {target}")


def check_search(folder, pages, problems):
    """The names that the search field completes lead to anchors."""
    places = json.loads((folder / "_static/names.js").read_text().partition(" = ")[2].rstrip(";\n"))
    for name, place in places.items():
        path, _, anchor = place.partition("#")
        if (folder / path) not in pages or anchor not in pages[folder / path].anchors:
            problems.append(f"the search for {name} leads to {place}, which does not exist")
    if len(places) < 600:
        problems.append(f"the search field knows only {len(places)} names")


def check_names(names, pages, problems):
    found = collections.defaultdict(list)
    for path, page in pages.items():
        for anchor in page.anchors:
            if anchor.startswith("c."):
                found[anchor[2:].rpartition(".")[2]].append(path.name)
    for name in sorted(names):
        if len(found[name]) != 1:
            problems.append(f"{name} is described in {found[name] or 'no page'}")


def check_html(paths, problems):
    """Errors, and elements in the wrong place. tidy knows fewer attributes than browsers do."""
    tidy = shutil.which("tidy")
    if not tidy:
        return
    for path in paths:
        output = subprocess.run([tidy, "-errors", "-quiet", "-utf8", path], text=True, check=False,
                                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL).stderr
        problems += [f"{path.name}: {line}" for line in output.splitlines()
                     if re.search("Error:|missing </|discarding|not allowed", line)]


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    problems = []
    types, enumerators, macros = reference.other_names()
    functions = reference.functions(sys.argv[2:])
    check_names(functions | types | enumerators | macros, pages, problems)
    check_links(folder, pages, problems)
    check_search(folder, pages, problems)
    check_loaded(folder, pages, problems)
    check_html(pages, problems)
    for page in reference.ROOT.glob("docs/*.md"):
        if folder / "docs" / f"{page.stem}.html" not in pages:
            problems.append(f"{page.name} is not in the site")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(functions)} functions in {len(pages)} pages")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
