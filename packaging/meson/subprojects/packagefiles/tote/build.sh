#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build.sh CMAKE SOURCE OUTPUT TYPE: build the static libraries of Tote into the folder OUTPUT
set -eu

cmake=$1 source=$2 output=$3
case $4 in
debug) type=Debug ;;
minsize) type=MinSizeRel ;;
release) type=Release ;;
*) type=RelWithDebInfo ;;
esac

"$cmake" -S "$source" -B "$output/cmake" -DCMAKE_BUILD_TYPE="$type" -DTOTE_BUILD_CLI=OFF \
    -DTOTE_BUILD_EXAMPLES=OFF -DTOTE_BUILD_TESTS=OFF -DTOTE_INSTRUMENTATION= >/dev/null
"$cmake" --build "$output/cmake" --parallel --target tote_lib_tote_static tote_lib_api_static
cp "$output/cmake/libtote.a" "$output/cmake/libtote-api.a" "$output/cmake/generated/tote/parts.h" "$output/"
