# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# cluster.sh - a receiver and a Kafka cluster, for the tests of this folder. Source it after `set`, and after $plugin
# and $cluster are set. Each topic is for one part of a test.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../cli/lib.sh"
# shellcheck source=tests/cli/receiver.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../cli/receiver.sh"

start_receiver
mkfifo "$work/stop"
"$cluster" orders 1 pages 4 plain 1 copies 1 traces 1 rows 1 groups 2 shared 2 steps 1 <"$work/stop" >"$work/brokers" 2>"$work/cluster.err" &
started+=($!)
exec 7>"$work/stop" # the cluster ends when this shell does
until_true grep -q . "$work/brokers" || { cat "$work/cluster.err"; exit 1; }
brokers=$(cat "$work/brokers")

# context_of SPAN: an expression of Python, its traceparent
context_of() {
    spans '"00-%s-%s-03" % ('"$1"'["traceId"], '"$1"'["spanId"])'
}

# kafka ARGUMENTS...: kcat with the plug-in; sets code. Its output is in $work/out and $work/err.
kafka() {
    rm -f "$work/spans"
    timeout 60 kcat -b "$brokers" -X "plugin.library.paths=$plugin" "$@" >"$work/out" 2>"$work/err"
    code=$?
}

# step ARGUMENTS...: the program $program with the plug-in
step() {
    rm -f "$work/spans"
    timeout 60 "$program" "$brokers" "$plugin" "$@" >"$work/out" 2>"$work/err"
    expect "$1 works as documented" "$? $(cat "$work/err")" "0 "
}
