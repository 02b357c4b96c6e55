#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_view.sh - tote view, from the request to the picture
#
# test_view.sh TOTE CURL PROTOC PROTO_FOLDER
set -uo pipefail

tote=$1 curl=$2 protoc=$3 protos=$4
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# post BODY CURL_ARGUMENTS...: prints the status.
post() {
    local body=$1
    shift
    post_as application/x-protobuf "$body" "$@"
}

# post_as TYPE BODY CURL_ARGUMENTS...: the same with this content type
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

# The child is first: without its parent the trace is not complete.
start_viewer --once --late 600s
expect "a compressed body is accepted" \
    "$(post "$work/store.gz" -H 'Content-Encoding: gzip')" 200
expect "a plain body is accepted" "$(post "$work/shop")" 200
await "$viewer"
expect "the viewer exits after one trace" "$code" 0
expect "the trace is drawn" "$(tail -n +3 "$work/view")" "$picture"
expect "nothing is on standard error" "$(cat "$work/view.err")" ""

json_picture='
trace 30313233343536373839616263646566 · 1 span · 1 service · 10.0 ms · 2023-11-14 22:13:20.000
json          ← shop █████████████████████████████████████████████████████████████████████   10.0 ms
   answer=42  bytes=<3 bytes>'
start_viewer --once
expect "JSON is accepted" "$(post_as 'application/json; charset=utf-8' "$work/json")" 200
await "$viewer"
expect "and drawn" "$(tail -n +3 "$work/view")" "$json_picture"

# grpc PATH BODY CURL_ARGUMENTS...: prints the status in the trailers.
grpc() {
    local to=$1 body=$2
    shift 2
    # On a slow machine libcurl 7.88 may hang: a lost attempt is retried.
    "$curl" -s --noproxy '*' --max-time 40 --retry 2 --http2-prior-knowledge -o /dev/null -D - -H 'te: trailers' \
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
start_viewer --once --late 600s
expect "a body that is not a gRPC message is refused" "$(grpc $service/Export "$work/shop")" 3
expect "a message that is not a request is refused" "$(frame 0 "$work/garbage" >"$work/x"; grpc $service/Export "$work/x")" 3
expect "a compressed message without grpc-encoding is refused" "$(grpc $service/Export "$work/store.grpc")" 3
expect "another method is not implemented" "$(grpc $service/Import "$work/shop.grpc")" 12
expect "a compressed message is accepted" "$(grpc $service/Export "$work/store.grpc" -H 'grpc-encoding: gzip')" 0
expect "a plain message is accepted" "$(grpc $service/Export "$work/shop.grpc")" 0
await "$viewer"
expect "and drawn" "$(tail -n +3 "$work/view")" "$picture"

{ cat "$work/json"; printf '\n\n'; } >"$work/lines.jsonl"
expect "lines of JSON in a file are drawn" "$("$tote" view "$work/lines.jsonl")" "$json_picture"
expect "and lines of standard input" "$("$tote" view - <"$work/lines.jsonl")" "$json_picture"
expect "and requests in protobuf, one per file" "$("$tote" view "$work/shop" "$work/store")" "$picture"
expect "a file of Jaeger and one of Zipkin are drawn" "$(cd "$tests/files" && \
    "$tote" view jaeger.json zipkin.json | grep -v '^ \|^│')" '
trace 00000000000000008a3c60f7d188f8fa · 2 spans · 2 services · 250.0 ms · 2023-11-14 22:13:20.000
HTTP GET /dispatch  ← driver █████████████████████████████████████████████████████████████  250.0 ms
└─ SQL SELECT       → mysql      ████████████████████████████████████████████████▊          200.0 ms

trace 00000000000000005af7183fb1d4cf5f · 4 spans · 2 services · 100.0 ms · 2023-11-14 22:13:20.000
get /              ← frontend ████████████████████████████████████████████████████████████  100.0 ms
└─ get /api        → frontend       ████████████████████████████████████████████████         80.0 ms'
"$tote" view "$work/garbage" >"$work/half" 2>"$work/half.err"
expect "a file without a request is an error" "$?" 1
expect "with a reason" "$(cat "$work/half.err")" \
    "tote: $work/garbage contains no traces, neither in OTLP nor in Jaeger or Zipkin JSON"
{ cat "$work/json"; printf '\n{"resourceSpans":1}\n'; } >"$work/half.jsonl"
"$tote" view "$work/half.jsonl" >"$work/half" 2>"$work/half.err"
expect "a damaged line is an error" "$?" 1
expect "that names the line" "$(cat "$work/half.err")" \
    "tote: $work/half.jsonl: 1 line skipped, not a trace in JSON: line 2"
expect "the lines before it are drawn" "$(cat "$work/half")" "$json_picture"
{ echo 'listening on 8080'; cat "$work/json"; printf '\nbye\n'; } >"$work/program.log"
"$tote" view "$work/program.log" >"$work/half" 2>"$work/half.err"
expect "other lines between requests are not an error" "$? $(wc -l <"$work/half.err")" "0 1"
expect "the requests between them are drawn" "$(cat "$work/half")" "$json_picture"
sed 's/30313233343536373839616263646566//' "$work/json" >"$work/no_id"
"$tote" view "$work/no_id" >"$work/half" 2>"$work/half.err"
expect "a span without a trace id is an error" "$?" 1
expect "with a message" "$(cat "$work/half.err")" \
    "tote: 1 span rejected: the trace id or the span id is missing or invalid"
expect "a missing file is reported" "$("$tote" view "$work/nowhere" 2>&1)" \
    "tote: $work/nowhere cannot be read: No such file or directory"

start_viewer --late 1h
expect "another path is not found" "$("$curl" -s --noproxy '*' -o /dev/null \
    -w '%{http_code}' "http://127.0.0.1:$port/")" 404
expect "another method is not allowed" "$("$curl" -s --noproxy '*' -o /dev/null \
    -w '%{http_code} %header{allow}' "http://127.0.0.1:$port/v1/traces")" "405 POST"
expect "another content type is refused" "$(post_as text/plain "$work/json")" 415
expect "invalid JSON is refused" "$(post_as application/json "$work/shop")" 400
expect "a body needs a content type" "$(post_as '' "$work/shop")" 415
expect "a content type may have parameters" \
    "$(post_as 'application/x-protobuf; charset=x' /dev/null)" 200
expect "garbage is refused" "$(post "$work/garbage")" 400
expect "a body that is not gzip is refused" "$(post "$work/shop" -H 'Content-Encoding: gzip')" 400
head -c 40 "$work/store.gz" >"$work/half.gz"
expect "truncated gzip is refused" "$(post "$work/half.gz" -H 'Content-Encoding: gzip')" 400
head -c 70000000 /dev/zero | gzip >"$work/bomb.gz"
expect "gzip that expands beyond the limit is refused" "$(post "$work/bomb.gz" -H 'Content-Encoding: gzip')" 413
expect "an unknown encoding is refused" \
    "$(post "$work/shop" -H 'Content-Encoding: br')" 415
gzip -c /dev/null >"$work/empty.gz"
expect "x-gzip is gzip, ignoring case" \
    "$(post "$work/empty.gz" -H 'Content-Encoding: X-GZip')" 200
expect "identity means no encoding" "$(post /dev/null -H 'Content-Encoding: Identity')" 200
expect "an empty body is a request without spans" "$(post /dev/null)" 200
gzip -c /dev/null | cat - "$work/store.gz" >"$work/members.gz"
expect "a body of several gzip members is accepted" \
    "$(post "$work/members.gz" -H 'Content-Encoding: gzip')" 200
expect "the response reports rejected spans" "$("$curl" -s --noproxy '*' --data-binary @"$work/no_id" \
    -H 'Content-Type: application/json' "http://127.0.0.1:$port/v1/traces")" \
    '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"1 span rejected: the trace id or the span id is missing or invalid"}}'
expect "a failure has a message" "$("$curl" -s --noproxy '*' --data-binary '{' \
    -H 'Content-Type: application/json' "http://127.0.0.1:$port/v1/traces")" \
    '{"message":"the body is not an OTLP trace request"}'

# A web page whose host name was made to resolve to 127.0.0.1 (DNS rebinding) sends that name.
for host in evil.example localhost.evil.example 127.0.0.1.evil.example "evil.example:$port"; do
    expect "a request for the host $host is refused" "$(post /dev/null -H "Host: $host")" 403
done
for host in localhost "LOCALHOST:$port" api.localhost 127.0.0.1 "[::1]:$port" 10.1.2.3; do
    expect "a request for the host $host is accepted" "$(post /dev/null -H "Host: $host")" 200
done

message=$("$tote" view --port "$port" 2>&1)
expect "a port that is in use is an error" "$?" 1
expect "with the address and the cause" "$message" "tote: cannot listen on 127.0.0.1:$port: Address already in use; --port 0 selects a free port"
message=$("$tote" view --port 0 --grpc-port "$grpc_port" 2>&1)
expect "a gRPC port that is in use is an error" "$?" 1
expect "with the address and the cause of gRPC" "$message" \
    "tote: cannot listen on 127.0.0.1:$grpc_port: Address already in use; --grpc-port 0 selects a free port"

# Without --grpc-port, the second of two viewers uses a free port and reports that.
others=()
for which in first second; do
    start_kept_port
    "$tote" view --port "$server_port" >"$work/$which" 2>"$work/$which.err" &
    others+=($!)
    started+=($!)
    until_true grep -qs '^listening on grpc:' "$work/$which"
    expect "the option --port is enough: $which" "$(grep -c '^listening on ' "$work/$which")" 2
done
expect "a free port that is used instead is reported" "$(sed 's/[0-9][0-9]*/N/' "$work/second.err")" \
    "tote: port N is in use: gRPC uses a free port instead"
kill "${others[@]}"
wait "${others[@]}"

expect "a part of a trace is accepted" "$(post "$work/store")" 200
kill -TERM "$viewer"
await "$viewer"
expect "a signal ends the viewer with status 0" "$code" 0
expect "after it has drawn the pending traces" \
    "$(grep -c 'spans whose parent was not received\|^remote' "$work/view")" 2

# open_connections PORT: 300 connections that send nothing
open_connections() {
    local fd
    for _ in $(seq 300); do
        exec {fd}<>"/dev/tcp/127.0.0.1/$1"
        connections+=("$fd")
    done
}

start_viewer --late 1h
connections=()
open_connections "$port"
expect "idle connections do not block others" "$(post /dev/null --max-time 60)" 200
open_connections "$grpc_port"
expect "nor with gRPC" "$(grpc $service/Export "$work/shop.grpc")" 0
for fd in "${connections[@]}"; do
    exec {fd}>&-
done
kill -TERM "$viewer"
await "$viewer"

# A viewer whose output is blocked holds traces up to its limits, then refuses requests as retryable.
mkfifo "$work/fifo"
exec 4<>"$work/fifo"
"$tote" view --port 0 >&4 2>/dev/null &
viewer=$!
started+=("$viewer")
read -r -u 4 line && port=${line##*:}
read -r -u 4 line && grpc_port=${line##*:}
for part in a b c d e; do
    for i in $(seq 10001 20000); do
        printf 'spans { trace_id: "0123456789%s%s" span_id: "00000001" }\n' "$part" "$i"
    done | request crowd >"$work/crowd"
    status=$(post "$work/crowd" -D "$work/headers")
    [ "$status" = 200 ] || break
done
expect "over the limits the sender is asked to wait" \
    "$status $(tr -d '\r' <"$work/headers" | grep -i '^retry-after')" "503 Retry-After: 1"
frame 0 "$work/shop" >"$work/x"
grpc $service/Export "$work/x" -D "$work/headers" # instead of on standard output
details=$(tr -d '\r' <"$work/headers" | sed -n 's/^grpc-status-details-bin: //p')
expect "also with gRPC" \
    "$(tr -d '\r' <"$work/headers" | grep '^grpc-status:') $(base64 -d <<<"$details" | "$protoc" \
        --proto_path="$protos" --decode=tote.otlp.RpcStatus response.proto | tr -d '\n')" \
    'grpc-status: 8 code: 8details {  type_url: "type.googleapis.com/google.rpc.RetryInfo"  value: "\n\002\010\001"}'
kill -KILL "$viewer"
await "$viewer"
exec 4>&-

for arguments in '' 'look' 'view --port' 'view --port x' 'view --port 65536' 'view --port -1' \
    'view --port --count 3' 'view --count' 'view --count 0' 'view --late 1x' 'view --memory 1X' \
    'view --memory 1K' 'view --memory 99999999999999G' 'view --colour' 'send a b' \
    'send -- a b'; do
    command=${arguments%% *}
    case $command in
    '' | look) hint=--help ;;
    *) hint="$command --help" ;;
    esac
    # shellcheck disable=SC2086
    timeout 60 "$tote" $arguments >"$work/out" 2>"$work/err"
    expect "bad usage is one line and a hint: tote $arguments" \
        "$? $(wc -c <"$work/out") $(wc -l <"$work/err") $(tail -n 1 "$work/err")" \
        "2 0 2 Try 'tote $hint' for more information."
done
expect "a terminal executes nothing of a wrong argument" \
    "$("$tote" $'\e[31m\u202ered' 2>&1 | head -n 1)" "tote: unknown command '�[31m�red'"
expect "an unknown option is named" \
    "$("$tote" view --colour 2>&1 | head -n 1)" "tote: view: unknown option '--colour'"
expect "a wrong number is named" "$("$tote" view --port 65536 2>&1 | head -n 1)" \
    "tote: view: --port needs a number from 0 to 65535, not '65536'"
expect "a missing number is reported" "$("$tote" view --port 2>&1 | head -n 1)" \
    "tote: view: --port needs a value (N)"
expect "a number that is too small is named" "$("$tote" view --count 0 2>&1 | head -n 1)" \
    "tote: view: --count needs a number from 1 to 1000000, not '0'"
cp "$work/shop" "$work/--count"
expect "an argument after -- is a file" \
    "$(cd "$work" && "$tote" view -- --count | head -n 2)" "$("$tote" view "$work/shop" | head -n 2)"
for arguments in "view $work/shop" --version --help; do
    # shellcheck disable=SC2086
    "$tote" $arguments >/dev/full 2>"$work/err"
    expect "a full disk is an error: tote ${arguments%% *}" \
        "$? $(grep -c '^tote: cannot write to standard output' "$work/err")" "1 1"
    # shellcheck disable=SC2086
    "$tote" $arguments >&- 2>"$work/err"
    expect "closed output is an error: tote ${arguments%% *}" \
        "$? $(grep -c '^tote: cannot write to standard output' "$work/err")" "1 1"
done
expect "--help prints the usage" "$("$tote" view --help | head -n 1)" \
    'usage: tote view [OPTION]... [FILE]...'
expect "--version prints the version" "$("$tote" --version | grep -c '^tote [0-9]*\.[0-9]*\.[0-9]*')" 1

exit $failed
