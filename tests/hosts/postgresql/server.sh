# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# server.sh - a PostgreSQL server of the test, and what tests/cli/lib.sh and receiver.sh define.
# Source it after `set`.
#
#   start_postgresql [SETTING...]   for example "work_mem = 1MB"; sets and exports PGHOST (the folder
#                                   of the Unix socket), PGPORT, PGUSER and PGDATABASE
#   restart_postgresql [SETTING...] stop the server fast, and start it with the settings in addition
#   stop_postgresql                 stop the server fast; also at the end of the test
#
#   $postgresql          its folder: data/, log; it belongs to the user of the server
#   $postgresql_process  the postmaster; the kernel stops it if the test is killed
#   $postgresql_bin      the programs of the server
#   as_postgresql        a prefix of commands that run as the user of the server
#   $here                the folder of this file
#
# It listens on 127.0.0.1 too. Everybody may connect as the superuser `postgres`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/cli/lib.sh
. "$here/../../cli/lib.sh"
# shellcheck source=tests/cli/receiver.sh
. "$here/../../cli/receiver.sh"

postgresql=
postgresql_process=
postgresql_bin=${postgresql_bin:-$(find /usr/lib/postgresql/*/bin -name postgres -printf '%h\n' 2>/dev/null | sort -V | tail -1)}
as_postgresql=(env)
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    as_postgresql=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

end_postgresql() {
    stop_postgresql
    [ -z "$postgresql" ] || rm -rf "$postgresql"
    finish
}

stop_postgresql() {
    [ -n "$postgresql_process" ] || return 0
    kill -INT "$postgresql_process" 2>/dev/null
    if ! timeout 20 tail -s 0.1 --pid="$postgresql_process" -f /dev/null; then
        kill -QUIT "$postgresql_process" 2>/dev/null # ends all processes of the server at once
        timeout 10 tail -s 0.1 --pid="$postgresql_process" -f /dev/null
    fi
    wait "$postgresql_process" 2>/dev/null
    postgresql_process=
}

is_postgresql_up() {
    ! kill -0 "$postgresql_process" 2>/dev/null || "$postgresql_bin/pg_isready" -q
}

# Start the postmaster on a free port. Another process can take the port: try again.
run_postgresql() {
    for _ in 1 2 3 4 5; do
        PGPORT=$(free_port)
        (cd "$postgresql" && exec "${as_postgresql[@]}" setpriv --pdeathsig=INT \
            "$postgresql_bin/postgres" -D data -p "$PGPORT" >>log 2>&1) &
        postgresql_process=$!
        until_true is_postgresql_up
        kill -0 "$postgresql_process" 2>/dev/null && return 0
        wait "$postgresql_process"
        postgresql_process=
        grep -q 'could not create any TCP/IP sockets' "$postgresql/log" || break
    done
    echo "not ok - PostgreSQL starts"
    cat "$postgresql/log"
    exit 1
}

start_postgresql() {
    postgresql=$(mktemp -d)
    trap end_postgresql EXIT
    : >"$postgresql/log"
    [ "$(id -u)" != 0 ] || chown -R postgres:postgres "$postgresql"
    chmod 755 "$postgresql" # programs of other users reach the socket
    (cd "$postgresql" && "${as_postgresql[@]}" "$postgresql_bin/initdb" -D data -U postgres \
        -A trust --locale=C.UTF-8 --no-sync --no-instructions >>log 2>&1)
    printf '%s\n' "listen_addresses = '127.0.0.1'" "unix_socket_directories = '$postgresql'" \
        "fsync = off" "shared_buffers = 16MB" "$@" >>"$postgresql/data/postgresql.conf"
    export PGHOST=$postgresql PGPORT PGUSER=postgres PGDATABASE=postgres
    run_postgresql
}

restart_postgresql() {
    stop_postgresql
    printf '%s\n' "$@" >>"$postgresql/data/postgresql.conf"
    run_postgresql
}
