#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_preload_curl.sh - the distribution's unchanged curl with tote-preload-curl.so
#
# test_preload_curl.sh FOLDER_OF_PROGRAMS PRELOAD URL_IN_PARTS
set -uo pipefail

bin=$1 preload=$2 url_in_parts=$3
work=$(mktemp -d)
failed=0
pids=()
for name in $(compgen -e OTEL_); do
    unset "$name"
done
unset COLUMNS TRACEPARENT TRACESTATE BAGGAGE
export LC_ALL=C.UTF-8 no_proxy='*' NO_PROXY='*'

finish() {
    # shellcheck disable=SC2046
    kill $(jobs -rp) 2>/dev/null # ids of those that have ended may be used again
    wait
    rm -rf "$work"
}
trap finish EXIT

# expect WHAT IS WANTED
expect() {
    [ "$2" = "$3" ] && { echo "ok - $1"; return; }
    printf 'not ok - %s\n--- is\n%s\n--- wanted\n%s\n' "$1" "$2" "$3"
    failed=1
}

# start NAME COMMAND...: in the background; sets port.
start() {
    local name=$1
    shift
    : >"$work/$name"
    "$@" >"$work/$name" 2>&1 &
    pids+=($!)
    for _ in $(seq 3000); do
        port=$(sed -n 's|^listening on \(http://\)\{0,1\}127.0.0.1:\([0-9]*\)$|\2|p' "$work/$name")
        [ -z "$port" ] || return 0
        sleep 0.02
    done
    echo "not ok - $name starts"
    exit 1
}

field() { sed -n "s/^ *\"$1\": \"\(.*\)\",$/\1/p" "$2"; }

OTEL_TRACES_EXPORTER=none start relay "$bin/relay"
url=http://127.0.0.1:$port

# One transfer, and the span on the console.
OTEL_TRACES_EXPORTER=console LD_PRELOAD=$preload curl -s -H 'X-Own: 1' "$url/ctx" >"$work/one"
expect "curl succeeds" $? 0
expect "there is one span" "$(grep -c '^GET (client, ' "$work/one")" 1
expect "the header has its ids" "$(field trace_id "$work/one") $(field parent_id "$work/one")" \
    "$(sed -n 's/^  trace \(.*\) span \(.*\)$/\1 \2/p' "$work/one")"
expect "it has the URL and the status" "$(grep -cE "^  (url.full: $url/ctx|http.response.status_code: 200)$" "$work/one")" 2

# Two in parallel, by the multi interface, in the trace of the environment.
TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 BAGGAGE=user=u_1 \
    OTEL_TRACES_EXPORTER=console LD_PRELOAD=$preload \
    curl -s -Z "$url/ctx" "$url/nowhere" >"$work/two" 2>/dev/null
expect "both spans are in the trace of the environment" \
    "$(grep -c 'trace 0af7651916cd43dd8448eb211c80319c span .* parent b7ad6b7169203331 (remote)$' "$work/two")" 2
expect "the server continues the trace" "$(field trace_id "$work/two")" 0af7651916cd43dd8448eb211c80319c
expect "the server gets the baggage of the environment" "$(grep -c '"user": "u_1"' "$work/two")" 1
expect "an error status has an error type" "$(grep -c '^  error.type: 404$' "$work/two")" 1

# A handle that is reused with CURLOPT_CURLU: libcurl before 8.12 reports its first URL.
OTEL_TRACES_EXPORTER=console LD_PRELOAD=$preload "$url_in_parts" "$url/ctx?1" "$url/ctx?2" "$url/ctx?3" >"$work/parts"
expect "a program with URLs in parts succeeds" $? 0
expect "each span has its own URL" "$(sed -n 's/^  url.full: //p' "$work/parts" | sort | tr '\n' ' ')" \
    "$url/ctx?1 $url/ctx?2 $url/ctx?3 "

# A list of hosts: another host gets no headers, but its request has a span.
OTEL_C_PROPAGATION_ALLOWED_HOSTS=api.example.com OTEL_TRACES_EXPORTER=console LD_PRELOAD=$preload \
    curl -s "$url/ctx" >"$work/limited"
expect "a request to a host that is not allowed has a span" "$(grep -c '^GET (client, ' "$work/limited")" 1
expect "a host that is not allowed gets no trace" "$(field parent_id "$work/limited")" 0000000000000000
OTEL_C_PROPAGATION_ALLOWED_HOSTS=api.example.com,127.0.0.1 OTEL_TRACES_EXPORTER=console LD_PRELOAD=$preload \
    curl -s "$url/ctx" >"$work/allowed"
expect "an allowed host gets the trace" "$(field parent_id "$work/allowed")" \
    "$(sed -n 's/^  trace .* span \(.*\)$/\1/p' "$work/allowed")"

# With an OTLP receiver: the requests of the exporter have no spans.
start viewer "$bin/tote" view --port 0 --once
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port OTEL_SERVICE_NAME=shell LD_PRELOAD=$preload \
    curl -s "$url/ctx" >/dev/null
expect "curl with an exporter succeeds" $? 0
wait "${pids[1]}"
expect "the receiver has one span of one service" \
    "$(grep -oE '[0-9]+ spans? · [0-9]+ services?' "$work/viewer")" "1 span · 1 service"

# Without a receiver the program is not affected.
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 LD_PRELOAD=$preload curl -s "$url/ctx" >"$work/none" 2>/dev/null
expect "curl succeeds without a receiver" "$? $(grep -c trace_id "$work/none")" "0 1"
exit $failed
