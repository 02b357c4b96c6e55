#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_libpq_programs.sh - programs of the distribution, unchanged, with tote-preload-pq.so
#
# test_libpq_programs.sh PRELOAD OLD_LIBPQ_CLIENT
set -uo pipefail

preload=$1 old_client=$2
# shellcheck source=tests/hosts/postgresql/server.sh
. "$(dirname "$0")/server.sh"
start_postgresql "max_prepared_transactions = 0"
start_receiver
export PSQL_HISTORY=/dev/null

# both NAME COMMAND...: run it without and with the preload object; compare all that it prints.
both() {
    local name=$1
    shift
    rm -f "$work/spans"
    timeout 60 "$@" >"$work/plain" 2>"$work/plain.err" <"${input:-/dev/null}"
    local status=$?
    psql -qXc 'DROP TABLE IF EXISTS items' -c 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata' \
        >/dev/null 2>&1
    [ -z "${before:-}" ] || psql -qXc "$before" >/dev/null
    timeout 60 env LD_PRELOAD="$preload" "$@" >"$work/preloaded" 2>"$work/preloaded.err" <"${input:-/dev/null}"
    expect "$name has the same exit status" $? $status
    # Ids that the server counts, and of its processes.
    sed -i -E 's/\bPID [0-9]+/PID/; s/\b[0-9]{4,7}\b/OID/' "$work/plain" "$work/preloaded"
    expect "$name prints the same" "$(diff -a "$work/plain" "$work/preloaded")" ""
    expect "$name reports the same" "$(diff -a "$work/plain.err" "$work/preloaded.err")" ""
}

input=$here/script.sql both psql psql -X
expect "psql prints results" "$(grep -c three "$work/preloaded")" 2
expect "the queries of psql are spans" \
    "$(spans '[n in N for n in ("CREATE TABLE items", "COPY items", "INSERT items", "UPDATE items", "SELECT missing")]')" \
    "[True, True, True, True, True]"
expect "an error of psql has its SQLSTATE" \
    "$(spans 'N["SELECT missing"]["attributes"]["db.response.status_code"]')" 42P01
expect "no literal of psql is in a span" \
    "$(spans 'any(secret in str(s["attributes"]) for s in S for secret in ("secret", "payload"))')" False

both "psql with an error" psql -Xc 'SELECT 1/0' -v ON_ERROR_STOP=1
both "psql without a server" psql -X -h /nowhere -c 'SELECT 1'
expect "psql without a server has no spans" "$(spans 'len(S)')" 0

for mode in simple extended prepared; do
    pgbench -i -q -s 1 >/dev/null 2>&1
    rm -f "$work/spans"
    LD_PRELOAD=$preload pgbench -n -M $mode -c 4 -j 2 -t 25 >"$work/bench" 2>"$work/bench.err"
    expect "pgbench -M $mode succeeds" "$?: $(cat "$work/bench.err")" "0: "
    expect "pgbench -M $mode processes its transactions" \
        "$(sed -n 's/^number of transactions actually processed: //p' "$work/bench")" 100/100
    expect "pgbench -M $mode has a span for each command" \
        "$(spans '[sum(s["name"] == n for s in S) for n in ("UPDATE pgbench_accounts", "INSERT pgbench_history", "BEGIN")]')" \
        "[100, 100, 100]"
    expect "pgbench -M $mode has no spans with errors" \
        "$(spans '[s["name"] for s in S if s.get("status", {}).get("code") == 2]')" "[]"
done
expect "a prepared statement has its text" \
    "$(spans 'N["UPDATE pgbench_accounts"]["attributes"]["db.query.text"]')" \
    "UPDATE pgbench_accounts SET abalance = abalance + \$1 WHERE aid = \$2;"
pgbench -n -c 1 -f <(printf '\\startpipeline\nSELECT 1;\nSELECT 1;\n\\endpipeline\n') -t 3 -M extended \
    >/dev/null 2>"$work/plain.err"
rm -f "$work/spans"
LD_PRELOAD=$preload pgbench -n -c 1 -f <(printf '\\startpipeline\nSELECT 1;\nSELECT 1;\n\\endpipeline\n') -t 3 \
    -M extended >"$work/bench" 2>&1
expect "pgbench's pipelines are batches" \
    "$(spans '[(s["name"], s["attributes"].get("db.operation.batch.size")) for s in S if s["name"].startswith("BATCH")]')" \
    "[('BATCH SELECT', 2), ('BATCH SELECT', 2), ('BATCH SELECT', 2)]"

if /usr/bin/python3 -c 'import psycopg2' 2>/dev/null; then
    before="CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'one')"
    psql -qXc "DROP TABLE IF EXISTS items" -c "$before" 2>/dev/null
    both psycopg2 /usr/bin/python3 "$here/client.py"
    expect "the queries of psycopg2 are spans" \
        "$(spans '[(n in N) for n in ("SELECT items", "INSERT items", "COPY \"items\"", "DO")]')" "[True, True, True, True]"
    expect "an error of psycopg2 has its SQLSTATE" \
        "$(spans '[s["attributes"]["error.type"] for s in S if "error.type" in s["attributes"]]')" "['23505']"
    before=
fi

# Functions that dlsym() found in the library are not intercepted.
both "a program that finds libpq by dlsym()" /usr/bin/python3 -c 'import ctypes
pq = ctypes.CDLL("libpq.so.5")
pq.PQconnectdb.restype = pq.PQexec.restype = pq.PQgetvalue.restype = ctypes.c_void_p
conn = ctypes.c_void_p(pq.PQconnectdb(b""))
print(ctypes.string_at(pq.PQgetvalue(ctypes.c_void_p(pq.PQexec(conn, b"SELECT 42")), 0, 0)))'
both "a program without libpq" ls /
expect "calls of libpq before version 14 are passed on" \
    "$(LD_PRELOAD=$preload "$old_client")" "result of SELECT 1"
expect "a program without libpq loads no SDK" \
    "$(LD_PRELOAD=$preload /usr/bin/grep -c 'libtote\.so' /proc/self/maps)" 0
expect "psql without a query loads no SDK" \
    "$(LD_PRELOAD=$preload psql -X -c "\\! grep -c libtote.so /proc/\$PPID/maps")" 0
exit $failed
