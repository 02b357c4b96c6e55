#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_completion.sh - the shells complete commands and options of tote
#
# test_completion.sh TOTE COMPLETIONS
set -uo pipefail

tote=$1 completions=$2
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$work/bin"
ln -s "$(realpath "$tote")" "$work/bin/tote"
export PATH=$work/bin:$PATH HOME=$work XDG_CONFIG_HOME=$work XDG_DATA_HOME=$work
cd "$work" || exit 1
touch traces.json

# Every command lists its options, each as in its help.
while IFS=$'\t' read -r command _; do
    [ "$command" != help ] || continue
    expect "the list of options of tote $command is that of its help" \
        "$("$tote" "$command" --list-options | cut -f 1 | grep -- '^--.')" \
        "$("$tote" "$command" --help | sed -nE 's/^  (-.,|   ) (--[a-z-]+).*/\2/p')"
done < <("$tote" --list-commands)

in_bash() {
    # shellcheck disable=SC2016
    bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tote
        printf "%s\n" "${COMPREPLY[@]}"' - "$completions/tote.bash" "$@"
}
# The words that bash passes are those of the command line; the last one is completed.
in_fish() {
    XDG_RUNTIME_DIR=$work fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' \
        "$completions/tote.fish" "$*" 2>&1 | cut -f 1
}
in_zsh() {
    timeout 120 python3 "$tests/zsh_completion.py" "$completions" "$*"
}

check() {
    local shell=$1
    expect "$shell completes a command" "$("in_$shell" tote exe)" "$2"
    expect "$shell completes an option" "$("in_$shell" tote exec --time)" "$3"
    expect "$shell completes an option of a subcommand" "$("in_$shell" tote span begin --own)" "$4"
    expect "$shell completes the command after --" "$("in_$shell" tote exec --timeout 5 -- uniq-tot)" "$5"
    expect "$shell completes a file" "$("in_$shell" tote view trac)" "$6"
}
printf '#!/bin/sh\n' >bin/uniq-tote-test
chmod +x bin/uniq-tote-test
check bash exec --timeout --owner uniq-tote-test traces.json
if command -v fish >/dev/null; then
    check fish exec --timeout --owner uniq-tote-test traces.json
fi
if command -v zsh >/dev/null && command -v python3 >/dev/null; then
    check zsh "tote exec" "tote exec --timeout=" "tote span begin --owner=" \
        "tote exec --timeout 5 -- uniq-tote-test" "tote view traces.json"
fi
exit "$failed"
