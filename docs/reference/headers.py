# SPDX-License-Identifier: MIT
"""headers.py - the public headers as data: declarations and the comments that describe them

read() parses all public headers with libclang. man.py and site.py write pages from the result, so
that the comment of a declaration is its only description.

A comment describes the declaration that follows it, and the declarations of the same kind that
follow without a comment and without an empty line. A comment that begins with `/**<` describes
what is before it.
"""
import dataclasses
import pathlib
import re
import subprocess
import sys

from clang import cindex

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What instrumented headers include, as names of pkg-config.
PACKAGES = ("libcurl", "libmicrohttpd", "libpq", "hiredis", "sqlite3")

# Macros that have no meaning for a caller.
HIDDEN = re.compile(r"TOTE_(API|INLINE|PRINTF|BEGIN_DECLS|END_DECLS)|TOTE__\w*|TOTE_\w+_H")

Kind = cindex.CursorKind


@dataclasses.dataclass
class Member:
    """A field or an enumerator."""
    name: str
    declaration: str
    comment: str
    members: list = dataclasses.field(default_factory=list)  # of a union inside a struct


@dataclasses.dataclass
class Declaration:
    """kind: function, struct, enum, type (an opaque struct, a callback, another name) or macro."""
    kind: str
    name: str  # "" for an enum without a name
    text: str  # in one line, without attributes
    parameters: list = dataclasses.field(default_factory=list)  # declarations and names
    members: list = dataclasses.field(default_factory=list)
    is_opaque: bool = False

    @property
    def names(self):
        """All public names: of the declaration and of its enumerators."""
        enumerators = [member.name for member in self.members] if self.kind == "enum" else []
        return [name for name in [self.name, *enumerators] if name]


@dataclasses.dataclass
class Group:
    """Declarations with one comment, which is Markdown without its stars."""
    comment: str
    declarations: list


@dataclasses.dataclass
class Header:
    name: str  # "tote/store.h"
    path: pathlib.Path
    comment: str
    library: str  # "libtote-api"
    includes: list
    groups: list

    @property
    def page(self):
        """The name of its page: tote_store, tote_span_exporter_otlp, tote_curl."""
        stem = self.path.stem
        if self.path.parent.name == "exporters":
            stem = f"span_exporter_{stem}"
        return stem if stem == "tote" else f"tote_{stem}"

    @property
    def declarations(self):
        return [one for group in self.groups for one in group.declarations]

    @property
    def title(self):
        """The first sentence of its comment, without the period."""
        first = re.sub(r"\s*\bSpec:.*", "", self.comment.split("\n\n")[0], flags=re.S)
        return re.split(r"[.;](?=\s|$)", " ".join(first.split()))[0]


def paths():
    folders = [*ROOT.glob("*/include"), *ROOT.glob("instrumentation/*/include")]
    found = [path for folder in folders if not folder.parent.name.startswith("build")
             for path in folder.glob("tote/**/*.h") if path.name != "disabled.h"]
    return sorted(found, key=lambda path: str(path).split("/include/")[1])


def library_of(path):
    component = path.relative_to(ROOT).parts[0]
    if component == "instrumentation":
        return f"libtote-{path.stem}"
    return "libtote-api" if component == "api" else "libtote"


def plain(comment):
    """The text of a comment, without the stars and the name of the file."""
    lines = re.sub(r"^/\*\*<?|\*/$", "", comment.strip()).split("\n")
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines]
    text = re.sub(r"^ ?@file \S+ ?", "", "\n".join(lines).strip("\n").lstrip(" "))
    return text.strip("\n").rstrip()


class Source:
    """The text of a header and where its comments are."""

    def __init__(self, path):
        self.data = path.read_bytes()  # libclang counts bytes
        self.comments = [(found.start(), found.end(), found.group().decode())
                         for found in re.finditer(rb"/\*\*.*?\*/", self.data, re.S)]

    def text(self, extent):
        return self.data[extent.start.offset:extent.end.offset].decode()

    def one_line(self, extent):
        return one_line(self.text(extent))

    def line_start(self, offset):
        return self.data.rfind(b"\n", 0, offset) + 1

    def before(self, offset):
        """The comment before a declaration; conditions of a macro may be between them."""
        start = self.line_start(offset)
        for first, end, comment in reversed(self.comments):
            if end <= start and not comment.startswith("/**<"):
                between = re.sub(rb"^#\s*if.*\n", b"", self.data[end:start].lstrip(b"\n"), flags=re.M)
                gap = self.data[end:start]
                return plain(comment) if not between.strip() and gap.count(b"\n\n") == 0 else ""
        return ""

    def after(self, offset):
        """The comment behind a declaration, on its line."""
        line = self.data[offset:self.data.find(b"\n", offset)]
        found = re.match(rb"[;,]?\s*/\*\*<", line)
        if not found:
            return ""
        return next((plain(comment) for start, _, comment in self.comments
                     if start == offset + found.end() - 4), "")


def one_line(text):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"\b(TOTE_API|TOTE_MUST_USE|TOTE_INLINE)\b|TOTE_PRINTF\(\d+, \d+\)", " ", text)
    return re.sub(r"([(*]) ", r"\1", " ".join(text.split()))


def split_parameters(text):
    """The declarations of parameters, and their names."""
    depth, start, parts = 0, 0, []
    for at, letter in enumerate(text + ","):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    parts = [part for part in parts if part not in ("", "void")]
    return [(part, name_of_parameter(part)) for part in parts]


def name_of_parameter(part):
    found = re.search(r"\(\*(\w+)\)|(\w+)(\[\w*\])?$", part)
    return found[1] or found[2] if found else part


def members_of(cursor, source):
    found = []
    for child in cursor.get_children():
        comment = source.after(child.extent.end.offset) or source.before(child.extent.start.offset)
        if child.kind == Kind.ENUM_CONSTANT_DECL:
            found.append(Member(child.spelling, child.spelling, comment))
        elif child.kind == Kind.FIELD_DECL:
            inner = next((one for one in child.get_children()
                          if one.kind in (Kind.UNION_DECL, Kind.STRUCT_DECL) and one.is_definition()
                          and not one.spelling.startswith("tote_")), None)
            if inner:
                found.append(Member(child.spelling, f"union {child.spelling}", comment,
                                    members_of(inner, source)))
            else:
                found.append(Member(child.spelling, source.one_line(child.extent), comment))
    return found


def declaration_of(cursor, source, defined):
    """A declaration, or None for a cursor that is part of another one."""
    if cursor.kind == Kind.FUNCTION_DECL:
        text = source.one_line(cursor.extent).split("{")[0].strip()
        start = text.index("(", text.index(cursor.spelling + "("))
        text = text[:matching(text, start) + 1]
        return Declaration("function", cursor.spelling, text,
                           split_parameters(text[start + 1:-1]))
    if cursor.kind == Kind.MACRO_DEFINITION:
        words = source.text(cursor.extent).replace("\\\n", " ")
        # An initializer is described by its struct.
        words = re.sub(r"_INIT\s.*", "_INIT", words, flags=re.S)
        return Declaration("macro", cursor.spelling, "#define " + " ".join(words.split()))
    if cursor.kind == Kind.ENUM_DECL and not cursor.spelling.startswith("tote_"):
        return Declaration("enum", "", "enum", members=members_of(cursor, source))
    if cursor.kind == Kind.STRUCT_DECL and cursor.is_definition() and \
            source.text(cursor.extent).startswith("struct") and \
            not source.data[:cursor.extent.start.offset].rstrip().endswith(b"typedef"):
        return Declaration("struct", cursor.spelling, f"struct {cursor.spelling}",
                           members=members_of(cursor, source))
    if cursor.kind == Kind.TYPEDEF_DECL:
        inner = next((one for one in cursor.get_children()
                      if one.kind in (Kind.STRUCT_DECL, Kind.ENUM_DECL)), None)
        if inner and inner.extent.start.offset > cursor.extent.start.offset and inner.is_definition():
            kind = "struct" if inner.kind == Kind.STRUCT_DECL else "enum"
            return Declaration(kind, cursor.spelling, f"{kind} {cursor.spelling}",
                               members=members_of(inner, source))
        is_opaque = bool(re.match(r"typedef struct \w+ \w+$", source.one_line(cursor.extent)))
        if is_opaque and cursor.spelling in defined:
            return None
        return Declaration("type", cursor.spelling, source.one_line(cursor.extent),
                           is_opaque=is_opaque)
    return None


def matching(text, start):
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError(text)


def groups_of(cursors, source, defined):
    groups, last = [], None
    for cursor in cursors:
        one = declaration_of(cursor, source, defined)
        if not one:
            continue
        start = source.line_start(cursor.extent.start.offset)
        comment = source.before(start) or source.after(cursor.extent.end.offset)
        adjacent = last is not None and b"\n\n" not in source.data[last:start]
        shares = not comment and adjacent and groups[-1].declarations[-1].kind == one.kind
        if one.kind == "macro" and one.name.endswith("_INIT") and not comment:
            comment = f"Initializer of `{one.name[:-len('_INIT')].lower()}`: all fields have " \
                      "their defaults."
            shares = False
        if shares:
            groups[-1].declarations.append(one)
        else:
            groups.append(Group(comment, [one]))
        last = cursor.extent.end.offset
    return groups


def parse(found):
    flags = ["-std=gnu11", "-Wno-everything"]
    for package in PACKAGES:
        flags += subprocess.run(["pkg-config", "--cflags", package], text=True, check=True,
                                stdout=subprocess.PIPE).stdout.split()
    flags += [f"-I{folder}" for folder in
              sorted({str(path).split("/tote/")[0] for path in found})]
    # libclang of Debian finds no headers of its own.
    builtin = subprocess.run(["clang", "-print-resource-dir"], text=True, check=False,
                             stdout=subprocess.PIPE).stdout.strip()
    flags += [f"-isystem{builtin}/include"] if builtin else []
    all_headers = "".join(f'#include "{path}"\n' for path in found)
    unit = cindex.Index.create().parse(
        "all.c", flags, unsaved_files=[("all.c", all_headers)],
        options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
    errors = [str(one) for one in unit.diagnostics
              if one.severity >= cindex.Diagnostic.Error]
    if errors:
        sys.exit("\n".join(errors))
    return unit


def read():
    """All public headers, in the order of their names. If one is incomplete, the program ends."""
    found = paths()
    unit = parse(found)
    cursors = {}
    for cursor in unit.cursor.get_children():
        if cursor.location.file and re.match(r"(?i)tote_|$", cursor.spelling) and \
                not HIDDEN.fullmatch(cursor.spelling):
            cursors.setdefault(cursor.location.file.name, []).append(cursor)
    defined = {cursor.spelling for some in cursors.values() for cursor in some
               if cursor.kind == Kind.STRUCT_DECL and cursor.is_definition()}
    headers = []
    for path in found:
        source = Source(path)
        mine = sorted((cursor for cursor in cursors.get(str(path), [])
                       if cursor.kind in (Kind.FUNCTION_DECL, Kind.MACRO_DEFINITION, Kind.ENUM_DECL,
                                          Kind.STRUCT_DECL, Kind.TYPEDEF_DECL)),
                      key=lambda cursor: cursor.extent.start.offset)
        about = next(comment for _, _, comment in source.comments if "@file" in comment)
        includes = re.findall(r'^#include ["<](tote/[^">]+)', source.data.decode(), re.M)
        headers.append(Header(str(path).split("/include/")[1], path, plain(about),
                              library_of(path), [name for name in includes
                                                 if name != "tote/disabled.h"],
                              groups_of(mine, source, defined)))
    headers = placed(headers)
    wrong = problems(headers)
    if wrong:
        sys.exit("\n".join(wrong))
    return headers


def placed(headers):
    """Move an opaque type to the header that the comment of its declaration names."""
    for header in headers:
        for group in list(header.groups):
            if group.declarations[0].is_opaque and group.comment.startswith("tote/"):
                header.groups.remove(group)
                home = next(one for one in headers if one.name == group.comment)
                names = [one.name for one in home.declarations]
                if group.declarations[0].name not in names:
                    home.groups.insert(0, Group("", group.declarations))
    return headers


LABEL = re.compile(r"([A-Z][\w ]{1,20}): +(?=\S)")
NAME = re.compile(r"`[^`]*`|\b(?:docs/[\w-]+\.md(?:#[\w-]+)?|tote/[\w/]+\.h"
                  r"|[a-z]\w*_\w+\([^()]*\)|[a-z]\w*\(\)"
                  r"|[a-z]\w*(?:\.[a-z_]\w*(?!/))+|[a-z]\w*_[a-z0-9_]+"
                  r"|(?:TOTE|OTEL|CURLOPT)_\w*(?:[A-Z0-9]|\*)(?:=\w+)?)")


def markdown(comment):
    """A comment as Markdown: names are code, pages and specifications are links."""
    blocks = []
    for number, block in enumerate(re.split(r"\n(?:[ \t]*\n)+", comment)):
        lines = block.split("\n")
        if all(line.startswith("    ") for line in lines):
            code = "\n".join(line[4:] for line in lines)
            if blocks and blocks[-1].startswith("```"):
                blocks[-1] = f"{blocks[-1][:-4]}\n\n{code}\n```"
            else:
                blocks.append(f"```c\n{code}\n```")
        elif number and LABEL.match(block) and all(LABEL.match(line) or line.startswith("    ")
                                        for line in lines):
            for label in re.split(r"\n(?=\S)", block):
                blocks += labelled(label)
        elif number and LABEL.match(block):
            blocks += labelled(block)
        else:
            # A label in a line of its own may follow the text.
            parts = re.split(r"\n(?=(?:Threads|Errors|Calls|Units|Lifetime|Blocking): )", block)
            blocks += [one for part in parts
                       for one in (labelled(part) if LABEL.match(part) and part != parts[0]
                                   else paragraph(part))]
    return "\n\n".join(blocks)


def labelled(text):
    label, rest = re.match(r"([^:]+): *(.*)", text, re.S).groups()
    if label == "Spec":
        return paragraph(text)
    first, *others = paragraph(rest)
    return [f"**{label}:** {first}", *others]


def paragraph(text):
    text = " ".join(text.split())
    text, _, specification = text.partition("Spec: ")
    found = [inline(text.strip())] if text.strip() else []
    if specification:
        links = (specification_link(one) for one in specification.rstrip(".").split(", "))
        found.append(f"Specification: {', '.join(links)}")
    return found


def inline(text):
    parts, end = [], 0
    for name in NAME.finditer(text):
        parts.append(escape(text[end:name.start()]))
        word, end = name.group(), name.end()
        if word.startswith("docs/"):
            parts.append(f"[{word.partition('#')[0]}](../{word})")
        else:
            parts.append(word if word.startswith("`") else f"`{word}`")
    return "".join(parts) + escape(text[end:])


def escape(text):
    return re.sub(r"([\\*_<>\[\]#{}|~$])", r"\\\1", text)


SEMANTIC_CONVENTIONS = {"http-spans": "http/http-spans", "postgresql": "database/postgresql",
                        "redis": "database/redis", "database-spans": "database/database-spans",
                        "docs/otel/sdk-metrics": "otel/sdk-metrics"}


def specification_link(name):
    """Link a page of OpenTelemetry. Names without a page are text."""
    label = escape(name)
    site = "https://opentelemetry.io/docs/specs"
    conventions = name.startswith("semantic-conventions ")
    found = re.fullmatch(r"([\w/-]+)\.md(#[\w-]+)?", name.removeprefix("semantic-conventions "))
    if not found or found[1].startswith("oteps/"):
        return label
    page = found[1].removesuffix("README").rstrip("/")
    folder = f"semconv/{SEMANTIC_CONVENTIONS[page]}" if conventions else f"otel/{page}"
    return f"[{label}]({site}/{folder}/{found[2] or ''})"


def problems(headers):
    """What a reader would miss, and names that are on two pages."""
    found, pages = [], {}
    for header in headers:
        comments = [header.comment, *(group.comment for group in header.groups)]
        if header.declarations and not any("Threads:" in comment for comment in comments):
            found.append(f"{header.name} does not state which threads may use it")
        for group in header.groups:
            for one in group.declarations:
                if not group.comment:
                    found.append(f"{header.name}: {one.name or 'an enum'} has no description")
                for name in one.names:
                    if name in pages:
                        found.append(f"{name} is declared in {pages[name]} and {header.name}")
                    pages[name] = header.name
    return found


if __name__ == "__main__":
    read()
