# SPDX-License-Identifier: MIT
"""reference.py - the public names, found without the tools that write the reference

Functions are the symbols of the built libraries, other names are found in the text of the headers.
"""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELPERS = re.compile(r"TOTE_(API|INLINE|PRINTF|BEGIN_DECLS|END_DECLS)|TOTE__\w*|TOTE_\w*_H"
                     r"|TOTE_\w*TRACE_CALLS")


def functions(libraries):
    found = set()
    for library in libraries:
        output = subprocess.run(["nm", "-D", "--defined-only", library], text=True, check=True,
                                stdout=subprocess.PIPE).stdout
        found |= set(re.findall(r" [TW] (tote_[a-z]\w*)", output))
    return found


def headers():
    """The text of each public header, without comments."""
    for path in [*ROOT.glob("*/include/tote/**/*.h"), *ROOT.glob("instrumentation/*/include/tote/**/*.h")]:
        if path.name != "disabled.h" and not path.relative_to(ROOT).parts[0].startswith("build"):
            yield re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)


def other_names():
    """Types, enumerators and macros."""
    types, enumerators, macros = set(), set(), set()
    for text in headers():
        types |= set(re.findall(r"^(?:\} |typedef struct \w+ )(tote_\w+);", text, re.M))
        types |= set(re.findall(r"^typedef [^;{]*?\(\*(tote_\w+)\)\(", text, re.M))
        types |= set(re.findall(r"^typedef \w+ (tote_\w+);", text, re.M))
        for body in re.findall(r"\benum\b[^{;]*\{(.*?)\}", text, re.S):
            enumerators |= set(re.findall(r"\b(TOTE_\w+)\b *(?=[,=\n}]|$)",
                                          re.sub(r"=[^,]*", "", body)))
        macros |= {name for name in re.findall(r"^# *define (TOTE_\w+)", text, re.M)
                   if not HELPERS.fullmatch(name)}
    return types, enumerators, macros
