#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_redis.sh - spans of clients of Redis that use hiredis: programs that are not changed, and libtote-hiredis
#
# test_redis.sh tote-preload-hiredis.so redis_calls redis_calls_linked redis_plugin
set -uo pipefail

preload=$1 calls=$2 linked=$3 plugin=$4
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../../cli/lib.sh"
# shellcheck source=tests/cli/receiver.sh
. "$(dirname "$0")/../../cli/receiver.sh"

start_receiver
socket=$work/redis.sock

# A server on a free port. Another program may take the port first: then the server ends, and a new port is tried.
start_redis() {
    redis_port=$(free_port)
    redis-server --bind 127.0.0.1 --port "$redis_port" --unixsocket "$socket" --save '' --appendonly no \
        --dir "$work" >"$work/redis.log" 2>&1 &
    redis=$!
    until_true ready || return 1
    kill -0 "$redis" && started+=("$redis")
}
ready() {
    grep -q 'Ready to accept connections' "$work/redis.log" || ! kill -0 "$redis" 2>/dev/null
}
for _ in 1 2 3 4 5; do
    start_redis 2>/dev/null && break
done

# flush: remove all keys, so that each run has the same replies
flush() {
    redis-cli -s "$socket" flushall >"$work/flush"
}

# run PART PROGRAM [VARIABLE=VALUE...]: the output is in $work/out and $work/err; sets code
run() {
    local part=$1 program=$2
    shift 2
    flush
    rm -f "$work/spans"
    env "$@" "$program" "$redis_port" "$socket" "$part" >"$work/out" 2>"$work/err"
    code=$?
}

# names: names and results of the spans in the order of their start, without the address in the names
names() {
    spans '[(s["name"].replace(" 127.0.0.1:'"$redis_port"'", ""), s["attributes"].get("error.type"))
        for s in sorted(S, key=lambda s: int(s["startTimeUnixNano"]))]'
}

# texts KEY: an attribute of the spans, in this order
texts() {
    spans '[s["attributes"].get("'"$1"'") for s in sorted(S, key=lambda s: int(s["startTimeUnixNano"]))]'
}

# both PART NAMES: the unchanged program with the preload object, and the one that is linked with the library, have
# the output of the unchanged program, and spans of these names
both() {
    run "$1" "$calls" TOTE=
    expect "$1: the program runs" "$code" 0
    cp "$work/out" "$work/plain"
    expect "$1: it has no spans without Tote" "$(spans 'len(S)')" 0
    run "$1" "$linked"
    expect "$1: with libtote-hiredis it has the same output" "$(cat "$work/out" "$work/err")" "$(cat "$work/plain")"
    expect "$1: and spans" "$(names)" "$2"
    run "$1" "$calls" LD_PRELOAD="$preload"
    expect "$1: with the preload object it has the same output" "$(cat "$work/out" "$work/err")" \
        "$(cat "$work/plain")"
    expect "$1: and ends with the same status" "$code" 0
    expect "$1: and has the same spans" "$(names)" "$2"
}

echo '# commands'
both commands "[('SET', None), ('get', None), ('GETRANGE', None), ('GETRANGE', None), ('INCR', 'ERR'), ('SELECT', None), \
('GET', None), ('EVALSHA 0123456789012345678901234567890123456789', 'NOSCRIPT')]"
expect "spans are client spans of redis (Spec: redis.md)" \
    "$(spans 'sorted({(s["kind"], s["attributes"]["db.system.name"], s["attributes"]["server.address"],
        s["attributes"]["server.port"], s["attributes"]["network.peer.address"],
        s["attributes"]["network.peer.port"]) for s in S})')" \
    "[(3, 'redis', '127.0.0.1', $redis_port, '127.0.0.1', $redis_port)]"
expect "db.operation.name is the command as the program has written it" "$(texts db.operation.name)" \
    "['SET', 'get', 'GETRANGE', 'GETRANGE', 'INCR', 'SELECT', 'GET', 'EVALSHA']"
expect "db.query.text has no values" "$(texts db.query.text)" \
    "['SET ? ?', 'get ?', 'GETRANGE ? ? ?', 'GETRANGE ? ? ?', 'INCR ?', 'SELECT ?', 'GET ?', 'EVALSHA ? ?']"
expect "db.namespace is the database that SELECT has selected" "$(texts db.namespace)" \
    "['0', '0', '0', '0', '0', '0', '3', '3']"
expect "db.response.status_code is the prefix of an error" "$(texts db.response.status_code)" \
    "[None, None, None, None, 'ERR', None, None, 'NOSCRIPT']"
expect "an error has the message of the server" "$(spans '[s["status"] for s in S if s["attributes"].get("error.type") == "ERR"]')" \
    "[{'message': 'ERR value is not an integer or out of range', 'code': 2}]"
expect "db.stored_procedure.name is the digest of a script" "$(spans 'S[-1]["attributes"]["db.stored_procedure.name"]')" \
    0123456789012345678901234567890123456789

echo '# pipelines'
both pipelines "[('PIPELINE SET', None), ('PIPELINE', 'WRONGTYPE'), ('GET', None), ('MULTI SET', None)]"
expect "db.operation.batch.size is the number of operations" "$(texts db.operation.batch.size)" "[3, 3, None, 2]"
expect "equal texts are recorded once, others are joined" "$(texts db.query.text)" \
    "['SET ? ?', 'INCR ?; INCR ?; LPUSH ? ?', 'GET ?', 'MULTI; SET ? ?; SET ? ?; EXEC']"

echo '# failures'
both failures "[('BLPOP', 'timeout'), ('GET', 'io_error'), ('QUIT', None), ('GET', 'io_error')]"
expect "the address is the path of the socket" "$(spans '{s["attributes"]["server.address"] for s in S}')" "{'$socket'}"

echo '# asynchronous commands'
both asynchronous "[('SET', None), ('GET', None), ('INCR', 'ERR'), ('PING', None), ('GET', 'connection_closed')]"

echo '# the environment'
run commands "$calls" LD_PRELOAD="$preload" OTEL_C_DB_QUERY_TEXT=raw
expect "values are recorded if the user allows it" "$(texts db.query.text)" \
    "['SET key sec\x00ret', 'get key', 'GETRANGE key 0 2', 'GETRANGE key 0 2', 'INCR key', 'SELECT 3', 'GET key', \
'EVALSHA 0123456789012345678901234567890123456789 0']"
trace=0af7651916cd43dd8448eb211c80319c
run commands "$calls" LD_PRELOAD="$preload" TRACEPARENT="00-$trace-b7ad6b7169203331-01"
expect "spans continue the trace of the environment" \
    "$(spans '{(s["traceId"], s["parentSpanId"]) for s in S}')" "{('$trace', 'b7ad6b7169203331')}"
run commands "$calls" LD_PRELOAD="$preload" OTEL_SDK_DISABLED=true
expect "a disabled SDK records nothing" "$(spans 'len(S)'):$code:$(cat "$work/err")" 0:0:

echo '# programs without libhiredis'
# The interpreter loads the plug-in, and with it libhiredis, in a scope of its own.
cat >"$work/host.py" <<'EOF'
import ctypes, sys
arguments = [b"host", *map(str.encode, sys.argv[2:])]
sys.exit(ctypes.CDLL(sys.argv[1]).main(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments)))
EOF
host() {
    flush
    rm -f "$work/spans"
    env "$@" /usr/bin/python3 "$work/host.py" "$plugin" "$redis_port" "$socket" commands >"$work/out" 2>"$work/err"
    code=$?
}
host TOTE=
cp "$work/out" "$work/plain"
host LD_PRELOAD="$preload"
expect "a plug-in has the same output" "$code:$(cat "$work/out" "$work/err")" "0:$(cat "$work/plain")"
expect "and spans" "$(spans 'len(S)')" 8
plain=$(/usr/bin/python3 -c 'import os; print(sorted(os.listdir("/proc/self/fd")))')
expect "a program without hiredis has the same output and descriptors" \
    "$(LD_PRELOAD=$preload /usr/bin/python3 -c 'import os; print(sorted(os.listdir("/proc/self/fd")))' 2>&1)" "$plain"
cat >"$work/lookup.py" <<'EOF'
import ctypes, sys
hiredis = ctypes.CDLL("libhiredis.so.0.14")
hiredis.redisConnect.restype = hiredis.redisCommand.restype = ctypes.c_void_p
context = ctypes.c_void_p(hiredis.redisConnect(b"127.0.0.1", int(sys.argv[1])))
print(bool(hiredis.redisCommand(context, b"PING")))
hiredis.redisFree(context)
EOF
expect "a program that looks functions up in the library has them" \
    "$(LD_PRELOAD=$preload /usr/bin/python3 "$work/lookup.py" "$redis_port" 2>&1)" True

# Debian's ccache keeps results in Redis. The second run has an empty local cache.
if command -v ccache >/dev/null && ldd "$(command -v ccache)" | grep libhiredis >/dev/null; then
    echo '# ccache'
    printf 'int answer(void) { return 42; }\n' >"$work/answer.c"
    compile() {
        rm -rf "$work/cache" "$work/answer.o" "$work/spans"
        env -u CCACHE_DISABLE CCACHE_DIR="$work/cache" CCACHE_CONFIGPATH=/dev/null \
            CCACHE_REMOTE_STORAGE="redis://127.0.0.1:$redis_port" "$@" \
            ccache cc -c "$work/answer.c" -o "$work/answer.o" >"$work/out" 2>"$work/err"
        code=$?
    }
    flush
    compile TOTE=
    expect "ccache stores a result" "$code:$(cat "$work/out" "$work/err"):$(redis-cli -s "$socket" dbsize)" 0::2
    flush
    compile LD_PRELOAD="$preload"
    expect "with the preload object it does so, too" \
        "$code:$(cat "$work/out" "$work/err"):$(redis-cli -s "$socket" dbsize)" 0::2
    expect "and its commands have spans" "$(spans 'sorted({s["attributes"]["db.operation.name"] for s in S})')" \
        "['GET', 'SET']"
    compile LD_PRELOAD="$preload"
    expect "it reads the result" "$code:$(cat "$work/out" "$work/err")" 0:
    expect "with spans of the commands that read" "$(spans 'sorted({s["attributes"]["db.operation.name"] for s in S})')" \
        "['GET']"
fi

exit "$failed"
