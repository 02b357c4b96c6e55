#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh - a separate project against an installed Tote
#
# run.sh cmake|make BUILD WORK COMPILER: installs BUILD under WORK, builds the
# project in consumer/ with only that, and runs it. BUILD may also be the prefix
# of an installed Tote, for example /usr. If the dynamic linker does not look in
# its library folder, use "make", which sets LD_LIBRARY_PATH.
set -euo pipefail

way=$1 build=$2 work=$3 compiler=$4
here=$(cd "$(dirname "$0")" && pwd)
prefix=$work/prefix

rm -rf "$work"
mkdir -p "$work/consumer"
cp "$here"/consumer/* "$work/consumer/"
if [ -f "$build/CMakeCache.txt" ]; then
    cmake --install "$build" --prefix "$prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
    # The installation can be moved.
    mv "$prefix" "$prefix-moved"
    prefix=$prefix-moved
    alone=(-u LD_LIBRARY_PATH) # the libraries have relative paths to each other
else
    alone=()
    prefix=$build
fi
libtote=$(find "$prefix"/lib* -name libtote.so)
[ -n "$libtote" ] || { echo "there is no libtote.so in $prefix"; exit 1; }
libraries=$(dirname "$libtote")
unset CFLAGS LDFLAGS LD_LIBRARY_PATH
# Optional parts of libtote.
parts=$(PKG_CONFIG_PATH=$libraries/pkgconfig pkg-config --variable=parts tote)
has() { [[ " $parts " == *" $1 "* ]]; }
cd "$work/consumer"

case $way in
cmake)
    cmake -S . -B . -G Ninja -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_FLAGS="-Wall -Werror" "-DTOTE_PARTS=${parts// /;}" >cmake.log || { cat cmake.log; exit 1; }
    ninja --quiet
    plugin=./libplugin.so
    ;;
make)
    export PKG_CONFIG_PATH=$libraries/pkgconfig
    make --silent CC="$compiler" PC="$libraries/pkgconfig"
    export LD_LIBRARY_PATH=$libraries
    plugin=./plugin.so
    ;;
esac

uses() { readelf --dynamic "$1" | sed -n 's/.*(NEEDED).*\[\(\(lib\)\{0,1\}tote[^]]*\)\]/\1/p' | sort | xargs; }
expect() { [ "$1" = "$2" ] || { echo "$3: \"$1\", not \"$2\""; exit 1; }; }

expect "$(uses program)" "libtote-api.so.0.1 libtote.so.0.1" "libraries of the program"
expect "$(uses program_static)" "" "libraries of the static program"
expect "$(uses "$plugin")" "libtote-api.so.0.1" "libraries of the plugin"
./instrumented >/dev/null
./program
./program "$plugin"
./program_static

# Each library that is installed, shared and static.
count=0
for program in use_*; do
    [ -x "$program" ] || continue
    name=${program#use_}
    library=tote-${name//_/-}
    case $name in
    *_static) expect "$(uses "$program")" "" "libraries of $program" ;;
    preload_*) uses "$program" | grep -q "$library.so" || { echo "$program is not linked to $library"; exit 1; } ;;
    *) uses "$program" | grep -qE "(^| )lib${library/tote-tote/tote}[.]so[.]" || { echo "$program is not linked to $library"; exit 1; } ;;
    esac
    "./$program" || { echo "$program fails"; exit 1; }
    count=$((count + 1))
done
[ "$count" -ge 4 ] || { echo "$count programs for the libraries"; exit 1; }
echo "$count programs with one library each"

"$("$compiler" -print-prog-name=strip)" --strip-all -o stripped program_static
expect "$(nm -D --defined-only stripped | grep -o 'otel_thread_ctx_v1$')" otel_thread_ctx_v1 \
    "the variable for profilers in the static program"
echo "built with $way: the program alone, with its plugin, and linked statically"

# preloaded OBJECT COMMAND...: if Tote was installed by this test, with only the path of the object, as
# documented; ld.so prints nothing.
preloaded() {
    local object=$libraries/$1
    shift
    [ -r "$object" ] || { echo "$object is not installed"; exit 1; }
    env "${alone[@]}" LD_PRELOAD="$object" "$@"
}

printf '#include <tote/parts.h>\n' | "$compiler" -I"$prefix/include" -dM -E - |
    sed -n 's/^#define TOTE_HAS_\([A-Z_]*\) 1$/\1/p' | tr A-Z a-z | sort >parts.h.txt
expect "$(xargs <parts.h.txt)" "$parts" "parts of tote/parts.h"
if ! has console; then
    echo "without the console exporter; parts: $parts"
    exit
fi
machine() { readelf --file-header "$1" | sed -n 's/^ *Machine: *//p'; }
if [ "$(machine "$(command -v curl)")" = "$(machine "$libtote")" ]; then # not in a cross build
    status=0
    OTEL_TRACES_EXPORTER=console no_proxy='*' preloaded tote-preload-curl.so \
        curl -s http://127.0.0.1:1/ >preload.out 2>preload.err || status=$?
    expect "$status $(grep -c '^GET (client' preload.out) $(cat preload.err)" "7 1 " "curl with tote-preload-curl.so"
    preloaded tote-preload-curl.so true 2>preload.err
    expect "$(cat preload.err)" "" "true with tote-preload-curl.so"
fi
"$compiler" -DUSE_preload_threads -I"$prefix/include" -o threads library.c -L"$libraries" -Wl,-rpath,"$libraries" \
    -ltote-api -pthread
! env -u LD_LIBRARY_PATH ./threads 2>threads.err || { echo "threads inherit the context without the preload object"; exit 1; }
preloaded tote-preload-threads.so ./threads
echo "both preload objects work from the prefix"
