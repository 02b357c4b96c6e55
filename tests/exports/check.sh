#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check.sh - a library exports what its headers declare, and nothing else
#
# check.sh shared LIBRARY COMPILER FOLDER... [-- FOLDER...]: the dynamic symbols
#   are the functions declared with default visibility in the headers under the
#   folders, and have symbol versions. Headers after -- are only on the include path.
# check.sh preload LIBRARY NAME...: the dynamic symbols are these, without versions.
# check.sh static LIBRARY: only global symbols tote_* are defined.
# The exceptions are otel_thread_ctx_v1, the name under which profilers find a thread's context, and the
# helper functions of gcc for position-independent code on i386.
# check.sh needs LIBRARY NAME...: it is linked to no other libraries; the names are regular expressions.
# check.sh descriptor LIBRARY: profilers find otel_thread_ctx_v1 by the relocation of a TLS descriptor.
# check.sh hardened LIBRARY: read-only relocations, bound at start, no executable
#   stack, and stack protectors.
set -euo pipefail
export LC_ALL=C

kind=$1 library=$2
shift 2
[ -r "$library" ] || { echo "there is no $library"; exit 1; }

versioned() { nm --defined-only --extern-only "$@" "$library" | awk 'NF == 3 && $2 != "A" {print $3}' | sort -u; }
symbols() { versioned "$@" | sed 's/@.*//' | sort -u; }

# From preprocessed text: a declaration ends with ; or its body. After attributes and array bounds are
# removed, the name precedes the first parenthesis; that of a variable is last.
declared() {
    local compiler=$1 folders=() includes=() folder into=1
    shift
    for folder in "$@"; do
        if [ "$folder" = -- ]; then
            into=0
            continue
        fi
        includes+=("-I$folder")
        [ "$into" = 0 ] || folders+=("$folder")
    done
    find "${folders[@]}" -name '*.h' | sed 's/.*/#include "&"/' |
        "$compiler" -E -D_GNU_SOURCE -std=c11 "${includes[@]}" -x c - |
        awk -v folders="${folders[*]}" '
            BEGIN { count = split(folders, folder, " ") }
            /^# [0-9]+ "/ {
                file = $3
                gsub(/"/, "", file)
                ours = 0
                for (i = 1; i <= count; i++) {
                    if (index(file, folder[i] "/") == 1) ours = 1
                }
                next
            }
            ours { print }' |
        tr '\n' ' ' | tr ';{}' '\n\n\n' | grep -F 'visibility("default")' |
        sed -E ':again; s/__attribute__ *\(\(([^()]|\([^()]*\))*\)\)//; t again
            s/_Atomic *\(([^()]|\([^()]*\))*\)//g; s/\[[^]]*\]//g; s/ *\(.*//; s/ +$//; s/.*[^A-Za-z0-9_]//' | sort -u
}

case $kind in
shared)
    difference=$(diff <(declared "$@") <(symbols --dynamic)) || true
    foreign=$(symbols --dynamic | grep -vE '^(tote_.*|otel_thread_ctx_v1)$') || true
    if [ -n "$difference$foreign" ]; then
        printf '%s\n' "$difference" |
            sed -n 's/^< /declared and not exported: /p; s/^> /exported and not declared: /p'
        printf '%s\n' "$foreign" | sed -n 's/^..*/not ours by name: &/p'
        exit 1
    fi
    if versioned --dynamic |
        grep -vE '^(tote_[a-z0-9_]+|otel_thread_ctx_v1)@@TOTE_[0-9.]+$|^tote__[a-z0-9_]+@@TOTE_PRIVATE_[0-9.]+$'; then
        echo "without the version of the API, or of the internal symbols for tote__"
        exit 1
    fi
    echo "$(symbols --dynamic | wc -l) symbols, each declared and with its version"
    ;;
preload)
    diff <(printf '%s\n' "$@" | sort) <(versioned --dynamic) || { echo "< interposed, > exported"; exit 1; }
    ;;
static)
    [ -n "$(symbols)" ] || { echo "no symbols in $library"; exit 1; }
    if symbols | grep -vE '^(tote_.*|otel_thread_ctx_v1|__x86\.get_pc_thunk\..*)$'; then
        echo "defined by $library without tote_ before their names"
        exit 1
    fi
    ;;
descriptor)
    readelf --relocs --wide "$library" | grep -E '_TLS_?DESC .*otel_thread_ctx_v1' || {
        echo "no TLS descriptor of otel_thread_ctx_v1; the relocations for thread-local variables are:"
        readelf --relocs --wide "$library" | grep -E 'TPOFF|DTPMOD|DTPOFF|TLS_?DESC|TPREL'
        exit 1
    }
    ;;
hardened)
    layout=$(readelf --program-headers --wide "$library")
    entries=$(readelf --dynamic --wide "$library")
    grep -q GNU_RELRO <<<"$layout" || { echo "$library has no GNU_RELRO"; exit 1; }
    grep -Eq 'BIND_NOW|FLAGS_1.*NOW' <<<"$entries" || { echo "$library is not bound at start"; exit 1; }
    ! grep -q 'GNU_STACK.*RWE' <<<"$layout" || { echo "$library has an executable stack"; exit 1; }
    ! grep -q TEXTREL <<<"$entries" || { echo "$library has relocations in its code"; exit 1; }
    grep -q __stack_chk_fail <<<"$(nm -D --undefined-only "$library")" || {
        echo "$library has no stack protectors"
        exit 1
    }
    ;;
needs)
    allowed=$(printf '%s\n' "$@")
    if readelf --dynamic "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -vxE "$allowed"; then
        echo "needed by $library"
        exit 1
    fi
    ;;
esac
