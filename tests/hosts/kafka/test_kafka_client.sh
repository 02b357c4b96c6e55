#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_kafka_client.sh - a program with the plug-in tote-rdkafka uses all of the API
#
# test_kafka_client.sh tote-rdkafka.so kafka_cluster kafka_client
set -uo pipefail

plugin=$1 cluster=$2 program=$3
# shellcheck source=tests/hosts/kafka/cluster.sh
. "$(dirname "$0")/cluster.sh"

# step ARGUMENTS...: the program with the plug-in
step() {
    rm -f "$work/spans"
    timeout 60 "$program" "$brokers" "$plugin" "$@" >"$work/out" 2>"$work/err"
    expect "$1 works as documented" "$? $(cat "$work/err")" "0 "
}

echo '# a program that sends'
step copy steps
expect "each copy of a configuration traces" "$(spans '[s["name"] for s in S]')" "['send steps', 'send steps']"
step fail-to-create steps
step headers steps
expect "the rejected message has a span, too" "$(spans 'sorted(str(s["attributes"].get("error.type")) for s in S)')" \
    "['None', 'None', '_UNKNOWN_PARTITION']"
step fail-in-batch steps
expect "so has each message of a batch" "$(spans 'sorted(str(s["attributes"].get("error.type")) for s in S)')" \
    "['None', '_UNKNOWN_PARTITION', '_UNKNOWN_PARTITION', '_UNKNOWN_PARTITION']"
step fork steps
expect "parent and child export their own spans" \
    "$(spans 'sorted(sum(s["resource"]["process.pid"] == p for s in S) for p in {s["resource"]["process.pid"] for s in S})')" \
    "[1, 2]"
step leave steps
expect "a client that is not destroyed loses no span" "$(spans '[s["name"] for s in S]')" "['send steps']"
step destroy steps
expect "a message that is never sent has an error" "$(spans '[s["attributes"]["error.type"] for s in S]')" "['_DESTROY']"
step expire steps
expect "a message that times out has an error" "$(spans '[s["attributes"]["error.type"] for s in S]')" "['_MSG_TIMED_OUT']"
step threads pages
expect "each message of four threads has a span, with its offset" \
    "$(spans 'len(S), len({(s["attributes"]["messaging.destination.partition.id"], s["attributes"]["messaging.kafka.offset"]) for s in S})')" \
    "(2000, 2000)"
timeout 60 "$program" "$brokers" "$plugin" large steps >"$work/out" 2>"$work/err"
expect "a header that would make a message too large is not sent" "$? $(grep -c 'traceparent.*not sent' "$work/err")" "0 1"
step transaction steps
expect "a message of an aborted transaction has an error" "$(spans 'sorted(str(s["attributes"].get("error.type")) for s in S)')" \
    "['None', '_PURGE_QUEUE']"

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

exit "$failed"
