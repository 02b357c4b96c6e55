# What demo.sh and hosts.sh share. Source it after `set`.
#
#   $work   a folder of the demo, removed at the end
#   $pids   an array of processes, ended at the end

work=$(mktemp -d)
pids=()

finish() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "$(basename "$0" .sh): $*" >&2
    cat "$work"/*.err >&2 2>/dev/null || true
    exit 1
}

# until_true COMMAND...: wait up to 60 s until it succeeds
until_true() {
    for _ in $(seq 1200); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    return 1
}

# start NAME COMMAND...: run it in the background; its output is in $work/NAME.out and NAME.err
start() {
    local name=$1
    shift
    "$@" >"$work/$name.out" 2>"$work/$name.err" &
    pids+=($!)
}

is_listening_or_ended() {
    grep -q '^listening on \(http://\)\{0,1\}127.0.0.1:[0-9]*$' "$work/$1.out" ||
        ! kill -0 "${pids[-1]}"
}

# start_and_listen NAME COMMAND...: the same, and set `port` to the one that it prints
start_and_listen() {
    start "$@"
    until_true is_listening_or_ended "$1" || fail "$1 did not start listening"
    port=$(sed -n 's|^listening on \(http://\)\{0,1\}127.0.0.1:\([0-9]*\)$|\2|p' "$work/$1.out")
    [ -n "$port" ] || fail "$1 ended at once"
}

# Ignore settings for other programs.
for variable in "${!OTEL_@}"; do
    unset "$variable"
done
export no_proxy='*' NO_PROXY='*'
