#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check.sh - public headers, and programs that use them, under strict compilers
#
# check.sh headers|programs COMPILER STANDARD: every header alone and included
# twice, or every program of tests/programs, without one warning.
set -uo pipefail

what=$1 compiler=$2 standard=$3
top=$(cd "$(dirname "$0")/../.." && pwd)
flags=(-std="$standard" -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
failed=0 count=0

for folder in "$top"/*/include "$top"/instrumentation/*/include; do
    flags+=("-I$folder")
done

# check NAME LANGUAGE FLAGS...: what comes on standard input
check() {
    local name=$1 language=$2
    shift 2
    count=$((count + 1))
    "$compiler" "${flags[@]}" "$@" -x "$language" - || { echo "$name: refused"; failed=1; }
}

case $what in
headers)
    language=c
    [[ $standard == c++* ]] && language=c++
    while read -r header; do
        check "$header" $language <<<"#include <$header>"$'\n'"#include <$header>"
    done < <(cd "$top" && find ./*/include instrumentation/*/include -name '*.h' |
        sed 's|^.*/include/||' | sort)
    ;;
programs)
    for program in "$top"/tests/programs/*."$([[ $standard == c++* ]] && echo cpp || echo c)"; do
        check "$program" "$([[ $standard == c++* ]] && echo c++ || echo c)" \
            -D_GNU_SOURCE -DTOTE_CHECK_LAYOUT <"$program"
    done
    ;;
esac

echo "$count checked with $compiler as $standard"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
