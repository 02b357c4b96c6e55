#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_kafka_valgrind.sh - under valgrind, programs with the plug-in tote-rdkafka have no error and no leak
#
# test_kafka_valgrind.sh tote-rdkafka.so kafka_cluster kafka_client
set -uo pipefail

plugin=$1 cluster=$2 program=$3
# shellcheck source=tests/hosts/kafka/cluster.sh
. "$(dirname "$0")/cluster.sh"

# glibc keeps the dependencies of an object that it never unloads where valgrind does not find them.
cat >"$work/dlopen.supp" <<'END'
{
    dependencies_of_nodelete
    Memcheck:Leak
    match-leak-kinds: definite
    fun:malloc
    ...
    fun:_dl_map_object_deps
}
END
# clean WHAT COMMAND...: it exits with status 0 under valgrind
clean() {
    timeout 120 valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect \
        --show-leak-kinds=definite,indirect --fair-sched=yes --suppressions="$work/dlopen.supp" "${@:2}" \
        <"$work/input" >/dev/null 2>"$work/err"
    expect "$1" "$? $(cat "$work/err")" "0 "
}
seq 5 >"$work/input"
options=(-b "$brokers" -X "plugin.library.paths=$plugin" -q)
clean "kcat sends" kcat "${options[@]}" -P -t plain -k key -H own=1
clean "kcat consumes" kcat "${options[@]}" -C -t plain -o beginning -e
for step in "fail-in-batch steps" "forward plain steps" "group plain team 5" "headers steps" "transaction steps"; do
    # shellcheck disable=SC2086
    clean "a program: $step" "$program" "$brokers" "$plugin" $step
done
expect "the spans arrive" "$(spans '{s["name"] for s in S} >= {"send plain", "poll plain", "process plain", "commit plain"}')" True
exit "$failed"
