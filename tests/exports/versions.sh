#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# versions.sh - libraries of two releases are refused together
#
# versions.sh SOURCE WORK COMPILER VERSION API API_STATIC TOTE TOTE_STATIC LIBRARIES...: the libraries
# of this build, and those that a static libtote needs. The other release is this one with another
# number: libtote-api is linked again with the symbol versions of that number.
set -euo pipefail

source=$1 work=$2 compiler=$3 version=$4 api=$5 api_static=$6 tote=$7 tote_static=$8
shift 8
other=${version%.*}.$((${version##*.} + 1))
abi=$(readelf --dynamic --wide "$tote" | sed -n 's/.*SONAME.*\[libtote\.so\.\(.*\)\]/\1/p')
includes=()
for folder in "$source"/*/include; do includes+=("-I$folder"); done
unset CFLAGS LDFLAGS LD_LIBRARY_PATH
export OTEL_TRACES_EXPORTER=console

rm -rf "$work"
mkdir -p "$work/same" "$work/mixed"
cd "$work"
fail() { printf '%s\n' "$*"; exit 1; }

header=$(sed -n 's/^#define TOTE_VERSION_[MP][A-Z]* //p' "$source/api/include/tote/common.h" | paste -sd.)
[ "$header" = "$version" ] || fail "tote/common.h is of version $header, not $version"

sed "s/TOTE_PRIVATE_[0-9.]*/TOTE_PRIVATE_$other/" "$(dirname "$api")/tote.map" >other.map
for place in same mixed; do
    cp -L "$tote" "$place/libtote.so.$abi"
    ln -s "libtote.so.$abi" "$place/libtote.so"
done
cp -L "$api" "same/libtote-api.so.$abi"
"$compiler" -shared -o "mixed/libtote-api.so.$abi" -Wl,--whole-archive "$api_static" -Wl,--no-whole-archive -pthread \
    "-Wl,-soname,libtote-api.so.$abi" -Wl,--version-script=other.map
for place in same mixed; do ln -s "libtote-api.so.$abi" "$place/libtote-api.so"; done

# At start: ld.so names the version and both libraries.
"$compiler" "${includes[@]}" "$source/examples/hello.c" -Lsame -ltote -ltote-api -o hello
LD_LIBRARY_PATH=same ./hello >log 2>&1 || fail "libraries of one release do not start: $(cat log)"
grep -q '^hello (internal' log || fail "no span: $(cat log)"
status=0
LD_LIBRARY_PATH=mixed ./hello >log 2>&1 || status=$?
[ "$status" = 1 ] || fail "libraries of two releases start: $status, $(cat log)"
grep -q "libtote-api.so.$abi: version .TOTE_PRIVATE_$version' not found (required by .*libtote.so.$abi)" log ||
    fail "ld.so prints: $(cat log)"
cat log

# At link: the linker names a private symbol with its version.
! "$compiler" "${includes[@]}" "$source/examples/hello.c" -Lmixed -ltote -ltote-api -o mixed/hello 2>log ||
    fail "libraries of two releases link"
grep -q "undefined reference to .tote__[a-z_]*@TOTE_PRIVATE_$version'" log || fail "the linker prints: $(cat log)"
grep -m1 -o "undefined reference.*" log

# Programs use public functions, whose version stays the same in patch releases.
"$compiler" "${includes[@]}" "$source/examples/library.c" -Lsame -ltote-api -o library
[ "$(LD_LIBRARY_PATH=mixed ./library)" = "5 words" ] || fail "a program does not start with the next patch release"

# Static libraries have no symbol versions. A function with the release in its name takes their place.
name=tote__release_${version//./_}
"$("$compiler" -print-prog-name=objcopy)" --redefine-sym "$name=tote__release_${other//./_}" "$api_static" other.a
"$compiler" "${includes[@]}" "$source/examples/hello.c" "$tote_static" "$api_static" "$@" -pthread -o static_same 2>log ||
    fail "static libraries of one release do not link: $(cat log)"
! "$compiler" "${includes[@]}" "$source/examples/hello.c" "$tote_static" other.a "$@" -pthread -o static_mixed 2>log ||
    fail "static libraries of two releases link"
grep -q "undefined reference to .$name'" log || fail "the linker prints: $(cat log)"
grep -m1 -o "undefined reference to .$name'" log
