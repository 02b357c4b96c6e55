#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""constants.py COMPILER DUMP FOLDER... - the values of all public constants are those of DUMP

A program is compiled with the values of enumerators and macros, and the sizes of structs. Options
have integer types, so that abidiff does not see their enumerators. With TOTE_ABI_UPDATE=1, DUMP is
replaced. Only headers of the folders that need no other library are read.
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ENUM = re.compile(r"\benum\b[^;{}]*\{(.*?)\}", re.S)
ENUMERATOR = re.compile(r"\b(TOTE_[A-Z0-9_]+)\s*(?:=[^,]*)?(?:,|$)")
MACRO = re.compile(r"^#define (TOTE_[A-Z0-9_]+) +(\(?-?[0-9U][^\n]*)$", re.M)
STRUCT = re.compile(r"^\} (tote_\w+);", re.M)
VERSIONS = re.compile(r"TOTE_VERSION_")


def headers(folders):
    for folder in folders:
        for file in sorted(pathlib.Path(folder).rglob("*.h")):
            text = file.read_text()
            others = re.findall(r"^#include <(.*?)>", text, re.M)
            if all(re.fullmatch(r"std\w+\.h|string\.h|pthread\.h|time\.h|sys/\w+\.h", name) for name in others):
                yield file.relative_to(folder), re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def program(found):
    names, structs = set(), set()
    for _, text in found:
        for body in ENUM.findall(text):
            names.update(ENUMERATOR.findall(body.strip()))
        names.update(name for name, _ in MACRO.findall(text) if not VERSIONS.match(name))
        # `} name;` also ends enums, whose size is that of int
        structs.update(STRUCT.findall(text))
    lines = ["#include <stdio.h>", *(f'#include "{name}"' for name, _ in found), "int main(void) {"]
    lines += [f'    printf("{name} %lld\\n", (long long)({name}));' for name in sorted(names)]
    lines += [f'    printf("sizeof {name} %zu\\n", sizeof({name}));' for name in sorted(structs)]
    return "\n".join([*lines, "    return 0;", "}", ""])


def main():
    compiler, dump, folders = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    with tempfile.TemporaryDirectory() as work:
        source = pathlib.Path(work) / "constants.c"
        source.write_text(program(list(headers(folders))))
        includes = [f"-I{folder}" for folder in folders]
        # -O1 and sections: inline functions that call the libraries are removed
        subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-w", "-O1", *includes, source, "-o",
                        f"{work}/constants"], check=True)
        now = subprocess.run([f"{work}/constants"], check=True, capture_output=True, text=True).stdout
    if os.environ.get("TOTE_ABI_UPDATE") == "1":
        dump.write_text(now)
        return
    old = dump.read_text() if dump.exists() else ""
    if old != now:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), now.splitlines(True), "committed", "now", n=0))
        sys.exit("constants differ; if docs/versioning.md allows that, run ./dev abi --update and commit it")
    print(f"{len(now.splitlines())} constants and sizes")


if __name__ == "__main__":
    main()
