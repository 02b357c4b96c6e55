#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_thread_contexts.sh - gdb finds the span of each thread of a stripped program
#
# test_thread_contexts.sh PROGRAM [LIBRARY ...]
#
# The program and the libraries are copied and stripped. Skipped if gdb is missing or may not trace.
set -euo pipefail
export LC_ALL=C OTEL_TRACES_EXPORTER=none

program=$1
shift
folder=$(dirname "${BASH_SOURCE[0]}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
    echo "SKIPPED, nothing was tested: $*"
    exit 77
}

command -v gdb >/dev/null || skip "there is no gdb"
gdb -nx -batch -ex 'python print(1)' 2>/dev/null | grep -qx 1 || skip "gdb has no Python"

strip --strip-all -o "$work/program" "$program"
for library in "$@"; do
    strip --strip-all -o "$work/$(basename "$library")" "$library"
done
! nm "$work/program" 2>/dev/null | grep -q . || { echo "the program is not stripped"; exit 1; }

LD_LIBRARY_PATH=$work gdb -nx -batch -iex 'set debuginfod enabled off' -ex "run >$work/printed" \
    -ex 'info sharedlibrary libtote' -ex "source $folder/thread_contexts.py" "$work/program" \
    >"$work/output" 2>&1 </dev/null || true
if grep -qiE 'ptrace: |cannot trace|could not trace' "$work/output"; then
    skip "ptrace is forbidden here: $(grep -iE 'ptrace|trace' "$work/output" | head -n 1)"
fi
for library in "$@"; do
    grep -qF "$work/$(basename "$library")" "$work/output" || { echo "not loaded: $library"; cat "$work/output"; exit 1; }
done
grep '^thread ' "$work/output" | sort >"$work/read"
sort "$work/printed" >"$work/expected"
if [ "$(wc -l <"$work/expected")" != 5 ] || ! diff "$work/expected" "$work/read"; then
    echo "printed by the program (<), and read by gdb (>); output of gdb:"
    cat "$work/output"
    exit 1
fi
echo "gdb read the contexts of $(wc -l <"$work/read") threads"
