/* SPDX-License-Identifier: MIT */
/*
 * calls.c - calls that report their result to the span of the statement
 *
 * SQLite reports the end of a statement before the call that ended it returns its result.
 *
 * Tests: tests/unit/test_sqlite.c
 */
#include <errno.h>
#include <string.h>

#include "sqlite_parts.h"

_Thread_local struct tote__sqlite_thread tote__sqlite_thread;

static void enter(struct tote__sqlite_call *call) {
    call->outer = tote__sqlite_thread.call;
    tote__sqlite_thread.call = call;
}

static void leave(const struct tote__sqlite_call *call, bool is_reported) {
    tote__sqlite_thread.call = call->outer;
    if (call->outer && is_reported) {
        call->outer->is_reported = true;
    }
}

/* Whether SQLite executes a statement on this thread: what it prepares then is its own. */
static bool is_in_step(void) {
    const struct tote__sqlite_call *call = tote__sqlite_thread.call;

    while (call && !call->statement) {
        call = call->outer;
    }
    return call;
}

int tote__sqlite_step(const struct tote__sqlite *sqlite, sqlite3_stmt *statement) {
    struct tote__sqlite_call call = {.sqlite = sqlite, .statement = statement};

    enter(&call);
    int result = sqlite->step(statement);
    int error = errno;
    leave(&call, tote__sqlite_is_error(result));
    if (call.ended) {
        tote__sqlite_end(call.ended, result);
    }
    errno = error;
    return result;
}

/*
 * An error after the last statement of the text is its own. Else it may also be that the next one
 * could not be prepared. Such errors are SQLITE_ERROR, almost always.
 */
static bool is_error_of_last(const struct tote__sqlite_call *call, int result) {
    return call->ended &&
           ((result & 0xff) != SQLITE_ERROR || !*tote__sqlite_skip_space(call->rest));
}

static void end_exec(const struct tote__sqlite_call *call, int result) {
    bool is_unknown = tote__sqlite_is_error(result) && !call->is_reported;
    bool is_of_last = is_unknown && is_error_of_last(call, result);

    if (call->ended) {
        tote__sqlite_end(call->ended, is_of_last ? result : SQLITE_OK);
    }
    if (is_unknown && !is_of_last) {
        tote__sqlite_prepare_failed(call->db, call->rest, -1, result);
    }
}

int tote__sqlite_exec(const struct tote__sqlite *sqlite, sqlite3 *db, const char *sql,
                      int (*callback)(void *, int, char **, char **), void *user_data,
                      char **message) {
    struct tote__sqlite_call call = {.sqlite = sqlite, .db = db, .rest = sql};

    enter(&call);
    int result = sqlite->exec(db, sql, callback, user_data, message);
    int error = errno;
    leave(&call, tote__sqlite_is_error(result));
    end_exec(&call, result);
    errno = error;
    return result;
}

void tote__sqlite_prepare_failed(sqlite3 *db, const char *sql, int length, int result) {
    int error = errno;

    if (sql && !is_in_step()) {
        tote__sqlite_fail(db, sql, length < 0 ? strlen(sql) : strnlen(sql, (size_t)length), result);
        if (tote__sqlite_thread.call) {
            tote__sqlite_thread.call->is_reported = true;
        }
    }
    errno = error;
}
