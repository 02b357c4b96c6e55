#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_send_stop.sh - signals stop tote send after the request in flight
#
# test_send_stop.sh TOTE PROGRAM
set -uo pipefail

tote=$1 program=$2
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=receiver.sh
. "$tests/receiver.sh"

queue=$work/queue
export OTEL_LOG_LEVEL=none

# save COUNT: so many batches of one span
save() {
    for _ in $(seq "$1"); do
        OTEL_C_DISK_QUEUE_DIRECTORY=$queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 \
            OTEL_BSP_SCHEDULE_DELAY=1 "$program" >/dev/null 2>&1
    done
}
batches() { find "$queue" -name '*.otlp' | wc -l; }
# send OPTION...: in the background, with the signals of a program in the foreground; sets sender
send() {
    env --default-signal=INT,TERM "$tote" send "$@" "$queue" >"$work/out" 2>"$work/err" &
    sender=$!
    started+=("$sender")
}
# received COUNT: whether so many spans were received, in the request in flight too
received() { [ "$(spans "len(S)")" = "$1" ]; }
each_once() { spans "len(S) == $1 == len({s['spanId'] for s in S})"; }
hold() { : >"$work/spans.hold"; }
release() { rm "$work/spans.hold"; }

start_receiver
for case in "TERM 143" "INT 130"; do
    rm -f "$work/spans"
    save 2
    hold
    send --timeout 60s
    until_true received 1
    kill -"${case% *}" "$sender"
    release
    await "$sender"
    expect "SIG${case% *} ends tote send" "$code" "${case#* }"
    expect "after the response to the request in flight" "$(cat "$work/out")" \
        "1 spans delivered, 0 rejected, 1 batches left
stopped by a signal: what is left stays in the queue"
    expect "no other request is started" "$(each_once 1) $(batches)" "True 1"
    send
    await "$sender"
    expect "and the rest is sent later, each span once" "$code $(each_once 2)" "0 True"
done

rm -f "$work/spans"
save 2
hold
send --background --linger 60s --timeout 60s
until_true received 1
kill -TERM "$sender"
release
await "$sender"
expect "SIGTERM ends a background sender after the response" "$code $(each_once 1) $(batches)" "143 True 1"
echo '1 1 an earlier failure' >"$queue/tote.sender"
send --background --linger 60s
is_waiting() { [ "$(batches)" = 0 ] && [ ! -s "$queue/tote.sender" ]; } # the delivery is over
until_true is_waiting
kill -TERM "$sender"
await "$sender"
expect "one that waits for more spans ends at once" "$code $(each_once 2)" "0 True"

rm -f "$work/spans"
save 1
hold
send --background --linger 60s --timeout 60s
until_true received 1
first=$sender
save 1
send --background --linger 0
kill -TERM "$first"
release
await "$first"
await "$sender"
expect "a sender that is started meanwhile waits, and sends the rest" \
    "$code $(batches) $(each_once 2)" "0 0 True"

rm -f "$work/spans"
save 1
hold
send --timeout 60s
until_true received 1
kill -TERM "$sender"
sleep 0.3 # a signal that follows at once is the same one, sent twice
interrupted() { ! kill -INT "$sender" 2>/dev/null; }
until_true interrupted
await "$sender"
expect "a second signal ends it at once" "$code $(batches)" "130 1"
send --timeout 60s
until_true received 2
kill -TERM "$sender" "$sender"
await "$sender"
expect "a receiver that does not respond delays the end by up to 5 seconds" "$code $(cat "$work/out")" \
    "143 0 spans delivered, 0 rejected, 1 batches left
stopped by a signal: what is left stays in the queue"
release

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=warn send --timeout 60s
until_true grep -q 'nothing is sent for' "$work/err"
kill -TERM "$sender"
await "$sender"
expect "a pause before a retry ends at once" "$code $(batches)" "143 1"

rm -f "$work/spans"
save 1
hold
env --ignore-signal=INT "$tote" send --timeout 60s "$queue" >"$work/out" 2>&1 &
sender=$!
started+=("$sender")
until_true received 1
kill -INT "$sender"
release
await "$sender"
expect "an ignored signal stays ignored" "$code $(cat "$work/out")" "0 2 spans delivered, 0 rejected, 0 batches left"
exit "$failed"
