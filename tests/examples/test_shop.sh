#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_shop.sh - requests through three services, and their traces in tote view
#
# test_shop.sh FOLDER_OF_PROGRAMS
set -uo pipefail

bin=$1
work=$(mktemp -d)
failed=0
declare -A pids
for name in $(compgen -e OTEL_); do
    unset "$name"
done
unset COLUMNS
export LC_ALL=C.UTF-8 no_proxy='*' NO_PROXY='*'

finish() {
    if [ ${#pids[@]} != 0 ]; then
        kill "${pids[@]}"
        wait
    fi
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
    pids[$name]=$!
    for _ in $(seq 3000); do
        port=$(sed -n 's|^listening on \(http://\)\{0,1\}127.0.0.1:\([0-9]*\)$|\2|p' "$work/$name")
        [ -z "$port" ] || return 0
        kill -0 "${pids[$name]}" 2>/dev/null || break
        sleep 0.02
    done
    echo "not ok - $name starts"
    cat "$work/$name"
    exit 1
}

# await NAME: wait until it exits; sets code.
await() {
    timeout 60 tail -s 0.1 --pid="${pids[$1]}" -f /dev/null || kill -KILL "${pids[$1]}"
    wait "${pids[$1]}"
    code=$?
    unset "pids[$1]"
}

start viewer "$bin/tote" view --port 0 --count 3 --late 60s
export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$port" OTEL_BSP_SCHEDULE_DELAY=60000
start inventory "$bin/shop" inventory --port 0
start checkout "$bin/shop" checkout --port 0 --next "http://127.0.0.1:$port"
start frontend "$bin/shop" frontend --port 0 --next "http://127.0.0.1:$port"

# The frontend is a public endpoint: it neither continues this trace nor keeps this baggage.
for request in 'buy?item=book 200' 'buy?item=unicorn 409' 'buy?item=two%20words%26more 200' \
    'elsewhere 404'; do
    expect "GET /${request% *}" "$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' \
        -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' \
        -H 'baggage: tenant=untrusted' "http://127.0.0.1:$port/${request% *}")" "${request#* }"
done

for name in inventory checkout frontend; do # each sends what it has as it ends, the roots last
    kill -TERM "${pids[$name]}"
    await $name
    expect "$name exits with status 0" "$code $(tail -n +2 "$work/$name")" "0 "
done
await viewer
expect "the viewer has its three traces" "$code" 0

traces=$(cat "$work/viewer")
count() { grep -oE -- "$1" <<<"$traces" | wc -l; }
expect "traces are complete" "$(grep -oE '[0-9]+ spans · [0-9]+ services' <<<"$traces" | sort)" \
    '7 spans · 3 services
8 spans · 3 services
8 spans · 3 services'
expect "the user is on every span of the three traces" "$(count 'user\.id=u_123')" 23
expect "the baggage of the client is on no span" "$(count 'untrusted')" 0
expect "the session is on no span" "$(count 's3cr3t|session')" 0
expect "the item is on the span of checkout and its children" "$(count 'cart\.item=unicorn')" 5
expect "checkout got the user" "$(count 'payment\.account=u_123')" 2
expect "the failure is in the trace" "$(count '✗ no unicorns left')" 1

start lonely "$bin/shop" frontend --port 0 --next http://127.0.0.1:1
expect "without the other services the frontend responds with an error" "$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' \
    "http://127.0.0.1:$port/buy")" 502

start inventory "$bin/shop" inventory --port 0
start checkout "$bin/shop" checkout --port 0 --next "http://127.0.0.1:$port"
expect "a missing user is an error" "$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' \
    "http://127.0.0.1:$port/checkout")" 402

"$bin/shop" >/dev/null 2>&1
expect "bad usage" "$?" 2
exit $failed
