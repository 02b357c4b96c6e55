#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_send.sh - tote send delivers spans that programs saved while the collector was unavailable
#
# test_send.sh TOTE PROGRAM
set -uo pipefail

tote=$1 program=$2
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

disk_queue=$work/disk_queue
OTEL_C_DISK_QUEUE_DIRECTORY=$disk_queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
    "$program" >"$work/program" 2>&1
expect "a program exits normally without a receiver" $? 0
expect "its spans are in the disk queue" "$(find "$disk_queue" -name '*.otlp' | wc -l)" 1

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
    "$tote" send --timeout 200ms "$disk_queue" >"$work/away"
expect "without a receiver the exit status is 1" $? 1
expect "and the batches are left" "$(cat "$work/away")" "0 spans delivered, 0 rejected, 1 batches left"

start_viewer --count 1
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port "$tote" send "$disk_queue" >"$work/back"
expect "with a receiver the exit status is 0" $? 0
expect "all spans are delivered" "$(cat "$work/back")" "1 spans delivered, 0 rejected, 0 batches left"
await "$viewer"
expect "the receiver has them" "$(grep -c hello "$work/view")" 1
expect "nothing is left" "$(find "$disk_queue" -name '*.otlp' | wc -l)" 0

# Files do not depend on the protocol: tote send uses the one that it is configured with.
for protocols in "http/json http/protobuf" "http/protobuf http/json"; do
    OTEL_EXPORTER_OTLP_PROTOCOL=${protocols% *} OTEL_C_DISK_QUEUE_DIRECTORY=$disk_queue OTEL_LOG_LEVEL=none \
        OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 "$program" >"$work/program" 2>&1
    start_viewer --count 1
    OTEL_EXPORTER_OTLP_PROTOCOL=${protocols#* } OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port \
        "$tote" send "$disk_queue" >"$work/translated"
    expect "a queue of a program with another protocol is delivered" "$? $(cat "$work/translated")" \
        "0 1 spans delivered, 0 rejected, 0 batches left"
    await "$viewer"
    expect "and read by the receiver" "$(grep -c hello "$work/view")" 1
done

# An endpoint that does not accept requests, then one that does: no span is lost.
for _ in 1 2; do
    OTEL_C_DISK_QUEUE_DIRECTORY=$disk_queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
        "$program" >"$work/program" 2>&1
done
start_viewer --count 2
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:$port/elsewhere \
    "$tote" send "$disk_queue" >"$work/path" 2>"$work/path.err"
expect "a wrong path has its own exit status" $? 4
expect "and no span is lost" "$(cat "$work/path")" "0 spans delivered, 0 rejected, 2 batches left
the receiver does not accept requests at this endpoint: the rest stays in the queue"
expect "the cure is named" "$(grep -c 'responded with 404.*check the path' "$work/path.err")" 1
expect "the batches are in the queue" "$(find "$disk_queue" -name '*.otlp' | wc -l)" 2
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port "$tote" send "$disk_queue" >"$work/path"
expect "the right path delivers them" "$? $(cat "$work/path")" \
    "0 2 spans delivered, 0 rejected, 0 batches left"
await "$viewer"

# Rejected spans are removed from the queue, but are not a success.
if command -v python3 >/dev/null; then
    OTEL_C_DISK_QUEUE_DIRECTORY=$disk_queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
        "$program" >"$work/program" 2>&1
    start_server python3 "$tests/receive.py" "$work/spans" 0 400
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$server_port OTEL_LOG_LEVEL=none \
        "$tote" send "$disk_queue" >"$work/rejected"
    expect "rejected spans are not a success" "$? $(cat "$work/rejected")" \
        "4 0 spans delivered, 1 rejected, 0 batches left"
fi

# Files that cannot be opened or are damaged are kept and counted, and have their own exit status.
OTEL_C_DISK_QUEUE_DIRECTORY=$disk_queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none \
    "$program" >"$work/program" 2>&1
file=$(find "$disk_queue" -name '*.otlp')
chmod 666 "$file"
: >"$disk_queue/18eab4004c6e1b99-a5c3a138-00000001-2.otlp"
chmod 600 "$disk_queue/18eab4004c6e1b99-a5c3a138-00000001-2.otlp"
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_LOG_LEVEL=none "$tote" send "$disk_queue" >"$work/left"
expect "files that cannot be sent have their own exit status" $? 3
expect "and are counted" "$(cat "$work/left")" "0 spans delivered, 0 rejected, 0 batches left
1 files cannot be opened, 1 files are damaged"
expect "a file that another user may write to is kept" "$(ls "$file")" "$file"

chmod 777 "$disk_queue"
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 "$tote" send "$disk_queue" >/dev/null 2>"$work/shared.err"
expect "a directory that every user may write to is refused" $? 3
expect "with the reason" "$(grep -c 'every user may write to it (mode 0777)' "$work/shared.err")" 1
chmod 700 "$disk_queue"

if [ "$(id -u)" = 0 ]; then
    rm -rf "$disk_queue"
    OTEL_C_DISK_QUEUE_DIRECTORY=$disk_queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 \
        OTEL_LOG_LEVEL=none "$program" >"$work/program" 2>&1
    rm -f "$disk_queue/tote.lock"
    chown -R 65534 "$disk_queue"
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 "$tote" send --timeout 200ms "$disk_queue" >"$work/root"
    expect "root sends from the directory of another user" "$(cat "$work/root")" \
        "0 spans delivered, 0 rejected, 1 batches left"
    expect "and creates the lock" "$(ls "$disk_queue/tote.lock")" "$disk_queue/tote.lock"
    expect "and leaves no file that the user cannot open" "$(find "$disk_queue" ! -user 65534)" ""
fi

"$tote" send "$work/nowhere" 2>"$work/nowhere.err"
expect "a missing directory is an error" $? 1
expect "that names the directory" "$(cat "$work/nowhere.err")" "tote: send: the directory $work/nowhere does not exist"

mkdir -m 700 "$work/queue"
"$tote" send --crash-safe-directory "$work/nowhere" "$work/queue" 2>"$work/nowhere.err"
expect "a missing directory of crash-safe files is an error" "$? $(cat "$work/nowhere.err")" \
    "1 tote: send: the directory $work/nowhere does not exist"
(cd "$work" && "$tote" send -- -nowhere) 2>"$work/nowhere.err"
expect "an argument after -- is a directory" "$? $(cat "$work/nowhere.err")" \
    "1 tote: send: the directory -nowhere does not exist"

# A mistyped directory is not changed.
mkdir -m 700 "$work/other"
echo 1 >"$work/other/lock"
"$tote" send "$work/other" >"$work/other.out" 2>&1
expect "a directory that is not a disk queue is an error" $? 1
expect "with one line" "$(wc -l <"$work/other.out") $(grep -c 'other is not a disk queue' "$work/other.out")" "1 1"
expect "nothing is created in it" "$(ls -A "$work/other")" lock

"$tote" send --timeout -1 "$disk_queue" 2>"$work/number.err"
expect "a timeout out of range is an error" $? 2
expect "that names the range" "$(head -1 "$work/number.err")" \
    "tote: send: --timeout needs a duration such as 500ms or 30s, at most 86400 s, not '-1'"
exit "$failed"
