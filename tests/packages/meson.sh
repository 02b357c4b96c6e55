#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meson.sh - a project of Meson that uses Tote
#
# meson.sh installed BUILD WORK: Tote is installed under WORK.
# meson.sh wrap SOURCE WORK: Tote is a subproject, from the last commit of SOURCE.
set -euo pipefail

way=$1 from=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
rm -rf "$work"
mkdir -p "$work/project"
cp -r "$top"/packaging/meson/. "$top/examples/hello.c" "$work/project/"
unset CFLAGS LDFLAGS LD_LIBRARY_PATH

case $way in
installed)
    cmake --install "$from" --prefix "$work/prefix" >"$work/log"
    libraries=$(dirname "$(find "$work/prefix" -name libtote.so)")
    export PKG_CONFIG_PATH=$libraries/pkgconfig LD_LIBRARY_PATH=$libraries
    options=(--wrap-mode=nofallback)
    ;;
wrap)
    git clone -q --bare "file://$from" "$work/tote.git"
    sed -i -e "s|^url = .*|url = file://$work/tote.git|" -e '/^depth/d' \
        -e "s|^revision = .*|revision = $(git -C "$from" rev-parse HEAD)|" "$work/project/subprojects/tote.wrap"
    options=(--wrap-mode=forcefallback)
    ;;
esac

meson setup "${options[@]}" "$work/build" "$work/project" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
meson test -C "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
grep -E '^1/1 (hello:)?hello +OK' "$work/log" # newer ones name the project
