#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# dist.sh - the files of a release, from the commit that is checked out
#
# dist.sh OUTPUT: writes tote-VERSION.tar.gz, tote-api.c, tote.h, tote-VERSION.spdx.json and
# SHA256SUMS. What is not committed is not included. The same commit gives the same bytes, in any
# folder, at any time and with any locale.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=$1
commit=$(git -C "$top" rev-parse HEAD)
time=$(git -C "$top" log -1 --format=%ct "$commit")
version=$(git -C "$top" show "$commit:CMakeLists.txt" | sed -n 's/^project(tote VERSION \([^ ]*\).*/\1/p')
name=tote-$version
export SOURCE_DATE_EPOCH=$time # the date of the manual pages
[ -z "$(git -C "$top" status --porcelain --untracked-files=no)" ] || echo "dist.sh: changes that are not committed are left out" >&2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
git -C "$top" archive --prefix="$name/" "$commit" | tar -x -C "$work"

# Files that are generated, so that a build needs neither protoc nor the tools of the manual.
cmake -S "$tree" -B "$work/build" -G Ninja -DTOTE_BUILD_TESTS=OFF -DTOTE_BUILD_CLI=OFF \
    -DTOTE_BUILD_EXAMPLES=OFF >"$work/log" || { cat "$work/log"; exit 1; }
ninja -C "$work/build" --quiet tote_generated man
cp -r "$work/build/docs/man" "$tree/docs/man"
mkdir -p "$tree/exporters/generated/otlp"
cp "$work"/build/exporters/otlp/*.pb-c.[ch] "$tree/exporters/generated/otlp/"

rm -rf "$output"
mkdir -p "$output"
python3 "$tree/release/amalgamate.py" "$output"
python3 "$tree/release/sbom.py" "$tree" "$time" >"$output/$name.spdx.json"
tar --create --directory "$work" --sort=name --format=ustar --mtime="@$time" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX "$name" | gzip -9n >"$output/$name.tar.gz"
cd "$output"
sha256sum tote* >SHA256SUMS
touch --date="@$time" ./*
