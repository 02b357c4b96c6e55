#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_examples.sh - the examples do what they say
#
# test_examples.sh EXAMPLE BUILD_DIR
set -uo pipefail

example=$1 build=$2
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=0
export LC_ALL=C.UTF-8 no_proxy='*'
for variable in "${!OTEL_@}" COLUMNS; do
    unset "$variable"
done

# expect WHAT IS WANTED
expect() {
    [ "$2" = "$3" ] && { echo "ok - $1"; return; }
    printf 'not ok - %s: %s, not %s\n' "$1" "$2" "$3"
    failed=1
}

# count PATTERN: the lines of the output with it
count() {
    grep -c -- "$1" "$out"
}

case $example in
hello)
    OTEL_TRACES_EXPORTER=console OTEL_SERVICE_NAME=greeter "$build/bin/hello" >"$out"
    expect "it ends well" $? 0
    expect "there is one span" "$(count '^hello (internal, ')" 1
    expect "of the service" "$(count '^  service greeter$')" 1
    expect "with its attribute" "$(count '^  answer: 42$')" 1
    ;;
library)
    OTEL_TRACES_EXPORTER=console "$build/bin/library" >"$out"
    expect "it ends well" $? 0
    expect "only the program speaks" "$(cat "$out")" "5 words"
    ;;
log)
    OTEL_TRACES_EXPORTER=none "$build/bin/log" >"$out"
    expect "it ends well" $? 0
    expect "there are four lines" "$(wc -l <"$out")" 4
    expect "the first is in no trace" "$(head -n 1 "$out")" "started region=eu-west-1"
    expect "the others are in one" \
        "$(grep -o 'trace_id=[0-9a-f]\{32\}' "$out" | uniq -c | awk '{ print $1 }')" 3
    expect "and in two spans" \
        "$(grep -o ' span_id=[0-9a-f]\{16\}' "$out" | sort -u | wc -l)" 2
    expect "the user is on each of those" "$(count ' user\.id=u_123')" 3
    expect "what a scope added ends with it" "$(count 'attempt=')" 1
    expect "what is private is on none" "$(count 'session\|secret')" 0
    ;;
test)
    "$build/bin/test" >"$out"
    expect "it ends well" $? 0
    expect "all three expectations are met" "$(count '^ok - ') $(count '^not ok')" "3 0"
    ;;
demo)
    bash "$top/examples/demo.sh" "$build" >"$out" 2>&1
    expect "it ends well" $? 0
    expect "the good requests are answered" "$(count '^GET /buy?item=.*  200$')" 3
    expect "one trace of three services is drawn" "$(count '^trace .* 7 spans · 3 services')" 1
    for service in frontend checkout inventory; do
        expect "$service is in it" "$(count "  $service  *[^ =]*[█▏▎▍▌▋▊▉]" | sed 's/^[1-9]/some/')" some
    done
    expect "the innermost span tells the error" "$(count '✗ no unicorns left$')" 1
    expect "and the event" "$(count '+[0-9.]* ms  out of stock  stock=0$')" 1
    expect "the user is on every span" "$(count 'user\.id=u_123')" 7
    expect "the private session is on none" "$(count 's3cr3t\|session=')" 0
    ;;
esac

[ "$failed" = 0 ] || cat "$out"
exit $failed
