#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# overhead.sh BUILD_DIRECTORY [SECONDS] - what the PostgreSQL extension costs, within SECONDS (60)
#
# Starts two servers of the same settings, one without the extension, and runs overhead.py.
set -eu
build=$(cd "$1" && pwd)
# shellcheck source=tests/hosts/postgresql/extension.sh
. "$(dirname "$0")/extension.sh"

start_receiver
install_extension
start_postgresql "shared_buffers = 64MB"
plain="host=$PGHOST port=$PGPORT" plain_server=$postgresql plain_process=$postgresql_process
"$postgresql_bin/pgbench" -i -q -s 1 >/dev/null 2>&1
start_postgresql "shared_buffers = 64MB" "${extension_settings[@]}" "tote.sender = ''" \
    "tote.buffer_size = 64MB"
finish_both() {
    kill -INT "$plain_process"
    wait "$plain_process" 2>/dev/null || true
    rm -rf "$plain_server"
    end_postgresql
}
trap finish_both EXIT
"$postgresql_bin/pgbench" -i -q -s 1 >/dev/null 2>&1
psql -q -c "$(sed "s/MODULE_PATHNAME/tote_postgresql/; /^\\\\echo/d" \
    "$here/../../../instrumentation/postgresql/tote--0.1.sql")"
/usr/bin/python3 "$here/overhead.py" "$plain" "host=$PGHOST port=$PGPORT" "${2:-60}"
