#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_tutorial.sh - run the programs and commands of docs/getting-started.md, as a reader does
#
# test_tutorial.sh BUILD BLOCKS WORK COMPILER OS: install BUILD under WORK, compile the programs of BLOCKS with the
# page's own commands, and run them. The page's ports may be in use, so free ones replace them.
set -euo pipefail

build=$1 blocks=$2 work=$3 compiler=$4 os=$5
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../examples" && pwd)
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
libraries=$(dirname "$(find "$work/prefix" -name libtote.so)")
cp "$blocks"/program-*.c "$work"
cd "$work"
for program in program-*.c; do
    mv "$program" "${program#program-}"
done

# The commands between the installation and the preload object. No compiler warning is accepted.
sed -e '/^\.\/dev /d' -e '/^LD_PRELOAD=/d' -e 's/^cc /"$compiler" -std=gnu11 -Wall -Wextra -Werror /' \
    -e 's/ 8080 / "$stock_port" /' -e 's|\./shop$|./shop "http://127.0.0.1:$stock_port/stock/lamp"|' \
    -e 's|^\(tote run .*\):8080/|\1:$stock_port/|' \
    "$blocks/getting-started.sh" >commands.sh
[ "$(grep -c '"\$compiler"' commands.sh)" = 3 ] && [ "$(grep -c 'stock_port' commands.sh)" = 3 ] ||
    { echo "the commands of the page are not those that this test knows:"; cat commands.sh; exit 1; }

for variable in "${!OTEL_@}"; do
    unset "$variable"
done
unset CFLAGS LDFLAGS
export PKG_CONFIG_PATH=$libraries/pkgconfig LD_LIBRARY_PATH=$libraries no_proxy='*' NO_PROXY='*'
export OTEL_EXPORTER_OTLP_ENDPOINT LC_ALL=C.UTF-8

# sleep: until the server that the page has started listens, tote view first
sleep() {
    until (exec 3<>"/dev/tcp/127.0.0.1/$([ -e is_viewing ] && echo "$stock_port" || echo "$view_port")") 2>/dev/null; do
        kill -0 $!
        command sleep 0.1
    done
    : >is_viewing
}

# The page's commands, and the processes that they leave in the background.
{
    echo 'trap "jobs -p >pids" EXIT'
    declare -f sleep
    echo 'tote() { [ "$1" = view ] || { "$tote" "$@"; return; }; exec "$tote" "$@" --port "$view_port" --grpc-port 0; }'
    cat commands.sh
} >run.sh
export tote=$work/prefix/bin/tote compiler view_port stock_port

finish() {
    [ ! -s pids ] || xargs kill <pids 2>/dev/null || true
    rm -f pids is_viewing
}
trap finish EXIT

# On a busy machine the last span of a trace may be late. The viewer then draws it as a separate trace.
for attempt in 1 2 3; do
    read -r view_port stock_port < <(python3 "$examples/free_port.py" 2)
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$view_port
    bash -e run.sh >output 2>&1 || { cat output; exit 1; }
    for _ in $(seq 50); do
        ! grep -q ' 2 services ' output || break 2
        command sleep 0.1
    done
    finish
    echo "attempt $attempt: no trace with two services"
done

failed=0
expect() { grep -Eq -- "$1" output || { echo "not in the output: $1"; failed=1; }; }
expect '^hello \(internal'
expect 'answer: 42|answer=42'
expect '^trace [0-9a-f]{32} · 3 spans · 2 services · '
expect '^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]$'
expect '^user\.id: u_123$'
expect '^buy +shop '
expect 'GET +→ shop '
expect 'GET /stock/\{item\} +← stock '
expect 'stock\.left=3'
[ "$os" != linux ] || expect '^GET +→ curl ' # preloaded
[ $failed = 0 ] || cat output
exit $failed
