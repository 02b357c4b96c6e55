#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# amalgamate.py - libtote-api as one C file and one header
#
# amalgamate.py OUTPUT: writes OUTPUT/tote-api.c and OUTPUT/tote.h from the sources that
# api/CMakeLists.txt lists, their private headers, and the public headers of the API.
#
# In one C file, file-scope names of all sources are in one scope. Two sources that define the same
# name are refused with an error: a compiler would merge two `static int count;` into one without a
# warning. Macros of a source are undefined after it.

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
API = TOP / "api"
QUOTED = re.compile(r'^#include "([^"]+)"\n', re.M)
SYSTEM = re.compile(r"^#include (<[^>]+>).*\n", re.M)
MACRO = re.compile(r"^# *define +(\w+)", re.M)
DISABLED = "tote/disabled.h"
SYSTEM_NAME = "${TOTE_OS}"
ON_LINUX = "#if defined(__linux__) && !defined(TOTE_OS_POSIX)\n"


def fail(message):
    sys.exit(f"amalgamate.py: {message}")


def sources():
    """Return the sources of libtote-api, as CMake lists them: each is a list, with one for each system."""
    listed = re.search(r"tote_component\(api\s+SOURCES([^)]*)\)", (API / "CMakeLists.txt").read_text())
    names = listed[1].split() if listed else []
    if not names or any("$" in name.replace(SYSTEM_NAME, "") for name in names):
        fail("api/CMakeLists.txt has no plain list of sources")
    systems = ("linux", "posix")
    return [
        [API / name.replace(SYSTEM_NAME, system) for system in systems]
        if SYSTEM_NAME in name else [API / name]
        for name in names
    ]


def version():
    return re.search(r"^project\(tote VERSION (\S+)", (TOP / "CMakeLists.txt").read_text(), re.M)[1]


def read(file):
    """Return a file without its SPDX line, with the functions of conditional includes visible."""
    depth = 0 if file.suffix == ".c" else -1  # a header has a guard
    return in_condition(file.read_text(), depth, file)


def in_condition(text, depth=1, file=None):
    lines = []
    for line in text.split("\n"):
        if re.match(r"#\s*if", line):
            depth += 1
        elif re.match(r"#\s*endif", line):
            depth -= 1
        if depth > 0 and QUOTED.match(line + "\n"):
            fail(f"{file.relative_to(TOP)}: a header of Tote in a condition: {line}")
        if depth > 0 and SYSTEM.match(line + "\n"):
            # the space keeps it in its place
            line = f"#pragma GCC visibility push(default)\n {line}\n#pragma GCC visibility pop"
        lines.append(line)
    return "\n".join(lines).replace("/* SPDX-License-Identifier: MIT */\n", "", 1)


def locate(name, file):
    for folder in (file.parent, API / "src", API / "internal", API / "include"):
        if (folder / name).is_file():
            return (folder / name).resolve()
    fail(f"{file.relative_to(TOP)}: {name} not found")


def tidy(text):
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


class Names:
    """The file-scope names that each file defines."""

    def __init__(self):
        self.files = {}

    def add(self, file, text):
        name_of_file = str(file.relative_to(TOP)).replace("_posix.c", "_linux.c")  # one of them is compiled
        for name in defined(text):
            self.files.setdefault(name, set()).add(name_of_file)

    def check(self):
        collisions = [
            f"  {name}: {', '.join(sorted(files))}"
            for (_, name), files in sorted(self.files.items())
            if len(files) > 1
        ]
        if collisions:
            fail("\n".join(["names that several files define; rename them:", *collisions]))


def tokens(text):
    """Yield the tokens of C text. Comments, directives and the content of literals are left out."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    text = re.sub(r"'(?:[^'\\\n]|\\.)*'", "0", text)
    return re.findall(r"\w+|\"\"|[^\s\w]", text)


def declarations(text):
    """Yield file-scope declarations as lists of tokens. The body of a function is "{", "}"."""
    text = text.replace('extern "C" {', "")
    current, depth, is_body = [], 0, False
    for token in tokens(text):
        if token == "{":
            if depth == 0:
                is_body = bool(current) and current[-1] == ")" and "=" not in current
                is_body = is_body and current[0] not in ("typedef",)
            depth += 1
        if not (is_body and depth > 0) or (token == "{" and depth == 1):
            current.append(token)
        if token == "}":
            depth -= 1
            if depth == 0 and is_body:
                yield [*current, "}"]
                current, is_body = [], False
        elif token == ";" and depth == 0:
            yield current
            current = []


def without_parentheses(declaration):
    """Remove attributes, and keep of a parenthesis only its opening token."""
    result, depth = [], 0
    for token in declaration:
        if token == ")":
            depth -= 1
        elif depth == 0:
            result.append(token)
        if token == "(":
            depth += 1
    return result


def defined(text):
    """Return the names that C text defines at file scope, as pairs of name space and name."""
    names = {("name", macro) for macro in MACRO.findall(text)}
    for declaration in declarations(text):
        tag = ""
        for before, token, after in zip(declaration, declaration[1:], [*declaration[2:], ""]):
            if before in ("struct", "union", "enum") and after == "{":
                names.add(("tag", token))
            if token == "{":
                tag = "enum" if "enum" in declaration[: declaration.index("{")] else ""
            elif tag == "enum" and before in ("{", ",") and re.match(r"[A-Za-z_]", token):
                names.add(("name", token))
        name = declared(declaration)
        if name:
            names.add(("name", name))
    return names


def declared(declaration):
    """Return the name of the function, variable or type that a declaration defines, or None."""
    flat = without_parentheses(declaration)
    kind, has_body = declaration[0], declaration[-1] == "}"
    if "{" in flat and not has_body and "=" not in flat[: flat.index("{")]:
        # the type of what is declared: keep what follows its body
        flat = flat[len(flat) - flat[::-1].index("}") :]
    flat = re.sub(r"(__attribute__|_Atomic|_Alignas|TOTE_PRINTF) \( ?", "", " ".join(flat) + " ")
    if kind == "_Static_assert":
        return None
    if kind == "typedef":
        return None  # C permits the same one twice; the compiler refuses different ones
    is_extern = kind == "extern" or "TOTE_SHARED" in declaration or "TOTE_API" in declaration
    if is_extern and not has_body:
        return None
    pointer = re.match(r"[^({]*\( \* (?:const )?(\w+)", " ".join(declaration))
    name = pointer or re.search(r"(\w+) (?:[(=\[;]|$)", flat)
    if not name or not re.match(r"[A-Za-z_]", name[1]) or name[1].isupper():
        return None  # upper case: a macro that expands to the name
    is_prototype = f"{name[1]} (" in flat and not has_body and "=" not in flat
    return None if is_prototype and kind != "static" else name[1]


class Writer:
    """Text in which each header of Tote is included once, where it is needed first."""

    def __init__(self, names):
        self.names = names
        self.written = set()
        self.system = set()

    def include(self, file):
        """Return the text of a header, or nothing if it was written before."""
        if file in self.written:
            return ""
        self.written.add(file)
        return self.text(file)

    def text(self, file):
        text = read(file)
        self.names.add(file, text)
        self.system.update(SYSTEM.findall(text))
        text = SYSTEM.sub("", text)
        return QUOTED.sub(lambda found: self.resolve(found[1], file), text)

    def choice(self, files):
        """Return the text of a source, or of the one for each system in a condition."""
        if len(files) == 1:
            return self.text(files[0])
        headers, texts = "", []
        for file in files:
            text = file.read_text()
            headers += "".join(self.resolve(name, file) for name in QUOTED.findall(text))
            self.names.add(file, text)
            texts.append(in_condition(QUOTED.sub("", text)))
        return f"{headers}{ON_LINUX}{texts[0]}#else\n{texts[1]}#endif\n"

    def includes(self):
        """Return the includes of the system's headers, which precede everything else."""
        return "".join(f"#include {name}\n" for name in sorted(self.system)) + "\n"

    def resolve(self, name, file):
        if name == DISABLED:
            return disabled(file, self.names)
        return self.include(locate(name, file))


def disabled(file, names):
    """Return what a header's functions become with TOTE_DISABLED, from disabled.h."""
    text = read(API / "include" / DISABLED)
    common = re.search(r"#ifndef TOTE_DISABLED_H\n.*?\n#endif\n", text, re.S)[0]
    part = re.search(r"^#define (TOTE__OFF_\w+)\n", file.read_text(), re.M)[1]
    section = re.search(rf"^#ifdef {part}\n(.*?)^#endif\n", text, re.M | re.S)[1]
    names.add(API / "include" / DISABLED, common)
    return f"#ifdef TOTE_DISABLED\n{common}{section}#endif\n"


def comment(lines):
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def head(file, lines):
    license_text = (TOP / "LICENSE").read_text().strip("\n").split("\n")
    return (
        "/* SPDX-License-Identifier: MIT */\n"
        + comment([f"{file} - {lines[0]}", "", *lines[1:], "", *license_text])
        + "\n"
    )


def header(writer):
    text = head("tote.h", [
        f"the API of Tote {version()} in one header, for programs that compile tote-api.c",
        "Generated from the headers of libtote-api: do not edit.",
    ])
    body = ""
    for file in sorted((API / "include/tote").glob("*.h")):
        if file.name != "disabled.h":
            body += writer.include(file.resolve())
    text += "#ifndef TOTE_AMALGAMATION_H\n#define TOTE_AMALGAMATION_H\n\n"
    return tidy(text + writer.includes() + body + "\n#endif")


def source(writer):
    text = head("tote-api.c", [
        f"libtote-api of Tote {version()} in one file",
        "Generated from the sources of libtote-api: do not edit. Compile it as C11 with pthreads, and",
        "include tote.h. Do not link libtote-api too: the process then has two of its states.",
        "",
        "The functions of tote.h are visible outside of a shared library. To hide them, compile with",
        '-DTOTE_API=\'__attribute__((visibility("hidden")))\'. Private names begin with tote__ and are',
        "hidden; the static library libtote.a, of the same version, links with them.",
    ])
    body = ""
    for files in sources():
        content = writer.choice(files)
        macros = sorted({macro for file in files for macro in MACRO.findall(file.read_text())})
        body += f"\n{content}" + "".join(f"#undef {macro}\n" for macro in macros)
    text += f"""#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef TOTE_VERSION
#define TOTE_VERSION "{version()}"
#endif
#ifndef TOTE_SHARED
#define TOTE_SHARED
#endif

#include "tote.h"

{writer.includes()}#ifdef __GNUC__
#pragma GCC visibility push(hidden)
/* Only libtote uses some of the private functions. */
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
"""
    return tidy(text + body + "\n#ifdef __GNUC__\n#pragma GCC visibility pop\n#endif")


def main():
    output = pathlib.Path(sys.argv[1])
    names = Names()
    writer = Writer(names)
    results = {"tote.h": header(writer), "tote-api.c": source(writer)}
    names.check()
    output.mkdir(parents=True, exist_ok=True)
    for name, text in results.items():
        (output / name).write_text(text)


if __name__ == "__main__":
    main()
