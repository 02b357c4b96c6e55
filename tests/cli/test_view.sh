#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_view.sh - tote view, from the request to the picture
#
# test_view.sh TOTE CURL PROTOC PROTO_FOLDER
set -uo pipefail

tote=$1 curl=$2 protoc=$3 protos=$4
work=$(mktemp -d)
viewer=
failed=0
export LC_ALL=C.UTF-8 TZ=UTC0
unset COLUMNS NO_COLOR http_proxy

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

# start ARGUMENTS...: a viewer in the background; sets viewer and port.
start() {
    "$tote" view --port 0 "$@" >"$work/out" 2>"$work/err" &
    viewer=$!
    for _ in $(seq 500); do
        port=$(sed -n 's/^listening on http:.*:\([0-9]*\)$/\1/p' "$work/out")
        [ -z "$port" ] || return 0
        kill -0 "$viewer" 2>/dev/null || break
        sleep 0.02
    done
    echo "not ok - the viewer starts"
    cat "$work/err"
    exit 1
}

# Wait for the viewer to end; sets code.
await() {
    timeout 30 tail --pid="$viewer" -f /dev/null || kill -KILL "$viewer"
    wait "$viewer"
    code=$?
    viewer=
}

# post BODY CURL_ARGUMENTS...: prints the status.
post() {
    local body=$1
    shift
    post_as application/x-protobuf "$body" "$@"
}

# post_as TYPE BODY CURL_ARGUMENTS...: the same with this type
post_as() {
    local type=$1 body=$2
    shift 2
    "$curl" -s --noproxy '*' -o /dev/null -w '%{http_code}' --data-binary @"$body" \
        -H "Content-Type: $type" "$@" "http://127.0.0.1:$port/v1/traces"
}

# span ID PARENT NAME START_MS LENGTH_MS: a span in protobuf's text format; ids of one digit.
span() {
    local start=$((1700000000000 + $4))
    printf 'spans { trace_id: "0123456789abcdef" span_id: "0000000%s" ' "$1"
    [ -z "$2" ] || printf 'parent_span_id: "0000000%s" ' "$2"
    printf 'name: "%s" start_time_unix_nano: %s000000 end_time_unix_nano: %s000000 ' \
        "$3" "$start" $((start + $5))
    [ "$3" != fails ] || printf 'status { code: STATUS_CODE_ERROR message: "no way" } '
    printf '}\n'
}

# request SERVICE: spans on standard input to a body on standard output
request() {
    {
        printf 'resource_spans { resource { attributes { key: "service.name" '
        printf 'value { string_value: "%s" } } } scope_spans {\n' "$1"
        cat
        printf '} }\n'
    } | "$protoc" --proto_path="$protos" --encode=tote.otlp.ExportTraceServiceRequest request.proto
}

{
    span 1 '' 'root' 0 100
    span 2 1 'fails' 10 50
} | request shop >"$work/shop"
span 3 2 'remote \033[2J' 20 30 | request store >"$work/store"
gzip -k "$work/store"
printf '\xff\xff\xff' >"$work/garbage"
printf '%s' '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},' \
    '"scopeSpans":[{"scope":null,"spans":[{"traceId":"30313233343536373839616263646566","spanId":"ABCDEFabcdef0001",' \
    '"name":"json","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000000010000000,' \
    '"attributes":[{"key":"answer","value":{"intValue":"42"}},{"key":"bytes","value":{"bytesValue":"AAEC"}}],' \
    '"ofTheFuture":[{}]}]}]}]}' >"$work/json"

picture='
trace 30313233343536373839616263646566 · 3 spans · 2 services · 100.0 ms · 2023-11-14 22:13:20.000
root               shop  █████████████████████████████████████████████████████████████████  100.0 ms
└─ fails           shop        ████████████████████████████████▌                             50.0 ms
   │  ✗ no way
   └─ remote �[2J  store              ███████████████████▌                                   30.0 ms'

start --once
expect "a body is taken" "$(post "$work/shop")" 200
expect "and so is a compressed one" \
    "$(post "$work/store.gz" -H 'Content-Encoding: gzip')" 200
await
expect "the viewer ends by itself after one trace" "$code" 0
expect "the trace is drawn" "$(tail -n +3 "$work/out")" "$picture"
expect "nothing is on standard error" "$(cat "$work/err")" ""

json_picture='
trace 30313233343536373839616263646566 · 1 span · 1 service · 10.0 ms · 2023-11-14 22:13:20.000
json          ← shop █████████████████████████████████████████████████████████████████████   10.0 ms
   answer=42  bytes=<3 bytes>'
start --once
expect "JSON is taken" "$(post_as 'application/json; charset=utf-8' "$work/json")" 200
await
expect "and drawn" "$(tail -n +3 "$work/out")" "$json_picture"

# grpc PATH BODY CURL_ARGUMENTS...: prints the status in the trailers.
grpc() {
    local to=$1 body=$2 grpc_port
    shift 2
    grpc_port=$(sed -n 's/^listening on grpc:.*:\([0-9]*\)$/\1/p' "$work/out")
    "$curl" -s --noproxy '*' --http2-prior-knowledge -o /dev/null -D - -H 'te: trailers' \
        -H 'content-type: application/grpc' --data-binary @"$body" "$@" \
        "http://127.0.0.1:$grpc_port/$to" | tr -d '\r' | sed -n 's/^grpc-status: //p'
}

# frame COMPRESSED BODY: a message of gRPC on standard output
frame() {
    printf '%02x%08x' "$1" "$(wc -c <"$2")" | sed 's/../\\x&/g' | { read -r head; printf '%b' "$head"; }
    cat "$2"
}

service=opentelemetry.proto.collector.trace.v1.TraceService
frame 0 "$work/shop" >"$work/shop.grpc"
frame 1 "$work/store.gz" >"$work/store.grpc"
start --once
expect "what is no message of gRPC is refused" "$(grpc $service/Export "$work/shop")" 3
expect "so is a message that is no request" "$(frame 0 "$work/garbage" >"$work/x"; grpc $service/Export "$work/x")" 3
expect "and one that is compressed as nobody said" "$(grpc $service/Export "$work/store.grpc")" 3
expect "another method is not implemented" "$(grpc $service/Import "$work/shop.grpc")" 12
expect "gRPC is taken" "$(grpc $service/Export "$work/shop.grpc")" 0
expect "and so is a compressed message" "$(grpc $service/Export "$work/store.grpc" -H 'grpc-encoding: gzip')" 0
await
expect "and drawn" "$(tail -n +3 "$work/out")" "$picture"

{ cat "$work/json"; printf '\n\n'; } >"$work/lines.jsonl"
expect "lines of JSON in a file are drawn" "$("$tote" view "$work/lines.jsonl")" "$json_picture"
expect "and those that come in" "$("$tote" view - <"$work/lines.jsonl")" "$json_picture"
expect "and requests in protobuf, one a file" "$("$tote" view "$work/shop" "$work/store")" "$picture"
expect "what is neither is told" "$("$tote" view "$work/garbage" 2>&1)" \
    "tote: $work/garbage is neither lines of OTLP/JSON nor a request in protobuf"
{ cat "$work/json"; printf '\n{"resourceSpans":1}\n'; } >"$work/half.jsonl"
"$tote" view "$work/half.jsonl" >"$work/half" 2>"$work/half.err"
expect "a line that is none makes the status say so" "$?" 1
expect "and words say which" "$(cat "$work/half.err")" "tote: $work/half.jsonl:2 is no request in OTLP/JSON"
expect "what came before is drawn" "$(cat "$work/half")" "$json_picture"
expect "a file that is not there is told" "$("$tote" view "$work/nowhere" 2>&1)" \
    "tote: $work/nowhere cannot be read: No such file or directory"

start --quiet-ms 3600000
expect "another path is not found" "$("$curl" -s --noproxy '*' -o /dev/null \
    -w '%{http_code}' "http://127.0.0.1:$port/")" 404
expect "another method is not allowed" "$("$curl" -s --noproxy '*' -o /dev/null \
    -w '%{http_code} %header{allow}' "http://127.0.0.1:$port/v1/traces")" "405 POST"
expect "another type is not understood" "$(post_as text/plain "$work/json")" 415
expect "nor JSON that is none" "$(post_as application/json "$work/shop")" 400
expect "a body needs a type" "$(post_as '' "$work/shop")" 415
expect "a type may have parameters" \
    "$(post_as 'application/x-protobuf; charset=x' /dev/null)" 200
expect "garbage is refused" "$(post "$work/garbage")" 400
expect "so is what is not gzip" "$(post "$work/shop" -H 'Content-Encoding: gzip')" 400
head -c 40 "$work/store.gz" >"$work/half.gz"
expect "and half of what is" "$(post "$work/half.gz" -H 'Content-Encoding: gzip')" 400
head -c 70000000 /dev/zero | gzip >"$work/bomb.gz"
expect "and what swells beyond all bounds" "$(post "$work/bomb.gz" -H 'Content-Encoding: gzip')" 413
expect "an encoding that nobody knows is refused" \
    "$(post "$work/shop" -H 'Content-Encoding: br')" 415
expect "an empty body is a request without spans" "$(post /dev/null)" 200

message=$("$tote" view --port "$port" 2>&1)
expect "a port that is in use is an error" "$?" 1
expect "that says so" "$message" "tote: cannot listen on 127.0.0.1:$port: Address already in use; --port 0 takes a free port"

expect "a part of a trace is taken" "$(post "$work/store")" 200
kill -TERM "$viewer"
await
expect "a signal ends it well" "$code" 0
expect "after it has drawn what is pending" \
    "$(grep -c 'under a parent that was not seen\|^remote' "$work/out")" 2

for arguments in '' 'look' 'view --port' 'view --port x' 'view --port 65536' 'view --port -1' \
    'view --port --count 3' 'view --count' 'view --quiet-ms 1x' 'view --colour'; do
    # shellcheck disable=SC2086
    timeout 10 "$tote" $arguments >"$work/out" 2>"$work/err"
    expect "bad usage: tote $arguments" "$? $(wc -c <"$work/out") $(grep -c '^usage: ' "$work/err")" \
        "2 0 1"
done
expect "an option that is not known is named" \
    "$("$tote" view --colour 2>&1 | head -n 1)" "tote: view: unknown option '--colour'"
expect "so is a number that is wrong" "$("$tote" view --port 65536 2>&1 | head -n 1)" \
    "tote: view: --port needs a number up to 65535, which is not '65536'"
expect "or missing" "$("$tote" view --port 2>&1 | head -n 1)" \
    "tote: view: --port needs a number up to 65535"
expect "help is for asking" "$("$tote" view --help | head -n 1)" \
    "$("$tote" --help | head -n 1)"
expect "there is a version" "$("$tote" --version | grep -c '^tote [0-9]*\.[0-9]*\.[0-9]*')" 1

exit $failed
