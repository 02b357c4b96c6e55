#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_send.sh - a collector that was away: what programs left is delivered by tote send
#
# test_send.sh TOTE PROGRAM
set -uo pipefail

tote=$1 program=$2
work=$(mktemp -d)
viewer=
failed=0
export LC_ALL=C.UTF-8 no_proxy='*'

finish() {
    [ -z "$viewer" ] || kill -KILL "$viewer" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

# expect WHAT IS WANTED
expect() {
    [ "$2" = "$3" ] && { echo "ok - $1"; return; }
    printf 'not ok - %s\n--- is\n%s\n--- wanted\n%s\n' "$1" "$2" "$3"
    failed=1
}

spool=$work/spool
OTEL_C_SPOOL_DIRECTORY=$spool OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
    "$program" >"$work/program" 2>&1
expect "a program ends well with nobody there" $? 0
expect "its spans are in the spool" "$(find "$spool" -name '*.otlp' | wc -l)" 1

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
    "$tote" send --timeout-ms 200 "$spool" >"$work/away"
expect "nobody takes them: the exit status says so" $? 1
expect "and so do words" "$(cat "$work/away")" "0 spans delivered, 0 rejected, 1 batches left"

"$tote" view --port 0 --once >"$work/view" 2>&1 &
viewer=$!
for _ in $(seq 500); do
    port=$(sed -n 's/^listening on http:.*:\([0-9]*\)$/\1/p' "$work/view")
    [ -z "$port" ] || break
    sleep 0.02
done
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port "$tote" send "$spool" >"$work/back"
expect "somebody takes them" $? 0
expect "all" "$(cat "$work/back")" "1 spans delivered, 0 rejected, 0 batches left"
timeout 30 tail --pid="$viewer" -f /dev/null
expect "they arrive" "$(grep -c hello "$work/view")" 1
expect "nothing is left" "$(find "$spool" -name '*.otlp' | wc -l)" 0

"$tote" send "$work/nowhere" 2>"$work/nowhere.err"
expect "a directory that is not there is an error" $? 1
expect "that says which" "$(cat "$work/nowhere.err")" "tote: send: there is no directory $work/nowhere"
exit "$failed"
