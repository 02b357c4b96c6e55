#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# modules.sh - what other programs load from an installed Tote: the modules of nginx and librdkafka
#
# modules.sh BUILD WORK: installs BUILD under WORK, and loads the modules into the programs of the distribution.
# BUILD may also be the prefix of an installed Tote, for example /usr.
set -euo pipefail

build=$1 work=$2
prefix=$work/prefix
rm -rf "$work"
mkdir -p "$work"
if [ -f "$build/CMakeCache.txt" ]; then
    cmake --install "$build" --prefix "$prefix" --component runtime >"$work/install.log" ||
        { cat "$work/install.log"; exit 1; }
else
    prefix=$build
fi

expect() { [ "$1" = "$2" ] || { echo "$3: \"$1\", not \"$2\""; exit 1; }; }

# installed NAME: its path, below a library folder
installed() {
    local path
    path=$(find "$prefix"/lib* -name "$1" -print -quit)
    [ -n "$path" ] || { echo "$1 is not installed" >&2; return 1; }
    realpath "$path"
}

module=$(installed ngx_http_tote_module.so)
cat >"$work/nginx.conf" <<END
load_module $module;
pid $work/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    scgi_temp_path $work/scgi;
    uwsgi_temp_path $work/uwsgi;
    tote on;
    tote_service_name edge;
    server { listen 127.0.0.1:8080; }
}
END
nginx -t -e stderr -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.log" || { cat "$work/nginx.log"; exit 1; }
sed 's/^load_module.*//' "$work/nginx.conf" >"$work/without.conf"
! nginx -t -e stderr -p "$work" -c "$work/without.conf" 2>"$work/nginx.log"
expect "$(grep -c 'unknown directive "tote"' "$work/nginx.log")" 1 "nginx without the module"
echo "nginx loads its module"

# A cluster inside of librdkafka: it needs no server.
plugin=$(installed tote-rdkafka.so)
echo seven | OTEL_TRACES_EXPORTER=console timeout 60 kcat -P -t orders -b mock -X test.mock.num.brokers=1 \
    -X "plugin.library.paths=${plugin%.so}" >"$work/kcat.out" 2>"$work/kcat.err" ||
    { cat "$work/kcat.err"; exit 1; }
expect "$(grep -c '^send orders (producer' "$work/kcat.out")" 1 "spans of kcat with tote-rdkafka.so"
echo "librdkafka loads its plug-in"
