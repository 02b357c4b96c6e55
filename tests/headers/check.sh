#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check.sh - public headers, and programs that use them, under strict compilers
#
# check.sh headers|programs|disabled COMPILER STANDARD: every header alone and
# included twice and with TOTE_DISABLED, or every program of tests/programs, without one warning;
# disabled: the programs with TOTE_DISABLED, which then call no function of Tote; and a program that
# calls each disabled form, is linked without Tote, and compares values and evaluated arguments.
set -uo pipefail

what=$1 compiler=$2 standard=$3
top=$(cd "$(dirname "$0")/../.." && pwd)
flags=(-std="$standard" -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
# shellcheck disable=SC2207
flags+=($(pkg-config --cflags libpq))
failed=0 count=0

for folder in "$top"/*/include "$top"/instrumentation/*/include; do
    flags+=("-I$folder")
done

# check NAME LANGUAGE FLAGS...: compile the standard input
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
        check "$header, disabled" $language -DTOTE_DISABLED <<<"#include <$header>"
    done < <(cd "$top" && find ./*/include instrumentation/*/include -name '*.h' |
        sed 's|^.*/include/||' | sort)
    ;;
programs)
    for program in "$top"/tests/programs/*."$([[ $standard == c++* ]] && echo cpp || echo c)"; do
        check "$program" "$([[ $standard == c++* ]] && echo c++ || echo c)" \
            -D_GNU_SOURCE -DTOTE_CHECK_LAYOUT <"$program"
    done
    ;;
disabled)
    object=$(mktemp) linked=$(mktemp) stay=$(mktemp)
    trap 'rm -f "$object" "$linked" "$stay"' EXIT
    python3 "$top/tests/headers/disabled.py" stay >"$stay" || failed=1
    flags=("${flags[@]/-fsyntax-only/-O0}")
    for program in "$top"/tests/programs/*."$([[ $standard == c++* ]] && echo cpp || echo c)"; do
        check "$program" "$([[ $standard == c++* ]] && echo c++ || echo c)" \
            -D_GNU_SOURCE -DTOTE_DISABLED -c -o "$object" <"$program"
        if nm -u "$object" | grep -oE '\btote_\w+' | grep -vxFf "$stay"; then
            echo "$program: still calls these"
            failed=1
        fi
    done
    check "all disabled functions" "$([[ $standard == c++* ]] && echo c++ || echo c)" \
        -D_GNU_SOURCE -c -o "$object" < <(python3 "$top/tests/headers/disabled.py" test)
    "$compiler" "$object" -lcurl -lpq -lsqlite3 -pthread -o "$linked" && "$linked" || failed=1
    ;;
esac

echo "$count checked with $compiler as $standard"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
