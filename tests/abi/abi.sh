#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# abi.sh - the ABI of a library, as a file and compared
#
# abi.sh dump LIBRARY OUTPUT FOLDER...: writes the public ABI: functions, and the types that the
#   headers under the folders define. LIBRARY has debug information.
# abi.sh check LIBRARY DUMP FOLDER...: fails if the ABI differs from the committed DUMP. With
#   TOTE_ABI_UPDATE=1, replaces DUMP.
# abi.sh compatible OLD NEW: fails if NEW, of the same SONAME, changes more of OLD than
#   docs/versioning.md allows: functions and enumerators may be added.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Private symbols and types are not part of it. The folder of the build and line numbers are left out.
dump() {
    local library=$1 output=$2 headers=() folder
    shift 2
    for folder in "$@"; do
        headers+=(--headers-dir "$folder")
    done
    abidw --no-architecture --no-corpus-path --no-show-locs --no-comp-dir-path --no-elf-needed \
        --no-write-default-sizes --no-parameter-names --exported-interfaces-only --drop-undefined-syms \
        --drop-private-types "${headers[@]}" --suppressions "$here/private.suppr" \
        --type-id-style hash --out-file "$output" "$library"
    python3 "$here/public.py" "$output" "$@"
    grep -q '<function-decl name="tote_' "$output" || { echo "$library has no public function with debug information"; exit 1; }
}

case $1 in
dump)
    shift
    dump "$@"
    ;;
check)
    library=$2 committed=$3
    shift 3
    dump "$library" "$work/now" "$@"
    if [ "${TOTE_ABI_UPDATE-}" = 1 ]; then
        cp "$work/now" "$committed"
    elif [ ! -f "$committed" ]; then
        echo "there is no $committed; run: ./dev abi --update"
        exit 1
    elif ! abidiff --no-default-suppression --harmless "$committed" "$work/now"; then
        echo "the ABI differs from ${committed##*/}; if docs/versioning.md allows that, run ./dev abi --update and commit it"
        exit 1
    fi
    ;;
compatible)
    abidiff --no-default-suppression --no-added-syms "$2" "$3"
    ;;
esac
