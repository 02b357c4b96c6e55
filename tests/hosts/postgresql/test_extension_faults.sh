#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_extension_faults.sh BUILD_DIRECTORY - the spans of the PostgreSQL extension when something fails
set -u
build=$(cd "$1" && pwd)
# shellcheck source=tests/hosts/postgresql/extension.sh
. "$(dirname "$0")/extension.sh"

# names SELECTOR: of the statements that were received
names() {
    spans "[s['name'] for s in S if s['kind'] == 2 and ($1)]"
}
# received COUNT: whether at least so many statements were received
received() {
    [ "$(spans "len([s for s in S if s['kind'] == 2]) >= $1")" = True ]
}
# twice: the names of spans that were received more than once
twice() { spans "sorted(s['name'] for s in S if [o['spanId'] for o in S].count(s['spanId']) > 1)"; }
has_batch() { [ -n "$(find "$postgresql/data/tote" -name '*-*-*-*')" ]; }
# find_worker: sets worker. It has its name shortly after it was started.
find_worker() {
    worker=$(worker)
    [ -n "$worker" ]
}
worker() {
    ps --ppid "$postgresql_process" -o pid=,args= | awk '/tote exporter/ { print $1 }'
}
sender() {
    ps --ppid "$(worker)" -o pid=,args= | awk '/tote-send/ { print $1 }'
}
waiting() {
    [ "$(sql "set tote.enabled = off; select recorded - saved from tote_stats(); reset tote.enabled;")" = "$1" ]
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
has_no_sender() { ! pgrep -f "^tote-send .*$postgresql/data/tote\$" >/dev/null; }

# reconnect PROCESS: connect again, after the server has noticed that this process was killed. Until
# then it accepts connections that it ends soon.
reconnect() {
    exec 6>&- 7<&-
    until_true is_gone "$1"
    until_true "$postgresql_bin/pg_isready" -q
    connect
}

# The worker looks only once an hour: the spans stay in shared memory.
start_receiver
start_extension "tote.export_interval = 10min" "tote.buffer_size = 1MB"
sql "create table t (id int primary key); insert into t values (1);"

traceparent=00-0000000000000000000000000000ab01-00000000000000aa-01
sql "set tote.traceparent = '$traceparent'; select 1 as before; select 2 as before; set tote.traceparent = '';" >/dev/null
until_true waiting 6
PGOPTIONS="-c tote.traceparent=$traceparent" psql -c "select pg_sleep(60) /* victim */" >/dev/null 2>&1 &
client=$!
victim() {
    victim=$(sql "select pid from pg_stat_activity where query like '%victim%' and pid <> pg_backend_pid() and wait_event = 'PgSleep';")
    [ -n "$victim" ]
}
until_true victim
kill -KILL "$victim"
wait "$client"
until_true is_gone "$victim"
expect "the server restarts after a backend was killed" "$(until_true "$postgresql_bin/pg_isready" -q && echo yes)" yes
reconnect "$victim"
sql "alter system set tote.export_interval = '20ms'; select pg_reload_conf();" >/dev/null
until_true received 2
until_true extension_is_idle
expect "no span that was written before a backend was killed is lost" "$(names "s['traceId'].endswith('ab01')")" "['select', 'select']"
sql "set tote.traceparent = '${traceparent/ab01/ab02}'; select 3 as after; set tote.traceparent = '';" >/dev/null
until_true received 3
expect "the server records after its restart" "$(names "s['traceId'].endswith('ab02')")" "['select']"

# It removes spans from the ring after they are in a file: wait until it has done that.
until_true extension_is_idle
until_true find_worker
kill -KILL "$worker"
reconnect "$worker"
sql "set tote.traceparent = '${traceparent/ab01/ab03}'; select 4; set tote.traceparent = '';" >/dev/null
until_true received 4
expect "the background worker is restarted after it was killed" "$(names "s['traceId'].endswith('ab03')")" "['select']"

# A backend is killed while the worker is between its file and the removal from the ring.
if strace -qq -o /dev/null true 2>/dev/null; then
    until_true extension_is_idle
    : >"$work/spans.hold"
    until_true find_worker
    strace -qq -o /dev/null -p "$worker" -e trace=renameat,renameat2 \
        -e inject=renameat,renameat2:delay_exit=2000000 2>/dev/null &
    started+=($!)
    is_traced() { ! grep -q '^TracerPid:[[:space:]]*0$' "/proc/$worker/status"; }
    until_true is_traced
    sql "set tote.traceparent = '${traceparent/ab01/ab09}'; select 4; set tote.traceparent = '';" >/dev/null
    until_true has_batch
    killed=$(sql "set tote.enabled = off; select pg_backend_pid();")
    kill -KILL "$killed"
    rm "$work/spans.hold"
    reconnect "$killed"
    until_true extension_is_idle
    expect "a crash while the worker saves loses no span, and sends none twice" \
        "$(names "s['traceId'].endswith('ab09')")" "['select']"
fi

# A receiver that accepts connections and does not respond.
kill -STOP "$receiver"
sql "set tote.traceparent = '${traceparent/ab01/ab04}'; do \$\$ begin for i in 1..5000 loop perform 1 from t; end loop; end \$\$; select 5; select 6; set tote.traceparent = '';" >/dev/null
expect "statements run while the receiver hangs" "$(sql "select 7;")" 7
kill -CONT "$receiver"
until_true received 7
until_true extension_is_idle
expect "their spans are delivered later" "$(names "s['traceId'].endswith('ab04')")" "['do', 'select', 'select']"

# A receiver that does not exist, until the setting is changed.
failures() { grep -c 'LOG:  tote: spans stay in ".*/data/tote": .' "$postgresql/log"; }
earlier_failures=$(failures)
sql "alter system set tote.endpoint = 'http://127.0.0.1:9'; select pg_reload_conf();" >/dev/null
fails() { # the worker reloads its settings later than this connection
    sql "set tote.traceparent = '${traceparent/ab01/ab05}'; select 8; set tote.traceparent = '';" >/dev/null
    [ "$(failures)" -gt "$earlier_failures" ]
}
until_true fails
expect "a delivery that fails is one line in the server's log" \
    "$(($(failures) - earlier_failures))" 1
sql "alter system reset tote.endpoint; select pg_reload_conf();" >/dev/null
expect "a reload of the settings changes the endpoint, and the spans are delivered" \
    "$(until_true extension_is_idle && spans "'select' in [s['name'] for s in S if s['traceId'].endswith('ab05')]")" True
rm "$work/spans"

# A receiver that has a request and has not responded: at reloads, and at a fast shutdown. The last
# spans are those of statements that the shutdown terminates.
: >"$work/spans.hold"
sql "set tote.traceparent = '${traceparent/ab01/ab05}'; select 9; set tote.traceparent = '';" >/dev/null
until_true received 1
before=$(sender)
for _ in 1 2 3 4 5; do # apart, so that the worker applies more than one
    sql "select pg_reload_conf();" >/dev/null
    sleep 0.1
done
rm "$work/spans.hold"
has_another_sender() { [ -n "$(sender)" ] && [ "$(sender)" != "$before" ]; }
expect "a reload starts another sender" "$(until_true has_another_sender && echo yes)" yes
until_true extension_is_idle
expect "reloads send no span twice" "$(twice)" "[]"
rm "$work/spans"
: >"$work/spans.hold"
sql "set tote.traceparent = '${traceparent/ab01/ab06}'; select 10; set tote.traceparent = '';" >/dev/null
until_true received 1
PGOPTIONS="-c tote.traceparent=${traceparent/ab01/ab06}" psql -c "select pg_sleep(60) /* last */" >/dev/null 2>&1 &
client=$!
sleeps() { [ "$(sql "select count(*) from pg_stat_activity where query like '%last%' and wait_event = 'PgSleep';")" = 1 ]; }
until_true sleeps
exec 6>&- 7<&-
until_true find_worker
kill -INT "$postgresql_process"
until_true is_gone "$worker"
rm "$work/spans.hold" # the sender has its signal, and waits for the response at most 5 s
stop_postgresql
wait "$client"
until_true received 2
expect "statements that a shutdown terminates are recorded and delivered" \
    "$(spans "[(s['name'], s['attributes'].get('db.response.status_code')) for s in S if s['traceId'].endswith('ab06') and s['kind'] == 2]")" \
    "[('select', None), ('select', '57P01')]"
expect "a fast shutdown sends no span twice" "$(twice)" "[]"

# A full buffer: the worker is stopped.
run_postgresql
connect
until_true find_worker
kill -STOP "$worker"
sql "set tote.max_nested_spans = 100000; set tote.traceparent = '${traceparent/ab01/ab07}'; do \$\$ begin for i in 1..20000 loop perform 1 from t; end loop; end \$\$; set tote.traceparent = '';" >/dev/null
expect "statements run while the buffer is full, and missing spans are counted" \
    "$(sql "select dropped > 1000 and recorded > 100 and buffer_used_bytes <= buffer_bytes from tote_stats();")" t
kill -CONT "$worker"
expect "the buffer is emptied later" "$(until_true extension_is_idle && echo yes)" yes

# The module that the Makefile builds, by its path. Without a sender, spans stay in the disk queue, for
# tote send.
cmake --install "$build" --prefix "$installed" --component development >>"$work/install"
top=$(cd "$here/../../.." && pwd)
source=$work/source
mkdir -p "$source/instrumentation"
ln -s "$top"/{api,sdk,delivery,exporters,propagators,configuration} "$source"
ln -s "$top/instrumentation/database" "$source/instrumentation"
cp -r "$top/instrumentation/postgresql" "$source/instrumentation"
make -s -C "$source/instrumentation/postgresql" TOTE_PREFIX="$installed" \
    PG_CONFIG="$postgresql_bin/pg_config" >"$work/make" 2>&1 || cat "$work/make"
expect "the Makefile builds the module" \
    "$(cd "$source/instrumentation/postgresql" && ls ./*.so)" "./tote_postgresql.so"
restart_postgresql "tote.sender = ''" "dynamic_library_path = '\$libdir'" \
    "shared_preload_libraries = '$source/instrumentation/postgresql/tote_postgresql'"
connect
sql "update pg_proc set probin = '$source/instrumentation/postgresql/tote_postgresql' where proname = 'tote_stats';"
until_true has_no_sender # that of the stopped server remains until the queue was empty for 5 s
sql "set tote.traceparent = '${traceparent/ab01/ab08}'; select 9; set tote.traceparent = '';" >/dev/null
expect "a module that is loaded by its path has its worker" "$(until_true has_batch && echo yes)" yes
expect "all spans of a statement are saved, perhaps in two files" "$(until_true waiting 0 && echo yes)" yes
expect "without a sender, tote send delivers the disk queue" \
    "$("${as_postgresql[@]}" "$installed/bin/tote" send "$postgresql/data/tote" | sed 's/^[0-9]* spans/N spans/')" \
    "N spans delivered, 0 rejected, 0 batches left"
expect "so the spans are there" "$(names "s['traceId'].endswith('ab08')")" "['select']"
exit "$failed"
