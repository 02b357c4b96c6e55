#!/bin/sh
# test_shell.sh TOTE FILE... - check the syntax of the pages' shell blocks, and that their commands exist
set -eu
cd "$(dirname "$0")/../.."
tote=$1
shift
failed=0
for file; do
    sh -n "$file" || failed=1
    while IFS= read -r line; do
        line=${line%%#*}
        case $line in
        ./dev\ *)
            # shellcheck disable=SC2086
            set -- $line
            ./dev | grep -q "^  $2 " || { echo "$file: ./dev has no command $2" >&2; failed=1; }
            ;;
        *tote\ tote-*) ;; # libraries of pkg-config
        tote\ * | *\ tote\ [a-z]* | *\(tote\ [a-z]*)
            command=${line##*tote }
            "$tote" --list-commands | cut -f 1 | grep -qx "${command%% *}" ||
                { echo "$file: tote has no command ${command%% *}" >&2; failed=1; }
            ;;
        .ci/run*) [ -x .ci/run ] || { echo "$file: there is no .ci/run" >&2; failed=1; } ;;
        esac
    done <"$file"
done
exit $failed
