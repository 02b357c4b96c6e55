/* SPDX-License-Identifier: MIT */
/*
 * linked.c - connections of the SQLite that the program is linked with
 *
 * Tests: tests/unit/test_sqlite.c
 */
#include "sqlite_parts.h"

#define LINKED(name) .name = sqlite3_##name,

static const struct tote__sqlite linked = {TOTE__SQLITE_FUNCTIONS(LINKED)};

bool tote_sqlite_trace(sqlite3 *db, tote_tracer *tracer) {
    const struct tote__sqlite_options options = {
        .sqlite = &linked,
        .tracer = tracer,
        .parent = tote_context_current,
    };

    return db && tote__sqlite_attach(db, &options);
}

int tote_sqlite_step(sqlite3_stmt *statement) {
    return tote__sqlite_step(&linked, statement);
}

int tote_sqlite_exec(sqlite3 *db, const char *sql, int (*callback)(void *, int, char **, char **),
                     void *user_data, char **message) {
    return tote__sqlite_exec(&linked, db, sql, callback, user_data, message);
}
