#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_spdx.py SBOM TARBALL - the bill of materials is valid SPDX 2.3 and describes the tarball

Checks the fields that the specification requires, their forms, that identifiers are unique and
exist, the license ids (against Debian's list, if node-spdx-license-ids is installed), and that the
files are those of the tarball, with their checksums.
"""
import hashlib
import json
import pathlib
import re
import sys
import tarfile

LICENSE_IDS = pathlib.Path("/usr/share/nodejs/spdx-license-ids")
FORMS = {
    "SPDXID": r"SPDXRef-[A-Za-z0-9.-]+",
    "created": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "creators": r"(Person|Organization|Tool): .+",
    "documentNamespace": r"https?://[^#\s]+",
    "SHA1": r"[0-9a-f]{40}",
    "SHA256": r"[0-9a-f]{64}",
}
RELATIONSHIPS = {
    "DESCRIBES", "CONTAINS", "DYNAMIC_LINK", "STATIC_LINK", "OPTIONAL_DEPENDENCY_OF",
    "TEST_DEPENDENCY_OF", "GENERATED_FROM",
}
FILE_TYPES = {"SOURCE", "OTHER"}
DOCUMENT_FIELDS = {
    "spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages",
    "files", "relationships",
}
PACKAGE_REQUIRED = {"SPDXID", "name", "downloadLocation", "filesAnalyzed"}
PACKAGE_FIELDS = PACKAGE_REQUIRED | {
    "versionInfo", "homepage", "licenseConcluded", "licenseDeclared", "copyrightText",
    "packageFileName", "packageVerificationCode", "licenseInfoFromFiles", "primaryPackagePurpose",
}
FILE_REQUIRED = {"SPDXID", "fileName", "checksums"}
FILE_FIELDS = FILE_REQUIRED | {
    "fileTypes", "licenseConcluded", "licenseInfoInFiles", "copyrightText", "comment",
}
problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def check_form(kind, value):
    check(re.fullmatch(FORMS[kind], value), f"{kind}: {value}")


def license_ids():
    ids = []
    for name in ("index.json", "deprecated.json"):
        file = LICENSE_IDS / name
        ids += json.loads(file.read_text()) if file.is_file() else []
    return set(ids)


def check_license(expression, known):
    if expression in ("NONE", "NOASSERTION"):
        return
    for license_id in re.split(r" (?:AND|OR) ", expression):
        check(re.fullmatch(r"[A-Za-z0-9.+-]+", license_id), f"license: {expression}")
        check(not known or license_id in known, f"not a license id of SPDX: {license_id}")


def check_fields(what, value, required, allowed):
    check(required <= set(value), f"{what}: without {required - set(value)}")
    check(set(value) <= allowed, f"{what}: unknown {set(value) - allowed}")


def check_elements(document, known):
    for package in document["packages"]:
        check_fields(f"package {package['name']}", package, PACKAGE_REQUIRED, PACKAGE_FIELDS)
        check(package["filesAnalyzed"] == ("packageVerificationCode" in package),
              f"{package['name']}: verification code exactly if files were analyzed")
        check(package.get("homepage", "https:").startswith("https:"), f"home of {package['name']}")
        for field in ("licenseConcluded", "licenseDeclared"):
            check_license(package[field], known)
        for license_id in package.get("licenseInfoFromFiles", []):
            check_license(license_id, known)
    for file in document["files"]:
        check_fields(file["fileName"], file, FILE_REQUIRED, FILE_FIELDS)
        check(file["fileName"].startswith("./"), f"not relative: {file['fileName']}")
        check(set(file["fileTypes"]) <= FILE_TYPES, f"types of {file['fileName']}")
        for license_id in [file["licenseConcluded"], *file["licenseInfoInFiles"]]:
            check_license(license_id, known)
        for checksum in file["checksums"]:
            check_form(checksum["algorithm"], checksum["checksumValue"])


def check_relationships(document):
    elements = [document, *document["packages"], *document["files"]]
    ids = [element["SPDXID"] for element in elements]
    check(len(set(ids)) == len(ids), "identifiers are not unique")
    for spdx_id in ids:
        check_form("SPDXID", spdx_id)
    contained, related = set(), set()
    for relationship in document["relationships"]:
        ends = (relationship["spdxElementId"], relationship["relatedSpdxElement"])
        check(relationship["relationshipType"] in RELATIONSHIPS, str(relationship))
        check(set(ends) <= set(ids), f"no such element: {ends}")
        related |= set(ends)
        if relationship["relationshipType"] == "CONTAINS":
            contained.add(ends[1])
    check(contained == {file["SPDXID"] for file in document["files"]}, "a file is not contained")
    check(related == set(ids), f"without a relationship: {set(ids) - related}")


def check_content(document, tarball):
    listed = {file["fileName"]: file for file in document["files"]}
    sums, found = [], set()
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            check(member.isfile() or member.isdir(), f"neither file nor folder: {member.name}")
            if not member.isfile():
                continue
            content = archive.extractfile(member).read()
            name = "./" + member.name.split("/", 1)[1]
            found.add(name)
            sums.append(hashlib.sha1(content).hexdigest())
            want = [{"algorithm": "SHA1", "checksumValue": sums[-1]},
                    {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}]
            check(name in listed, f"not listed: {name}")
            check(listed.get(name, {}).get("checksums") == want, f"checksums of {name}")
    check(set(listed) == found, f"not in the tarball: {set(listed) - found}")
    code = hashlib.sha1("".join(sorted(sums)).encode()).hexdigest()
    main = document["packages"][0]
    check(main["packageVerificationCode"]["packageVerificationCodeValue"] == code, "verification code")


def main():
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    check_fields("document", document, DOCUMENT_FIELDS, DOCUMENT_FIELDS)
    check(document["spdxVersion"] == "SPDX-2.3", "version")
    check(document["dataLicense"] == "CC0-1.0", "license of the document")
    check_form("documentNamespace", document["documentNamespace"])
    check_form("created", document["creationInfo"]["created"])
    for creator in document["creationInfo"]["creators"]:
        check_form("creators", creator)
    known = license_ids()
    check_elements(document, known)
    check_relationships(document)
    check_content(document, sys.argv[2])
    print("\n".join(problems[:20]))
    if problems:
        sys.exit(1)
    print(f"SPDX 2.3: {len(document['files'])} files, {len(document['packages'])} packages,"
          f" license ids {'checked' if known else 'not checked'}")


if __name__ == "__main__":
    main()
