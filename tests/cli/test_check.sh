#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_check.sh - tote check prints the configuration in effect, and the way of one span
#
# test_check.sh TOTE FILES
set -uo pipefail

tote=$1 files=$2
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# steps FILE: the steps without times and texts, in one line
steps() {
    sed -nE 's/^    (.{16})(ok|FAILED|not reached).*/\1 \2/p' "$1" | tr -s ' ' | tr '\n' ';'
}

result() {
    sed -n 's/^Result: //p' "$1"
}

# value FILE NAME: the value and the origin of a setting
value() {
    grep -A1 "^ *$2 " "$1" | tr -s ' \n' ' ' | cut -d' ' -f3,4
}

start_viewer --count 2
OTEL_EXPORTER_OTLP_ENDPOINT=http://user:secret@127.0.0.1:$port OTEL_BSP_SCHEDULE_DELAY=70 \
    OTEL_EXPORTER_OTLP_HEADERS=authorization=secret OTEL_SERVICE_NAME=shop \
    OTEL_TRACES_SAMPLER=always_off "$tote" check >"$work/http"
expect "over HTTP the exit status is 0" "$? $(result "$work/http")" "0 the span was exported"
expect "each step is reported" "$(steps "$work/http")" "name look-up ok;connect ok;response ok;"
expect "the address and the status are named" \
    "$(grep -c 'look-up.*127.0.0.1' "$work/http") $(grep -c 'response.* HTTP 200' "$work/http")" "1 1"
expect "a value of a variable has its origin" "$(value "$work/http" OTEL_BSP_SCHEDULE_DELAY)" "70 environment"
expect "a default has its origin" "$(value "$work/http" OTEL_SPAN_LINK_COUNT_LIMIT)" "128 default"
expect "the queue of an OTLP exporter is limited by its bytes" \
    "$(grep -cE 'OTEL_BSP_MAX_QUEUE_SIZE +no limit +default' "$work/http")" 1
expect "the resource in effect is printed" "$(grep -cE '^  service.name +shop$' "$work/http")" 1
expect "the variable for all signals is an origin" \
    "$(value "$work/http" OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)" \
    "http://***@127.0.0.1:$port OTEL_EXPORTER_OTLP_ENDPOINT"
expect "secrets are not printed" "$(grep -c secret "$work/http")" 0
expect "no line has more than 80 columns" "$(grep -cE '^.{81}' "$work/http")" 0

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$grpc_port OTEL_EXPORTER_OTLP_PROTOCOL=grpc \
    "$tote" check >"$work/grpc"
expect "over gRPC the exit status is 0" "$? $(result "$work/grpc")" "0 the span was exported"
expect "the gRPC status is named" "$(grep -c 'response.*HTTP 200, gRPC status 0' "$work/grpc")" 1
await "$viewer"
expect "the receiver has both spans, the service included" \
    "$(grep -c 'tote check' "$work/view") $(grep -c shop "$work/view")" "2 1"

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 "$tote" check >"$work/dead"
expect "at a dead port the exit status is 1" "$? $(result "$work/dead")" "1 the span was not exported"
expect "the connection fails" "$(steps "$work/dead")" \
    "name look-up ok;connect FAILED;response not reached;"
expect "the cure is named" "$(grep -c 'start a collector' "$work/dead")" 1

OTEL_EXPORTER_OTLP_ENDPOINT=http://nowhere.invalid:4318 "$tote" check >"$work/host"
expect "with a bad host name the exit status is 1" "$? $(result "$work/host")" "1 the span was not exported"
expect "the look-up fails" "$(steps "$work/host")" \
    "name look-up FAILED;connect not reached;response not reached;"

OTEL_EXPORTER_OTLP_ENDPOINT=unix:$work/no.sock "$tote" check >"$work/unix"
expect "a missing Unix socket fails" "$? $(steps "$work/unix")" "1 connect FAILED;response not reached;"

start_viewer --count 1
OTEL_EXPORTER_OTLP_ENDPOINT=https://127.0.0.1:$port "$tote" check >"$work/tls"
expect "TLS at a port without TLS fails" "$? $(steps "$work/tls")" \
    "1 name look-up ok;connect ok;TLS FAILED;response not reached;"
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:$port/elsewhere "$tote" check >"$work/path"
expect "a wrong path fails at the response" "$? $(steps "$work/path")" \
    "1 name look-up ok;connect ok;response FAILED;"
expect "with the HTTP status" "$(grep -c 'HTTP 404' "$work/path")" 1
expect "once" "$(grep -c 'HTTP 404: 404' "$work/path")" 0
OTEL_EXPORTER_OTLP_ENDPOINT=http://nowhere.invalid http_proxy=http://127.0.0.1:1 no_proxy='' "$tote" check >"$work/proxy"
expect "a dead proxy is named" "$? $(steps "$work/proxy")" \
    "1 proxy look-up ok;connect (proxy) FAILED;response not reached;"

OTEL_C_DISK_QUEUE_DIRECTORY=$work/queue OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 \
    "$tote" check >"$work/disk"
expect "the disk queue is shown and not used" \
    "$(value "$work/disk" OTEL_C_DISK_QUEUE_DIRECTORY) $(ls "$work/queue" 2>/dev/null | wc -l)" \
    "$work/queue environment 0"

OTEL_EXPORTER_OTLP_ENDPOINT=ftp://127.0.0.1 "$tote" check >"$work/bad"
expect "an unusable endpoint is an error of the configuration, and counts as unset" \
    "$? $(value "$work/bad" OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)" "2 http://localhost:4318 default:"
expect "that is reported" "$(grep -c 'error: otlp: OTEL_EXPORTER_OTLP_ENDPOINT' "$work/bad")" 1
OTEL_BSP_SCHEDULE_DELAY=soon "$tote" check --no-send >"$work/warning"
expect "a variable that is not valid counts as unset, with a warning" \
    "$? $(value "$work/warning" OTEL_BSP_SCHEDULE_DELAY) $(grep -c "warning: OTEL_BSP_SCHEDULE_DELAY: 'soon'" "$work/warning")" \
    "0 5000 default: 1"
expect "with --no-send nothing is sent" "$(result "$work/warning") $(grep -c response "$work/warning")" \
    "the configuration can be used; no span was sent 0"
OTEL_TRACES_EXPORTER=console "$tote" check >"$work/console"
expect "the console exporter writes after the configuration" \
    "$? $(head -1 "$work/console") $(grep -c '^  tote check (internal' "$work/console")" \
    "0 Configuration: environment variables 1"
OTEL_SDK_DISABLED=true "$tote" check >"$work/disabled"
expect "a disabled SDK sends nothing" "$? $(result "$work/disabled")" \
    "0 no span was sent: the SDK is disabled"

# A configuration file; the variables count only where the file refers to them.
start_viewer --count 1
cat >"$work/shop.yaml" <<'END'
file_format: "1.1"
resource:
  attributes: [{name: service.name, value: shop}]
propagator:
  composite_list: tracecontext,xray
tracer_provider:
  processors:
    - batch:
        schedule_delay: ${DELAY}
        exporter:
          otlp_http:
            endpoint: http://127.0.0.1:${PORT}/v1/traces
            headers: [{name: authorization, value: secret}]
  sampler: {always_off: }
distribution:
  tote: {disk_queue_directory: /nowhere/queue, crash_safe: true}
END
PORT=$port DELAY=70 OTEL_SDK_DISABLED=true "$tote" check "$work/shop.yaml" >"$work/file"
status=$?
if grep -q 'cannot read YAML' "$work/file"; then
    echo "ok - files are left out: this build has no libyaml"
    exit "$failed"
fi
expect "the exporter of a file gets the span" "$status $(result "$work/file")" "0 the span was exported"
expect "a value of the file has its line" "$(value "$work/file" schedule_delay)" "70 shop.yaml:9"
expect "and a missing key the default" "$(value "$work/file" export_timeout)" "30000 default"
expect "keys are a tree in the order of the file" \
    "$(grep -nE '^  (resource|propagator|tracer_provider|distribution)$|^          otlp_http$' \
        "$work/file" | cut -d: -f2 | tr -d ' ' | tr '\n' ' ')" \
    "resource propagator tracer_provider otlp_http distribution "
expect "an option of Tote that is not set is left out" "$(grep -c poll_budget_us "$work/file")" 0
expect "references are listed without their values" "$(value "$work/file" PORT)" "set "
expect "variables that a file makes ineffective are listed" \
    "$(grep -A2 'Variables that are ignored' "$work/file" | tail -1)" "  OTEL_SDK_DISABLED"
expect "secrets of a file are not printed" "$(grep -c secret "$work/file")" 0
expect "its disk queue is shown and not used" "$(value "$work/file" disk_queue_directory)" \
    "/nowhere/queue shop.yaml:16"
expect "no line about a file has more than 80 columns" "$(grep -cE '^.{81}' "$work/file")" 0
await "$viewer"
expect "the receiver has the span" "$(grep -c shop "$work/view")" 1

start_viewer --count 3
for file in first_steps variables; do
    OTEL_SERVICE_NAME=$file PORT=$port OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port \
        "$tote" check "$files/$file.yaml" >"$work/file"
    expect "the exporter of $file.yaml gets the span" "$? $(result "$work/file")" \
        "0 the span was exported"
done
PORT=$port GRPC_PORT=$grpc_port DIRECTORY=$work "$tote" check "$files/all_keys.yaml" >"$work/file"
expect "each exporter of all_keys.yaml gets the span" "$? $(result "$work/file")" \
    "0 the span was exported by 3 of 3 exporters"
expect "the file exporter too" "$(grep -c '"tote check"' "$work/spans.jsonl")" 1
await "$viewer"
expect "the receiver has a span of each file" \
    "$(grep -oE 'first-steps|variables|all-keys' "$work/view" | sort -u | tr '\n' ' ')" \
    "all-keys first-steps variables "

PORT=1 DELAY=70 OTEL_CONFIG_FILE=$work/shop.yaml "$tote" check >"$work/file"
expect "OTEL_CONFIG_FILE names the file" "$? $(steps "$work/file")" \
    "1 name look-up ok;connect FAILED;response not reached;"

sed -e 's/schedule_delay/schedule_dely/' -e 's/xray/nonsense/' -e 's/always_off/always_of/' \
    "$work/shop.yaml" >"$work/bad.yaml"
PORT=1 DELAY=70 "$tote" check "$work/bad.yaml" >"$work/file"
expect "an error in a file has its exit status" "$? $(result "$work/file")" \
    "2 the configuration cannot be used"
expect "it is reported with its position" "$(grep -c 'bad.yaml:9:' "$work/file")" 1
PORT=1 DELAY=70 "$tote" check "$work/missing.yaml" >"$work/file"
expect "a missing file is an error" "$? $(grep -c 'missing.yaml' "$work/file")" "2 3"

PORT=1 DELAY=70 "$tote" check --all "$work/shop.yaml" >"$work/file"
expect "with --all the other options of Tote are listed" "$(value "$work/file" poll_budget_us)" \
    "1000 default"
start_viewer --count 1
cat >"$work/limits.yaml" <<'END'
file_format: "1.1"
attribute_limits: {attribute_count_limit: 10, attribute_value_length_limit: 200}
tracer_provider:
  limits: {attribute_count_limit: 20}
  processors:
    - batch:
        max_queue_size: 10
        max_export_batch_size: 100
        exporter:
          otlp_http:
            endpoint: https://127.0.0.1:${PORT}/v1/traces?token=secret
            tls: {ca_file: /nowhere/ca.pem}
distribution:
  tote: {max_concurrent_requests: 100}
END
PORT=$port "$tote" check "$work/limits.yaml" >"$work/file"
expect "a missing CA file is an error, and the steps are printed" "$? $(steps "$work/file")" \
    "2 name look-up ok;connect ok;TLS FAILED;response not reached;"
expect "the limit in effect is that of the spans" \
    "$(value "$work/file" attribute_count_limit) $(grep -c ' attribute_count_limit ' "$work/file")" \
    "20 limits.yaml:4 1"
expect "the general limit is in effect where the spans have none" \
    "$(value "$work/file" attribute_value_length_limit)" "200 limits.yaml:2"
expect "numbers that were reduced are printed as in effect" \
    "$(value "$work/file" max_export_batch_size) $(value "$work/file" max_concurrent_requests)" \
    "10 limits.yaml:8 64 limits.yaml:14"
kill -KILL "$viewer"
expect "the query of a URL is not printed" "$(grep -c secret "$work/file")" 0
printf 'file_format: "1.1"\nresource:\n  attributes: [{name: shop, value: main}]\n' >"$work/none.yaml"
"$tote" check "$work/none.yaml" >"$work/file"
expect "a file without tracer_provider sends nothing" "$? $(result "$work/file")" \
    "0 no span was sent: the file has no tracer_provider"
expect "its resource is printed" "$(grep -cE '^  shop +main$' "$work/file") $(value "$work/file" detectors)" \
    "1 none default"

if command -v python3 >/dev/null; then
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 "$tote" check --json >"$work/json"
    expect "the result can be JSON" "$? $(python3 -c '
import json, sys
result = json.load(open(sys.argv[1]))
steps = result["receivers"][0]["steps"]
print([step["state"] for step in steps], result["result"])' "$work/json")" \
        "1 ['ok', 'FAILED', 'not reached'] the span was not exported"
    OTEL_TRACES_EXPORTER=console "$tote" check --json >"$work/json"
    expect "what an exporter writes to standard output is a member of the JSON" \
        "$? $(python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["output"].splitlines()[0].split(" (")[0])' "$work/json")" \
        "0 tote check"
    sed 's|value: main|value: "${OTEL_C_DISK_QUEUE_DIRECTORY:-unset}"|' "$work/none.yaml" \
        >"$work/queue.yaml"
    expect "a file may refer to the variable of the disk queue" \
        "$(OTEL_C_DISK_QUEUE_DIRECTORY=/queue "$tote" check --no-send "$work/queue.yaml" |
            grep -c 'shop=/queue')" 1
    "$tote" check --json "$work/none.yaml" >"$work/json"
    expect "booleans and numbers keep their type in JSON" \
        "$(python3 -c '
import json, sys
settings = {each["name"]: each["value"] for each in json.load(open(sys.argv[1]))["settings"]}
print(settings["disabled"], settings["distribution.tote.poll_budget_us"])' "$work/json")" \
        "False 1000"
    start_silent_server
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$server_port "$tote" check \
        --timeout 2s >"$work/late"
    expect "a receiver that does not respond fails at the response" "$? $(steps "$work/late")" \
        "1 name look-up ok;connect ok;response FAILED;"
    expect "the time is named" "$(grep -c 'no response within 2000 ms' "$work/late")" 1
    kill "$server"
    start_server python3 -c '
import http.server

class Partial(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"\x0a\x08\x08\x01\x12\x04full"  # partial_success: 1 rejected, "full"
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.HTTPServer(("127.0.0.1", 0), Partial)
print(server.server_port, flush=True)
server.handle_request()'
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$server_port "$tote" check >"$work/partial"
    expect "a partial success is not a success" "$? $(steps "$work/partial")" \
        "1 name look-up ok;connect ok;response FAILED;"
    expect "it is named" "$(grep -c 'HTTP 200, partial success: 1 span rejected: full' "$work/partial")" 1
fi

"$tote" check --timeout 0 2>"$work/usage" >&2
expect "a timeout out of range is wrong usage" "$? $(head -1 "$work/usage")" \
    "2 tote: check: --timeout needs a duration such as 500ms or 30s, at most 86400 s, not '0'"
exit "$failed"
