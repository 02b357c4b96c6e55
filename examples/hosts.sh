#!/usr/bin/env bash
# One trace through programs of the distribution, none of them changed or rebuilt:
# curl -> nginx -> orders (a service in C) -> PostgreSQL and SQLite. `tote view` draws it.
#
#   hosts.sh [BUILD_DIR]
set -euo pipefail

build=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../build}" && pwd)
. "$(dirname "${BASH_SOURCE[0]}")/demo_lib.sh"
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lib=$work/installed/lib

# PostgreSQL refuses to run as root.
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)

# Installed, because the user of PostgreSQL may not read the build.
chmod 755 "$work"
cmake --install "$build" --prefix "$work/installed" --component runtime >"$work/install.out"
for file in "$build"/bin/{tote,orders} "$lib"/tote-preload-{curl,pq,sqlite}.so "$lib/tote_postgresql.so" \
    "$lib/nginx/modules/ngx_http_tote_module.so"; do
    [ -e "$file" ] || fail "$file is not there: run ./dev demo-hosts, which installs what it needs"
done
postgresql=$(find /usr/lib/postgresql/*/bin -name postgres -printf '%h\n' | sort -V | tail -1)

# PostgreSQL, with the extension. Its address is a Unix socket in a folder of its own.
start_postgresql() {
    local data=$work/postgresql
    mkdir "$data"
    [ "$(id -u)" != 0 ] || chown postgres:postgres "$data"
    (cd "$data" && "${as_postgres[@]}" "$postgresql/initdb" -D data -U postgres -A trust --no-sync \
        --locale=C.UTF-8 >"$work/initdb.out" 2>"$work/initdb.err") || fail "initdb failed"
    cat >>"$data/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$data'
fsync = off
dynamic_library_path = '$lib:\$libdir'
shared_preload_libraries = 'tote_postgresql'
tote.endpoint = '$OTEL_EXPORTER_OTLP_ENDPOINT'
tote.export_interval = 100ms
tote.sender = '$work/installed/libexec/tote/tote-send'
END
    start postgresql "${as_postgres[@]}" "$postgresql/postgres" -D "$data/data"
    until_true psql -h "$data" -U postgres -c "CREATE TABLE orders (id int PRIMARY KEY, item text);
        INSERT INTO orders VALUES (7, 'lamp'), (8, 'chair')" || fail "PostgreSQL did not start"
}

# nginx in front of the service at $1
start_nginx() {
    nginx_port=$(python3 "$examples/free_port.py")
    mkdir "$work/nginx"
    cat >"$work/nginx.conf" <<END
daemon off;
error_log stderr;
pid $work/nginx/pid;
load_module $lib/nginx/modules/ngx_http_tote_module.so;
events {}
http {
    access_log off;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    tote on;
    tote_service_name nginx;
    tote_endpoint $OTEL_EXPORTER_OTLP_ENDPOINT;
    tote_batch delay=100ms;
    server {
        listen 127.0.0.1:$nginx_port;
        add_header trace-id \$tote_trace_id;
        location /orders/ { proxy_pass http://127.0.0.1:$1; }
    }
}
END
    start nginx /usr/sbin/nginx -p "$work" -c "$work/nginx.conf" -e stderr
    until_true test -s "$work/nginx/pid" || fail "nginx did not start"
}

start_and_listen viewer "$build/bin/tote" view --port 0 --grpc-port 0
viewer=http://127.0.0.1:$port
export OTEL_EXPORTER_OTLP_ENDPOINT=$viewer
export OTEL_BSP_SCHEDULE_DELAY=100

start_postgresql
start_and_listen orders env OTEL_C_DB_COMMENTER=true \
    LD_PRELOAD="$lib/tote-preload-pq.so:$lib/tote-preload-sqlite.so" \
    "$build/bin/orders" "host=$work/postgresql user=postgres" "$work/cache.db"
start_nginx "$port"

echo "curl -> nginx -> orders -> PostgreSQL and SQLite are running. curl gets an order:"
echo
OTEL_SERVICE_NAME=curl LD_PRELOAD=$lib/tote-preload-curl.so \
    curl -s -i "http://127.0.0.1:$nginx_port/orders/7" >"$work/response" || fail "the request failed"
tr -d '\r' <"$work/response" | sed -nE '/^(HTTP|trace-id)/p; $p'
grep -q '^HTTP.* 200' "$work/response" || fail "the order was not found"
trace=$(tr -d '\r' <"$work/response" | sed -n 's/^trace-id: //p')

# Of five programs, each exports on its own, its children before their parents.
is_complete() {
    "$build/bin/tote" trace --url "$viewer" "$trace" >"$work/trace" 2>&1
    for service in curl nginx orders postgresql; do
        grep -q " $service " "$work/trace" || return 1
    done
    ! grep -q 'parent was not received' "$work/trace"
}
until_true is_complete || fail "the trace did not arrive"
echo
"$build/bin/tote" trace --url "$viewer" "$trace"

echo
echo "Programs: $(curl --version | sed -n '1s/^\(curl [^ ]*\).*/\1/p'), $(nginx -v 2>&1 | sed 's/.*: //'), \
$("$postgresql/postgres" --version | cut -d' ' -f2,3); none was changed or rebuilt."
echo "How each is traced: docs/nginx.md, docs/libpq.md, docs/sqlite.md, docs/postgresql.md."
