#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_exec.sh - tote exec runs a command as if it had been started without tote, in a span
#
# test_exec.sh TOTE
set -uo pipefail

tote=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export OTEL_TRACES_EXPORTER=none # until there is a receiver

# Exit statuses. Spec: POSIX XCU 2.8.2, and timeout(1), env(1) of coreutils.
"$tote" exec -- sh -c 'exit 42'
expect "the exit status is that of the command" $? 42
"$tote" exec "$work/nothing" 2>"$work/err"
expect "a command that is not found has status 127" "$? $(cat "$work/err")" \
    "127 tote: exec: cannot run '$work/nothing': No such file or directory"
"$tote" exec /etc/passwd 2>"$work/err"
expect "a command that is not executable has status 126" "$? $(cat "$work/err")" \
    "126 tote: exec: cannot run '/etc/passwd': Permission denied"
for signal in HUP QUIT TERM KILL SEGV; do
    (ulimit -c 0; "$tote" exec -- sh -c "kill -$signal \$\$")
    expect "a command that is killed by SIG$signal has status 128+n" $? $((128 + $(kill -l $signal)))
done
"$tote" exec 2>"$work/err"
expect "a missing command is wrong usage" $? 2
printf 'echo "$1 $#"\n' >"$work/script"
chmod +x "$work/script"
expect "a script without #! is run by the shell, as by execvp(3)" \
    "$(PATH=$work:$PATH "$tote" exec script a b)" "a 2"

# Options end at the command.
expect "options of the command are the command's" "$("$tote" exec echo --timeout 1 --help)" "--timeout 1 --help"
expect "the command may follow --" "$("$tote" exec -- echo -- x)" "-- x"

# Time limits. Spec: timeout(1)
"$tote" exec --timeout 50ms sleep 60
expect "a timeout has status 124" $? 124
"$tote" exec --timeout 500ms sh -c 'trap "exit 7" TERM; while :; do sleep 0.01; done'
expect "also if the command exits with another status" $? 124
env --ignore-signal=TERM "$tote" exec --timeout 50ms --kill-after 50ms sleep 60
expect "a command that ignores SIGTERM is killed, with status 137" $? 137
"$tote" exec --timeout 60s true
expect "a command that ends in time has its own status" $? 0

# What the command inherits. glibc ignores its two internal signals, 32 and 33, in posix_spawn().
# shellcheck disable=SC2016
probe='grep -E "^Sig(Blk|Ign|Cgt)|^Groups" /proc/self/status | sed "s/00000001800/00000000000/"
ls -l /proc/self/fd | sed "s/.* \([0-9]* -> \)/\1/" | grep -v /proc/ | sort
umask; pwd; cut -d " " -f 5,6 /proc/self/stat'
inherited() {
    (trap '' HUP USR2; exec 9<"$work/script" 0<&-; "$@" sh -c "$probe" 2>&1 | sed 's/pipe:.*/pipe/')
}
expect "dispositions, mask, descriptors and groups are those of tote" "$(inherited "$tote" exec --)" \
    "$(inherited env)"
expect "and so are blocked signals" \
    "$(python3 -c 'import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPROF])
os.execvp(sys.argv[1], sys.argv[1:])' "$tote" exec -- grep SigBlk /proc/self/status)" \
    "$(printf 'SigBlk:\t%016x' $((1 << 14 | 1 << 9 | 1 << 16 | 1 << 26)))"
expect "an ignored SIGCHLD does not lose the exit status" \
    "$(sh -c 'trap "" CHLD; "$1" exec -- sh -c "exit 5"; echo $?' - "$tote")" 5
expect "standard input is the command's" "$(seq 3 | "$tote" exec -- cat | tail -1)" 3

# Signals. Spec: POSIX XSH 2.4
forward() {
    rm -f "$work/ready" "$work/got"
    "$tote" exec -- sh -c "trap 'echo $1 >>$work/got; exit 9' $1; touch $work/ready; while :; do sleep 0.01; done" &
    local pid=$!
    started+=("$pid")
    until_true test -e "$work/ready"
    kill "-$1" "$pid"
    await "$pid"
}
for signal in HUP INT QUIT TERM USR1 USR2 WINCH; do
    # Background jobs ignore INT and QUIT, which a shell cannot undo.
    case $signal in INT | QUIT) set -m ;; *) set +m ;; esac
    forward $signal
    expect "SIG$signal is forwarded to the command once" "$code $(cat "$work/got")" "9 $signal"
done
set +m


# The program loads libc alone: it starts in a fraction of the time of libcurl.
if command -v readelf >/dev/null; then
    expect "the program needs libc only" \
        "$(readelf -d "$tote" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^lib(asan|ubsan|tsan)')" libc.so.6
fi

command -v python3 >/dev/null || exit "$failed"
python3 "$tests/terminal_exec.py" "$tote" "$work" || failed=1

# Spans, as a receiver gets them.
unset OTEL_TRACES_EXPORTER
# shellcheck source=receiver.sh
. "$tests/receiver.sh"
start_receiver
# exec_span ARGUMENTS...: run tote exec, and wait until its span is delivered
exec_span() {
    rm -f "$work/spans"
    "$tote" exec --wait "$@"
}
parent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7

# Spec: semantic-conventions/cli/cli-spans.md
pid=$(exec_span sh -c 'echo $$')
path=$(realpath "$(command -v sh)")
expect "the span is a client span of the conventions" \
    "$(spans '[(s["name"], s["kind"], sorted(s["attributes"].items()), "status" in s) for s in S]')" \
    "[('sh', 3, [('process.executable.name', 'sh'), ('process.executable.path', '$path'), ('process.exit.code', 0), ('process.pid', $pid)], False)]"
exec_span sh -c 'exit 3'
expect "a span has the exit code, and an error" \
    "$? $(spans '[(s["attributes"]["process.exit.code"], s["attributes"]["error.type"], s["status"]) for s in S]')" \
    "3 [(3, '3', {'message': 'exit status 3', 'code': 2})]"
exec_span sh -c 'kill -TERM $$'
expect "a span names the signal that killed the command" \
    "$? $(spans '[(s["attributes"]["process.exit.code"], s["attributes"]["error.type"], s["status"]["message"]) for s in S]')" \
    "143 [(143, 'SIGTERM', 'killed by SIGTERM')]"
exec_span --timeout 50ms sleep 60
expect "a span tells a timeout" "$? $(spans '[(s["attributes"]["error.type"], s["status"]["message"]) for s in S]')" \
    "124 [('timeout', 'timed out')]"
exec_span "$work/nothing" 2>/dev/null
expect "a command that cannot be run has a span" \
    "$? $(spans '[(s["name"], s["attributes"]["process.exit.code"], s["attributes"]["error.type"]) for s in S]')" \
    "127 [('nothing', 127, 'ENOENT')]"
exec_span --args --name build --kind internal -a n:=42 -a 'list:=["a,b",true,1.5]' -a text=a,b=c \
    --service shop --link $parent-01 -- sh -c : 'x y'
expect "options set the name, the kind, typed attributes, the service, links and arguments" \
    "$(spans '[(s["name"], s["kind"], s["attributes"]["n"], s["attributes"]["list"], s["attributes"]["text"],
        s["resource"]["service.name"], s["links"][0]["spanId"], s["attributes"]["process.command_args"]) for s in S]')" \
    "[('build', 1, 42, ['a,b', True, 1.5], 'a,b=c', 'shop', '00f067aa0ba902b7', ['sh', '-c', ':', 'x y'])]"

# Options for the receiver override variables, and the command does not get them.
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces OTEL_SERVICE_NAME=variable \
    exec_span --service option --endpoint "$OTEL_EXPORTER_OTLP_ENDPOINT" --header key=a,b \
    sh -c 'env | grep -E "^OTEL_EXPORTER_OTLP_(HEADERS|TRACES)"' >"$work/out"
expect "options override variables" "$(spans '[s["resource"]["service.name"] for s in S]')" "['option']"
expect "the command gets the variables as they were" "$(cat "$work/out")" \
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces"

# The context of the command. Spec: context/env-carriers.md
export TRACEPARENT=$parent-01 TRACESTATE=vendor=x BAGGAGE=user=a%20b
exec_span sh -c 'echo "$TRACEPARENT $TRACESTATE $BAGGAGE"' >"$work/out"
expect "the command gets the span, tracestate and baggage" "$(cat "$work/out")" \
    "$(spans '"00-4bf92f3577b34da6a3ce929d0e0e4736-%s-01 vendor=x user=a%%20b" % S[0]["spanId"]')"
expect "the parent is that of the variables" "$(spans '[s["parentSpanId"] for s in S]')" "['00f067aa0ba902b7']"
expect "other formats are those of OTEL_PROPAGATORS" \
    "$(env -u TRACEPARENT B3=4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1 OTEL_PROPAGATORS=b3,jaeger \
        "$tote" exec --wait sh -c 'echo "${B3%-*-*} ${UBER_TRACE_ID%%:*} $TRACEPARENT"')" \
    "4bf92f3577b34da6a3ce929d0e0e4736 4bf92f3577b34da6a3ce929d0e0e4736 "
rm -f "$work/spans"
expect "a parent that is not sampled has no recorded children" \
    "$(TRACEPARENT=$parent-00 "$tote" exec --wait sh -c 'echo ${TRACEPARENT##*-}') $(spans 'S')" "00 []"
expect "the sampler of the variables decides" \
    "$(OTEL_TRACES_SAMPLER=always_off "$tote" exec --wait sh -c 'echo ${TRACEPARENT##*-}') $(spans 'S')" "00 []"
expect "a disabled SDK passes the context on" \
    "$(OTEL_SDK_DISABLED=true "$tote" exec --wait sh -c 'echo $TRACEPARENT') $(spans 'S')" "$parent-01 []"
exec_span --no-parent sh -c 'echo "$TRACESTATE"' >"$work/out"
expect "--no-parent starts a trace" "$(spans '["parentSpanId" in s and s["parentSpanId"] != "" for s in S]')" "[False]"
exec_span --parent 00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-01 true
expect "--parent overrides the variables" "$(spans '[(s["traceId"], s["parentSpanId"]) for s in S]')" \
    "[('5bf92f3577b34da6a3ce929d0e0e4736', '10f067aa0ba902b7')]"
exec_span --force-trace-id 6bf92f3577b34da6a3ce929d0e0e4736 --force-span-id 20f067aa0ba902b7 \
    --force-parent-span-id 30f067aa0ba902b7 true
expect "ids can be given" "$(spans '[(s["traceId"], s["spanId"], s["parentSpanId"]) for s in S]')" \
    "[('6bf92f3577b34da6a3ce929d0e0e4736', '20f067aa0ba902b7', '30f067aa0ba902b7')]"
for option in "--force-trace-id 0" "--force-span-id 00f067aa0ba902bg" "--parent x" "--link x" "--kind x" "--attr x"; do
    # shellcheck disable=SC2086
    "$tote" exec $option touch "$work/ran" 2>/dev/null
    expect "a wrong $option is an error before the command runs" "$? $(ls "$work/ran" 2>&1 | grep -c 'No such')" "2 1"
done
unset TRACEPARENT TRACESTATE BAGGAGE
"$tote" exec --require-parent touch "$work/ran" 2>/dev/null
expect "--require-parent runs no command without a parent" "$? $(ls "$work/ran" 2>&1 | grep -c 'No such')" "125 1"

# Text in braces is replaced on demand only.
expect "braces are the command's" "$("$tote" exec --wait echo '{{traceparent}}')" "{{traceparent}}"
exec_span --template echo '{{traceparent}}/{{trace_id}}/{{span_id}}/{{baggage}}/{{other}}' >"$work/out"
expect "--template fills in the context" "$(cat "$work/out")" \
    "$(spans '"00-%s-%s-03/%s/%s//{{other}}" % (S[0]["traceId"], S[0]["spanId"], S[0]["traceId"], S[0]["spanId"])')"

# A carrier file joins commands to one trace.
export BAGGAGE="user=\$(touch $work/ran)'"
"$tote" exec --wait --carrier "$work/carrier" true
first=$(sed -n 's/^TRACEPARENT=00-\(.*\)-\(.*\)-03$/\1 \2/p' "$work/carrier")
exec_span --carrier "$work/carrier" true
expect "the next command continues the trace of a carrier" "$(spans '[s["traceId"] + " " + s["parentSpanId"] for s in S]')" \
    "['$first']"
expect "no other file is left" "$(cd "$work" && ls carrier*)" carrier
# shellcheck disable=SC1091
(. "$work/carrier")
expect "a shell that reads a carrier runs no code of its values" "$(ls "$work/ran" 2>&1 | grep -c 'No such')" 1
unset BAGGAGE
expect "--export prints shell code, and standard output is the command's" \
    "$("$tote" exec --wait --export echo out 2>"$work/err") $(sed 's/-.*//' "$work/err")" "out export TRACEPARENT=00"

# A receiver that is unavailable changes nothing, except with --strict, and is reported.
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_EXPORTER_OTLP_TIMEOUT=100
export OTEL_C_DISK_QUEUE_DIRECTORY=$work/queue
"$tote" exec --wait sh -c 'exit 7' 2>"$work/err"
expect "a failed delivery does not change the exit status" "$? $(wc -l <"$work/err")" "7 1"
"$tote" exec --wait --strict sh -c 'exit 7' 2>/dev/null
expect "--strict keeps a status of the command" $? 7
"$tote" exec --wait --strict true 2>/dev/null
expect "--strict makes a failed delivery an error" $? 125
"$tote" exec --wait --quiet true 2>"$work/err"
expect "--quiet reports nothing" "$? $(cat "$work/err")" "0 "
expect "the spans are in the disk queue" "$(find "$work/queue" -name '*.otlp' | wc -l)" 4
exit "$failed"
