#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""site.py - write the source of the site, for Sphinx: a page for each header and each page of docs/

site.py FOLDER    FOLDER is replaced
"""
import json
import os
import pathlib
import re
import shutil
import sys

import headers

ROOT = headers.ROOT
HERE = pathlib.Path(__file__).resolve().parent

# Libraries, in the order of the reference.
ABOUT = {"libtote-api": "for instrumented code", "libtote": "the SDK, for programs",
         "libtote-http": "HTTP servers and clients of any kind", "libtote-curl": "libcurl",
         "libtote-microhttpd": "GNU libmicrohttpd", "libtote-database": "database clients",
         "libtote-pq": "PostgreSQL", "libtote-sqlite": "SQLite", "libtote-hiredis": "Redis",
         "libtote-xray": "the trace header of AWS X-Ray"}


def first_sentence(text):
    return re.split(r"(?<=[.:]) (?=[A-Z`])", text.split("\n\n")[0].replace("\n", " "))[0]


def directive(depth, name, signature, *blocks):
    fence = ":" * depth
    body = "\n\n".join(block for block in blocks if block)
    return f"{fence}{{{name}}} {signature}\n{body}\n{fence}"


def member(one, kind, depth):
    inner = [member(child, "c:member", depth - 1) for child in one.members]
    name = "c:union" if one.members else kind
    return directive(depth, name, one.name if one.members else one.declaration,
                     headers.markdown(one.comment), *inner)


def signature(one):
    if one.kind == "type":
        return one.name if one.is_opaque else one.text.removeprefix("typedef ")
    if one.kind == "macro":
        found = re.match(r"#define (\w+(\([^)]*\))?)", one.text)
        return found[1]
    if one.kind == "enum" and not one.name:
        return "@" + os.path.commonprefix(one.names).rstrip("_")
    return one.text.removeprefix(one.kind + " ")


def value(one):
    """What a macro stands for, if it is a constant."""
    found = re.match(r"#define \w+ (.+)", one.text)
    return f"Value: `{found[1]}`" if found else ""


def group(some):
    text = headers.markdown(some.comment)
    declarations = some.declarations
    kind = declarations[0].kind
    if kind in ("struct", "enum"):
        # Types are described one by one: members belong to one of them.
        return "\n\n".join(directive(5, f"c:{kind}", signature(one), text, *(
            member(child, "c:enumerator" if kind == "enum" else "c:member", 4)
            for child in one.members)) for one in declarations)
    if kind == "macro" and all(value(one) for one in declarations):
        return "\n\n".join(directive(5, "c:macro", signature(one), text, value(one))
                           for one in declarations)
    return directive(5, f"c:{kind}", "; ".join(signature(one) for one in declarations), text)


def summary(groups):
    """A table of functions, each with the first sentence of its description."""
    rows = [f"| {', '.join(f'`{one.name}()`' for one in some.declarations)} | "
            f"{first_sentence(headers.markdown(some.comment)).replace('|', chr(92) + '|')} |"
            for some in groups]
    return "\n".join(["| function | |", "| --- | --- |", *rows])


def header_page(header):
    package = header.library[3:]
    functions = [one for one in header.groups if one.declarations[0].kind == "function"]
    types = [one for one in header.groups if one.declarations[0].kind != "function"]
    parts = [f"# {header.name}",
             f"```c\n#include <{header.name}>\n```",
             f"Library `{header.library}`; in pkg-config `{package}`, in CMake "
             f"`tote::{package.removeprefix('tote-')}`. Manual page `{header.page}(3)`."
             + (" Includes " + ", ".join(f"`{name}`" for name in header.includes) + "."
                if header.includes else ""),
             headers.markdown(header.comment)]
    if len(functions) > 1:
        parts.append(summary(functions))
    if types:
        parts += ["## Types and constants", *(group(one) for one in types)]
    if functions:
        parts += ["## Functions", *(group(one) for one in functions)]
    return "\n\n".join(parts) + "\n"


def reference(all_headers):
    parts = ["# Reference",
             "`tote/common.h` has the rules that hold for all functions: NULL, ownership, threads "
             "and errors. `tote/tote.h` includes what a program needs. The {ref}`index <genindex>` has "
             "all names."]
    for library, about in ABOUT.items():
        mine = [header for header in all_headers if header.library == library]
        rows = [f"| [`{header.name}`]({header.page}.md) | "
                f"{headers.inline(header.title).replace('|', chr(92) + '|')} |" for header in mine]
        parts.append(f"## {library}: {about}\n\n| header | contents |\n| --- | --- |\n"
                     + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def title(path):
    """The name of a page, which a reader of the site does not know as a file."""
    return re.match(r"# (.*)", path.read_text())[1] if path.suffix == ".md" else path.name


def links(path, text, homes):
    """Links of a page: to the pages of headers, and none to files that are not in the site."""
    def replaced(found):
        label, target = found.groups()
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not name:
            return found.group()
        place = (path.parent / name).resolve()
        if place == ROOT / "README.md":
            name = name.replace("README.md", "index.md")
        elif place in homes:
            name = os.path.relpath(ROOT / "reference" / f"{homes[place]}.md", path.parent)
        elif not (place.parent == ROOT / "docs" and place.suffix == ".md" or
                  place.parent == ROOT / "docs/images" or
                  place.parent == ROOT and place.suffix == ".md"):
            return label
        if label == pathlib.PurePath(target).name:
            label = title(place)
        return f"[{label}]({name}{'#' if anchor else ''}{anchor})"
    return re.sub(r"\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]+)\)", replaced, text)


def toctree(caption, entries):
    lines = [f"```{{toctree}}\n:hidden:\n:caption: {caption}\n", *entries, "```"]
    return "\n".join(lines)


def index(text, all_headers):
    """README.md, with the contents of the site."""
    parts = [text]
    overview = (ROOT / "docs/README.md").read_text()
    for caption, rows in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", overview, re.M | re.S):
        targets = re.findall(r"^\| \[[^\]]*\]\((\S+?)\.md\)", rows, re.M)
        parts.append(toctree(caption, [os.path.normpath(f"docs/{target}") for target in targets]
                             + (["CHANGELOG"] if caption == "Change Tote" else [])))
    parts.insert(1, toctree("Documentation", ["docs/README"]))
    parts.insert(4, toctree("Reference", ["reference/index", "Index of names <genindex>"]))
    return "\n\n".join(parts) + "\n"


def write_names(folder, all_headers):
    """Where names are described: names.txt for conf.py, names.js for search.js."""
    lines, places = [], {}
    for header in all_headers:
        page = f"reference/{header.page}"
        lines.append(f"{header.name} {page}")
        for one in header.declarations:
            scope = f"{one.name}." if one.name else ""
            anchor = signature(one) if one.kind == "enum" else one.name
            found = [(one.name, one.name, one.name)] if one.name else []
            if one.kind == "enum":
                found += [(member.name, scope + member.name, f"{anchor}.{member.name}")
                          for member in one.members]
            elif one.kind == "struct":
                found += [(scope + member.name, scope + member.name, scope + member.name)
                          for member in one.members if not member.members]
            for name, target, place in found:
                lines.append(f"{name} {target}")
                places[name] = f"{page}.html#c.{place}"
    (folder / "names.txt").write_text("".join(f"{line}\n" for line in lines))
    (folder / "static/names.js").write_text(f"const toteNames = {json.dumps(places)};\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    all_headers = headers.read()
    (folder / "reference").mkdir(parents=True)
    homes = {header.path: header.page for header in all_headers}
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = links(path, path.read_text(), homes)
        place = folder / path.relative_to(ROOT)
        place.parent.mkdir(exist_ok=True)
        if path == ROOT / "README.md":
            place, text = folder / "index.md", index(text, all_headers)
        place.write_text(text)
    shutil.copytree(ROOT / "docs/images", folder / "docs/images")
    shutil.copytree(HERE / "static", folder / "static")
    shutil.copy(HERE / "conf.py", folder)
    for header in all_headers:
        (folder / f"reference/{header.page}.md").write_text(header_page(header))
    pages = "\n".join(sorted(header.page for header in all_headers))
    (folder / "reference/index.md").write_text(
        reference(all_headers) + f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n")
    write_names(folder, all_headers)


if __name__ == "__main__":
    main()
