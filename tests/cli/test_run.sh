#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_run.sh - tote run: a command, and a picture of its traces
#
# test_run.sh TOTE CURL OS [HELLO]: what TOTE was built for; see docs/porting.md
set -uo pipefail

tote=$1 curl=$2 os=$3 hello=${4:-}
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# A program that exports without an SDK
export script=$tests/export.py
python() { python3 "$script" "$@"; }
export -f python

# What the command sees and does.
"$tote" run -- sh -c 'exit 42' 2>"$work/err"
expect "the exit status is that of the command" "$? $(cat "$work/err")" \
    "42 tote: run: no span arrived: the command exports none, or not by OTLP to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
"$tote" run -- sh -c 'kill -TERM $$' 2>/dev/null
expect "a command that is killed by a signal has status 128+n" $? 143
"$tote" run "$work/nothing" 2>"$work/err"
expect "a command that is not found has status 127" "$? $(cat "$work/err")" \
    "127 tote: run: cannot run '$work/nothing': No such file or directory"
"$tote" run /etc/passwd 2>/dev/null
expect "a command that is not executable has status 126" $? 126
"$tote" run --timeout 50ms sleep 60 2>/dev/null
expect "a timeout has status 124" $? 124
"$tote" run 2>/dev/null
expect "a missing command is wrong usage" $? 2
start_viewer
"$tote" run --port "$port" echo ran >"$work/out" 2>"$work/err"
expect_match "a port that is in use is an error before the command runs" \
    "$? $(cat "$work/out")$(cat "$work/err")" \
    "125 tote: run: cannot listen on 127.0.0.1:$port: Address already in use"
"$tote" run -o /nothing/traces echo ran >"$work/out" 2>"$work/err"
expect_match "so is an output that cannot be written" "$? $(cat "$work/out")$(cat "$work/err")" \
    "125 tote: run: cannot write /nothing/traces: *"
head -c 100000 /dev/urandom >"$work/bytes"
"$tote" run cat <"$work/bytes" >"$work/out" 2>/dev/null
cmp "$work/bytes" "$work/out"
expect "standard input and output are those of the command" $? 0

# The environment. Spec: protocol/exporter.md#configuration-options
# shellcheck disable=SC2016
print='env | grep -E "^(OTEL_|TRACE|BAGGAGE|TOTE|LD_PRELOAD)" | sort'
environment() { env "$@" "$tote" run -q -- sh -c "$print" 2>/dev/null | sed \
    -e 's/127.0.0.1:[0-9]*/VIEWER/' -e 's/=.*tote-run-.*/=QUEUE/' -e 's/[^ :=]*\/tote-/tote-/g'; }
objects= # those that were built, and are preloaded: on Linux
for name in threads curl hiredis pq sqlite; do
    object=$(dirname "$tote")/../instrumentation/$name/tote-preload-$name.so
    [ "$os" != linux ] || [ ! -e "$object" ] || objects+=${objects:+:}tote-preload-$name.so
done
expect "the command exports to the viewer" "$(environment)" \
"${objects:+LD_PRELOAD=$objects
}OTEL_BSP_SCHEDULE_DELAY=500
OTEL_C_DISK_QUEUE_DIRECTORY=QUEUE
OTEL_EXPORTER_OTLP_ENDPOINT=http://VIEWER
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://VIEWER/v1/traces
OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
OTEL_LOGS_EXPORTER=none
OTEL_METRICS_EXPORTER=none
OTEL_SERVICE_NAME=sh
OTEL_TRACES_EXPORTER=otlp
TOTE_VIEW_URL=http://VIEWER"
expect "what the user set for other signals stays" "$(environment OTEL_SERVICE_NAME=shop \
    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x \
    OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_TRACES_EXPORTER=none BAGGAGE=a=b TRACEPARENT=x \
    TRACESTATE=y LD_PRELOAD= | grep -v LD_PRELOAD)" \
"BAGGAGE=a=b
OTEL_BSP_SCHEDULE_DELAY=500
OTEL_C_DISK_QUEUE_DIRECTORY=QUEUE
OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318
OTEL_EXPORTER_OTLP_PROTOCOL=grpc
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://VIEWER
OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc
OTEL_SERVICE_NAME=shop
OTEL_TRACES_EXPORTER=otlp
TOTE_VIEW_URL=http://VIEWER"
expect "a service name in the resource attributes stays" \
    "$(environment OTEL_RESOURCE_ATTRIBUTES=a=b,service.name=shop | grep SERVICE)" ""
touch "$work/other.so"
expect "other preload objects stay, and are first" \
    "$(environment LD_PRELOAD=libm.so.6 | grep LD_PRELOAD)" \
    "LD_PRELOAD=libm.so.6${objects:+:$objects}"
nested() { LD_PRELOAD=$1 "$tote" run -q "$tote" run -q sh -c 'echo "$LD_PRELOAD"' 2>/dev/null |
    sed 's/[^ :=]*\/tote-/tote-/g'; }
expect "nested runs preload each object once" "$(nested libm.so.6)" \
    "libm.so.6${objects:+:$objects}"
expect "--no-preload adds none" \
    "$("$tote" run -q --no-preload sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)" ""
# A program of a platform that the objects do not fit: 32 bits in the header
printf '\177ELF\1\1\1' | cat - "$work/bytes" >"$work/foreign"
chmod +x "$work/foreign"
expect "an object is not preloaded into a program of another platform" \
    "$("$tote" run -q "$work/foreign" 2>&1 | grep -c preload)" 0

# Programs.
"$tote" run -- python3 "$script" 'post([span(1, 1, "GET /"), span(1, 2, "query", 1)])' \
    >"$work/out" 2>"$work/err"
expect "a program in Python is drawn on standard error" \
    "$? $(cat "$work/out")$(grep -oE '(GET /|query)  +. *python3' "$work/err" | tr -s ' ')" \
    "0 GET / ← python3
query ← python3"
start_server python3 -u -m http.server --bind 127.0.0.1 --directory "$work" 0
"$tote" run -q -o "$work/traces" "$curl" -s -o /dev/null "http://127.0.0.1:$server_port/err"
expect "curl is traced without a change, and runs without the object" \
    "$? $(grep -o '"name":"GET"' "$work/traces") $(grep -c '"http.response.status_code"' "$work/traces")" \
    "$([[ $objects == *curl* ]] && echo '0 "name":"GET" 1' || echo '0  0')"
if [ -n "$hello" ]; then
    "$tote" run "$hello" >"$work/out" 2>"$work/err"
    expect_match "a C program on Tote is drawn" "$(cat "$work/err")" "*hello*answer=42*"
fi
cat >"$work/script" <<'END'
#!/bin/sh
tote exec --name build -- sh -c 'tote span --name compile; tote span --name link'
eval "$(tote span begin --name never-ended)"
tote span begin --name in-file --carrier "$0.carrier"
END
chmod +x "$work/script"
PATH=$(dirname "$tote"):$PATH "$tote" run -q -o "$work/traces" "$work/script"
expect "spans of tote exec and tote span arrive" "$? $(grep -oE '"name":"(build|compile|in-file|link|never-ended)"' \
    "$work/traces" | sort | tr '\n' ' ')" \
    '0 "name":"build" "name":"compile" "name":"in-file" "name":"link" "name":"never-ended" '
expect "requests of the senders of these spans are not traced" \
    "$(grep -c '"name":"POST"' "$work/traces")" 0
# shellcheck disable=SC2016
"$tote" run -q --late 60s -o "$work/traces" bash -c '
    (while kill -0 $$; do sleep 0.02; done; python "post([span(1, 1, \"late\")])") >/dev/null 2>&1 &
    python "post([span(1, 2, \"child\", 1)])"'
expect "a span that arrives after the end of the command joins its trace" \
    "$(grep -o '"name":"late"' "$work/traces")" '"name":"late"'
"$tote" run --limit 2 python3 "$script" \
    'post([span(i, 1, "one") for i in range(1, 6)])' 2>"$work/err"
expect "--limit draws the first traces" "$(grep -c 'one ' "$work/err") $(tail -1 "$work/err")" \
    "2 tote: run: 3 more traces; --limit 0 draws all"
"$tote" run -q -o "$work/traces" python3 "$script" \
    'post([span(i, 1, "one") for i in range(1, 6)])'
"$tote" view "$work/traces" >"$work/out"
expect "tote view reads the output of -o" "$(grep -c 'one ' "$work/out")" 5
# shellcheck disable=SC2016
expect "tote traces in the command asks this viewer" "$("$tote" run -q python3 "$script" \
    'post([span(9, 1, "asked")]); os.execv(sys.argv[2], [sys.argv[2], "traces"])' "$tote" |
    awk '{print $1, $NF}' | tail -1)" "0000000000000000 asked"
expect "the viewer listens on loopback only" "$("$tote" run -q python3 -c '
import os
port = "%04X" % int(os.environ["TOTE_VIEW_URL"].rsplit(":")[-1])
for line in open("/proc/net/tcp").readlines() + open("/proc/net/tcp6").readlines():
    address = line.split()[1]
    if address.endswith(":" + port) and line.split()[3] == "0A":
        print(address.split(":")[0])' 2>/dev/null)" 0100007F

# Signals, and the end of the processes.
cat >"$work/service" <<'END'
#!/bin/sh
trap 'echo stopped; exit 3' TERM
echo "$OTEL_C_DISK_QUEUE_DIRECTORY" >"$1.new"
mv "$1.new" "$1"
while [ -e "$1" ]; do sleep 0.05; done
END
chmod +x "$work/service"
"$tote" run "$work/service" "$work/queue" >"$work/out" 2>/dev/null &
started+=($!)
until_true test -s "$work/queue"
kill -TERM $!
await $!
expect "signals are forwarded" "$code $(cat "$work/out")" "3 stopped"
test ! -e "$(cat "$work/queue")"
expect "the private disk queue is removed" $? 0

# children PROCESS: its children, one on a line
children() { cat "/proc/$1/task/$1/children" 2>/dev/null | tr ' ' '\n'; }
rm -f "$work/queue"
"$tote" run "$work/service" "$work/queue" >/dev/null 2>&1 &
run=$!
started+=("$run")
until_true test -s "$work/queue"
# find_viewer: sets viewer, and notes the other children
find_viewer() {
    local child
    viewer=
    for child in $(children "$run"); do
        case $(readlink "/proc/$child/exe") in
        */tote-view) viewer=$child ;;
        *) started+=("$child") ;;
        esac
    done
}
find_viewer
kill -KILL "$run"
wait "$run" 2>/dev/null
# is_dead: also if no process reads its exit status; none of its threads has a socket open
is_dead() { [[ $(ps -L -o state= -p "$viewer") != *[!Z[:space:]]* ]]; }
gone() { is_dead && [ ! -e "$(cat "$work/queue")" ]; }
[ -n "$viewer" ] && until_true gone
expect "the viewer and its disk queue end with tote run, also if that is killed" $? 0
kill -KILL "${started[-1]}" 2>/dev/null

rm -f "$work/queue"
env --default-signal=INT "$tote" run --web "$work/service" "$work/queue" >/dev/null 2>"$work/err" &
run=$!
started+=("$run")
until_true test -s "$work/queue"
page=$(grep -oE 'http://127.0.0.1:[0-9]+/' "$work/err")
expect_match "--web prints the address of the page" "$page" "http://127.0.0.1:*/"
kill -TERM "$run"
until_true grep -q 'until Ctrl-C' "$work/err"
expect "the page stays after the end of the command" \
    "$("$curl" -s -o "$work/page" -w '%{http_code}' "$page") $(grep -ci '<html' "$work/page")" "200 1"
kill -INT "$run"
await "$run"
expect "Ctrl-C ends it, with the exit status of the command" $code 3

rm -f "$work/queue"
"$tote" run --web "$work/service" "$work/queue" >/dev/null 2>"$work/err" &
run=$!
started+=("$run")
until_true test -s "$work/queue"
find_viewer
kill -KILL "$viewer"
until_true is_dead
kill -TERM "${started[-1]}"
await "$run"
expect "no page is waited for whose viewer has ended before" "$code $(tail -n +2 "$work/err")" \
    "3 tote: run: the viewer ended before the command
tote: run: signal 9 ended the viewer"
exit $failed
