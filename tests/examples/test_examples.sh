#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_examples.sh - the examples do what their comments promise
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

# count PATTERN: the number of matching lines of the output
count() {
    grep -c -- "$1" "$out"
}

# await_line PATTERN
await_line() {
    for _ in $(seq 1200); do
        ! grep -q -- "$1" "$out" || break
        sleep 0.05
    done
}

case $example in
hello)
    OTEL_TRACES_EXPORTER=console OTEL_SERVICE_NAME=greeter "$build/bin/hello" >"$out"
    expect "it exits with status 0" $? 0
    expect "there is one span" "$(count '^hello (internal, ')" 1
    expect "of the service" "$(count '^  service greeter$')" 1
    expect "with its attribute" "$(count '^  answer: 42$')" 1
    ;;
filter)
    "$build/bin/filter" >"$out"
    expect "it exits with status 0" $? 0
    expect "health checks are dropped" "$(count '^GET (internal, ') $(count '/health')" "2 0"
    expect "the other requests are exported" "$(count '^  url.path: /\(cart\|pay\)$')" 2
    expect "the address is redacted" "$(count '^  user.email: REDACTED$') $(count 'ada@')" "1 0"
    ;;
deliver)
    place=$(mktemp -d)
    "$build/bin/deliver" "$place/lines" "$place/queue" 2>"$out"
    expect "without a receiver it exits with status 0" $? 0
    expect "the span is saved" "$(find "$place/queue" -name '*.otlp' | wc -l)" 1
    touch "$place/lines"
    "$build/bin/deliver" "$place/lines" "$place/queue" 2>>"$out"
    expect "with a receiver it exits with status 0" $? 0
    "$build/bin/deliver" "$place/lines" "$place/queue" rest 2>>"$out"
    expect "the rest is delivered" $? 0
    expect "the spans of both runs arrive" "$(grep -c '^work of deliver$' "$place/lines")" 2
    expect "and nothing is left" "$(find "$place/queue" -name '*.otlp' | wc -l)" 0
    rm -rf "$place"
    ;;
library)
    OTEL_TRACES_EXPORTER=console "$build/bin/library" >"$out"
    expect "it exits with status 0" $? 0
    expect "only the program writes to the terminal" "$(cat "$out")" "5 words"
    ;;
embed)
    OTEL_TRACES_EXPORTER=console "$build/bin/embed" >"$out"
    expect "it exits with status 0" $? 0
    expect "the tenant is sent on" "$(cat "$out")" $'order 4711\n> x-tenant: acme'
    ;;
log)
    OTEL_TRACES_EXPORTER=none "$build/bin/log" >"$out"
    expect "it exits with status 0" $? 0
    expect "there are four lines" "$(wc -l <"$out")" 4
    expect "the first line has no trace" "$(head -n 1 "$out")" "started region=eu-west-1"
    expect "the others have one trace" \
        "$(grep -o 'trace_id=[0-9a-f]\{32\}' "$out" | uniq -c | awk '{ print $1 }')" 3
    expect "and in two spans" \
        "$(grep -o ' span_id=[0-9a-f]\{16\}' "$out" | sort -u | wc -l)" 2
    expect "the user is on each of them" "$(count ' user\.id=u_123')" 3
    expect "an entry of a scope ends with it" "$(count 'attempt=')" 1
    expect "private entries are on no line" "$(count 'session\|secret')" 0
    ;;
fastcgi)
    socket=$out.socket
    OTEL_TRACES_EXPORTER=console "$build/bin/fastcgi" "$socket" 3 >"$out" 2>&1 &
    program=$!
    trap 'kill $(jobs -rp) 2>/dev/null; rm -f "$out" "$socket"' EXIT
    await_line listening
    # ask URI VARIABLE...
    ask() {
        env -i PATH="$PATH" REQUEST_METHOD=GET REQUEST_URI="$1" SERVER_PROTOCOL=HTTP/1.1 REMOTE_ADDR=10.1.2.3 \
            "${@:2}" cgi-fcgi -bind -connect "$socket"
    }
    answer=$(ask '/hello?sig=s3cr3t' HTTP_HOST=shop.test HTTP_X_FORWARDED_PROTO=https HTTP_BAGGAGE=user.id=u_1 \
        HTTP_TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01)
    expect "the caller's baggage is in the store" "$(tail -n 1 <<<"$answer" | tr -d '\r')" "hello, u_1"
    expect "an unknown path has status 404" "$(ask /nowhere | head -n 1 | tr -d '\r')" "Status: 404"
    expect "without baggage there is none" "$(ask /hello | tail -n 1 | tr -d '\r')" "hello, nobody"
    wait $program
    expect "it exits with status 0" $? 0
    expect "the span is the caller's child" \
        "$(count 'trace 0af7651916cd43dd8448eb211c80319c span .* parent b7ad6b7169203331 (remote)$')" 1
    expect "with its route" "$(count '^GET /hello (server, ')" 2
    expect "and the attributes of the semantic conventions" "$(grep -cE \
        '^  (url.path: /hello|url.query: sig=REDACTED|url.scheme: https|server.address: shop.test|server.port: 443|client.address: 10.1.2.3|http.response.status_code: 200)$' \
        <(sed '/^GET (server, /,$d' "$out"))" 7
    expect "a path is no route" "$(count '^GET (server, ')" 1
    ;;
pool)
    OTEL_TRACES_EXPORTER=console "$build/bin/pool" >"$out"
    expect "it exits with status 0" $? 0
    for user in u_1 u_2; do
        for image in a b; do
            expect "$image.png of $user" "$(count "^$image.png is resized for $user$")" 1
        done
        expect "its three spans have the user" "$(count "^  user.id: $user$")" 3
    done
    expect "an image is only on its own span" "$(count '^  image: ')" 4
    expect "four tasks are children" "$(count '^resize (internal, ')" 4
    ;;
coroutine)
    OTEL_TRACES_EXPORTER=console "$build/bin/coroutine" >"$out"
    expect "it exits with status 0" $? 0
    expect "they run alternately" "$(grep step "$out" | head -n 4 | tr '\n' ' ')" \
        "u_1: step 0 u_2: step 0 u_3: step 0 u_1: step 1 "
    server=$(sed -n '/^server /{n;s/.* span \([0-9a-f]*\).*/\1/p}' "$out")
    expect "each is a child of the server" "$(count " parent $server")" 3
    expect "and has its user" "$(grep -c '^  user.id: u_[123]$' "$out")" 3
    ;;
loop_epoll | loop_libuv)
    OTEL_TRACES_EXPORTER=none "$build/bin/$example" >"$out"
    expect "it exits with status 0" $? 0
    expect "no request sees the store of another" "$(sed 's/^[0-9]* //' "$out")" "requests on one thread, 0 wrong responses"
    OTEL_TRACES_EXPORTER=console "$build/bin/$example" 10 >"$out"
    expect "each has its own trace" "$(sed -n 's/^  trace \([0-9a-f]*\) .*/\1/p' "$out" | sort -u | wc -l)" 10
    expect "and its id" "$(sed -n 's/^  request.id: //p' "$out" | sort -u | wc -l)" 10
    if [ -x "$build/bin/tote" ]; then
        timeout 60 "$build/bin/tote" view --port 0 --count 10 >"$out" &
        viewer=$!
        await_line '^listening on '
        OTEL_BSP_SCHEDULE_DELAY=1 OTEL_EXPORTER_OTLP_ENDPOINT=$(sed -n 's/^listening on http/http/p' "$out") \
            "$build/bin/$example" 10 >/dev/null
        expect "with host-driven export it exits with status 0" $? 0
        wait $viewer
        expect "the traces arrived" $? 0
        expect "all of them" "$(count '^trace ')" 10
    fi
    ;;
relay)
    OTEL_TRACES_EXPORTER=console "$build/bin/relay" --port 0 >"$out" 2>&1 &
    relay=$!
    trap 'kill $(jobs -rp) 2>/dev/null; rm -f "$out"' EXIT
    for _ in $(seq 1200); do
        url=$(sed -n 's|^listening on \(127.0.0.1:[0-9]*\)$|http://\1|p' "$out")
        [ -z "$url" ] || break
        sleep 0.05
    done
    ids=0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331
    headers=(-H "traceparent: 00-$ids-01" -H 'tracestate: a=1' -H 'baggage: user=%C3%A9;p=1')
    context=$(curl -s "${headers[@]}" --get --data-urlencode "url=$url/ctx" "$url/hop")
    expect "the trace is the caller's" "$(grep -c '"trace_id": "0af7651916cd43dd8448eb211c80319c"' <<<"$context")" 1
    expect "the caller is not the parent of the second request" "$(grep -c 'b7ad6b7169203331' <<<"$context")" 0
    expect "tracestate, flags and baggage are relayed" \
        "$(grep -cE '"(tracestate": "a=1"|flags": "01"|user": "é"|user": "p=1")' <<<"$context")" 4
    code() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
    expect "calls are made" "$(code -d "[{\"url\": \"$url/test\", \"arguments\": []}]" "$url/test")" 200
    expect "an unreachable host has status 502" "$(code "$url/hop?url=http://127.0.0.1:1")" 502
    expect "a missing URL has status 400" "$(code "$url/hop")" 400
    expect "a body that is no array has status 400" "$(code -d '{}' "$url/test")" 400
    expect "a large body has status 413" "$(head -c 1100000 /dev/zero | code --data-binary @- "$url/test")" 413
    expect "another path has status 404" "$(code "$url/")" 404
    kill -TERM $relay
    wait $relay
    expect "it exits with status 0" $? 0
    expect "its spans are written" "$(count '^GET /hop (server, ') $(count '^POST (client, ')" "3 1"
    "$build/bin/relay" --port x 2>/dev/null
    expect "bad usage" $? 2
    ;;
test)
    "$build/bin/test" >"$out"
    expect "it exits with status 0" $? 0
    expect "all three expectations are met" "$(count '^ok - ') $(count '^not ok')" "3 0"
    ;;
demo)
    bash "$top/examples/demo.sh" "$build" >"$out" 2>&1
    expect "it exits with status 0" $? 0
    expect "valid requests succeed" "$(count '^GET /buy?item=.*  200$')" 3
    expect "one trace of three services is drawn" "$(count '^trace .* 7 spans · 3 services')" 1
    for service in frontend checkout inventory; do
        expect "$service is in it" "$(count "  [ ←→] $service  *[^ =]*[█▏▎▍▌▋▊▉]" | sed 's/^[1-9]/some/')" some
    done
    expect "the innermost span has the error" "$(count '✗ no unicorns left$')" 1
    expect "and the event" "$(count '+[0-9.]* ms  out of stock  stock=0$')" 1
    expect "the user is on every span" "$(count 'user\.id=u_123')" 7
    expect "the private session is on no span" "$(count 's3cr3t\|session=')" 0
    ;;
esac

[ "$failed" = 0 ] || cat "$out"
exit $failed
