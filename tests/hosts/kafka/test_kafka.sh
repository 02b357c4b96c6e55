#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_kafka.sh - kcat with the plug-in tote-rdkafka sends and consumes messages with spans
#
# test_kafka.sh tote-rdkafka.so kafka_cluster
set -uo pipefail

plugin=$1 cluster=$2
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../../cli/lib.sh"
# shellcheck source=tests/cli/receiver.sh
. "$(dirname "$0")/../../cli/receiver.sh"

trace=0af7651916cd43dd8448eb211c80319c
parent=b7ad6b7169203331
incoming=00-$trace-$parent-01

start_receiver
export OTEL_EXPORTER_OTLP_PROTOCOL=http/json
mkfifo "$work/stop"
"$cluster" orders 1 pages 4 plain 1 <"$work/stop" >"$work/brokers" 2>"$work/cluster.err" &
started+=($!)
exec 7>"$work/stop" # the cluster ends when this shell does
until_true grep -q . "$work/brokers" || { cat "$work/cluster.err"; exit 1; }
brokers=$(cat "$work/brokers")

# kafka ARGUMENTS...: kcat with the plug-in; sets code. Its output is in $work/out and $work/err.
kafka() {
    rm -f "$work/spans"
    timeout 60 kcat -b "$brokers" -X "plugin.library.paths=$plugin" "$@" >"$work/out" 2>"$work/err"
    code=$?
}

echo '# a message is sent'
kafka -P -t orders -k customer <<<seven
expect "kcat exits with status 0" "$code" 0
expect "it writes nothing" "$(cat "$work/out" "$work/err")" ""
expect "there is one span, of a producer" "$(spans '[(s["name"], s["kind"]) for s in S]')" "[('send orders', 4)]"
expect "with the attributes of the conventions (Spec: messaging/kafka.md#send-span-producer)" \
    "$(spans '[S[0]["attributes"].get("messaging." + k) for k in ("system", "operation.name", "operation.type",
        "destination.name", "destination.partition.id", "kafka.offset", "client.id", "kafka.message.key")]')" \
    "['kafka', 'send', 'send', 'orders', '0', 0, 'rdkafka', None]"
expect "and the broker that has acknowledged it" \
    "$(spans '"%s:%d" % (S[0]["attributes"]["server.address"], S[0]["attributes"]["server.port"]) in "'"$brokers"'"')" \
    True
sent=$(spans '"00-%s-%s-03" % (S[0]["traceId"], S[0]["spanId"])')

echo '# it is consumed'
kafka -C -t orders -o beginning -e -f '%k=%s %h\n'
expect "kcat exits with status 0" "$code" 0
expect "the message has the context of its span" "$(cat "$work/out")" "customer=seven traceparent=$sent"
expect "there are two spans" "$(spans 'sorted((s["name"], s["kind"]) for s in S)')" \
    "[('poll orders', 3), ('process orders', 5)]"
expect "the creation context is the parent of the process span" \
    "$(spans '"00-%s-%s-03" % (N["process orders"]["traceId"], N["process orders"]["parentSpanId"])')" "$sent"
expect "both link to it (Spec: messaging/messaging-spans.md#consumer-spans)" \
    "$(spans '{"00-%s-%s-03" % (l["traceId"], l["spanId"]) for s in S for l in s["links"]}, len(S[0]["links"] + S[1]["links"])')" \
    "({'$sent'}, 2)"
expect "the poll span has a trace of its own" "$(spans 'N["poll orders"].get("parentSpanId", "")')" ""
expect "they say what was consumed" \
    "$(spans 'sorted([s["attributes"].get("messaging." + k) for k in ("operation.name", "operation.type",
        "destination.name", "destination.partition.id", "kafka.offset", "batch.message_count")] for s in S)')" \
    "[['poll', 'receive', 'orders', '0', 0, None], ['process', 'process', 'orders', '0', 0, None]]"

exit "$failed"
