#!/usr/bin/env bash
# Three services on loopback, requests through them, and one trace drawn by `tote view`.
#
#   demo.sh [BUILD_DIR]
set -euo pipefail

bin=${1:-$(dirname "${BASH_SOURCE[0]}")/../build}/bin
. "$(dirname "${BASH_SOURCE[0]}")/demo_lib.sh"

for program in tote shop; do
    [ -x "$bin/$program" ] || fail "$bin/$program is not there: run ./dev build first"
done
command -v curl >/dev/null || fail "the program curl is not installed"

# The first viewer receives the first traces and exits. The second uses its port and the terminal.
items=(book lamp chair)
start_and_listen viewer "$bin/tote" view --port 0 --count ${#items[@]}
viewer=${pids[-1]}
view_port=$port

export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$view_port"
export OTEL_BSP_SCHEDULE_DELAY=100

start_and_listen inventory "$bin/shop" inventory --port 0
start_and_listen checkout "$bin/shop" checkout --port 0 --next "http://127.0.0.1:$port"
# The root of a trace is sent last, and the viewer waits for the rest.
export OTEL_BSP_SCHEDULE_DELAY=1000
start_and_listen frontend "$bin/shop" frontend --port 0 --next "http://127.0.0.1:$port"

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
    until_true curl -s "http://127.0.0.1:$view_port/"
    curl -s -o /dev/null "http://127.0.0.1:$port/buy?item=unicorn"
) &
timeout --foreground 20 "$bin/tote" view --port "$view_port" --grpc-port 0 --once ||
    fail "the trace did not arrive"

echo
echo "user.id was added to the frontend's store, and is on every span; the session"
echo "was added as private, and is on none. How that is done: examples/shop.c"
echo "Next: README.md. With OTEL_EXPORTER_OTLP_ENDPOINT set, any program that uses"
echo "Tote exports to your collector, the shop as well."
