#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# sbom.py - the software bill of materials of a release: SPDX 2.3, JSON
#
# sbom.py TREE TIME: describes the files of the unpacked release TREE and its dependencies. TIME is
# that of the commit, in seconds. Output depends on nothing else.

import datetime
import hashlib
import json
import pathlib
import re
import sys

# What the build looks for: name in CMake, SPDX id, licence, home, relationship, and its part of Tote.
# A header without a library ("inline") is compiled into Tote.
DEPENDENCIES = {
    "Threads": None,
    "PkgConfig": None,
    "tote": None,  # projects that use it
    "CURL": ("libcurl", "curl", "https://curl.se", "DYNAMIC_LINK", "libtote, libtote-curl"),
    "ZLIB": ("zlib", "Zlib", "https://zlib.net", "DYNAMIC_LINK", "libtote"),
    "libprotobuf-c": ("protobuf-c", "BSD-2-Clause", "https://github.com/protobuf-c/protobuf-c",
                      "DYNAMIC_LINK", "libtote"),
    "libxxhash": ("xxhash", "BSD-2-Clause", "https://xxhash.com", "STATIC_LINK",
                  "libtote; inline functions of its header"),
    "yaml-0.1": ("libyaml", "MIT", "https://pyyaml.org/wiki/LibYAML", "DYNAMIC_LINK",
                 "libtote, with TOTE_WITH_YAML"),
    "libmicrohttpd": ("libmicrohttpd", "LGPL-2.1-or-later",
                      "https://www.gnu.org/software/libmicrohttpd/", "OPTIONAL_DEPENDENCY_OF",
                      "libtote-microhttpd, programs tote-view and examples"),
    "rdkafka": ("librdkafka", "BSD-2-Clause", "https://github.com/confluentinc/librdkafka",
                "OPTIONAL_DEPENDENCY_OF", "tote-preload-rdkafka; its header"),
    "sqlite3": ("sqlite", "blessing", "https://sqlite.org", "OPTIONAL_DEPENDENCY_OF",
                "libtote-sqlite"),
    "libpq": ("libpq", "PostgreSQL", "https://www.postgresql.org", "OPTIONAL_DEPENDENCY_OF",
              "libtote-pq"),
    "hiredis": ("hiredis", "BSD-3-Clause", "https://github.com/redis/hiredis",
                "OPTIONAL_DEPENDENCY_OF", "libtote-hiredis"),
    "libnghttp2": ("nghttp2", "MIT", "https://nghttp2.org", "OPTIONAL_DEPENDENCY_OF",
                   "program tote-view"),
    "jansson": ("jansson", "MIT", "https://github.com/akheron/jansson", "OPTIONAL_DEPENDENCY_OF",
                "program tote-view and examples"),
    "ncursesw": ("ncurses", "X11-distribute-modifications-variant",
                 "https://invisible-island.net/ncurses/", "OPTIONAL_DEPENDENCY_OF",
                 "program tote-view"),
    "libuv": ("libuv", "MIT", "https://libuv.org", "TEST_DEPENDENCY_OF", "examples and tests"),
    "fcgi": ("fcgi", "OML", "https://fastcgi-archives.github.io", "TEST_DEPENDENCY_OF",
             "examples"),
    "libevent": ("libevent", "BSD-3-Clause", "https://libevent.org", "TEST_DEPENDENCY_OF",
                 "examples"),
    "cmocka": ("cmocka", "Apache-2.0", "https://cmocka.org", "TEST_DEPENDENCY_OF", "tests"),
}
# Files under another licence than that of the project.
FOREIGN = {
    "tests/oracle/schema.json": (
        "Apache-2.0",
        "The structure of the JSON schema of https://github.com/open-telemetry/opentelemetry-configuration",
    ),
}
SEARCHES = re.compile(r"^\s*(?:find_package\((\w+)|pkg_check_modules\(\w+ ([^)]*)\))", re.M)
KEYWORDS = {"REQUIRED", "IMPORTED_TARGET", "QUIET"}
LICENSE = re.compile(rb"SPDX-License-Identifier: ([A-Za-z0-9.+-]+)")
HEAD_BYTES = 512


def searched(tree):
    """Return the names of packages that the build looks for."""
    names = set()
    for file in [*tree.rglob("CMakeLists.txt")]:
        if "consumer" in file.parts:  # a project that uses Tote
            continue
        for package, modules in SEARCHES.findall(file.read_text()):
            if package:
                names.add(package)
            for module in modules.split():
                if module not in KEYWORDS:
                    names.add(re.split(r"[<>=]", module)[0])
    return names


def identifier(kind, text):
    """Return an SPDX id; names that differ only in punctuation get different ones."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", text)
    return f"SPDXRef-{kind}-{plain}-{hashlib.sha1(text.encode()).hexdigest()[:8]}"


def describe(file, name):
    content = file.read_bytes()
    found = LICENSE.search(content[:HEAD_BYTES])
    license_id = found[1].decode() if found else FOREIGN.get(name, ("MIT",))[0]
    kind = "SOURCE" if file.suffix in (".c", ".h", ".cpp", ".py", ".sh", ".proto", ".mjs") else "OTHER"
    return {
        "SPDXID": identifier("File", name),
        "fileName": f"./{name}",
        "fileTypes": [kind],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
        ],
        # Files without a line for it are under the license of the project.
        "licenseConcluded": license_id,
        "licenseInfoInFiles": [license_id if found else "NONE"],
        "copyrightText": "NOASSERTION",
        **({"comment": FOREIGN[name][1]} if name in FOREIGN else {}),
    }


def verification_code(files):
    """Spec: SPDX 2.3, 7.9: the SHA1 of the sorted SHA1s of the files."""
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def package(name, license_id, home, version=None):
    return {
        "SPDXID": f"SPDXRef-Package-{name}",
        "name": name,
        **({"versionInfo": version} if version else {}),
        "downloadLocation": "NOASSERTION",
        "homepage": home,
        "filesAnalyzed": False,
        "licenseConcluded": license_id,
        "licenseDeclared": license_id,
        "copyrightText": "NOASSERTION",
    }


def relationship(element, kind, related, text=None):
    return {
        "spdxElementId": element,
        "relationshipType": kind,
        "relatedSpdxElement": related,
        **({"comment": text} if text else {}),
    }


def main():
    tree, time = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    version = re.search(r"^project\(tote VERSION (\S+)", (tree / "CMakeLists.txt").read_text(), re.M)[1]
    unknown = searched(tree) - set(DEPENDENCIES)
    if unknown:
        sys.exit(f"sbom.py: not in the table of dependencies: {', '.join(sorted(unknown))}")

    names = sorted(str(file.relative_to(tree)) for file in tree.rglob("*") if file.is_file())
    files = [describe(tree / name, name) for name in names]
    licenses = sorted({file["licenseConcluded"] for file in files})
    code = verification_code(files)
    tote = package("tote", "MIT", "NOASSERTION", version)
    del tote["homepage"]
    tote |= {
        "filesAnalyzed": True,
        "packageFileName": f"tote-{version}.tar.gz",
        "packageVerificationCode": {"packageVerificationCodeValue": code},
        "licenseConcluded": " AND ".join(licenses),
        "licenseInfoFromFiles": sorted({file["licenseInfoInFiles"][0] for file in files} - {"NONE"}),
        "copyrightText": re.search(r"^Copyright.*", (tree / "LICENSE").read_text(), re.M)[0],
        "primaryPackagePurpose": "SOURCE",
    }
    packages = [tote]
    relationships = [relationship("SPDXRef-DOCUMENT", "DESCRIBES", tote["SPDXID"])]
    relationships += [relationship(tote["SPDXID"], "CONTAINS", file["SPDXID"]) for file in files]
    for name in sorted(searched(tree)):
        if DEPENDENCIES[name]:
            title, license_id, home, kind, part = DEPENDENCIES[name]
            packages.append(package(title, license_id, home))
            ends = [packages[-1]["SPDXID"], tote["SPDXID"]]
            if kind.endswith("_LINK"):
                ends.reverse()
            relationships.append(relationship(ends[0], kind, ends[1], part))
    relationships += [
        relationship(identifier("File", f"exporters/generated/otlp/{name}.pb-c.{suffix}"),
                     "GENERATED_FROM", identifier("File", f"exporters/otlp/proto/{name}.proto"))
        for name in ("metrics", "request", "response") for suffix in "ch"
    ]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"tote-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/tote-{version}-{code}",
        "creationInfo": {
            "created": f"{datetime.datetime.fromtimestamp(time, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "creators": ["Organization: The Tote authors", "Tool: release/sbom.py"],
        },
        "packages": packages,
        "files": files,
        "relationships": relationships,
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
