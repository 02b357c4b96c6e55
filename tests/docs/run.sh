#!/bin/sh
# run.sh EXPECTED COMMAND... - run a code block; its output contains each line of the file EXPECTED, if it exists
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
