#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_extension.sh BUILD_DIRECTORY - the spans of the PostgreSQL extension, in a server of the test
set -u
build=$(cd "$1" && pwd)
# shellcheck source=tests/hosts/postgresql/extension.sh
. "$(dirname "$0")/extension.sh"

start_receiver
start_extension "max_worker_processes = 8"
sql "create table t (id int primary key, v text); insert into t select i, 'secret' from generate_series(1, 1000) i; analyze t;"

# received NAME: whether a span of this name is there
received() {
    [ "$(spans "'$1' in N")" = True ]
}
# begin: forget the spans, and choose a trace of the client
begin() {
    sql "set tote.enabled = off; reset all;"
    rm -f "$work/spans"
    trace=$(printf '%032x' $((0x1000 + RANDOM)))
    parent=00000000000000aa
    traceparent=00-$trace-$parent-01
}
# end: wait for all spans
end() {
    until_true extension_is_idle
}

begin
sql "select v from t where id = 7 /*traceparent='$traceparent'*/;" >/dev/null
end
expect "a statement continues the trace of its comment" \
    "$(spans "sorted((s['name'], s['kind']) for s in S if s['traceId'] == '$trace')")" \
    "[('execute', 1), ('plan', 1), ('select t', 2)]"
expect "the planner and the executor are below the statement, which is below the client's span" \
    "$(spans "[N['select t']['parentSpanId'], N['plan']['parentSpanId'] == N['select t']['spanId'] == N['execute']['parentSpanId']]")" \
    "['$parent', True]"
expect "a statement has its text without literals, its rows and its buffers" \
    "$(spans "[N['select t']['attributes'].get(k) for k in ['db.system.name', 'db.namespace', 'db.query.summary', 'db.query.text', 'postgresql.rows']] + [N['select t']['attributes']['postgresql.shared_blks_hit'] > 0]")" \
    "['postgresql', 'postgres', 'select t', 'select v from t where id = ?', 1, True]"
expect "spans have the schema URL of the conventions" \
    "$(spans "{s['schemaUrl'].rsplit('/', 1)[0] for s in S}")" "{'https://opentelemetry.io/schemas'}"
expect "the steps are within the time of the statement" \
    "$(spans "all(int(N['select t']['startTimeUnixNano']) <= int(s['startTimeUnixNano']) <= int(s['endTimeUnixNano']) <= int(N['select t']['endTimeUnixNano']) for s in S)")" \
    "True"

begin
sql "select v from t where id = 7 /*traceparent='00-$trace-$parent-00'*/; select v from t where id = 8;" >/dev/null
end
expect "neither a client that does not sample nor one without a context is recorded" "$(spans "S")" "[]"

begin
sql "begin; set local tote.traceparent = '$traceparent'; set local tote.tracestate = 'a=b'; select count(*) from t; select 1 as inside; rollback; select 2 as outside;" >/dev/null
end
expect "SET LOCAL gives a transaction its context" \
    "$(spans "[(s['name'], s.get('traceState')) for s in S if s['traceId'] == '$trace' and s.get('parentSpanId') == '$parent']")" \
    "[('select t', 'a=b'), ('select', 'a=b'), ('rollback', 'a=b')]"
expect "the context ends with the transaction" "$(spans "len([s for s in S if s['kind'] == 2])")" "3"

begin
sql "set tote.traceparent = '$traceparent'; select 1 /*traceparent='00-${trace/0/f}-$parent-01'*/; set tote.traceparent = 'nonsense'; select 2;" >/dev/null
end
expect "a comment overrides the setting, and a malformed setting is no context" \
    "$(spans "[s['traceId'] for s in S if s['kind'] == 2]")" "['${trace/0/f}']"

begin
sql "$(cat <<SQL
create function fail(i int) returns int language plpgsql as \$\$
begin
    perform v from t where id = i;
    update t set v = 1 / (length(v) - length(v)) where id = i;
    return 1;
end \$\$;
create function catch(i int) returns int language plpgsql as \$\$
begin
    return fail(i);
exception when division_by_zero then
    perform 'caught' from t where id = 2;
    return 2;
end \$\$;
set tote.traceparent = '$traceparent';
select fail(1);
set tote.traceparent = '';
select 'no context';
set tote.traceparent = '$traceparent';
select catch(1) from t where id = 5;
SQL
)" >/dev/null
end
expect "an error in a function ends its statements and those around it with the SQLSTATE" \
    "$(spans "[(s['name'], s['attributes'].get('db.response.status_code'), s['attributes'].get('error.type'), s.get('status', {}).get('code')) for s in S if s['name'] in ('update t', 'select')][:2]")" \
    "[('update t', '22012', '22012', 2), ('select', '22012', '22012', 2)]"
expect "statements in a function are below the execution of the caller" \
    "$(spans "(lambda ids: [ids[ids[s['parentSpanId']]['parentSpanId']]['name'] for s in S if s['name'] == 'update t'])({s['spanId']: s for s in S})")" \
    "['select', 'select t']"
expect "a caught error is one of the inner statement alone, and later statements are where they belong" \
    "$(spans "(lambda ids: [(s.get('status', {}).get('code'), [ids[c['parentSpanId']]['name'] for c in S if c['name'] == 'SELECT t' and c['startTimeUnixNano'] > s['startTimeUnixNano']]) for s in S if s['name'] == 'select t' and s['kind'] == 2])({s['spanId']: s for s in S})")" \
    "[(None, ['execute', 'execute'])]"

begin
sql "$(cat <<SQL
create table audit (what text);
create function audit() returns trigger language plpgsql as \$\$
begin
    insert into audit values (new.v);
    return new;
end \$\$;
create trigger before_update before update on t for each row execute function audit();
create trigger after_update after update on t for each row execute function audit();
set tote.traceparent = '$traceparent';
update t set v = 'new' where id = 3;
SQL
)" >/dev/null
end
expect "statements of triggers are below the statement that fired them" \
    "$(spans "(lambda ids: sorted((s['name'], ids[s['parentSpanId']]['name']) for s in S if s['name'] == 'insert audit'))({s['spanId']: s for s in S})")" \
    "[('insert audit', 'execute'), ('insert audit', 'update t')]"

begin
sql "set force_parallel_mode = on; set parallel_setup_cost = 0; set min_parallel_table_scan_size = 0; set tote.traceparent = '$traceparent'; set tote.tracestate = 'a=b'; select count(*) from t;" >/dev/null
end
expect "a parallel worker has a span in its process, below the execution of its leader" \
    "$(spans "(lambda w: [len(w) > 0, {s['parentSpanId'] for s in w} == {N['execute']['spanId']}, {s.get('traceState') for s in w}, N['select t']['attributes']['postgresql.pid'] not in [s['attributes']['postgresql.pid'] for s in w]])([s for s in S if s['name'] == 'parallel worker'])")" \
    "[True, True, {'a=b'}, True]"

begin
sql "set tote.traceparent = '$traceparent'; begin; declare c cursor for select * from t; fetch 2 from c; fetch 3 from c; close c; commit;" >/dev/null
end
expect "each FETCH of a cursor is a span, and the cursor has one with all rows" \
    "$(spans "[(s['name'], s['kind'], s['attributes'].get('postgresql.rows')) for s in S if s['name'] not in ('plan', 'execute')]")" \
    "[('begin', 2, 0), ('declare select t', 2, 0), ('fetch', 2, 2), ('fetch', 2, 3), ('declare select t', 1, 5), ('close', 2, 0), ('commit', 2, 0)]"

begin
expect "a portal is executed in three steps" \
    "$(python3 "$here/portal.py" "$traceparent" "select * from t where id <= 5" 2 | tr '\n' ' ')" "2 2 1 "
end
expect "each Execute message is a step of one statement" \
    "$(spans "[N['select t']['attributes']['postgresql.rows'], sorted(s['name'] for s in S if s.get('parentSpanId') == N['select t']['spanId'])]")" \
    "[5, ['execute', 'execute', 'execute', 'plan']]"

begin
python3 "$here/portal.py" "$traceparent" "select * from t" 2 1 >/dev/null
end
expect "a portal that is not executed to its end ends with its transaction" \
    "$(spans "[N['select t']['attributes']['postgresql.rows'], N['select t'].get('status', {}).get('code')]")" "[2, None]"

begin
sql "$(cat <<SQL
set tote.traceparent = '$traceparent';
prepare p (int) as select v from t where id = \$1;
execute p(1);
copy t to '/dev/null';
create table other (id serial primary key);
drop table other;
begin;
commit;
select nothing from nowhere;
copy nowhere to stdout;
SQL
)" >/dev/null
end
expect "utility statements are recorded" \
    "$(spans "[(s['name'], s['attributes'].get('db.response.status_code')) for s in S if s['kind'] == 2]")" \
    "[('prepare select t', None), ('execute', None), ('copy t', None), ('create table other', None), ('drop table other', None), ('begin', None), ('commit', None), ('copy nowhere', '42P01')]"
expect "commands within a command are below it" \
    "$(spans "sorted(s['name'] for s in S if s.get('parentSpanId') == N['create table other']['spanId'])")" \
    "['ALTER SEQUENCE', 'CREATE INDEX', 'CREATE SEQUENCE']"

begin
sql "set tote.max_nested_spans = 10; set tote.traceparent = '$traceparent'; do \$\$ begin for i in 1..100 loop perform v from t where id = i; end loop; end \$\$;" >/dev/null
end
expect "a statement has a limited number of spans below it, and tells how many are missing" \
    "$(spans "[len(S), N['do']['attributes']['postgresql.dropped_spans'] > 80]")" "[11, True]"

# interrupt FUNCTION STATEMENT NAME: run a statement that sleeps in another connection, and call the
# function with the process when it does. Returns when its span of this name is there.
sleeper() {
    process=$(sql "select pid from pg_stat_activity where query = '$1' and wait_event = 'PgSleep';")
    [ -n "$process" ]
}
interrupt() {
    psql -XAtq -c "set tote.traceparent = '$traceparent'" -c "$2" >/dev/null 2>&1 &
    local client=$!
    until_true sleeper "${2//\'/\'\'}"
    sql "select $1($process);" >/dev/null
    wait "$client"
    until_true received "$3"
}

begin
interrupt pg_cancel_backend "select pg_sleep(60)" select
end
expect "a statement that was cancelled is an error" \
    "$(spans "[(s['name'], s['attributes'].get('db.response.status_code')) for s in S if s['kind'] == 2 and s.get('status', {}).get('code') == 2]")" \
    "[('select', '57014')]"

begin
interrupt pg_terminate_backend "select pg_sleep(60)" select
end
expect "a statement whose process is terminated is an error" \
    "$(spans "[(s['name'], s['attributes'].get('db.response.status_code')) for s in S if s['kind'] == 2 and s['traceId'] == '$trace' and s['name'] == 'select']")" \
    "[('select', '57P01')]"
begin
interrupt pg_terminate_backend "do 'begin perform pg_sleep(60); end'" 'do'
end
expect "so is a utility statement, and the statement in it" \
    "$(spans "[(s['name'], s['attributes'].get('db.response.status_code')) for s in S if s['traceId'] == '$trace' and s['name'] != 'plan']")" \
    "[('SELECT', '57P01'), ('do', '57P01')]"

begin
sql "alter system set tote.sample_rate = 1; select pg_reload_conf();" >/dev/null
is_rate() {
    [ "$(sql "show tote.sample_rate;")" = "$1" ]
}
until_true is_rate 1
end
begin
sql "select v from t where id = 9;" >/dev/null
end
expect "after a reload of the settings, statements without a context begin a trace" \
    "$(spans "[(s['name'], s.get('parentSpanId', '')) for s in S if s['kind'] == 2]")" "[('select t', '')]"
sql "alter system reset tote.sample_rate; select pg_reload_conf();" >/dev/null
until_true is_rate 0
end

begin
sql "set tote.enabled = off; set tote.traceparent = '$traceparent'; select v from t;" >/dev/null
end
expect "nothing is recorded if the extension is disabled" "$(spans "S")" "[]"

expect "no literal of a statement and no row is in a span" "$(spans "any('secret' in str(s) for s in S)")" "False"
expect "the server's log has no warning of the extension" "$(grep -c 'tote:' "$postgresql/log")" "0"
exit "$failed"
