#!/usr/bin/env bash
# Three services on loopback, requests through them, and one trace drawn by `tote view`.
#
#   demo.sh [BUILD_DIR]
set -euo pipefail

bin=${1:-$(dirname "${BASH_SOURCE[0]}")/../build}/bin
work=$(mktemp -d)
pids=()

finish() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "demo: $*" >&2
    cat "$work"/*.err >&2 2>/dev/null || true
    exit 1
}

for program in tote shop; do
    [ -x "$bin/$program" ] || fail "$bin/$program is not there: run ./dev build first"
done
command -v curl >/dev/null || fail "the program curl is not installed"

# Ignore settings for other programs.
for variable in "${!OTEL_@}"; do
    unset "$variable"
done

# start NAME COMMAND...: run it in the background and set `port` to the one that it prints.
start() {
    local name=$1
    shift
    : >"$work/$name.out"
    "$@" >"$work/$name.out" 2>"$work/$name.err" &
    pids+=($!)
    for _ in $(seq 200); do
        port=$(sed -n 's|^listening on \(http://\)\{0,1\}127.0.0.1:\([0-9]*\)$|\2|p' "$work/$name.out")
        [ -z "$port" ] || return 0
        kill -0 "${pids[-1]}" 2>/dev/null || fail "$name ended at once"
        sleep 0.05
    done
    fail "$name did not start listening"
}

# The first viewer receives the first traces and exits. The second uses its port and the terminal.
items=(book lamp chair)
start viewer "$bin/tote" view --port 0 --count ${#items[@]}
viewer=${pids[-1]}
view_port=$port

export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$view_port"
export OTEL_BSP_SCHEDULE_DELAY=100
export no_proxy='*' NO_PROXY='*'

start inventory "$bin/shop" inventory --port 0
start checkout "$bin/shop" checkout --port 0 --next "http://127.0.0.1:$port"
# The root of a trace is sent last, and the viewer waits for the rest.
export OTEL_BSP_SCHEDULE_DELAY=1000
start frontend "$bin/shop" frontend --port 0 --next "http://127.0.0.1:$port"

echo "frontend -> checkout -> inventory are running; tote view is on port $view_port"
for item in "${items[@]}"; do
    code=$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/buy?item=$item")
    echo "GET /buy?item=$item  $code"
    [ "$code" = 200 ] || fail "buying a $item should have worked"
done
timeout 20 tail -s 0.1 --pid="$viewer" -f /dev/null || fail "the first ${#items[@]} traces did not arrive"

echo "GET /buy?item=unicorn, which there are none of:"
echo
(
    for _ in $(seq 200); do # until the viewer responds
        ! curl -s -o /dev/null "http://127.0.0.1:$view_port/" || break
        sleep 0.05
    done
    curl -s -o /dev/null "http://127.0.0.1:$port/buy?item=unicorn"
) &
timeout --foreground 20 "$bin/tote" view --port "$view_port" --grpc-port 0 --once ||
    fail "the trace did not arrive"

echo
echo "user.id was added to the frontend's store, and is on every span; the session"
echo "was added as private, and is on none. How that is done: examples/shop.c"
echo "Next: README.md. With OTEL_EXPORTER_OTLP_ENDPOINT set, any program that uses"
echo "Tote exports to your collector, the shop as well."
