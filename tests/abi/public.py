#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""public.py DUMP FOLDER... - keep of a dump of abidw what the headers under the folders define

Structs that no public header defines become declarations: abidw knows headers by their last name
only, and private headers have the names of public ones. Private symbols and paths are removed.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as tree

STRUCT = re.compile(r"\b(?:struct|union) (\w+) \{|^\} (\w+);", re.M)
SIZE = ("size-in-bits", "alignment-in-bits")


def main():
    dump, folders = pathlib.Path(sys.argv[1]), sys.argv[2:]
    texts = [file.read_text() for folder in folders for file in pathlib.Path(folder).rglob("*.h")]
    public = {name for text in texts for pair in STRUCT.findall(text) for name in pair if name}
    root = tree.fromstring(dump.read_text())
    for kind in ("elf-function-symbols", "elf-variable-symbols"):
        for symbols in root.iter(kind):
            for symbol in list(symbols):
                if symbol.get("name").startswith("tote__"):
                    symbols.remove(symbol)
    for unit in root.iter("abi-instr"):
        unit.set("path", unit.get("path", "").rsplit("/", 1)[-1])
    for kind in ("class-decl", "union-decl"):
        for struct in root.iter(kind):
            name = struct.get("name", "")
            if name.startswith("tote_") and name not in public:
                for child in list(struct):
                    struct.remove(child)
                for attribute in SIZE:
                    struct.attrib.pop(attribute, None)
                struct.text = None
                struct.set("is-declaration-only", "yes")
    dump.write_text(tree.tostring(root, encoding="unicode") + "\n")


if __name__ == "__main__":
    main()
