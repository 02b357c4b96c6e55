#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_span.sh - tote span creates spans of scripts, and nothing is lost or delivered twice
#
# test_span.sh TOTE OS: what TOTE was built for; see docs/porting.md
set -uo pipefail

tote=$1 os=$2
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=receiver.sh
. "$tests/receiver.sh"
export OTEL_SERVICE_NAME=shop
# The default queue is another one for each receiver: see the end.
queue=$work/queue
export OTEL_C_DISK_QUEUE_DIRECTORY=$queue

# senders: the ids of senders of this test
senders() {
    pgrep -f -- "--background -- $work/" || true
}

end_all() {
    end_senders
    finish
}
trap end_all EXIT

# received COUNT: whether that many spans were received
received() {
    [ -e "$work/spans" ] && [ "$(wc -l <"$work/spans")" -ge "$1" ]
}

# no_sender: whether all have ended. A process that ends has no arguments before it releases its lock.
no_sender() {
    [ -z "$(senders)" ] && { [ ! -e "$queue/tote.sender" ] || flock -n "$queue/tote.sender" true; }
}

# end_senders: of spans that were received
end_senders() {
    local id
    for id in $(senders); do
        kill -KILL "$id" 2>/dev/null
    done
    until_true no_sender
}

batches() {
    find "$queue" -name '*.otlp' | wc -l
}

no_batch() {
    [ "$(batches)" = 0 ]
}

records() {
    find "$queue" -name '*.open' | wc -l
}

parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

# The program loads libc alone.
if command -v ldd >/dev/null && [[ $(ldd "$tote") != *san* ]]; then
    expect "the program loads libc alone" \
        "$(ldd "$tote" | grep -v -e linux-vdso -e linux-gate -e ld-linux -e 'libc\.so' -e libc.musl)" ""
fi

start_kept_port # of the receiver, also while there is none
start_receiver "$server_port"

# One span of options.
"$tote" span --wait --name checkout --kind server --start 2023-11-14T22:13:20.5Z --end 1700000002 \
    -a user=ada -a n:=42 -a pi:=3.5 -a ok:=true -a 'ids:=["a","b"]' -a 'o:={"x":[1,2]}' -a eq=a=b \
    --event paid --event-time 1700000001000000000 --event-attr amount:=7 --event sent \
    --link "$parent" --status error --status-message declined
expect "a span is delivered before exit with --wait" "$?" 0
expect "attributes have types" "$(spans 'N["checkout"]["attributes"]')" \
    "{'user': 'ada', 'n': 42, 'pi': 3.5, 'ok': True, 'ids': ['a', 'b'], 'o': {'x': [1, 2]}, 'eq': 'a=b'}"
expect "times are exact" "$(spans '[N["checkout"][k] for k in ("startTimeUnixNano", "endTimeUnixNano")]')" \
    "['1700000000500000000', '1700000002000000000']"
expect "events have a time and attributes" \
    "$(spans '[(e["name"], e["timeUnixNano"], e["attributes"]) for e in N["checkout"]["events"]]')" \
    "[('paid', '1700000001000000000', {'amount': 7}), ('sent', '1700000002000000000', {})]"
expect "links are kept" "$(spans '[(l["traceId"], l["spanId"]) for l in N["checkout"]["links"]]')" \
    "[('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331')]"
expect "kind and status are kept" "$(spans '(N["checkout"]["kind"], N["checkout"]["status"])')" \
    "(2, {'message': 'declined', 'code': 2})"
expect "the service is that of the variable" "$(spans 'N["checkout"]["resource"]["service.name"]')" shop
OTEL_RESOURCE_ATTRIBUTES=team=a "$tote" span --wait --name override --service till
expect "an option overrides the variable" \
    "$(spans '[N["override"]["resource"][k] for k in ("service.name", "team")]')" "['till', 'a']"

# The context. Spec: context/env-carriers.md, W3C Trace Context, W3C Baggage
export TRACEPARENT=$parent TRACESTATE=v=1,w=2 BAGGAGE=user=ada
context=$("$tote" span --name child --print)
expect_match "the context is printed with all variables" "$context" \
    "TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-????????????????-01
TRACESTATE=v=1,w=2
BAGGAGE=user=ada"
expect "as shell code too" "$("$tote" span --name child --export | sed 's/=.*//')" "export TRACEPARENT
export TRACESTATE
export BAGGAGE"
"$tote" span --name state --wait
expect "the trace state of the parent is kept" "$(spans 'N["state"]["traceState"]')" v=1,w=2
expect "and the parent" "$(spans 'N["state"]["parentSpanId"]')" b7ad6b7169203331
expect_match "--no-parent starts a trace" "$("$tote" span --name x --no-parent --print | head -1)" \
    'TRACEPARENT=00-*'
expect "of another id" "$("$tote" span --name x --no-parent --print | grep -c 0af7651916cd43dd8448eb211c80319c)" 0
expect_match "ids can be given" "$("$tote" span --name x --force-trace-id 11111111111111111111111111111111 \
    --force-span-id 2222222222222222 --print | head -1)" \
    'TRACEPARENT=00-11111111111111111111111111111111-2222222222222222-0?'
unset TRACEPARENT TRACESTATE BAGGAGE
"$tote" span --name x --require-parent 2>"$work/err"
expect "a missing parent is an error if it is required" "$?" 1
expect_match "b3 is read and written" \
    "$(OTEL_PROPAGATORS=b3 B3=0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1 "$tote" span --name x --print)" \
    'B3=0af7651916cd43dd8448eb211c80319c-*-1*'
"$tote" span --name one --carrier "$work/carrier"
"$tote" span --name two --carrier "$work/carrier" --wait
expect "a carrier file makes a chain" "$(spans 'N["two"]["parentSpanId"] == N["one"]["spanId"]')" True

# Wrong values are wrong usage, and name what is wanted.
while read -r option value; do
    "$tote" span --name x "$option" "$value" 2>"$work/err"
    expect "$option $value is wrong usage" "$? $(wc -l <"$work/err")" "2 2"
done <<END
--kind big
--start yesterday
--end 2023-13-01T00:00:00Z
--status fine
--attr novalue
--attr n:=x
--attr n:=[1
--event-attr a=b
--link $parent-x
--parent 00-0-0-0
--force-trace-id 00000000000000000000000000000000
--force-span-id 12
END
"$tote" span 2>"$work/err"
expect "a name is needed" "$?" 2

# The background.
until_true no_batch
rm -f "$work/spans"
ids=()
for i in $(seq 100); do
    "$tote" span --name "parallel $i" &
    ids+=($!)
done
wait "${ids[@]}"
until_true received 100
until_true no_sender
expect "100 parallel spans are received, each once" \
    "$(spans '(len(S), len(set(s["spanId"] for s in S)))')" "(100, 100)"
expect "and nothing is left" "$(batches)" 0

# A receiver that accepts connections and never responds.
start_silent_server
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$server_port
for _ in 1 2 3; do
    text=$(OTEL_EXPORTER_OTLP_TIMEOUT=60000 "$tote" span --name slow 2>&1)
done
expect "\$(tote span) returns while the sender runs" "$text $(senders | wc -l)" " 1"
expect "a sender is in a session of its own, without the caller's descriptors" \
    "$(id=$(senders); [ "$(ps -o sid= -p "$id" | tr -d ' ')" = "$id" ] && readlink "/proc/$id/fd/0" "/proc/$id/fd/1" "/proc/$id/fd/2" | sort -u)" \
    /dev/null
end_senders
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port
rm -f "$work/spans"
"$tote" span --name after
until_true received 4
expect "a sender that was killed loses nothing: the next one delivers" \
    "$(spans 'sorted(s["name"] for s in S)')" "['after', 'slow', 'slow', 'slow']"
until_true no_batch
end_senders

# Without a collector.
kill "$receiver"
await "$receiver"
export OTEL_EXPORTER_OTLP_TIMEOUT=2000
rm -f "$work/spans"
"$tote" span --name kept 2>"$work/err"
expect "a span without a collector does not fail" "$? $(cat "$work/err")" "0 "
until_true no_sender
"$tote" span --name kept 2>"$work/err"
expect "and is not reported as a failure" "$?" 0
expect_match "the next call reports it in one line" "$(cat "$work/err")" \
    "tote: span: 2 spans wait in $queue: http://127.0.0.1:$port/*connect*since *'tote send $queue' delivers them"
until_true no_sender
expect "at most once a minute" "$("$tote" span --name kept 2>&1)" ""
until_true no_sender
"$tote" span --name kept --wait 2>"$work/err"
expect "--wait reports a failure, and is no failure" "$? $(wc -l <"$work/err")" "0 1"
expect_match "with the cause" "$(cat "$work/err")" "tote: span: not delivered: *connect*; the span stays in $queue"
"$tote" span --name kept --wait --strict 2>"$work/err"
expect "with --strict it is a failure" "$?" 1
expect "--quiet reports nothing" "$("$tote" span --name kept --wait --quiet 2>&1)" ""
unset OTEL_EXPORTER_OTLP_TIMEOUT
start_receiver "$port"
"$tote" span --name back 2>"$work/err"
until_true received 7
until_true no_batch
end_senders
expect "a collector that returns gets all spans once" \
    "$(spans '(len(S), len(set(s["spanId"] for s in S)))') $(batches)" "(7, 7) 0"
sed -i 's/^\([0-9]*\) [0-9]*/\1 0/' "$queue/tote.sender"
expect "the failure is forgotten" "$("$tote" span --name fine 2>&1)" ""

# A queue that cannot be used.
check_unusable() { # WHAT COMMAND...
    "${@:2}" "$tote" span --name lost 2>"$work/err"
    expect "$1: a span does not fail, and is reported in one line" "$? $(wc -l <"$work/err")" "0 1"
    "${@:2}" "$tote" span --name lost --strict 2>"$work/err"
    expect "$1: it fails with --strict" "$?" 1
    expect "$1: --quiet reports nothing" "$("${@:2}" "$tote" span --name lost --quiet 2>&1)" ""
    expect_match "$1: the context is still passed on" \
        "$("${@:2}" "$tote" span begin --name lost --quiet)" "export TRACEPARENT=00-*"
}
full_disk() { # files cannot grow; messages go through a pipe, which can
    { (ulimit -f 0; exec "$@") 2>&1 >&3 | cat >&2; return "${PIPESTATUS[0]}"; } 3>&1
}
check_unusable "an unwritable home" env -u OTEL_C_DISK_QUEUE_DIRECTORY -u XDG_STATE_HOME HOME=/proc/none
check_unusable "no home" env -u OTEL_C_DISK_QUEUE_DIRECTORY -u XDG_STATE_HOME -u HOME
check_unusable "a full disk" full_disk
mkdir "$work/shared"
chmod 777 "$work/shared"
check_unusable "a shared directory" env OTEL_C_DISK_QUEUE_DIRECTORY="$work/shared"
if unshare -rm true 2>/dev/null; then
    mkdir -m 700 "$work/fixed"
    read_only() {
        unshare -rm sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"' \
            "$work/fixed" env OTEL_C_DISK_QUEUE_DIRECTORY="$work/fixed" "$@"
    }
    check_unusable "a read-only queue" read_only
fi

# A span of several commands.
until_true no_batch
cat >"$work/script" <<'END'
set -eu
tote() { "$TOTE" "$@"; }
build() {
    eval "$(tote span begin --name build -a "quote=it's \$HOME")"
    tote span event compiled -a files:=3
    tote span set -a warnings:=0 --status ok
    tote span --name inside
    eval "$(tote span end -a done:=true)"
}
eval "$(tote span begin --name script --kind server)"
outer=$TRACEPARENT
build
[ "$TRACEPARENT" = "$outer" ]
(
    eval "$(tote span begin --name subshell)"
    eval "$(tote span end)"
)
eval "$(tote span end --wait)"
echo "${TRACEPARENT-unset} ${TOTE_SPAN-unset}"
END
for shell in bash dash; do
    command -v "$shell" >/dev/null || continue
    rm -f "$work/spans"
    expect "$shell: the end restores what was around the span" \
        "$(TOTE=$tote "$shell" "$work/script" 2>&1)" "unset unset"
    until_true received 4
    until_true no_batch
    expect "$shell: each span is delivered once" "$(spans 'sorted(s["name"] for s in S)')" \
        "['build', 'inside', 'script', 'subshell']"
    expect "$shell: spans are nested" \
        "$(spans '[(N[a].get("parentSpanId", "") == N[b]["spanId"]) for a, b in (("build", "script"), ("inside", "build"), ("subshell", "script"))]')" \
        "[True, True, True]"
    expect "$shell: what several commands add is one span" \
        "$(spans '(N["build"]["attributes"], N["build"]["status"], N["build"]["events"][0]["name"], N["build"]["events"][0]["attributes"])')" \
        "({'quote': \"it's \$HOME\", 'warnings': 0, 'done': True}, {'code': 1}, 'compiled', {'files': 3})"
done
expect "the kind is kept" "$(spans 'N["script"]["kind"]')" 2
expect "so is the service" "$(spans 'N["script"]["resource"]["service.name"]')" shop
expect "no record is left" "$(records)" 0

# Variables that were set are restored, also hostile ones, which are data.
hostile="k=a'\$(touch $work/pwned)\`touch $work/pwned\`;x"
export TRACEPARENT=$parent TRACESTATE=v=1 BAGGAGE=$hostile
eval "$("$tote" span begin --name hostile)"
expect "a span keeps the trace state" "$TRACESTATE" v=1
eval "$("$tote" span end)"
expect "variables are restored" "$TRACEPARENT $TRACESTATE $BAGGAGE" "$parent v=1 $hostile"
expect "and are not run by the shell" "$(find "$work" -name pwned)" ""
unset TRACEPARENT TRACESTATE BAGGAGE
TOTE_SPAN="/etc/passwd,PATH=/x" "$tote" span event x 2>"$work/err"
expect "a handle that is no record is refused" "$? $(wc -l <"$work/err")" "0 1"
"$tote" span event x 2>"$work/err"
expect "an event without a span is reported in one line" "$? $(wc -l <"$work/err")" "0 1"
for command in "event x" set end; do
    # shellcheck disable=SC2086
    "$tote" span $command --strict 2>"$work/err"
    expect "$command with --strict fails" "$?" 1
done

# Steps that share a file only, as in CI.
until_true no_batch
rm -f "$work/spans"
env -i HOME="$HOME" OTEL_C_DISK_QUEUE_DIRECTORY="$queue" "$tote" span begin --name job --carrier "$work/job"
expect "a carrier gets the variables, and nothing is printed" \
    "$(sed 's/=.*//' "$work/job" | sort | tr '\n' ' ')" "TOTE_SPAN TRACEPARENT "
"$tote" span event step --carrier "$work/job"
"$tote" send >"$work/out"
expect "the span is open after its step" "$(cat "$work/out")" "0 spans delivered, 0 rejected, 0 batches left
1 spans are still open"
"$tote" span end --carrier "$work/job" --wait
expect "another step ends it" "$(spans '[(s["name"], [e["name"] for e in s["events"]]) for s in S]')" \
    "[('job', ['step'])]"
expect "the carrier is empty again" "$(cat "$work/job")" ""

# Concurrent events.
eval "$("$tote" span begin --name busy)"
ids=()
for i in $(seq 50); do
    "$tote" span event "e$i" &
    ids+=($!)
done
wait "${ids[@]}"
eval "$("$tote" span end --wait)"
expect "50 concurrent events are all kept" \
    "$(spans 'len(set(e["name"] for e in N["busy"]["events"]))')" 50

# A command that was killed while it wrote.
eval "$("$tote" span begin --name torn)"
printf 'TOTESPL2garbage' >>"$(find "$queue" -name '*.open')"
"$tote" span event whole
eval "$("$tote" span end --wait)"
expect "an incomplete part is removed, and the rest is kept" \
    "$(spans '[e["name"] for e in N["torn"]["events"]]')" "['whole']"
eval "$("$tote" span begin --name full)"
full_disk "$tote" span event lost --strict 2>"$work/err"
expect "an event on a full disk is reported in one line" "$? $(wc -l <"$work/err")" "1 1"
eval "$("$tote" span end --wait)"
expect "and the span is kept" "$(spans 'N["full"]["name"]')" full

# A script that is killed.
until_true no_batch
end_senders
rm -f "$work/spans"
explicit_owner= # without it, the shell is found
[ "$os" = linux ] || explicit_owner=yes
# shellcheck disable=SC2016
bash -c 'eval "$("$0" span begin --name killed ${1:+--owner $$})"; "$0" span event last; kill -KILL $$; :' \
    "$tote" "$explicit_owner" 2>/dev/null
expect "the record of a script that was killed is left" "$(records)" 1
eval "$("$tote" span begin --name alive)"
"$tote" send >"$work/out"
expect "tote send delivers it, and not the span of a process that runs" "$? $(cat "$work/out")" \
    "0 1 spans delivered, 0 rejected, 0 batches left
1 spans are unfinished: the process that began them has ended
1 spans are still open"
expect "it is marked" "$(spans '[(s["name"], s["attributes"], s["status"]["code"]) for s in S]')" \
    "[('killed', {'tote.span.unfinished': True}, 2)]"
expect "it ends with its last event" \
    "$(spans 'N["killed"]["endTimeUnixNano"] == N["killed"]["events"][-1]["timeUnixNano"]')" True
eval "$("$tote" span end --wait)"
"$tote" send >"$work/out"
expect "it is delivered once" "$(spans 'sorted(s["name"] for s in S)')" "['alive', 'killed']"
# shellcheck disable=SC2016
bash -c 'eval "$("$0" span begin --name dead --owner $$)"; :' "$tote"
"$tote" span --name another --wait
expect "every sender delivers the spans of dead scripts" \
    "$(until_true received 4; spans 'N["dead"]["attributes"]')" "{'tote.span.unfinished': True}"
until_true no_batch
end_senders

# An end that was killed before its last step: the record is the whole span.
eval "$("$tote" span begin --name renamed)"
record=$(find "$queue" -name '*.open')
eval "$(OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_EXPORTER_OTLP_TIMEOUT=1 "$tote" span end --quiet)"
until_true no_sender
mv "$(find "$queue" -name '*.otlp')" "$record"
"$tote" send >"$work/out"
expect "a span that was ended and not yet renamed is not unfinished" \
    "$(head -1 "$work/out") $(spans 'N["renamed"]["attributes"]')" "1 spans delivered, 0 rejected, 0 batches left {}"

# Damage.
eval "$("$tote" span begin --name damaged)"
printf x | dd of="$(find "$queue" -name '*.open')" bs=1 seek=60 conv=notrunc 2>/dev/null
eval "$("$tote" span end 2>"$work/err")"
expect "a damaged record is kept for examination" "$(find "$queue" -name '*.open.corrupt' | wc -l)" 1
rm -f "$queue"/*.corrupt

# Sampling and switches.
rm -f "$work/spans"
export OTEL_TRACES_SAMPLER=always_off
eval "$("$tote" span begin --name unsampled)"
expect_match "a span that is not sampled has a context" "$TRACEPARENT" "00-*-0[02]"
expect "its events and its end do nothing" "$("$tote" span event x 2>&1; eval "$("$tote" span end 2>&1)"; records)" 0
eval "$("$tote" span end)"
export OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.5
for i in $(seq 8); do
    eval "$("$tote" span begin --name "ratio $i")"
    "$tote" span event x
    eval "$("$tote" span end)"
done
unset OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG
until_true no_batch
expect "the parts of a sampled span are all kept" \
    "$(spans 'all(len(s["events"]) == 1 for s in S)') $(records)" "True 0"
OTEL_SDK_DISABLED=true "$tote" span --name off --wait --strict
expect "a disabled SDK records nothing" "$? $(spans '"off" in N')" "0 False"

# Process 1 of a container waits.
if unshare -rpf true 2>/dev/null; then
    rm -f "$work/spans"
    unshare -rpf "$tote" span --name first
    expect "process 1 delivers before it ends" "$(spans '[s["name"] for s in S]')" "['first']"
fi

# tote send without a directory.
expect "a default queue that does not exist has nothing to deliver" \
    "$(env -u OTEL_C_DISK_QUEUE_DIRECTORY XDG_STATE_HOME="$work/none" "$tote" send |
        sed 's|/[0-9a-f]\{8\} |/HASH |'; echo "${PIPESTATUS[0]}")" \
    "nothing to deliver: $work/none/tote/queue/HASH does not exist
0"

# Two receivers, of which one is away.
away=(env -u OTEL_C_DISK_QUEUE_DIRECTORY "$tote" span --wait --timeout 100ms --quiet)
here=(env -u OTEL_C_DISK_QUEUE_DIRECTORY "$tote" span --wait --strict)
"${away[@]}" --name away --endpoint http://127.0.0.1:1
"${away[@]}" --name header --header tenant=two --endpoint http://127.0.0.1:1
rm -f "$work/spans"
"${here[@]}" --name here
expect "a span for one receiver never reaches another" "$? $(spans '[s["name"] for s in S]')" \
    "0 ['here']"
expect "it stays in the queue of its receiver" \
    "$(find "$XDG_STATE_HOME" -name '*.otlp' -printf '%h\n' | sort | uniq -c | grep -c ' 1 ')" 2

# A receiver that takes longer for all batches than the timeout.
until_true no_batch
end_senders
kill "$receiver"
await "$receiver"
rm -f "$work/spans"
for i in $(seq 5); do
    OTEL_EXPORTER_OTLP_TIMEOUT=1 "$tote" span --name "waits $i" --quiet
done
until_true no_sender
start_receiver "$port" 200 0.5
OTEL_EXPORTER_OTLP_TIMEOUT=2000 "$tote" span --name last --quiet
until_true no_batch
expect "a slow receiver gets all spans" "$(spans 'len(set(s["spanId"] for s in S))')" 6

# A receiver that rejects.
end_senders
kill "$receiver"
await "$receiver"
start_receiver 0 400
"$tote" span --name refused --wait --strict 2>"$work/err"
expect "a rejected span is reported" "$? $(wc -l <"$work/err")" "1 1"
expect_match "with the response" "$(cat "$work/err")" "tote: span: not delivered: the receiver rejected 1 spans*400*"
exit "$failed"
