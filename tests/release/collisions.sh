#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# collisions.sh - the amalgamation refuses names that two sources define
#
# collisions.sh SOURCE WORK: each case adds definitions to two sources of a copy in WORK.
set -euo pipefail

source=$1 work=$2
one=api/src/base/version.c two=api/src/trace/log.c
failed=0

fresh() {
    rm -rf "$work"
    mkdir -p "$work"
    cp -r "$source/api" "$source/release" "$source/LICENSE" "$source/CMakeLists.txt" "$work/"
}

# refused NAME DEFINITION [SECOND]: the same definition in two files, or two of one name
refused() {
    local output
    fresh
    printf '\n%s\n' "$2" >>"$work/$one"
    printf '\n%s\n' "${3-$2}" >>"$work/$two"
    if output=$(python3 "$work/release/amalgamate.py" "$work/out" 2>&1); then
        echo "not refused: $2"
        failed=1
    elif ! grep -q "^  $1: $one, $two\$" <<<"$output"; then
        printf 'not named in the error: %s\n%s\n' "$1" "$output"
        failed=1
    fi
}

# accepted DEFINITION SECOND
accepted() {
    fresh
    printf '\n%s\n' "$1" >>"$work/$one"
    printf '\n%s\n' "$2" >>"$work/$two"
    python3 "$work/release/amalgamate.py" "$work/out" || { echo "not accepted: $1"; failed=1; }
}

refused look 'static int look(int a) { return a; }'
refused look 'static int look(void (*call)(int));' 'static void *look(void) { return 0; }'
refused count 'static int count;' # a compiler merges these
refused count 'static int count;' 'static struct { int x; } count;'
refused table 'static const char *const table[] = {"a", "b"};'
refused state 'static _Atomic(int) state;' 'static __attribute__((aligned(8))) int state = 1;'
refused shelf 'struct shelf { int a; };'
refused kind 'enum kind { ONE };' 'enum kind { TWO };'
refused THREE 'enum { FIRST, THREE };' 'enum other { THREE = 7 };'
refused MOST '#define MOST 1' 'enum { MOST = 1 };'
refused tote__x 'int tote__x(void) { return 0; }'
refused call 'static void (*call)(int);' 'static void *call(void *arg) { return arg; }'

accepted 'static int first(int find) { int count = find; return count; }' \
    'static int second(void) { static int count; struct find { int find; } find = {1}; return count + find.find; }'
accepted 'struct one { int level; };' 'static int level;'
accepted 'int tote__y(void);' 'int tote__y(void) { return 0; }'
[ "$failed" = 0 ] && echo "all collisions are refused"
exit "$failed"
