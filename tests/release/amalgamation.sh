#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# amalgamation.sh - tote-api.c and tote.h compile everywhere and work
#
# amalgamation.sh SOURCE WORK [LIBTOTE]: generates them in WORK, or takes those that are there.
# LIBTOTE is the static libtote of the same version.
set -euo pipefail

source=$1 work=$2 libtote=${3-}
strict=(-Wall -Wextra -Wpedantic -Werror)
unset CFLAGS LDFLAGS LD_LIBRARY_PATH "${!OTEL_@}"

fail() { printf '%s\n' "$*"; exit 1; }

if [ -n "$libtote" ] || ! [ -f "$work/tote-api.c" ]; then
    rm -rf "$work"
    python3 "$source/release/amalgamate.py" "$work"
fi
cd "$work"

# An embedder's copy of a program includes tote.h.
embedded() { sed -e 's|[<"]tote/api.h[>"]|"tote.h"|' -e '/#include [<"]tote\//d' "$source/$1" >"$2"; }
embedded examples/embed.c embed.c
embedded examples/library.c library.c
embedded tests/install/api_only.c api_only.c
expected=$'order 4711\n> x-tenant: acme'

compilers=0
for cc in gcc clang musl-gcc; do
    command -v "$cc" >/dev/null || continue
    compilers=$((compilers + 1))
    for options in "-std=gnu17 -O2 -D_GNU_SOURCE -DNDEBUG" "-std=c11 -pedantic -O0"; do
        # shellcheck disable=SC2086
        "$cc" $options "${strict[@]}" -c tote-api.c -o tote-api.o
    done
    for program in embed library api_only; do
        "$cc" -std=c11 "${strict[@]}" "$program.c" tote-api.o -pthread -o "$program"
    done
    [ "$(./embed)" = "$expected" ] || fail "$cc: embed prints: $(./embed)"
    [ "$(./library)" = "5 words" ] || fail "$cc: library prints: $(./library)"
    ./api_only || fail "$cc: api_only fails"
done
[ "$compilers" != 0 ] || fail "no compiler"

gcc -std=c11 "${strict[@]}" -c tote-api.c -o tote-api.o # with the C library of the C++ compilers
for cxx in g++ clang++; do
    command -v "$cxx" >/dev/null || continue
    for standard in c++17 c++20; do
        "$cxx" -x c++ -std=$standard "${strict[@]}" embed.c -x none tote-api.o -pthread -o embed_cpp \
            2>cxx.log || { [ "$cxx" = clang++ ] && grep -q 'unable to find library -lstdc++' cxx.log; } ||
            fail "$(cat cxx.log)"
        [ "$(./embed_cpp)" = "$expected" ] || fail "$cxx: embed prints: $(./embed_cpp)"
    done
    echo '#include "tote.h"' >header.cpp
    "$cxx" -std=c++17 "${strict[@]}" -DTOTE_DISABLED -fsyntax-only header.cpp
done

# Visible outside of a shared library: what the installed headers declare. Hidden on request.
visible() { nm -D --defined-only "$1" | awk '{print $3}' | sort; }
gcc -shared -fPIC tote-api.c -o libembedded.so -pthread
visible libembedded.so | grep -v '^tote_[a-z]\|^otel_thread_ctx_v1$' && fail "visible names that are not of the API"
[ "$(visible libembedded.so | wc -l)" -gt 100 ] || fail "few functions are visible"
gcc -shared -fPIC '-DTOTE_API=__attribute__((visibility("hidden")))' tote-api.c -o libhidden.so -pthread
[ -z "$(visible libhidden.so)" ] || fail "visible although hidden: $(visible libhidden.so)"

# A name that a source file defines is static or begins with tote_.
gcc -c tote-api.c -o tote-api.o
nm --defined-only --extern-only tote-api.o | awk '{print $3}' | grep -v '^tote_\|^otel_thread_ctx_v1$\|^__x86\.get_pc_thunk' &&
    fail "names without prefix"

if [ -n "$libtote" ]; then
    libraries=$(pkg-config --libs libcurl zlib libprotobuf-c yaml-0.1 2>/dev/null || echo -lcurl -lz -lprotobuf-c -lyaml)
    # shellcheck disable=SC2086
    gcc -std=c11 $(printf -- '-I%s ' "$source"/*/include) "$source/examples/hello.c" tote-api.o "$libtote" \
        $libraries -pthread -o hello 2>link.log || fail "libtote.a does not link with it: $(head -5 link.log)"
    OTEL_TRACES_EXPORTER=console ./hello | grep '^hello (internal, ' >/dev/null || fail "hello records no span"
fi
echo "compiled with $compilers compilers; embed, library and api_only work"
