#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_kcat.sh - kcat with the plug-in tote-rdkafka sends and consumes messages with spans
#
# test_kcat.sh tote-rdkafka.so kafka_cluster
set -uo pipefail

plugin=$1 cluster=$2
# shellcheck source=tests/hosts/kafka/cluster.sh
. "$(dirname "$0")/cluster.sh"

trace=0af7651916cd43dd8448eb211c80319c
parent=b7ad6b7169203331
incoming=00-$trace-$parent-01

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
sent=$(context_of 'S[0]')

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

echo '# nothing else changes'
# same WHAT ARGUMENTS...: kcat has the same status and output with the plug-in and without it
same() {
    timeout 60 kcat -b "$brokers" "${@:2}" <"$work/input" >"$work/plain" 2>"$work/plain.err"
    local plain=$?
    kafka "${@:2}" <"$work/input"
    expect "$1" "$code $(cmp "$work/out" "$work/plain" 2>&1) $(diff "$work/err" "$work/plain.err")" "$plain  "
}
printf 'one\ntwo\0\nthree\n' >"$work/input"
kafka -P -t plain <"$work/input"
same "messages are consumed as without the plug-in" -C -t plain -o beginning -e
same "so are keys, offsets and times" -C -t plain -o beginning -e -f '%k %o %p %T %S %s\n'
same "messages are sent as without it" -P -t copies -D ';' -k key -z gzip
same "a message that is too large is rejected as without it" -P -t plain -X message.max.bytes=1000 -D '' \
    -p 0 -K ';' -k "$(head -c 2000 /dev/zero | tr '\0' k)"
same "an unknown option is rejected as without it" -P -t plain -X unknown=1

echo '# the trace of the environment'
TRACEPARENT=$incoming BAGGAGE=user=u_1 kafka -P -t traces <<<x
expect "is continued" "$(spans '[(s["traceId"], s["parentSpanId"]) for s in S]')" "[('$trace', '$parent')]"
TRACEPARENT=$incoming kafka -C -t traces -o beginning -e -f '%h\n'
expect "its baggage is sent, too" "$(grep -o 'baggage=.*' "$work/out")" "baggage=user=u_1"
expect "the process span is below the message's span, not below it" \
    "$(spans 'N["poll traces"]["parentSpanId"], N["process traces"]["parentSpanId"] == "'$parent'"')" "('$parent', False)"

echo '# headers of the program'
kafka -P -t rows -H own=1 -H "TraceParent=$incoming" -H tracestate=a=1 -H own=2 <<<x
kept=$(context_of 'S[0]')
expect "the span continues the trace that the message carries" \
    "$(spans 'S[0]["traceId"], S[0]["parentSpanId"]')" "('$trace', '$parent')"
kafka -C -t rows -o beginning -e -f '%h\n'
expect "its own context replaces it, and other headers stay" "$(tr ',' '\n' <"$work/out" | sort | tr '\n' ' ')" \
    "own=1 own=2 traceparent=${kept%03}01 tracestate=a=1 "

echo '# errors'
kafka -P -t plain -p 99 <<<x
expect "a message that fails at once has an error" \
    "$(spans '[(s["attributes"]["error.type"], s["status"]["code"]) for s in S]')" "[('_UNKNOWN_PARTITION', 2)]"
rm -f "$work/spans"
timeout 60 kcat -b 127.0.0.1:1 -X "plugin.library.paths=$plugin" -X log_level=0 \
    -P -t plain <<<x >/dev/null 2>&1
expect "so has one that kcat gives up when it exits" "$(spans '[s["attributes"]["error.type"] for s in S]')" "['_DESTROY']"

echo '# options'
OTEL_C_KAFKA_CAPTURE_KEYS=true kafka -P -t plain -k $'gr\xc3\xbc\xc3\x9fe' <<<x
expect "keys are recorded if that is allowed" "$(spans 'S[0]["attributes"]["messaging.kafka.message.key"]')" grüße
OTEL_C_KAFKA_CAPTURE_KEYS=true kafka -P -t plain -k $'\xff' <<<x
expect "but only text (Spec: messaging/kafka.md#send-span-producer)" \
    "$(spans '"messaging.kafka.message.key" in S[0]["attributes"]')" False
OTEL_C_KAFKA_PROCESS_SPANS=false kafka -C -t plain -o beginning -e
expect "process spans are switched off" "$(spans '{s["name"] for s in S}')" "{'poll plain'}"
OTEL_SDK_DISABLED=true kafka -C -t plain -o beginning -e
expect "all spans are switched off" "$code $(spans 'S')" "0 []"
OTEL_TRACES_SAMPLER=always_off kafka -P -t pages -p 3 <<<x
expect "spans that are not sampled are not exported" "$(spans 'S')" "[]"
kafka -C -t pages -p 3 -o beginning -e -f '%h\n'
expect "and the next program does not sample either" "$(sed 's/.*-//' "$work/out") $(spans '[s["name"] for s in S]')" \
    "02 ['poll pages']"

echo '# the plug-in is found and loaded'
export LD_LIBRARY_PATH=${plugin%/*}
path=$plugin
for plugin in tote-rdkafka tote-rdkafka.so "${path%.so}"; do
    kafka -P -t plain <<<x
    expect "as ${plugin##"${path%/*}"}" "$code $(spans '[s["name"] for s in S]')" "0 ['send plain']"
done
unset LD_LIBRARY_PATH
mkdir "$work/alone"
cp "$path" "$(ldd "$path" | sed -n 's/.*libtote-api.* => \([^ ]*\).*/\1/p')" "$work/alone"
patched=$work/alone/tote-rdkafka.so
# The folder of the build is removed from the search path: the same number of bytes.
python3 -c 'import re, sys
data = open(sys.argv[1], "rb").read()
path = re.search(rb"\$ORIGIN:/[^\0]*", data)
padded = b"$ORIGIN" + b"\0" * (len(path[0]) - 7) if path else b""
open(sys.argv[1], "wb").write(data.replace(path[0], padded) if path else data)' "$patched"
plugin=$patched kafka -P -t plain <<<x
expect "without libtote the program runs without spans" "$code $(spans 'S') $(grep -c 'not traced' "$work/err")" "0 [] 1"
plugin=$path

exit "$failed"
