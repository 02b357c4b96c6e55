#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# overhead.sh BUILD_DIRECTORY [ROUNDS [SECONDS [CLIENTS]]] - what the PostgreSQL extension costs
#
# Runs pgbench with selects on two servers of the same settings, one without the extension, in turn.
# Prints transactions per second relative to the server without it: the median of the rounds, and
# the quartiles. 1.00 is no cost. "again" is the server without the extension a second time: the
# noise of the machine.
set -eu
build=$(cd "$1" && pwd)
rounds=${2:-15}
seconds=${3:-2}
clients=${4:-1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export tote=$build/bin/tote
# shellcheck source=tests/cli/lib.sh
. "$here/../../cli/lib.sh"
# shellcheck source=tests/hosts/postgresql/server.sh
. "$here/server.sh"

start_server python3 "$tests/receive.py" "$work/spans"
export OTEL_EXPORTER_OTLP_PROTOCOL=http/json
start_postgresql "shared_buffers = 64MB"
plain=$PGHOST:$PGPORT plain_server=$postgresql plain_process=$postgresql_process
start_postgresql "shared_buffers = 64MB" \
    "dynamic_library_path = '$build/instrumentation/postgresql:\$libdir'" \
    "shared_preload_libraries = 'tote_postgresql'" \
    "tote.sender = '$build/libexec/tote/tote-send'" \
    "tote.endpoint = 'http://127.0.0.1:$server_port'"
traced=$PGHOST:$PGPORT
finish_both() {
    kill -INT "$plain_process"
    wait "$plain_process" 2>/dev/null || true
    rm -rf "$plain_server"
    end_postgresql
}
trap finish_both EXIT

on() {
    PGHOST=${1%:*} PGPORT=${1#*:} "${@:2}"
}

# measure SERVER SETTINGS: print transactions per second
measure() {
    PGOPTIONS=$2 on "$1" "$postgresql_bin/pgbench" -S -n -M simple -c "$clients" -T "$seconds" 2>&1 |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

for server in "$plain" "$traced"; do
    on "$server" "$postgresql_bin/pgbench" -i -q -s 1 >/dev/null 2>&1
    measure "$server" "" >/dev/null # warm
done
variants=(
    "again|$plain|"
    "off|$traced|-c tote.enabled=off"
    "0 %|$traced|-c tote.sample_rate=0"
    "1 %|$traced|-c tote.sample_rate=0.01"
    "100 %|$traced|-c tote.sample_rate=1"
)
for _ in $(seq "$rounds"); do
    for variant in "${variants[@]}"; do
        IFS='|' read -r name server settings <<<"$variant"
        before=$(measure "$plain" "")
        here_tps=$(measure "$server" "$settings")
        after=$(measure "$plain" "")
        echo "$name|$before|$here_tps|$after"
    done
done | tee "$work/figures" | python3 -c '
import statistics, sys
ratios = {}
for line in sys.stdin:
    name, before, own, after = line.strip().split("|")
    ratios.setdefault(name, []).append(2 * float(own) / (float(before) + float(after)))
for name, values in ratios.items():
    low, middle, high = statistics.quantiles(values, n=4)
    print(f"{name:8} {middle:.3f} ({low:.3f} - {high:.3f})")'
awk -F'|' '{ sum += $2; n++ } END { printf "without the extension: %.0f transactions per second\n", sum / n }' "$work/figures"
on "$traced" psql -XAtc "select 'spans recorded: ' || count(*) from pg_stat_activity where false" >/dev/null
