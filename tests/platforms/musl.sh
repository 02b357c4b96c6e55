#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# musl.sh - libtote-api and the core of libtote with musl, in static programs
#
# musl.sh WORK [COMPILER]: compile all of libtote that needs no other library: not the transport of OTLP
# and no configuration. Debian has no libcurl, zlib or protobuf-c for musl. Then run the corpora of the
# fuzz targets that use this core only.
set -euo pipefail

work=$1 compiler=${2:-musl-gcc}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
components=(api propagators sdk delivery exporters)
targets=(b3 baggage headers jaeger opencensus ot_trace record text trace_state traceparent tracestate wire)

rm -rf "$work"
mkdir -p "$work/include/tote" "$work/objects"
sed 's/^#cmakedefine01 \(.*\)/#define \1 1/' "$top/cmake/parts.h.in" >"$work/include/tote/parts.h"
# xxhash.h is a header alone, and a tool chain has those of the kernel. Those of glibc must not be found.
cp /usr/include/xxhash.h "$work/include/"
ln -sfn /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" "$work/include/"
flags=(-std=c11 -O2 -g -Wall -Wextra -Wpedantic -Werror -ffunction-sections -fdata-sections -D_GNU_SOURCE
    -D_FILE_OFFSET_BITS=64 '-DTOTE_VERSION="0"' -isystem "$work/include" -I"$top/exporters" -I"$top/sdk/src"
    -I"$top/tests/support")
for component in "${components[@]}"; do
    flags+=(-I"$top/$component/include" -I"$top/$component/internal" -I"$top/$component/src")
done
flags+=(-I"$top/configuration/include") # tote/tote.h

# Objects have the names of their sources with the path.
objects() { printf '%s\n' "${@#"$top/"}" | sed "s|/|_|g; s|.*|$work/objects/&.o|"; }

mapfile -t sources < <(find "$top"/{api,propagators,sdk,delivery}/src "$top"/exporters/{console,in_memory,otlp_file} \
    "$top/exporters/otlp/encode" -name '*.c' ! -name 'no_*' ! -name '*_posix.c' | sort)
mapfile -t fuzzed < <(printf "$top/tests/fuzz/fuzz_%s.c\n" "${targets[@]}")
compiled=("${sources[@]}" "$top/tests/fuzz/replay.c" "${fuzzed[@]}")
paste <(objects "${compiled[@]}") <(printf '%s\n' "${compiled[@]}") | tr '\t\n' '\0\0' |
    xargs -0 -n 2 -P "${TOTE_JOBS:-$(nproc)}" "$compiler" "${flags[@]}" -c -o
mapfile -t objects < <(objects "${sources[@]}")
ar rcs "$work/libtote-core.a" "${objects[@]}"
for target in "${targets[@]}"; do
    "$compiler" -static "$work/objects/tests_fuzz_fuzz_$target.c.o" "$work/objects/tests_fuzz_replay.c.o" \
        "$work/libtote-core.a" -Wl,--gc-sections -o "$work/fuzz_$target"
    printf 'fuzz_%s: ' "$target"
    "$work/fuzz_$target" "$top/tests/fuzz/corpus/$target/"*
done
bash "$top/tests/install/api_only.sh" "$top" "$work/api" "$compiler"
