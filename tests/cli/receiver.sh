# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# receiver.sh - an OTLP receiver, and questions about its spans. Source it after lib.sh. The spans
# are in $work/spans: a test that removes the file starts again.

# start_receiver [PORT [STATUS [DELAY]]]: sets receiver and port, and exports the endpoint
# and the protocol
start_receiver() {
    start_server python3 "$tests/receive.py" "$work/spans" "$@"
    receiver=$server
    port=$server_port
    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port OTEL_EXPORTER_OTLP_PROTOCOL=http/json
}

# spans EXPRESSION: of Python; S is a list of the spans received, N maps names to them. One process
# evaluates all of them.
mkfifo "$work/expressions" "$work/values"
python3 -c 'import json, os, sys
for line in sys.stdin:
    S = [json.loads(l) for l in open(sys.argv[1]) if l[-1] == "\n"] if os.path.exists(sys.argv[1]) else []
    N = {s["name"]: s for s in S}
    try:
        print(eval(line), flush=True)
    except Exception as problem:
        print(repr(problem), flush=True)' "$work/spans" <"$work/expressions" >"$work/values" &
started+=($!)
exec 8>"$work/expressions" 9<"$work/values"
spans() {
    local value
    printf '%s\n' "${1//$'\n'/ }" >&8
    IFS= read -r value <&9 && printf '%s\n' "$value"
}
