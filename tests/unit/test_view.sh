#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tote view from outside: what it answers, what it draws, how it ends.
#
#   test_view.sh BIN_DIR PROTO_DIR
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC0 COLUMNS=80
unset NO_COLOR

tote=$1/tote
proto=$2
work=$(mktemp -d)
viewer=

finish() {
    [ -z "$viewer" ] || kill -9 "$viewer" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "FAILED: $*" >&2
    cat "$work"/out "$work"/err >&2 2>/dev/null || true
    exit 1
}

equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }

# start ARGUMENTS...: a viewer on a free port, in $viewer and $url.
start() {
    : >"$work/out"
    "$tote" view --port 0 "$@" >"$work/out" 2>"$work/err" &
    viewer=$!
    for _ in $(seq 400); do
        url=$(sed -n '1s/^listening on \(http:\/\/127\.0\.0\.1:[0-9]*\)$/\1/p' "$work/out")
        [ -z "$url" ] || return 0
        kill -0 "$viewer" 2>/dev/null || fail "the viewer ended at once"
        sleep 0.05
    done
    fail "the viewer does not listen"
}

# ends CODE: the viewer ends by itself, with this exit code.
ends() {
    local code=0
    timeout 30 tail --pid="$viewer" -f /dev/null || fail "the viewer does not end"
    wait "$viewer" || code=$?
    viewer=
    equal "exit code" "$1" "$code"
}

# post CURL ARGUMENTS...: the status of the answer, whose body goes to $work/answer.
post() {
    curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-protobuf' "$@"
}

encode() {
    protoc --proto_path="$proto" --encode=tote.otlp.ExportTraceServiceRequest request.proto
}

# resource SERVICE: spans on stdin, of this service.
resource() {
    printf 'resource_spans { resource { attributes { key: "service.name"\n'
    printf 'value { string_value: "%s" } } } scope_spans { ' "$1"
    cat
    printf '} }\n'
}

root='spans { trace_id: "0123456789abcdef" span_id: "rootspan" name: "GET /buy" kind: SPAN_KIND_SERVER
    start_time_unix_nano: 1700000000000000000 end_time_unix_nano: 1700000000100000000
    attributes { key: "user.id" value { string_value: "u_123" } }
    attributes { key: "http.response.status_code" value { int_value: 200 } } }'
child='spans { trace_id: "0123456789abcdef" span_id: "childone" parent_span_id: "rootspan"
    name: "reserve\033[2J" kind: SPAN_KIND_INTERNAL
    start_time_unix_nano: 1700000000020000000 end_time_unix_nano: 1700000000070000000
    events { time_unix_nano: 1700000000030000000 name: "retry"
        attributes { key: "attempt" value { int_value: 2 } } }
    status { code: STATUS_CODE_ERROR message: "out of stock" } }'

resource frontend <<<"$root" | encode >"$work/root"
resource stock <<<"$child" | encode >"$work/child"
cat "$work/root" "$work/child" >"$work/both" # messages that follow each other are one
gzip -c "$work/child" >"$work/child.gz"

cat >"$work/expected" <<'END'

trace 30313233343536373839616263646566 · 2 spans · 2 services · 100.0 ms
GET /buy        frontend █████████████████████████████████████████████  100.0 ms
│  user.id=u_123  http.response.status_code=200
└─ reserve�[2J  stock             ██████████████████████▌                50.0 ms
      ✗ out of stock
      +10.0 ms  retry  attempt=2
END

# A trace in two requests, one of them compressed, is drawn as one; then the viewer ends.
start --once
equal "the root" 200 "$(post --data-binary "@$work/root" "$url/v1/traces")"
equal "an empty answer" 0 "$(wc -c <"$work/answer")"
equal "the child" 200 "$(post -H 'Content-Encoding: gzip' --data-binary "@$work/child.gz" "$url/v1/traces")"
ends 0
sed 1d "$work/out" | diff -u "$work/expected" - || fail "it is drawn otherwise"

# What is wrong is refused, and is no end of the viewer.
start --quiet-ms 60000
equal "another path" 404 "$(post --data-binary "@$work/both" "$url/v1/logs")"
equal "another method" 405 "$(post -X GET "$url/v1/traces")"
equal "JSON" 415 "$(curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d '{}' "$url/v1/traces")"
equal "another encoding" 415 "$(post -H 'Content-Encoding: br' --data-binary "@$work/both" "$url/v1/traces")"
equal "garbage" 400 "$(post --data-binary 'no request' "$url/v1/traces")"
equal "gzip that is none" 400 "$(post -H 'Content-Encoding: gzip' --data-binary 'no gzip' "$url/v1/traces")"
equal "gzip cut short" 400 "$(head -c 40 "$work/child.gz" |
    post -H 'Content-Encoding: gzip' --data-binary @- "$url/v1/traces")"
equal "too much" 413 "$(head -c 67108865 /dev/zero | post -H 'Expect:' --data-binary @- "$url/v1/traces")"
equal "too much when inflated" 413 "$(head -c 67108865 /dev/zero | gzip -1 |
    post -H 'Content-Encoding: gzip' --data-binary @- "$url/v1/traces")"

# The port is taken; the one who has it goes on, and draws what is pending when told to end.
code=0
"$tote" view --port "${url##*:}" >/dev/null 2>"$work/second" || code=$?
equal "a port in use" 1 "$code"
grep -q 'cannot listen on 127.0.0.1:.*in use' "$work/second" || fail "a port in use has no clear error"
equal "the child" 200 "$(post --data-binary "@$work/child" "$url/v1/traces")"
kill -TERM "$viewer"
ends 0
grep -q '^under a parent that was not seen:$' "$work/out" || fail "what was pending is not drawn"
! grep -q $'\033' "$work/out" || fail "an escape code in a pipe"

# A trace that stays incomplete is drawn when it is quiet; --count counts.
start --count 2 --quiet-ms 400
post --data-binary "@$work/child" "$url/v1/traces" >"$work/status"
sed 's/"0123456789abcdef"/"another trace 16"/' <<<"$root" | resource frontend | encode |
    post --data-binary @- "$url/v1/traces" >"$work/status"
ends 0
equal "traces drawn" 2 "$(grep -c '^trace ' "$work/out")"

# Bad usage
for arguments in '' 'draw' 'view --port' 'view --port --count 5' 'view --port 65536' 'view --count x' 'view -x'; do
    code=0
    # shellcheck disable=SC2086
    timeout 10 "$tote" $arguments >"$work/out" 2>"$work/err" || code=$?
    equal "tote $arguments" 2 "$code"
    [ -s "$work/err" ] && [ ! -s "$work/out" ] || fail "tote $arguments: its message is not on stderr"
done
"$tote" --version | grep -qx 'tote [0-9.]*' || fail "--version"
"$tote" --help | grep -q '^usage: tote view' || fail "--help"
echo passed
