/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/sqlite.h
 * Client spans for the statements of SQLite, version 3.14 or newer. See docs/sqlite.md.
 * Spec: semantic-conventions database-spans.md
 *
 *     sqlite3_open("shop.db", &db);
 *     tote_sqlite_trace(db, NULL);
 *
 * Each execution of a statement has a span, from its first step to its last one, or to its reset.
 * The parent is the current context. Between BEGIN and COMMIT or ROLLBACK it is the span of the
 * transaction, if the context is that of BEGIN. What a trigger executes is part of its statement.
 *
 * SQLite does not report the result of a step to sqlite3_trace_v2(). Use tote_sqlite_step() and
 * tote_sqlite_exec() instead of the functions of SQLite, then spans of failed statements are
 * errors.
 *
 * Threads:  as SQLite: the threading mode of the connection decides.
 * On failure: if out of memory, spans are missing. SQLite is not affected.
 */
#ifndef TOTE_INSTRUMENTATION_SQLITE_H
#define TOTE_INSTRUMENTATION_SQLITE_H

#include <sqlite3.h>

#include "tote/tracer.h"

TOTE_BEGIN_DECLS

/**
 * Trace the connection until it is closed. NULL as the tracer: the instrumentation's own. It uses
 * sqlite3_trace_v2(): the program cannot have a callback of its own. Returns whether the connection
 * is traced: false if it is NULL or out of memory.
 */
TOTE_API bool tote_sqlite_trace(sqlite3 *db, tote_tracer *tracer);

/** sqlite3_step(): if it fails, the span of the statement is an error. */
TOTE_API int tote_sqlite_step(sqlite3_stmt *statement);

/** sqlite3_exec(): if it fails, the span of the statement that failed is an error. */
TOTE_API int tote_sqlite_exec(sqlite3 *db, const char *sql,
                              int (*callback)(void *, int, char **, char **), void *user_data,
                              char **message);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_SQLITE
#include "tote/disabled.h"

#endif
