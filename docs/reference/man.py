#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py - write manual pages: (3) from the public headers, (5) and (7) from the pages of docs/

man.py FOLDER VERSION DATE    DATE as in "November 28, 2026"

FOLDER gets man3, man5 and man7. Each function, type and macro has a page that links to the page of
its header. cli/man/page.sh writes the pages of programs.
"""
import os
import pathlib
import re
import sys

import headers
import mdoc

DOCS = headers.ROOT / "docs"

# Names and sections of pages that are not those of their files.
NAMES = {"configuration": ("tote-environment", 7), "configuration-file": ("tote-configuration", 5),
         "file-formats": ("tote-file-formats", 5), "store": ("tote-context", 7),
         "tote": ("tote", 1)}
ALIASES = {"tote-context.7": ["tote-store.7"]}

# Pages for a browser: the index, a matrix, and those for developers of Tote.
LEFT_OUT = {"README", "compliance", "requirements", "architecture", "packaging", "porting"}

COMMANDS = {path.stem for path in (headers.ROOT / "cli/man").glob("*.mdoc")} - {"tote"}


def page_of(stem):
    """The name and section of a page of docs/, or None."""
    if stem in NAMES:
        return NAMES[stem]
    return (f"tote-{stem}", 7) if stem not in LEFT_OUT and (DOCS / f"{stem}.md").exists() else None


def contents():
    """What docs/README.md states about each page."""
    rows = re.findall(r"^\| \[([\w-]+)\.md\]\([^)]*\) \| (.*?) \|$", (DOCS / "README.md").read_text(),
                      re.M)
    return {stem: text for stem, text in rows if page_of(stem) and stem != "tote"}


class Names:
    """How names are set in a page."""

    def __init__(self, all_headers):
        self.kinds = {}  # name: (kind, page)
        for header in all_headers:
            for one in header.declarations:
                for name in one.names:
                    kind = "constant" if name.isupper() else one.kind
                    self.kinds[name] = (kind, header.page)
        self.pages = {header.name: header.page for header in all_headers}
        self.page = None
        self.parameters = set()

    def code(self, text):
        name = text.removesuffix("()")
        kind, page = self.kinds.get(name, (None, None))
        if kind == "function":
            return ("Fn", name) if page == self.page else ("Xr", f"{name} 3")
        if kind:
            return ("Dv" if kind in ("constant", "macro") else "Vt", name)
        if text in self.pages:
            return "Xr", f"{self.pages[text]} 3"
        if text in self.parameters:
            return "Fa", text
        if re.fullmatch(r"TOTE_\w+\*", text):
            return "Dv", text
        if re.fullmatch(r"[a-z]\w*\(\)", text):
            return "Fn", name
        if re.fullmatch(r"(OTEL|XDG)_[A-Z0-9_]+", text):
            return "Ev", text
        if re.fullmatch(r"tote [a-z]+", text) and text[5:] in COMMANDS:
            return "Xr", f"tote-{text[5:]} 1"
        return "Ql", mdoc.argument(text)

    @staticmethod
    def link(target):
        path, _, _ = target.partition("#")
        if re.match(r"[a-z]+:", target):
            return "Lk", target
        page = page_of(pathlib.PurePath(path).stem) if path.endswith(".md") else None
        return ("Xr", f"{page[0]} {page[1]}") if page else None


def head(name, section, version, date, source):
    return ['.\\" SPDX-License-Identifier: MIT', f'.\\" Generated from {source}: do not edit.',
            f".Dd {date}", f".Dt {name.upper()} {section}", f".Os Tote {version}", ".Sh NAME"]


def see_also(names):
    found = sorted({name for name in names}, key=lambda one: (one[1], one[0]))
    if not found:
        return []
    return [".Sh SEE ALSO", *(f".Xr {name} {section}{' ,' if (name, section) != found[-1] else ''}"
                              for name, section in found)]


def wrapped(text):
    """A long declaration in lines that fit a terminal."""
    lines, current = [], ""
    for word in text.split(" "):
        if current and len(current) + 1 + len(word) > 68:
            lines.append(current)
            current = "    " + word
        else:
            current = f"{current} {word}".strip(" ") if not current.startswith("    ") \
                else f"{current} {word}"
    return "\n".join([*lines, current])


def title_of(declaration):
    """Its name; for an enum without a name what its enumerators have in common."""
    return declaration.name or os.path.commonprefix(declaration.names) + "*"


class HeaderPage:
    """A page of section 3."""

    def __init__(self, header, names):
        self.header = header
        self.names = names
        names.page = header.page
        names.parameters = set()
        self.page = mdoc.Page(names.code, names.link)

    def synopsis(self):
        functions = [one for one in self.header.declarations if one.kind == "function"]
        self.page.add(".Sh SYNOPSIS", f".In {self.header.name}")
        for one in functions:
            result = one.text[:one.text.index(one.name + "(")].strip()
            self.page.add(f".Ft {mdoc.argument(result)}", f".Fo {one.name}")
            for declaration, _ in one.parameters or [("void", "")]:
                self.page.add(f".Fa {mdoc.argument(declaration)}")
            self.page.add(".Fc")

    def members(self, members, macro, prefix=""):
        for member in members:
            name = prefix + member.declaration
            self.page.add(f".It {macro} {mdoc.argument(name)}")
            if member.comment:
                self.page.markdown(headers.markdown(member.comment))
            self.members(member.members, macro, f"{member.name}: ")

    def group(self, group):
        declarations = group.declarations
        if declarations[0].kind == "function":
            self.names.parameters = {name for one in declarations for _, name in one.parameters}
            self.page.section(3, ", ".join(f"{one.name}()" for one in declarations))
        else:
            self.page.section(3, ", ".join(title_of(one) for one in declarations))
            shown = [one for one in declarations
                     if one.kind == "macro" and not one.name.endswith("_INIT") or
                     one.kind == "type" and not one.is_opaque]
            if shown:
                self.page.literal("\n".join(wrapped(one.text) for one in shown))
        self.page.markdown(headers.markdown(group.comment))
        for one in declarations:
            if one.members:
                is_compact = not any(member.comment for member in one.members)
                if is_compact:
                    self.page.paragraph()
                self.page.add(f".Bl -tag -width Ds{' -compact' if is_compact else ''}")
                self.members(one.members, "Dv" if one.kind == "enum" else "Va")
                self.page.add(".El")
        self.names.parameters = set()

    def lines(self, version, date):
        header, page = self.header, self.page
        names = [header.page, *(one.name for one in header.declarations
                                if one.kind == "function" and one.name != header.page)]
        title = re.sub(r"^[A-Z]\w+( and \w+)?: ", "", header.title).replace("`", "")
        page.add(*head(header.page, 3, version, date, header.name),
                 *(f".Nm {name} ," for name in names[:-1]), f".Nm {names[-1]}",
                 f".Nd {mdoc.escape(title)}", ".Sh LIBRARY",
                 f".Pa {header.library} ,", f".Fl l Ns Cm {mdoc.escape(header.library[3:])}")
        self.synopsis()
        page.add(".Sh DESCRIPTION")
        page.markdown(headers.markdown(header.comment))
        for title, wanted in (("TYPES AND CONSTANTS", False), ("FUNCTIONS", True)):
            groups = [group for group in header.groups
                      if (group.declarations[0].kind == "function") == wanted]
            if groups:
                page.add(f".Sh {title}")
            for group in groups:
                self.group(group)
        pages = {(self.names.pages[name], 3) for name in header.includes} | {("tote", 3)}
        for stem in re.findall(r"docs/([\w-]+)\.md", header.path.read_text()):
            pages |= {page_of(stem)} - {None}
        page.add(*see_also(pages - {(header.page, 3)}))
        return page.out


def introduction(all_headers, names, version, date, topics):
    """tote(3): what is in which page."""
    names.page, names.parameters = "tote", set()
    page = mdoc.Page(names.code, names.link)
    about = next(header for header in all_headers if header.name == "tote/tote.h")
    libraries = list(dict.fromkeys(header.library for header in all_headers))
    page.add(*head("tote", 3, version, date, "the public headers"), ".Nm tote ,",
             *(f".Nm {name} ," for name in libraries[:-1]), f".Nm {libraries[-1]}",
             ".Nd tracing and context propagation for C services", ".Sh SYNOPSIS",
             ".In tote/tote.h", ".Sh DESCRIPTION")
    page.markdown(headers.markdown(about.comment))
    page.markdown("`tote/common.h` has the rules that hold for all functions: NULL, ownership, "
                  "threads and errors. Each function, type and macro has a page of its name.")
    for library in libraries:
        page.section(3, library)
        page.add(".Bl -tag -width Ds -compact")
        for header in all_headers:
            if header.library == library and header is not about:
                page.add(f".It Xr {header.page} 3")
                page.markdown(headers.inline(header.title))
        page.add(".El")
    page.section(3, "Concepts")
    page.add(".Bl -tag -width Ds -compact")
    for stem, text in topics.items():
        name, section = page_of(stem)
        page.add(f".It Xr {name} {section}")
        page.markdown(text)
    page.add(".El", *see_also([("tote", 1)]))
    return page.out


def concept(stem, text, names, version, date):
    """A page of docs/. Its contents, a list of links to its headings, are left out."""
    names.page, names.parameters = None, set()
    name, section = page_of(stem)
    source = (DOCS / f"{stem}.md").read_text()
    # Names of tests are for readers of the repository.
    source = re.sub(r"\s*\*(test|docs)_\w+(,\s+\w+)*\*", "", source)
    intro, rest = (source.split("\n## ", 1) + [""])[:2]
    title, _, intro = intro.partition("\n")
    intro = re.sub(r"^( *\* \[[^\]]*\]\(#[^)]*\)\n)+", "", intro, flags=re.M)
    page = mdoc.Page(names.code, names.link)
    aliases = [alias[:-2] for alias in ALIASES.get(f"{name}.{section}", [])]
    page.add(*head(name, section, version, date, f"docs/{stem}.md"),
             *(f".Nm {one} ," for one in [name, *aliases][:-1]), f".Nm {[name, *aliases][-1]}",
             f".Nd {mdoc.escape(text.replace('`', ''))}", ".Sh DESCRIPTION")
    page.markdown(intro)
    if page.out[-1] == ".Sh DESCRIPTION":
        page.add(mdoc.line(title.lstrip("# ")) + ".")
    if rest:
        page.markdown(f"## {rest}")
    others = {page_of(found) for found in re.findall(r"\]\((?:docs/)?([\w-]+)\.md", source)}
    page.add(*see_also(others - {None, (name, section)} | {("tote", 3)}))
    return page.out


def write(folder, name, section, lines):
    path = folder / f"man{section}" / f"{name}.{section}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def main():
    folder, version, date = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    all_headers = headers.read()
    names = Names(all_headers)
    topics = contents()
    links = {}
    for header in all_headers:
        if header.name != "tote/tote.h":
            write(folder, header.page, 3, HeaderPage(header, names).lines(version, date))
        for one in header.declarations:
            if one.name and one.name != header.page:
                links[one.name] = header.page
        links.setdefault(header.library, "tote" if header.library in ("libtote", "libtote-api")
                         else header.page)
    write(folder, "tote", 3, introduction(all_headers, names, version, date, topics))
    pages = {header.page for header in all_headers}
    taken = {name.lower() for name in [*links, *pages] if not name.isupper()}
    for name, page in links.items():
        if name in pages or name.isupper() and name.lower() in taken:
            continue  # file systems that ignore case
        write(folder, name, 3, [f".so man3/{page}.3"])
    for stem, text in topics.items():
        name, section = page_of(stem)
        write(folder, name, section, concept(stem, text, names, version, date))
        for alias in ALIASES.get(f"{name}.{section}", []):
            write(folder, alias[:-2], section, [f".so man{section}/{name}.{section}"])


if __name__ == "__main__":
    main()
