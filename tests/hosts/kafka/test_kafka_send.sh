#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_kafka_send.sh - programs with the plug-in tote-rdkafka send messages in all ways
#
# test_kafka_send.sh tote-rdkafka.so kafka_cluster kafka_client
set -uo pipefail

plugin=$1 cluster=$2 program=$3
# shellcheck source=tests/hosts/kafka/cluster.sh
. "$(dirname "$0")/cluster.sh"

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
step leave-unsent steps
expect "nor does one whose message is never sent" \
    "$(spans '[s["attributes"]["error.type"] for s in S]')" "['_DESTROY']"
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

echo '# a program that loads librdkafka'
rm -f "$work/spans"
timeout 60 python3 -c 'import ctypes, sys
kafka = ctypes.CDLL("librdkafka.so.1") # as an extension of Python does: its functions are not visible to others
P = ctypes.c_void_p
def call(result, name, *arguments):
    function = getattr(kafka, "rd_kafka_" + name)
    function.restype = result
    return function(*arguments)
conf = P(call(P, "conf_new"))
for name, value in (("bootstrap.servers", sys.argv[1]), ("plugin.library.paths", sys.argv[2])):
    assert call(ctypes.c_int, "conf_set", conf, name.encode(), value.encode(), None, P(0)) == 0
producer = P(call(P, "new", 0, conf, None, P(0)))
topic = P(call(P, "topic_new", producer, b"steps", None))
assert call(ctypes.c_int, "produce", topic, -1, 2, b"x", P(1), None, P(0), None) == 0
assert call(ctypes.c_int, "flush", producer, 30000) == 0
call(None, "topic_destroy", topic)
call(None, "destroy", producer)' "$brokers" "$plugin"
expect "the plug-in uses the librdkafka that has loaded it" "$? $(spans '[s["name"] for s in S]')" "0 ['send steps']"

exit "$failed"
