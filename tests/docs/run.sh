#!/bin/sh
# run.sh EXPECTED COMMAND... - runs a code block; its output has each line of the file EXPECTED, if there is one
set -eu
expected=$1
shift
output=$("$@")
[ ! -f "$expected" ] || while IFS= read -r line; do
    case $output in
    *"$line"*) ;;
    *) echo "'$line' is not in the output: $output" >&2; exit 1 ;;
    esac
done <"$expected"
