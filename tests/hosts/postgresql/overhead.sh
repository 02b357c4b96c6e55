#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# overhead.sh BUILD_DIRECTORY [ROUNDS [TRANSACTIONS [CLIENTS]]] - what the PostgreSQL extension costs
#
# Runs pgbench -S on two servers of the same settings, one without the extension. Each run is between
# two of the server without it. Prints ratios to that server, 1.000 is no cost:
#
#   CPU   processor time of the server per transaction, of all rounds together
#   tps   transactions per second: the median of the rounds, and the quartiles
#
# "again" is the server without the extension a second time: the noise of the machine.
set -eu
build=$(cd "$1" && pwd)
rounds=${2:-20}
transactions=${3:-5000}
clients=${4:-1}
# shellcheck source=tests/hosts/postgresql/extension.sh
. "$(dirname "$0")/extension.sh"

start_receiver
install_extension
start_postgresql "shared_buffers = 64MB"
plain=$PGHOST:$PGPORT plain_server=$postgresql plain_process=$postgresql_process
start_postgresql "shared_buffers = 64MB" "${extension_settings[@]}"
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

# ticks PROCESS: processor time of its children that have ended
ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $14 + $15 }'
}

# measure SERVER SETTINGS: print transactions per second and processor time
measure() {
    local process=$postgresql_process before
    [ "$1" != "$plain" ] || process=$plain_process
    before=$(ticks "$process")
    PGOPTIONS=$2 on "$1" "$postgresql_bin/pgbench" -S -n -c "$clients" -t "$transactions" 2>/dev/null |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p' | tr '\n' ' '
    sleep 0.1 # until the postmaster has seen the end of its children
    echo $(($(ticks "$process") - before))
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
        echo "$name|$(measure "$plain" "")|$(measure "$server" "$settings")|$(measure "$plain" "")"
    done
done | tee "$work/figures" | python3 -c '
import statistics, sys
rounds = {}
for line in sys.stdin:
    name, *runs = line.strip().split("|")
    rounds.setdefault(name, []).append([[float(figure) for figure in run.split()] for run in runs])
for name, all in rounds.items():
    low, middle, high = statistics.quantiles(
        [2 * own[0] / (before[0] + after[0]) for before, own, after in all], n=4)
    cpu = 2 * sum(own[1] for _, own, _ in all) / sum(b[1] + a[1] for b, _, a in all)
    print(f"{name:8} CPU {cpu:.3f}   tps {middle:.3f} ({low:.3f} - {high:.3f})")'
awk -F'[| ]' '{ sum += $2; n++ } END { printf "without the extension: %.0f transactions per second\n", sum / n }' <(sed 's/^[^|]*|//; s/^/x /' "$work/figures")
