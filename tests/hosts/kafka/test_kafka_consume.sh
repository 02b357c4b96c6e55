#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_kafka_consume.sh - programs with the plug-in tote-rdkafka consume messages in all ways
#
# test_kafka_consume.sh tote-rdkafka.so kafka_cluster kafka_client
set -uo pipefail

plugin=$1 cluster=$2 program=$3
# shellcheck source=tests/hosts/kafka/cluster.sh
. "$(dirname "$0")/cluster.sh"

echo '# a program that consumes'
kafka -P -t orders <<<x
step forward orders steps
expect "a message that is sent meanwhile is below the process span" \
    "$(spans '[s.get("parentSpanId") == N["process orders"]["spanId"] for s in S if s["name"] == "send steps"]')" \
    "[True, False]"
seq 41 >"$work/input"
kafka -P -t rows -p 0 <"$work/input"
step batch rows 41
expect "a row of messages has a poll span with a link to each" \
    "$(spans 'sum(len(s["links"]) for s in S if s["name"] == "poll rows"), sum(s["name"] == "process rows" for s in S)')" \
    "(41, 41)"
expect "and their number" \
    "$(spans 'sum(s["attributes"].get("messaging.batch.message_count", 1) for s in S if s["name"] == "poll rows")')" 41
expect "the links say which message it is" \
    "$(spans 'sorted(l["attributes"]["messaging.kafka.offset"] for s in S if s["name"] == "poll rows" for l in s["links"]) == list(range(41))')" \
    True
for partition in 0 1; do
    printf 'a\nb\n' >"$work/input"
    kafka -P -t groups -p $partition <"$work/input"
done
step group groups team 4
expect "each commit is below the process span that it ends" \
    "$(spans 'sorted(s.get("parentSpanId") for s in S if s["name"] == "commit groups") ==
        sorted(s["spanId"] for s in S if s["name"] == "process groups")')" True
expect "they name the group and the client" \
    "$(spans '{(s["attributes"]["messaging.consumer.group.name"], s["attributes"]["messaging.client.id"]) for s in S}')" \
    "{('team', 'shop')}"
expect "a commit has the offset of the last message it includes" \
    "$(spans 'sorted(s["attributes"]["messaging.kafka.offset"] for s in S if s["name"] == "commit groups")')" "[0, 0, 1, 1]"

echo '# two members of a group, one of which leaves'
# produce_until_end: messages for both partitions while a member runs
produce_until_end() {
    while kill -0 "$@" 2>/dev/null; do
        for partition in 0 1; do
            echo x | kcat -b "$brokers" -P -t shared -p "$partition"
        done
    done
}
rm -f "$work/spans"
members=()
for member in 1 2; do
    timeout 200 "$program" "$brokers" "$plugin" group shared team $((member * 5)) >"$work/out.$member" 2>"$work/err" &
    members+=($!)
done
produce_until_end "${members[@]}" &
producer=$!
started+=("$producer")
for member in "${members[@]}"; do
    wait "$member"
    expect "a member exits with status 0" $? 0
done
wait "$producer"
expect "each message that was delivered has a process span" \
    "$(spans '";".join(sorted({"%s %d" % (s["attributes"]["messaging.destination.partition.id"],
        s["attributes"]["messaging.kafka.offset"]) for s in S if s["name"] == "process shared"}))')" \
    "$(cut -d ' ' -f 1,2 "$work"/out.* | LC_ALL=C sort -u | paste -s -d ';')"
expect "a commit that fails has an error" \
    "$(spans 'all(s["status"]["code"] == 2 for s in S if s["name"].startswith("commit") and "error.type" in s["attributes"])')" True

exit "$failed"
