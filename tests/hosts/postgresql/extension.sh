# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# extension.sh - a PostgreSQL server with the extension, and what server.sh defines. Source it after
# `set`, and after $build is set.

# shellcheck source=tests/hosts/postgresql/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# sql [-v] STATEMENTS: run them in one connection of the test, which `reset all` ends; print the rows
sql() {
    printf '%s\n' "$1" '\echo .end' >&6
    while IFS= read -r line <&7 && [ "$line" != .end ]; do
        printf '%s\n' "$line"
    done
}

# connect: the connection of sql
connect() {
    rm -f "$work/statements" "$work/rows"
    mkfifo "$work/statements" "$work/rows"
    psql -XAtq <"$work/statements" >"$work/rows" 2>>"$work/errors" &
    started+=($!)
    exec 6>"$work/statements" 7<"$work/rows"
}

# install_extension: install Tote where the user of the server can read it; sets installed, and
# extension_settings, which load the extension and send its spans to the receiver
install_extension() {
    installed=$work/installed
    chmod 755 "$work"
    # shellcheck disable=SC2154
    cmake --install "$build" --prefix "$installed" --component runtime >"$work/install"
    extension_settings=("dynamic_library_path = '$installed/lib:\$libdir'"
        "shared_preload_libraries = 'tote_postgresql'"
        "tote.sender = '$installed/libexec/tote/tote-send'"
        "tote.endpoint = '$OTEL_EXPORTER_OTLP_ENDPOINT'")
}

# start_extension [SETTING...]: needs start_receiver
start_extension() {
    install_extension
    start_postgresql "${extension_settings[@]}" "tote.export_interval = 20ms" "$@"
    connect
    sql "$(sed "s/MODULE_PATHNAME/tote_postgresql/; /^\\\\echo/d" \
        "$here/../../../instrumentation/postgresql/tote--0.1.sql")"
}

# extension_is_idle: whether all recorded spans were delivered
extension_is_idle() {
    # shellcheck disable=SC2154
    [ "$(sql "set tote.enabled = off; select recorded = saved from tote_stats(); reset tote.enabled;")" = t ] &&
        [ -z "$(find "$postgresql/data/tote" -name '*-*-*-*' 2>/dev/null)" ]
}
