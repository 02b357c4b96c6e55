#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_traces.sh - tote traces and tote trace: questions to a viewer, and to files
#
# test_traces.sh TOTE
set -uo pipefail

tote=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export_py=$tests/export.py

# It is today until the end, also if the test begins just before midnight.
[ "$(date +%H)" != 23 ] || export TZ=UTC1

# Five traces. The second service is in the first one; the last one is new.
spans='
post([span(0x0af7651916cd43dd8448eb211c80319c, 1, "GET /cart", ms=250, start=START),
      span(0x0af7651916cd43dd8448eb211c80319c, 2, "SELECT stock", 1, ms=20, db="stock")], "shop", url)
post([span(0x0af7651916cd43dd8448eb211c80319c, 3, "GET /stock", 1, ms=30)], "stock", url)
post([span(0x1bf7651916cd43dd8448eb211c80319c, 1, "POST /order", ms=90, start=START + 10**9,
           status="card refused")], "shop", url)
post([span(0x2cf7651916cd43dd8448eb211c80319c, 2, "orphan", 1, start=START + 2 * 10**9)], "jobs", url)
now = time.time_ns()
post([span(0x3df7651916cd43dd8448eb211c80319c, 1, "new\u202e\u0007\u001b[2Jname", start=now)], "shop", url)
post([dict(span(0x3df7000000000000000000000000000f, 1, "open", start=START + 3 * 10**9), endTimeUnixNano="0")],
     "jobs", url)'
start_viewer
url=http://127.0.0.1:$port
export TOTE_VIEW_URL=$url
python3 "$export_py" "url = '$url/v1/traces'; $spans"
python3 "$export_py" "lines = []
def post(spans, service, url): lines.append(json.dumps(request(spans, service)))
url = ''; $spans
print('\n'.join(lines))" >"$work/traces.json"

# names ARGUMENTS...: the names of the listed traces
names() {
    "$tote" traces --json "$@" | python3 -c '
import json, sys
print(*[trace["name"].split()[0] for trace in json.load(sys.stdin)["traces"]])'
}
# Everything is the same for a viewer and for a file.
for file in "" "$work/traces.json"; do
    source=${file:+a file}
    source=${source:-a viewer}
    # shellcheck disable=SC2086
    set -- $file
    expect "$source: all traces, the newest first" "$(names "$@" | sed 's/new.*name/new/')" \
        "open new orphan POST GET"
    expect "$source: --service is any service of the trace" "$(names --service stock "$@")" GET
    expect "$source: --errors" "$(names --errors "$@")" POST
    expect "$source: --min" "$(names --min 90ms "$@")" "POST GET"
    expect "$source: --since" "$(names --since 1h "$@" | grep -c '^new')" 1
    expect "$source: --filter" "$(names --filter 'db=stock name~SELECT' "$@")" GET
    expect "$source: a filter with characters of URLs" "$(names --filter 'name~"&a=b #%+"' "$@")" ""
    expect "$source: --limit" "$(names --limit 1 --sort duration "$@")" GET
    expect "$source: --sort start" "$(names --sort start --limit 2 "$@" | grep -c 'name open$')" 1
    expect "$source: --sort name" "$(names --sort name --limit 3 "$@" | sed 's/new.*name/new/')" \
        "GET POST new"
    "$tote" traces --json --limit 1 --sort spans "$@" >"$work/list"
    expect "$source: the JSON has the documented shape" "$(python3 - "$work/list" <<'END'
import json, sys
root = json.load(open(sys.argv[1]))
root["counts"].pop("bytes")
print(json.dumps(root))
END
)" '{"traces": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "name": "GET /cart", "service": "shop", "kind": "server", "services": ["shop", "stock"], "spans": 3, "errors": 0, "unfinished": 0, "missing": 0, "complete": true, "startTimeUnixNano": "1700000000000000000", "durationNano": "250000000"}], "counts": {"matched": 5, "traces": 5, "spans": 7, "evictedTraces": 0, "evictedSpans": 0, "leftOutSpans": 0, "invalidSpans": 0}}'
    "$tote" traces --filter name=nothing "$@" >"$work/out" 2>"$work/err"
    expect "$source: nothing found has status 1" "$? $(cat "$work/out")$(cat "$work/err")" \
        "1 tote: traces: no trace matches"
    expect "$source: a table for people" "$("$tote" traces --sort start --limit 4 "$@" |
        sed -E 's/  ([0-9:]{8}) /  HH:MM:SS /; s/ +$//')" \
'TRACE             START          DURATION   SPANS  ERRORS  SERVICE  NAME
3df7651916cd43dd  HH:MM:SS         1.0 ms       1       0  shop     new���[2Jname
3df7000000000000  2023-11-14         0 ns       1       0  jobs     open (unfinished)
2cf7651916cd43dd  2023-11-14       1.0 ms       1       0  jobs     orphan (incomplete)
1bf7651916cd43dd  2023-11-14      90.0 ms       1       1  shop     POST /order
1 more; --limit 0 prints all'
    expect "$source: in the width of the terminal" \
        "$(for width in 64 80 120; do COLUMNS=$width "$tote" traces --filter \
            'name~"GET"' "$@" | wc -L; done | xargs)" "63 77 77"
    expect "$source: a trace is drawn by a prefix of its id" \
        "$("$tote" trace 0AF7 "$@" | grep -oE '(GET|SELECT) [a-z/]+')" "GET /cart
SELECT stock
GET /stock"
    "$tote" trace 0af7651916cd43dd --json "$@" >"$work/trace"
    "$tote" traces --json "$work/trace" >"$work/list"
    expect "$source: and printed as OTLP/JSON" \
        "$? $(grep -o '"spans":3' "$work/list" | head -1) $(grep -c '"stringValue":"stock"' "$work/trace")" \
        '0 "spans":3 1'
    "$tote" trace 3df7 "$@" >/dev/null 2>"$work/err"
    expect "$source: an ambiguous prefix has status 1" "$? $(cat "$work/err")" \
        "1 tote: trace: no trace, or more than one, has an id that begins with 3df7; 'tote traces' lists the ids"
    "$tote" trace 5555555555555555 "$@" >/dev/null 2>"$work/err"
    expect "$source: an unknown id has status 1" $? 1
    expect "$source: nothing is printed that a terminal executes" \
        "$({ "$tote" traces "$@"; "$tote" traces --json "$@"; "$tote" trace 3df76519 "$@"; } |
        LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]\|\342\200\256')")" 0
done

# Wrong usage.
for wrong in "traces --sort size" "traces --since soon" "traces --min -1" "traces --limit x" \
    "traces --filter name=" "trace" "trace 0af" "trace 0af7651916cd43ddx"; do
    # shellcheck disable=SC2086
    "$tote" $wrong >/dev/null 2>&1
    expect "wrong usage has status 2: $wrong" $? 2
done
expect "a value that is not valid is reported with its option" \
    "$("$tote" traces --since soon 2>&1 | head -1)" \
    "tote: traces: --since: 'soon' is not a duration such as 500ms or 5m"

# No viewer.
start_kept_port
"$tote" traces --url "http://127.0.0.1:$server_port" 2>"$work/err"
expect "without a viewer, the error says how to start one" "$? $(cat "$work/err")" \
    "1 tote: traces: no viewer is running at http://127.0.0.1:$server_port: start one with 'tote view'"
"$tote" trace 0af7 --url "127.0.0.1:$port" >"$work/out"
expect "a URL needs no scheme" "$? $(grep -c 'GET /cart' "$work/out")" "0 1"
python3 - "$url" <<'END'
import sys, urllib.request
def part(number, content):
    length, head = len(content), bytes([number << 3 | 2])
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return head + bytes([length]) + content
value = part(2, part(5, part(1, b"\x18\x01") * 900000))
span = part(1, b"big trace id 123") + part(2, b"big span") + part(9, part(1, b"k") + value)
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(
    sys.argv[1] + "/v1/traces", part(1, part(2, part(2, span))),
    {"Content-Type": "application/x-protobuf"}))
END
"$tote" trace 62696720 >"$work/out"
expect "a trace may be larger in memory than a request" "$? $(grep -c 'k=\[1,1' "$work/out")" "0 1"
"$tote" traces --url "http://127.0.0.1 x" 2>/dev/null
expect "an invalid URL has status 1" $? 1
start_server python3 -u -m http.server --bind 127.0.0.1 --directory "$work" 0
"$tote" traces --url "http://127.0.0.1:$server_port" 2>"$work/err"
expect_match "another server is not a viewer" "$? $(cat "$work/err")" \
    "1 tote: traces: http://127.0.0.1:* is not a viewer of this version: HTTP status 404"
"$tote" traces "$work/nothing" 2>"$work/err"
expect "a file that cannot be read has status 1" $? 1
exit $failed
