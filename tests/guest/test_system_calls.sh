#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_system_calls.sh - how many system calls a request costs on a kept connection
#
# test_system_calls.sh REQUESTS WORKER [HOST]: most calls for a request that the worker or the host sends
#
# All threads of the program are counted, including waking the worker and its sleep. The limit applies to the
# median of the requests, because on a slow machine some of them wait more than once.
set -uo pipefail

program=$1 worker_limit=$2 host_limit=${3:-}
work=$(mktemp -d)
receiver=
failed=0
export LC_ALL=C no_proxy='*'

finish() {
    [ -z "$receiver" ] || kill -KILL "$receiver" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

if ! command -v strace >/dev/null; then
    echo "skipped: there is no strace"
    exit 77
fi
if ! strace -o "$work/try" true 2>"$work/error"; then
    echo "skipped: strace may not trace here: $(head -n 1 "$work/error")"
    exit 77
fi

# start_receiver PROTOCOL: its URL is in $url
start_receiver() {
    mkfifo "$work/input-$1"
    "$program" receive "$1" <"$work/input-$1" >"$work/url-$1" &
    receiver=$!
    exec 3>"$work/input-$1"
    for _ in $(seq 1000); do
        url=$(cat "$work/url-$1")
        [ -z "$url" ] || return 0
        sleep 0.02
    done
    echo "no receiver"
    exit 1
}

stop_receiver() {
    exec 3>&-
    wait "$receiver"
    receiver=
}

# names FILE: the system calls between the first line of the sender and its last one, one name per line
names() {
    awk '/write\(1, "request/ { n++; print "request"; next }
        n && !/resumed>/ && match($0, /^[0-9]+ +[a-z_0-9]+\(/) {
            name = $2
            sub(/\(.*/, "", name)
            if (name !~ /nanosleep|select/)
                print name
        }' "$1"
}

# count MODE LIMIT: in 40 requests
count() {
    local mode=$1 limit=$2 median
    if ! strace -f -o "$work/$mode" "$program" send "$url" "$mode" 40 >"$work/lines" 3>&-; then
        echo "not ok - $mode: the requests are sent"
        failed=1
        return
    fi
    names "$work/$mode" >"$work/names"
    median=$(awk '$1 == "request" { if (NR > 1) print count; count = 0; next } { count++ }' \
        "$work/names" | sort -n | sed -n 20p)
    if [ "$median" -le "$limit" ]; then
        echo "ok - $mode: $median system calls a request, at most $limit"
        return
    fi
    echo "not ok - $mode: $median system calls a request, more than $limit; in 40 requests:"
    sort "$work/names" | uniq -c | sort -rn | grep -v ' request$'
    failed=1
}

# gRPC is not counted: how often its window is full depends on the receiver.
start_receiver http
count worker "$worker_limit"
[ -z "$host_limit" ] || count host "$host_limit"
stop_receiver
exit "$failed"
