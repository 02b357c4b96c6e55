#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_alone.sh - the examples that need nobody else, by what they print
#
# test_alone.sh FOLDER_OF_PROGRAMS
set -uo pipefail

bin=$1
failed=0
for name in $(compgen -e OTEL_); do
    unset "$name"
done

# expect WHAT IS WANTED
expect() {
    [ "$2" = "$3" ] && { echo "ok - $1"; return; }
    printf 'not ok - %s\n--- is\n%s\n--- wanted\n%s\n' "$1" "$2" "$3"
    failed=1
}

output=$(OTEL_TRACES_EXPORTER=console "$bin/hello")
expect "hello ends well" "$?" 0
expect "hello makes one span" "$(grep -c '^hello (internal' <<<"$output")" 1
expect "with its attribute" "$(grep '^ *answer' <<<"$output")" "  answer: 42"

output=$("$bin/library" 2>&1)
expect "library ends well, and does its work without an SDK" "$? $output" "0 5 words"

output=$("$bin/test" 2>&1)
expect "test ends well" "$?" 0
expect "and all in it is fine" "$(grep -vc '^ok - ' <<<"$output")" 0

output=$(OTEL_TRACES_EXPORTER=none "$bin/log")
expect "log ends well" "$?" 0
id='[0-9a-f]'
lines=$(sed -E "s/trace_id=$id{32} span_id=$id{16} trace_flags=0[0-3]/IDS/" <<<"$output")
expect "lines tell their span and what is on it, and no session" "$lines" \
    'started region=eu-west-1
request received IDS user.id=u_123 region=eu-west-1
charging IDS attempt=1 user.id=u_123 region=eu-west-1
request done IDS user.id=u_123 region=eu-west-1'
expect "in one trace" "$(grep -oE "trace_id=$id{32}" <<<"$output" | sort -u | wc -l)" 1
expect "of two spans" "$(grep -oE "span_id=$id{16}" <<<"$output" | sort -u | wc -l)" 2

exit $failed
