#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# files.sh - the files of packages have the version of the project, and are well-formed
#
# files.sh SOURCE VERSION
set -euo pipefail

source=$1 version=$2
packaging=$source/packaging
abi=${version%.*}
failed=0
# For 0.MINOR.PATCH the ABI is 0.MINOR, from 1.0 on it is MAJOR.
case $version in [1-9]*) abi=${version%%.*} ;; esac

# is WHAT VALUE WANTED
is() { [ "$2" = "$3" ] || { echo "$1 is \"$2\", not \"$3\""; failed=1; }; }

changelog=$(sed -n '1s/^tote (\(.*\)-[^-]*) .*/\1/p' "$source/debian/changelog")
is "the version of debian/changelog" "$changelog" "$version"
is "the version of tote.spec" "$(sed -n 's/^Version: *//p' "$packaging/rpm/tote.spec")" "$version"
is "the ABI of tote.spec" "$(sed -n 's/^%global abi //p' "$packaging/rpm/tote.spec")" "$abi"
is "the version of vcpkg.json" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' \
    "$packaging/vcpkg/ports/tote/vcpkg.json")" "$version"
is "the version of meson.build" "$(sed -n "s/^project('tote', .*version: '\([0-9.]*\)', .*/\1/p" \
    "$packaging/meson/subprojects/packagefiles/tote/meson.build")" "$version"
is "the revision of tote.wrap" "$(sed -n 's/^revision = //p' "$packaging/meson/subprojects/tote.wrap")" "v$version"

# Each shared library has a Debian package with the number of its ABI.
libraries=$(sed -n 's/^Package: \(libtote.*[0-9]\)$/\1/p' "$source/debian/control")
for library in $libraries; do
    is "the ABI of $library" "${library#"${library%%[0-9]*}"}" "$abi"
    [ -f "$source/debian/$library.symbols" ] || { echo "debian/$library.symbols is missing"; failed=1; }
done

for recipe in "$packaging/conan/conanfile.py" "$packaging/conan/test_package/conanfile.py"; do
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$recipe" || failed=1
done
exit "$failed"
