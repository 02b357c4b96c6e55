#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# symbols.sh - debian/PACKAGE.symbols: the symbols of a library, and since which version it has them
#
#   symbols.sh check|write DEBIAN_FOLDER VERSION LIBRARY...
#
# check fails if the file of a library differs from its symbols. write updates it: a new symbol gets VERSION,
# one that the library no longer has is removed.
#
# A program that needs public symbols depends on the version that introduced them. Internal symbols have a
# pattern: a library that needs one of them depends on the same version.
set -euo pipefail
export LC_ALL=C

action=$1 folder=$2 version=$3
shift 3
failed=0

symbols_file() {
    local library=$1 package=$2 file=$3 soname=$4

    echo "$soname $package #MINVER#"
    echo "| $package (>= $version), $package (<< ${version%.*}.$((${version##*.} + 1))~)"
    echo "* Build-Depends-Package: libtote-dev"
    echo " (symver)TOTE_PRIVATE_$version $version 1"
    nm --dynamic --defined-only "$library" | sed -nE 's/^.* ([A-Za-z0-9_.]+)@@?(TOTE_[0-9.]+)$/\1@\2/p
        s/^.* A (TOTE_[0-9.]+)$/\1@\1/p' | sort -u | while read -r symbol; do
        known=$(sed -n "s/^ $symbol //p" "$file" 2>/dev/null || true)
        echo " $symbol ${known:-$version}"
    done
}

for library; do
    soname=$(readelf --dynamic "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
    package=${soname/.so./}
    file=$folder/$package.symbols
    if [ "$action" = write ]; then
        symbols_file "$library" "$package" "$file" "$soname" >"$file.new"
        mv "$file.new" "$file"
    elif ! diff -u "$file" <(symbols_file "$library" "$package" "$file" "$soname"); then
        echo "debian/$package.symbols is not up to date: $0 write $folder $version $library"
        failed=1
    fi
done
exit "$failed"
