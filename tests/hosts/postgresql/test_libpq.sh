#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_libpq.sh - the spans of programs that use libpq, with and without a change
# Spec: semantic-conventions postgresql.md, database-spans.md
#
# test_libpq.sh PQ_MODES PQ_MODES_TRACED PRELOAD
set -uo pipefail

modes=$1 traced=$2 preload=$3
# shellcheck source=tests/hosts/postgresql/server.sh
. "$(dirname "$0")/server.sh"
start_postgresql
start_receiver
export OTEL_C_DB_RETURNED_ROWS=true

# trace NAME COMMAND...: run it; what it prints is in $work/NAME, its spans are in $work/NAME.spans
trace() {
    local name=$1
    shift
    rm -f "$work/spans"
    timeout 200 "$@" >"$work/$name" 2>&1 # valgrind takes long
    echo "exit status $?" >>"$work/$name"
    python3 "$here/describe_spans.py" "$work/spans" >"$work/$name.spans"
}

# Each way to use libpq: unchanged, preloaded and linked.
trace plain "$modes"
trace preloaded env LD_PRELOAD="$preload" "$modes"
expect "async: the span lasts until the last result is taken" \
    "$(spans 'int(N["SELECT pg_sleep"]["endTimeUnixNano"]) - int(N["SELECT pg_sleep"]["startTimeUnixNano"]) >= 50000000')" True
trace linked "$traced"
for how in preloaded linked; do
    difference=$(diff "$here/pq_modes.spans" "$work/$how.spans")
    expect "$how, each mode has its spans" "$difference" ""
    difference=$(diff "$work/plain" "$work/$how")
    expect "$how, the program gets the same results" "$difference" ""
done

trace failing env PQ_MODES_FAIL=3 OTEL_LOG_LEVEL=none "$traced"
expect "the program gets the same results if a third of Tote's allocations fails" \
    "$(diff "$work/plain" "$work/failing")" ""

trace left env LD_PRELOAD="$preload" "$modes" leaves
expect "a span whose results are not taken at exit is an error" \
    "$(tail -1 "$work/left.spans")" "SELECT | SELECT pg_sleep(?) | error=exit"
expect "the exit reports nothing" "$(cat "$work/left")" "mode leaves
exit status 0"

# The attributes of a connection.
trace preloaded env LD_PRELOAD="$preload" "$modes" exec
expect "a span is a client's, of the tracer tote-pq" \
    "$(spans '[S[0]["kind"], S[0]["attributes"]["db.system.name"]]')" "[3, 'postgresql']"
expect "a Unix socket is named by its path" \
    "$(spans 'sorted((k, v) for k, v in S[0]["attributes"].items() if k.startswith(("server", "network")))')" \
    "[('network.peer.address', '$PGHOST/.s.PGSQL.$PGPORT'), ('server.address', '$PGHOST/.s.PGSQL.$PGPORT')]"
PGHOST=localhost PGHOSTADDR=127.0.0.1 trace preloaded env LD_PRELOAD="$preload" "$modes" exec
expect "a host has a name, an address and a port" \
    "$(spans 'sorted((k, v) for k, v in S[0]["attributes"].items() if k.startswith(("server", "network")))')" \
    "[('network.peer.address', '127.0.0.1'), ('network.peer.port', $PGPORT), ('server.address', 'localhost'), ('server.port', $PGPORT)]"
trace preloaded env LD_PRELOAD="$preload" "$modes" schema
expect "the namespace has the first schema of the search path, if it is a name" \
    "$(spans '[s["attributes"]["db.namespace"] for s in S]')" "['postgres', 'postgres|app', 'postgres']"
TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 \
    trace preloaded env LD_PRELOAD="$preload" "$modes" exec
expect "the spans are in the trace of the environment" \
    "$(spans '{(s["traceId"], s["parentSpanId"]) for s in S}')" \
    "{('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331')}"

if command -v valgrind >/dev/null; then
    memcheck=(valgrind -q --child-silent-after-fork=yes --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect
        --errors-for-leak-kinds=definite,indirect)
    trace checked env LD_PRELOAD="$preload" "${memcheck[@]}" "$modes"
    expect "valgrind finds nothing" "$(grep '^==\|^exit' "$work/checked")" "exit status 0"
    expect "with valgrind, each mode has its spans" \
        "$(diff "$here/pq_modes.spans" "$work/checked.spans")" ""
fi

# The server gets the context of the span in a comment, except for prepared statements.
query="SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"
for program in "env LD_PRELOAD=$preload $modes" "$traced"; do
    # shellcheck disable=SC2086
    OTEL_C_DB_COMMENTER=true trace commented $program seen
    read -r -a ids < <(spans '" ".join("00-%s-%s-03" % (s["traceId"], s["spanId"])
        for s in sorted(S, key=lambda s: int(s["startTimeUnixNano"])))')
    expect "the comment has the ids of the span, at the end or before the semicolon" \
        "$(grep -o 'SELECT query.*' "$work/commented")" \
        "$query /*traceparent='${ids[1]}'*/ SELECT 1
$query /*traceparent='${ids[2]}'*/ SELECT 1
$query SELECT 1
$query /*traceparent='${ids[5]}'*/; SELECT 1"
    expect "the text of the span has no comment" \
        "$(grep -c traceparent "$work/commented.spans")" 0
done
exit $failed
