#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""size.py - the size of the smallest program that exports a span, by optional parts and flags

size.py [BUILD...]: builds libtote in build-size/ for each line of the tables of docs/size.md, or for
the named ones, links smallest.c with it, and prints the tables. The figure is the size of the file:
a program with libtote and libtote-api linked statically, unused sections left out, stripped, and
libc, libcurl, zlib, protobuf-c and libyaml linked dynamically.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build-size"
COMPILER = os.environ.get("CC", "gcc")
TYPES = {"-O2": "RelWithDebInfo", "-Os": "MinSizeRel"}
COMPONENTS = ("api", "propagators", "sdk", "delivery", "exporters", "configuration")
SENDER = "delivery, exporters"
PARTS = re.findall(r"^tote_part\((\w+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
ALL_OFF = [f"-DTOTE_WITH_{part}=OFF" for part in PARTS]
BARE = ["-DTOTE_HARDENING=OFF", "-DCMAKE_C_FLAGS=-fno-asynchronous-unwind-tables"]
LTO = ["-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON"]
COMPACT = ["-Wl,-z,pack-relative-relocs", "-Wl,-z,noseparate-code"]  # flags for the linker

# What the build is: options of CMake, flags for the linker.
BUILDS = {
    "everything": ([], []),
    **{f"without {part}": ([f"-DTOTE_WITH_{part}=OFF"], []) for part in PARTS},
    "without all of these": (ALL_OFF, []),
    "the same, without hardening and unwind tables": (ALL_OFF + BARE, []),
    "the same, with a compact layout": (ALL_OFF + BARE, COMPACT),
    "the same, with link-time optimization": (ALL_OFF + BARE + LTO, COMPACT),
}


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def libraries(folder):
    """What the static libtote needs: the Libs.private of its pkg-config file."""
    text = (folder / "pkgconfig/tote.pc").read_text()
    return re.search(r"^Libs.private: (.*)$", text, re.M).group(1).split()


def build(folder, optimization, options):
    run("cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", f"-DCMAKE_C_COMPILER={COMPILER}",
        f"-DCMAKE_BUILD_TYPE={TYPES[optimization]}", "-DTOTE_BUILD_TESTS=OFF", "-DTOTE_BUILD_CLI=OFF",
        "-DTOTE_BUILD_EXAMPLES=OFF", *options)
    run("ninja", "-C", str(folder), "--quiet", "tote_lib_tote_static", "tote_lib_api_static")


def link(folder, optimization, options, flags):
    """The smallest program, and its map."""
    program = folder / "smallest"
    includes = [f"-I{ROOT / name}/include" for name in COMPONENTS]
    given = [option.partition("=")[2] for option in options if option.startswith("-DCMAKE_C_FLAGS=")]
    lto = ["-flto"] if LTO[0] in options else []
    run(COMPILER, optimization, *given, *lto, "-ffunction-sections", *includes,
        str(ROOT / "tests/bench/smallest.c"), "-o", str(program), str(folder / "libtote.a"),
        str(folder / "libtote-api.a"), *libraries(folder), "-s", "-Wl,--gc-sections",
        f"-Wl,-Map={program}.map", *flags)
    return program


def sections_of(path):
    """(object file, section, bytes) of a map of the linker, for what is in the file."""
    text = path.read_text()
    text = text[text.index("Linker script and memory map"):]
    text = re.sub(r"^( \S+)\n +", r"\1 ", text, flags=re.M)  # a long name is on a line of its own
    name = None
    for line in text.split("\n"):
        head = re.match(r"(\.\S+)", line)
        name = head.group(1) if head else name
        piece = re.match(r" \S+ +0x0*[1-9a-f][0-9a-f]* +0x([0-9a-f]+) (\S.*)$", line)
        if piece and name and not re.match(r"\.(debug|comment|note|gnu|t?bss)", name):
            yield piece.group(2), name, int(piece.group(1), 16)


def owners():
    """The component of each object file. Delivery and exporters have files of the same names."""
    owner = {"response.pb-c": SENDER}
    for name in COMPONENTS[1:]:
        for path in (ROOT / name).rglob("*.c"):
            owner.setdefault(path.stem, SENDER if name in SENDER else name)
    return owner


def by_component(program):
    """Bytes by component. What no object file of Tote has is the linker's and the C runtime's."""
    owner = owners()
    sizes = collections.Counter()
    relocations = 0
    for place, section, size in sections_of(pathlib.Path(f"{program}.map")):
        file = re.search(r"\(([^()]+)\.c\.o\)$", place)
        if section == ".rela.dyn":
            relocations += size
        elif file and section == ".eh_frame":
            sizes["unwind tables"] += size
        elif file:
            sizes["api" if "libtote-api.a" in place else owner[file.group(1)]] += size
    sizes["relocations"] = relocations
    sizes["the rest: symbols, calls of libraries, padding"] = (
        program.stat().st_size - sum(sizes.values()))
    return sizes


def kilobytes(size):
    return f"{size / 1000:.1f}"


def main():
    wanted = sys.argv[1:] or list(BUILDS)
    details = {}
    print("| build | -O2 | -Os |\n| --- | ---: | ---: |")
    for name in wanted:
        options, flags = BUILDS[name]
        row = []
        for optimization in TYPES:
            folder = WORK / re.sub(r"\W+", "-", f"{name} {optimization}")
            build(folder, optimization, options)
            program = link(folder, optimization, options, flags)
            row.append(kilobytes(program.stat().st_size))
            if LTO[0] not in options:
                details[name, optimization] = by_component(program)
        print(f"| {name} | {' | '.join(row)} |", flush=True)
    columns = [key for key in (("everything", "-O2"), ("everything", "-Os"),
                               ("without all of these", "-Os"),
                               ("the same, with a compact layout", "-Os")) if key in details]
    if columns:
        print("\n| bytes of | " + " | ".join(f"{name}, {kind}" for name, kind in columns) + " |\n| ---" +
              " | ---:" * len(columns) + " |")
        for component in details[columns[0]]:
            cells = [kilobytes(details[key][component]) for key in columns]
            print(f"| {component} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
