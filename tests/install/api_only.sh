#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# api_only.sh - libtote-api alone, in a system without libcurl and protobuf-c
#
# api_only.sh SOURCE WORK COMPILER: configures and installs SOURCE with TOTE_API_ONLY under WORK, where none of
# the other packages can be found, and runs a program against the shared and the static library.
set -euo pipefail

source=$1 work=$2 compiler=$3
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$work"
mkdir -p "$work"
unset CFLAGS LDFLAGS LD_LIBRARY_PATH CMAKE_C_COMPILER_LAUNCHER
export PKG_CONFIG_LIBDIR=$work/none
cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DTOTE_API_ONLY=ON -DTOTE_WERROR=ON \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_DISABLE_FIND_PACKAGE_CURL=ON -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log"; exit 1; }
ninja -C "$work/build" -j 2 --quiet
cmake --install "$work/build" >>"$work/cmake.log"

prefix=$work/prefix
options=(-std=c11 -Wall -Werror -I"$prefix/include" "$here/api_only.c" -o)
"$compiler" "${options[@]}" "$work/shared" -L"$prefix/lib" -ltote-api -pthread -Wl,-rpath,"$prefix/lib"
"$compiler" "${options[@]}" "$work/static" "$prefix/lib/libtote-api.a" -pthread
"$work/shared"
"$work/static"
! ls "$prefix"/lib/libtote.* 2>/dev/null
PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig pkg-config --exists tote-api
echo "$(basename "$compiler"): the API alone, shared and static"
