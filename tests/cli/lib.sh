# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# lib.sh - what the tests of the program tote share. Source it after `set`, and after $tote is set.
#
#   $tests     the folder of the tests
#   $work      a folder of the test, removed at the end
#   $failed    the exit status of the test
#   started    an array of child processes, killed at the end

# shellcheck disable=SC2034
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
failed=0
started=()
export LC_ALL=C.UTF-8 TZ=UTC0 no_proxy='*'
unset COLUMNS NO_COLOR http_proxy
for variable in $(compgen -e OTEL_; compgen -e TRACE; compgen -e BAGGAGE; compgen -e TOTE_); do
    unset "$variable"
done
export XDG_STATE_HOME=$work/state # the disk queue of spans of the program

# Ids of children that have ended may be those of other processes.
finish() {
    local id
    for id in $(jobs -rp); do
        [[ " ${started[*]} " != *" $id "* ]] || { kill -KILL "$id"; wait "$id"; } 2>/dev/null
    done
    rm -rf "$work"
}
trap finish EXIT

# expect WHAT IS WANTED
expect() {
    [ "$2" = "$3" ] && { echo "ok - $1"; return; }
    printf 'not ok - %s\n--- is\n%s\n--- wanted\n%s\n' "$1" "$2" "$3"
    failed=1
}

# expect_match WHAT IS PATTERN: a pattern of the shell
expect_match() {
    # shellcheck disable=SC2053
    [[ $2 == $3 ]] && { echo "ok - $1"; return; }
    printf 'not ok - %s\n--- is\n%s\n--- pattern\n%s\n' "$1" "$2" "$3"
    failed=1
}

# until_true COMMAND...: wait up to 30 s until it succeeds
until_true() {
    for _ in $(seq 1500); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}

# start_viewer ARGUMENTS...: a viewer in the background; sets viewer, port and grpc_port. What it
# prints is in $work/view and $work/view.err.
start_viewer() {
    : >"$work/view" # the shell that starts the viewer may be later than the first look
    "$tote" view --port 0 "$@" >"$work/view" 2>"$work/view.err" &
    viewer=$!
    started+=("$viewer")
    until_true grep -q '^listening on grpc:' "$work/view" || {
        echo "not ok - the viewer starts"
        cat "$work/view.err"
        exit 1
    }
    port=$(sed -n 's/^listening on http:.*:\([0-9]*\)$/\1/p' "$work/view")
    # shellcheck disable=SC2034
    grpc_port=$(sed -n 's/^listening on grpc:.*:\([0-9]*\)$/\1/p' "$work/view")
}

# start_server COMMAND...: a server in the background; sets server and server_port. It prints its
# port, alone or as http.server of Python does.
start_server() {
    : >"$work/server"
    "$@" >"$work/server" 2>"$work/server.err" &
    server=$!
    started+=("$server")
    until_true grep -q . "$work/server" || {
        echo "not ok - the server starts"
        cat "$work/server.err"
        exit 1
    }
    # shellcheck disable=SC2034
    server_port=$(sed -E 's/.*port ([0-9]+).*/\1/' "$work/server")
}

# start_kept_port: sets server_port, which refuses connections. No other program gets it until the
# end, except a server that asks for it.
start_kept_port() {
    start_server python3 -c 'import socket, time
kept = socket.socket()
kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) # as servers do
kept.bind(("127.0.0.1", 0))
print(kept.getsockname()[1], flush=True)
time.sleep(3600)'
}

# free_port: print a port that no server uses
free_port() { python3 "$tests/../../examples/free_port.py"; }

# start_silent_server: a server that accepts connections and never responds
start_silent_server() {
    start_server python3 -c 'import socket, time
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(64)
print(server.getsockname()[1], flush=True)
time.sleep(600)'
}

# await PROCESS: wait up to 30 s for its end; sets code, 137 if it had to be killed
await() {
    timeout 30 tail --pid="$1" -f /dev/null || kill -KILL "$1"
    wait "$1" 2>/dev/null
    # shellcheck disable=SC2034
    code=$?
}
