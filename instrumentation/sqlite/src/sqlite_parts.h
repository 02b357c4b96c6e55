/* SPDX-License-Identifier: MIT */
/*
 * sqlite_parts.h - what the files of the SQLite instrumentation share
 */
#ifndef TOTE_SQLITE_PARTS_H
#define TOTE_SQLITE_PARTS_H

#include "tote/instrumentation/sqlite.h"

struct tote__sqlite_statement;

/* The functions of one SQLite: the one that is linked, or one that the preload object finds. */
#define TOTE__SQLITE_FUNCTIONS(X)                                                                  \
    X(bind_parameter_count)                                                                        \
    X(db_filename)                                                                                 \
    X(db_handle)                                                                                   \
    X(db_mutex)                                                                                    \
    X(errmsg)                                                                                      \
    X(exec)                                                                                        \
    X(expanded_sql)                                                                                \
    X(extended_errcode)                                                                            \
    X(file_control)                                                                                \
    X(free)                                                                                        \
    X(get_autocommit)                                                                              \
    X(mutex_enter)                                                                                 \
    X(mutex_leave)                                                                                 \
    X(sql)                                                                                         \
    X(step)                                                                                        \
    X(trace_v2)

#define TOTE__SQLITE_FIELD(name) __typeof__ (&sqlite3_##name)(name);

struct tote__sqlite {
    TOTE__SQLITE_FUNCTIONS(TOTE__SQLITE_FIELD)
};

/*
 * What the program has registered, as SQLite keeps it: sqlite3_trace_v2(), sqlite3_trace() and
 * sqlite3_profile() replace flags and data of each other.
 */
struct tote__sqlite_user {
    unsigned flags; /* the mask of sqlite3_trace_v2(), and the two below */
    int (*callback)(unsigned, void *, void *, void *);
    void (*trace)(void *, const char *);
    void *data; /* of `callback` or `trace` */
    void (*profile)(void *, const char *, sqlite3_uint64);
    void *profile_data;
};

enum {
    TOTE__SQLITE_FLAGS_V2 = 0x0f,
    TOTE__SQLITE_FLAG_TRACE = 0x40,
    TOTE__SQLITE_FLAG_PROFILE = 0x80
};

/* How a connection is traced. */
struct tote__sqlite_options {
    const struct tote__sqlite *sqlite;
    tote_tracer *tracer; /* NULL: the instrumentation's own */
    const tote_context *(*parent)(void);
    struct tote__sqlite_user user;

    /* Register what the program has registered. NULL: it cannot have registered anything. */
    void (*restore)(const struct tote__sqlite *sqlite, sqlite3 *db,
                    const struct tote__sqlite_user *user);
};

/* trace.c: trace a connection until it is closed. Returns false if out of memory. */
bool tote__sqlite_attach(sqlite3 *db, const struct tote__sqlite_options *options);

/* End the tracing, if the connection is traced. */
void tote__sqlite_detach(sqlite3 *db);

/* End all spans, because the process exits. The structs stay: other threads may still use them. */
void tote__sqlite_end_all(void);

/* Return whether the connection is traced, and what the program has registered. */
bool tote__sqlite_get_user(sqlite3 *db, struct tote__sqlite_user *user);

/* Replace what the program has registered. Returns the result of sqlite3_trace_v2(). */
int tote__sqlite_set_user(sqlite3 *db, const struct tote__sqlite_user *user);

/* End the span of a statement that a call has kept. `result` is that of the call. */
void tote__sqlite_end(struct tote__sqlite_statement *ended, int result);

/* Add a span with an error for text that could not be prepared. */
void tote__sqlite_fail(sqlite3 *db, const char *sql, size_t length, int result);

/* Skip white space and comments. */
const char *tote__sqlite_skip_space(const char *sql);

/* Record the time that the running statement of this thread waited for another connection. */
void tote__sqlite_report_wait(uint64_t waited_ns);

/*
 * calls.c: a call on this thread. A statement that ends during the call is kept in `ended`, until
 * the call returns its result.
 */
struct tote__sqlite_call {
    struct tote__sqlite_call *outer;
    const struct tote__sqlite *sqlite;
    sqlite3_stmt *statement; /* NULL: sqlite3_exec(), which executes several */
    sqlite3 *db;             /* of sqlite3_exec() */
    const char *rest;        /* the text after the last statement that was started */
    struct tote__sqlite_statement *ended;
    bool is_reported; /* a call inside this one has reported the error */
};

struct tote__sqlite_thread {
    struct tote__sqlite_call *call; /* innermost */
    sqlite3 *db;                    /* the connection and the statement that started last */
    sqlite3_stmt *statement;
};

extern _Thread_local struct tote__sqlite_thread tote__sqlite_thread;

int tote__sqlite_step(const struct tote__sqlite *sqlite, sqlite3_stmt *statement);
int tote__sqlite_exec(const struct tote__sqlite *sqlite, sqlite3 *db, const char *sql,
                      int (*callback)(void *, int, char **, char **), void *user_data,
                      char **message);

/* Record that a statement could not be prepared. `length` < 0: the text ends with NUL. */
void tote__sqlite_prepare_failed(sqlite3 *db, const char *sql, int length, int result);

static inline bool tote__sqlite_is_error(int result) {
    return result != SQLITE_OK && result != SQLITE_ROW && result != SQLITE_DONE;
}

/* sleep.c: measure how long the statements of the connection wait for other connections. */
void tote__sqlite_watch_sleep(const struct tote__sqlite *sqlite, sqlite3 *db);

#endif
