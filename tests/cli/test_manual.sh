#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_manual.sh - each command has a manual page, with the options of its help
#
# test_manual.sh TOTE MAN
set -uo pipefail

tote=$1 man=$2
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# check COMMAND: of the program, if it is empty
check() {
    local name=tote${1:+-$1} text=$man/${1:-tote}.mdoc
    sh "$man/page.sh" "$tote" "$1" "$text" >"$work/$name.1"
    expect "there is a page $name" $? 0
    if command -v mandoc >/dev/null; then
        expect "mandoc finds no problem in $name" "$(mandoc -T lint -W warning "$work/$name.1")" ""
        mandoc -T ascii "$work/$name.1" | sed 's/.\x08//g' >"$work/$name.txt"
    fi
}

check ""
while IFS=$'\t' read -r command _; do
    [ "$command" != help ] || continue
    check "$command"
    [ -s "$work/tote-$command.txt" ] || continue
    expect "the options of the page tote-$command are those of the help" \
        "$(sed -nE 's/^     (-., )?(--[a-z-]+).*/\2/p' "$work/tote-$command.txt" | sort -u)" \
        "$({ "$tote" "$command" --help
            for sub in $("$tote" "$command" --list-options | awk -F '\t' '/^[a-z]/ { print $1 }'); do
                "$tote" "$command" "$sub" --help
            done; } | sed -nE 's/^  (-.,|   ) (--[a-z-]+).*/\2/p' | sort -u)"
done < <("$tote" --list-commands)
# Options of the same name are the same in all commands: one letter, one name of the value.
list() {
    "$tote" --list-commands | cut -f 1 | grep -vx help
    printf 'span %s\n' begin event set end
}
options=$(list | while read -r command; do
    # shellcheck disable=SC2086
    "$tote" $command --list-options | awk -F '\t' '/^--./ { print $1, $2, $3 }'
done | sort -u)
expect "an option has the same letter and value in all commands" \
    "$(cut -d ' ' -f 1 <<<"$options" | uniq -d)" ""
expect "no usage line ends in a blank" \
    "$(list | while read -r command; do
        # shellcheck disable=SC2086
        "$tote" $command --help | grep -n ' $'
    done)" ""
exit "$failed"
