#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check.sh - the sources compile for 32 bits without a warning: sizes, conversions, large files
#
# check.sh COMPILER FLAG... -- SOURCE...
# Exits with 77 if the compiler or the C library has no support for 32 bits.
set -euo pipefail

compiler=$1
shift
flags=()
while [ "$1" != -- ]; do
    flags+=("$1")
    shift
done
shift

# Headers of other libraries are the same for both, and their warnings are ignored.
flags+=(-m32 -std=c17 -fsyntax-only -isystem "/usr/include/$("$compiler" -print-multiarch)"
    -Wall -Wextra -Wconversion -Werror)
echo '#include <stdio.h>' | "$compiler" -m32 -fsyntax-only -x c - 2>/dev/null || exit 77

failed=0
for source in "$@"; do
    "$compiler" "${flags[@]}" "$source" || failed=1
done
exit "$failed"
