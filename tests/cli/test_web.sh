#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_web.sh - the HTTP API of tote view: responses, headers, refused requests and limits
#
# test_web.sh TOTE CURL PYTHON
set -uo pipefail

tote=$1 curl=$2 python=$3
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# get PATH CURL_ARGUMENTS...: prints the body
get() {
    local path=$1
    shift
    "$curl" -s --max-time 60 "$@" "http://127.0.0.1:$port$path"
}

# status PATH CURL_ARGUMENTS...
status() { get "$@" -o "$work/body" -w '%{http_code}'; }

# header PATH NAME CURL_ARGUMENTS...
header() {
    local path=$1 name=$2
    shift 2
    get "$path" -o "$work/body" -D "$work/headers" "$@"
    tr -d '\r' <"$work/headers" | sed -n "s/^$name: //Ip"
}

# json CODE: prints the value of a Python expression about the JSON on standard input, named v
json() { "$python" -c "import json, sys; v = json.load(sys.stdin); print($1)"; }

# trace ID NAME MILLISECONDS STATUS_CODE: prints a request with one span
trace() {
    printf '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"00000000000000aa","name":"%s","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000%03d000000","status":{"code":%s}}]}]}]}' "$@"
}

# post CURL_ARGUMENTS...: standard input as JSON; prints the status
post() { status /v1/traces -H 'Content-Type: application/json' --data-binary @- "$@"; }

first=11111111111111111111111111111111 second=22222222222222222222222222222222
start_viewer --web
expect_match "the address of the page is printed" "$(cat "$work/view")" \
    "*open http://127.0.0.1:$port/ in a browser*"
trace $first 'GET /a' 5 0 | post >/dev/null
trace $second 'GET /b' 50 2 | post >/dev/null

# ---- the page

expect "the page is served" "$(status /)" 200
grep -q '<title>Tote</title>' "$work/body" && found=yes || found=no
expect "it is the page" "$found" yes
expect "it needs nothing else" "$(grep -cE '(src|href)="?(https?:)?//' "$work/body")" 0
policy=$(header / Content-Security-Policy)
expect_match "its policy allows nothing by default" "$policy" "default-src 'none'; *"
expect_match "and no frame" "$policy" "*; frame-ancestors 'none'"
expect "nor anything inline or evaluated" "$(grep -cE 'unsafe-' <<<"$policy")" 0
expect "the hashes of the policy are those of the script and the style" \
    "$(get / | "$python" -c '
import base64, hashlib, re, sys
page, policy = sys.stdin.read(), sys.argv[1]
for tag in ("script", "style"):
    source = page.split("<%s>" % tag, 1)[1].split("</%s>" % tag, 1)[0]
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    print("%s-src %s" % (tag, "\x27sha256-" + digest + "\x27") in policy, digest in page)
' "$policy")" $'True True\nTrue True'
for path in / /api/traces /api/map "/api/traces/$first" /api/unknown /v1/traces; do
    expect "$path: no cache" "$(header $path Cache-Control)" no-store
    expect "$path: the type is not guessed" "$(header $path X-Content-Type-Options)" nosniff
    expect "$path: no referrer" "$(header $path Referrer-Policy)" no-referrer
    expect "$path: no other origin reads it" "$(header $path Access-Control-Allow-Origin \
        -H 'Origin: http://example.com')" ""
done

# ---- the API

expect "the list has both traces, the newest first" \
    "$(get /api/traces | json '[t["name"] for t in v["traces"]]')" "['GET /b', 'GET /a']"
expect "a filter" "$(get '/api/traces?filter=duration%3E10ms' |
    json '[t["traceId"] for t in v["traces"]]')" "['$second']"
expect "only errors" "$(get '/api/traces?errors=1' | json 'len(v["traces"])')" 1
expect "a limit" "$(get '/api/traces?limit=1' | json 'len(v["traces"]), v["counts"]["matched"]')" \
    "1 2"
expect "a wrong filter is reported" "$(status '/api/traces?filter=%22a')" 400
expect_match "with its column" "$(json 'v["message"]' <"$work/body")" "*column*"
expect "an unknown option is reported" "$(status '/api/traces?nonsense=1')" 400
expect "a trace is OTLP/JSON" "$(get /api/traces/$first |
    json 'v["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]')" "GET /a"
expect "a unique prefix of the id is sufficient" "$(status /api/traces/1111)" 200
tag=$(header /api/traces/$first ETag)
expect "an unchanged trace is not sent again" \
    "$(status /api/traces/$first -H "If-None-Match: $tag")" 304
expect "an unknown trace" "$(status /api/traces/33333333333333333333333333333333)" 404
expect "the map" "$(get /api/map | json \
    '[(s["name"], s["calls"], s["errors"]) for s in v["services"]]')" "[('shop', 2, 1)]"
expect "an unknown path" "$(status /api/nothing)" 404
expect "HEAD has no body" "$(status /api/traces --head)" 200
expect "the other methods are refused" "$(status /api/traces -X DELETE) $(status / -d x)" "405 405"
expect "and named" "$(header /api/traces Allow -X PUT)" "GET, HEAD"

# ---- strangers. Spec: https://www.w3.org/TR/fetch-metadata/

for path in / /api/traces /api/events /v1/traces; do
    expect "$path: another host name is refused" "$(status $path -H 'Host: example.com')" 403
done
own="http://127.0.0.1:$port"
for path in /api/traces /api/map /api/traces/$first; do
    expect "$path: another origin is refused" "$(status $path -H 'Origin: http://example.com')" 403
    expect "$path: an opaque origin is refused" "$(status $path -H 'Origin: null')" 403
    expect "$path: another port is refused" "$(status $path -H 'Origin: http://127.0.0.1:1')" 403
    expect "$path: a cross-site request is refused" \
        "$(status $path -H 'Sec-Fetch-Site: cross-site')" 403
    expect "$path: its own origin is accepted" \
        "$(status $path -H "Origin: $own" -H 'Sec-Fetch-Site: same-origin')" 200
done
expect "the receiver refuses another origin" "$(trace $first a 1 0 | post -H 'Origin: http://a')" 403
expect "it accepts programs" "$(trace $first a 1 0 | post)" 200
expect "a preflight request gets no permission" "$(header /v1/traces 'Access-Control-[^:]*' \
    -X OPTIONS -H 'Origin: http://a' -H 'Access-Control-Request-Method: POST')" ""

# ---- events

# open_stream: sets stream, a process that writes events to $work/events
open_stream() {
    : >"$work/events"
    "$curl" -s -N "http://127.0.0.1:$port/api/events" >"$work/events" &
    stream=$!
    started+=("$stream")
}
open_stream
count_events() { [ "$(grep -c '^data: {"version":[0-9]*}$' "$work/events")" -ge "$1" ]; }
until_true count_events 1 && found=yes || found=no
expect "a stream begins with the version" "$found" yes
trace 44444444444444444444444444444444 c 1 0 | post >/dev/null
until_true count_events 2 && found=yes || found=no
expect "each change is an event" "$found" yes
kill "$stream"
wait "$stream" 2>/dev/null

# crowd.py PORT: connections that do not read or write what they should
cat >"$work/crowd.py" <<'END'
import socket, sys, time

port, what = int(sys.argv[1]), sys.argv[2]
count = int(sys.argv[3])
host = ("127.0.0.1", port)
begin = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
sockets = []
for number in range(count):
    if what == "visit": # one connection after the other
        with socket.create_connection(host, timeout=30) as one:
            try:
                one.sendall(bytes((number * 7 + i) % 256 for i in range(64)) + b"\r\n\r\n")
            except ConnectionError: # it may be closed already
                pass
        continue
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    one.settimeout(30)
    one.connect(host)
    one.sendall(begin % what.encode())
    sockets.append(one)
if what == "visit":
    sys.exit()
full = 0
for one in sockets:
    try:
        full += b" 503 " in one.recv(64)
    except OSError:
        pass
print("ready", full, flush=True)
time.sleep(300)
END

# crowd PATH COUNT: hold that many connections; sets refused
crowd() {
    : >"$work/crowd" # the shell that starts it may be later than the first look
    "$python" "$work/crowd.py" "$port" "$@" >"$work/crowd" &
    crowd=$!
    started+=("$crowd")
    until_true grep -q ready "$work/crowd"
    refused=$(cut -d ' ' -f 2 "$work/crowd")
}

crowd /api/events 200
expect "200 streams are served" "$refused" 0
expect "and do not block requests" "$(status /api/traces)" 200
trace 55555555555555555555555555555555 d 1 0 | post >/dev/null
expect "nor the receiver" "$(get /api/traces | json 'v["counts"]["traces"]')" 4
kill "$crowd"
wait "$crowd" 2>/dev/null
crowd /api/events 600
[ "$refused" -ge 40 ] && found=yes || found="$refused"
expect "more than 256 streams are refused" "$found" yes
expect "and their connections do not block others" "$(status /api/traces)" 200
kill "$crowd"
wait "$crowd" 2>/dev/null

# A trace of several megabytes, which slow readers do not read.
"$python" -c '
import json
print(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [
    {"traceId": "66666666666666666666666666666666", "spanId": "%016x" % (i + 1), "name": "n" * 1000,
     "startTimeUnixNano": "1", "endTimeUnixNano": "2"} for i in range(8000)]}]}]}))' | post >/dev/null
crowd /api/traces/66666666666666666666666666666666 100
[ "$refused" -ge 50 ] && found=yes || found="$refused"
expect "what slow readers hold is limited" "$found" yes
expect "and they do not block others" "$(status /api/traces)" 200
resident=$(sed -n 's/^VmRSS: *\([0-9]*\) kB/\1/p' "/proc/$viewer/status")
[ -z "$resident" ] || [ "$resident" -le 1000000 ] && found=yes || found=$resident
expect "nor take the memory" "$found" yes
kill "$crowd"
wait "$crowd" 2>/dev/null

# ---- garbage

"$python" "$work/crowd.py" "$port" visit 10000
expect "10,000 connections with garbage are survived" "$? $(status /api/traces)" "0 200"
head -c 1073741824 /dev/zero | get / -X POST -T - -H 'Expect:' --max-time 90 -o "$work/body" \
    -w '%{http_code}' >"$work/code"
case $(cat "$work/code") in
405 | 000) found=yes ;; # the time of a body is limited
*) found=$(cat "$work/code") ;;
esac
expect "a body of 1 GB is read and ignored" "$found" yes
expect "and survived" "$(status /api/traces)" 200
expect "a path of 20 KB is refused" "$(status "/api/traces/$(head -c 20000 /dev/zero |
    tr '\0' a)" | grep -cE '404|414|431|000')" 1
expect "and survived" "$(status /api/traces)" 200

open_stream
until_true count_events 1
kill -TERM "$viewer"
wait "$viewer"
expect "streams do not delay the end" "$?" 0
wait "$stream"
expect "and end with it" "$?" 0

mkdir "$work/bin"
printf '#!/bin/sh\necho "$@" >"%s/opened"\n' "$work" >"$work/bin/xdg-open"
chmod +x "$work/bin/xdg-open"
PATH=$work/bin:$PATH start_viewer --open
until_true test -s "$work/opened"
expect "--open opens the page by xdg-open" "$(cat "$work/opened")" "http://127.0.0.1:$port/"
expect "and includes --web" "$(status /)" 200
kill -TERM "$viewer"
wait "$viewer"

trace $first 'from a file' 5 0 >"$work/file.json"
start_viewer --web "$work/file.json"
expect "files are displayed, too" "$(get /api/traces | json '[t["name"] for t in v["traces"]]')" \
    "['from a file']"
kill -TERM "$viewer"
wait "$viewer"

start_viewer
expect "without --web there is no page" "$(status /)" 404
expect_match "the response says so" "$(cat "$work/body")" '*tote view --web*'
expect "but there is the API" "$(status /api/traces)" 200
kill -TERM "$viewer"
wait "$viewer"

exit $failed
