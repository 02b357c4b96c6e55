#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_ctypes_span.sh - a program in Python makes spans by the functions of libtote
#
# test_ctypes_span.sh ctypes_span.py libtote.so
set -uo pipefail

example=$1 library=$2
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
# shellcheck source=tests/cli/receiver.sh
. "$(dirname "$0")/../cli/receiver.sh"

start_receiver
traceparent=$(OTEL_SERVICE_NAME=python timeout 30 python3 "$example" "$library" 2>"$work/error")
expect "it exits with status 0" $? 0
expect "it writes nothing to standard error" "$(cat "$work/error")" ""
expect "there are two spans in one trace" \
    "$(spans 'len(S), len({s["traceId"] for s in S}), {s["resource"]["service.name"] for s in S}')" \
    "(2, 1, {'python'})"
expect "values keep their types" \
    "$(spans '[(type(v).__name__, v) for k, v in sorted(N["order"]["attributes"].items())]')" \
    "[('int', -3), ('bool', True), ('float', 9.5), ('str', 'Zoë')]"
expect "the options of a span are read" "$(spans 'N["call"]["kind"], N["call"]["status"]')" \
    "(3, {'message': 'refused', 'code': 2})"
expect "the scope was current when its child started" \
    "$(spans 'N["call"]["parentSpanId"] == N["order"]["spanId"]')" True
expect "its headers are those of the scope" "$traceparent" \
    "$(spans '"00-%s-%s-03" % (N["order"]["traceId"], N["order"]["spanId"])')"
exit "$failed"
