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

start_and_listen viewer "$bin/tote" view --port 0
viewer=http://127.0.0.1:$port
export OTEL_EXPORTER_OTLP_ENDPOINT=$viewer
export OTEL_BSP_SCHEDULE_DELAY=100

start_and_listen inventory "$bin/shop" inventory --port 0
start_and_listen checkout "$bin/shop" checkout --port 0 --next "http://127.0.0.1:$port"
start_and_listen frontend "$bin/shop" frontend --port 0 --next "http://127.0.0.1:$port"

echo "frontend -> checkout -> inventory are running; tote view is at $viewer"
for item in book lamp chair; do
    code=$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/buy?item=$item")
    echo "GET /buy?item=$item  $code"
    [ "$code" = 200 ] || fail "buying a $item should have worked"
done
echo "GET /buy?item=unicorn, which there are none of:"
echo
curl -s -o /dev/null "http://127.0.0.1:$port/buy?item=unicorn"
# The three services export on their own. It is the only trace with an error.
is_complete() {
    trace=$("$bin/tote" traces --url "$viewer" --errors --filter 'trace.spans=7' | sed -n '2s/ .*//p')
    [ -n "$trace" ]
}
until_true is_complete || fail "the trace did not arrive"
"$bin/tote" trace --url "$viewer" "$trace"

echo
echo "user.id was added to the frontend's store, and is on every span; the session"
echo "was added as private, and is on none. How that is done: examples/shop.c"
echo "Next: README.md. With OTEL_EXPORTER_OTLP_ENDPOINT set, any program that uses"
echo "Tote exports to your collector, the shop as well."
