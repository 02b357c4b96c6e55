#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# breaks.sh - changes that break programs are found, and changes that are allowed are not
#
# breaks.sh COMPILER WORK: builds a small library several times, with one change each.
set -euo pipefail

compiler=$1 work=$2
here=$(cd "$(dirname "$0")" && pwd)
failed=0

rm -rf "$work"
mkdir -p "$work/include"
cd "$work"
unset CFLAGS LDFLAGS

# build NAME [SED EXPRESSION]: libNAME.so, and its dump NAME.abi
build() {
    cat >include/sample.h <<'END'
#include <stddef.h>
#include <stdint.h>
typedef struct tote_sample_options {
    size_t struct_size;
    uint32_t first;
    const char *second;
} tote_sample_options;
typedef struct tote_pair {
    int left, right;
} tote_pair;
typedef enum tote_color { TOTE_COLOR_RED, TOTE_COLOR_BLUE } tote_color;
int tote_sample(const tote_sample_options *options, tote_color color);
int tote_other(tote_pair pair);
END
    cat >sample.c <<'END'
#include "sample.h"
struct tote__inner { int a; };
int tote__inner_get(struct tote__inner *inner);
int tote__inner_get(struct tote__inner *inner) { return inner->a; }
int tote_sample(const tote_sample_options *options, tote_color color) { return options ? 1 : (int)color; }
int tote_other(tote_pair pair) { return pair.right; }
END
    sed -i "${2-}" include/sample.h sample.c
    echo 'TOTE_0.1 { global: tote_[a-z]*; }; TOTE_PRIVATE_0.1.0 { global: tote__*; local: *; };' >map
    "$compiler" -g -O2 -fPIC -shared -Iinclude sample.c -o "lib$1.so" -Wl,--version-script=map -Wl,-soname=libsample.so
    bash "$here/abi.sh" dump "lib$1.so" "$1.abi" "$work/include"
}

# expect found|allowed WHAT SED-EXPRESSION [MODE]: by `check`, or by MODE `compatible`
expect() {
    local status=0 outcome=allowed
    build changed "$3"
    if [ "${4-check}" = check ]; then
        bash "$here/abi.sh" check libchanged.so base.abi "$work/include" >log 2>&1 || status=$?
    else
        bash "$here/abi.sh" compatible base.abi changed.abi >log 2>&1 || status=$?
    fi
    [ "$status" = 0 ] || outcome=found
    [ "$outcome" = "$1" ] && return
    echo "$2: $outcome, not $1"
    cat log
    failed=1
}

build base
removed_function='/tote_other/d'
removed_field='/uint32_t first/d'
moved_fields='s/int left, right/int right, left/'
smaller_field='s/uint32_t first/uint16_t first/'
frozen_struct='s/int left, right/int left, right, up/'
new_enumerator='s/TOTE_COLOR_BLUE/TOTE_COLOR_BLUE, TOTE_COLOR_GREEN/'
other_value='s/TOTE_COLOR_RED,/TOTE_COLOR_RED = 2,/'
other_result='s/^int tote_other/long tote_other/'
new_field='s/const char \*second;/const char *second; uint64_t third;/'
new_function='s/^int tote_other(tote_pair pair)\(.*\)/int tote_new(void); int tote_new(void); &/; $!b; /return/s/$/ int tote_new(void) { return 0; }/'
private_change='s/struct tote__inner { int a; }/struct tote__inner { int b; int a; }/'
private_gone='/tote__inner_get/d'

for change in removed_function removed_field moved_fields smaller_field frozen_struct new_field other_value \
    other_result; do
    expect found "$change" "${!change}"
    expect found "$change since the release" "${!change}" compatible
done
for change in new_function new_enumerator; do
    expect found "$change" "${!change}" # visible in review: the dump changes in the same commit
    expect allowed "$change since the release" "${!change}" compatible
done
for change in private_change private_gone; do
    expect allowed "$change" "${!change}"
done
[ "$failed" = 0 ] && echo "what breaks programs is found, and nothing else"
exit "$failed"
