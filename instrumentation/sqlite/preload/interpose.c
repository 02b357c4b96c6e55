/* SPDX-License-Identifier: MIT */
/*
 * interpose.c - spans for programs that use SQLite and are not changed
 *
 *   LD_PRELOAD=$prefix/lib/tote-preload-sqlite.so sqlite3 shop.db
 *
 * A connection is traced if its opening was intercepted. The program may use sqlite3_trace_v2(),
 * sqlite3_trace() and sqlite3_profile() too: their callbacks are called as SQLite does. Other calls
 * are passed on unchanged.
 *
 * Tests: tests/hosts/sqlite/test_sqlite.py
 */
#include "sqlite_parts.h"
#include "tote/internal/preload.h"

#define CALLER TOTE__PRELOAD_CALLER

/* Functions that are interposed. */
#define REQUIRED(X)                                                                                \
    X(open)                                                                                        \
    X(close)                                                                                       \
    X(finalize)                                                                                    \
    X(prepare)

/* Older or smaller builds lack some of them. */
#define EXTRA(X)                                                                                   \
    X(close_v2)                                                                                    \
    X(open16)                                                                                      \
    X(open_v2)                                                                                     \
    X(prepare_v2)                                                                                  \
    X(prepare_v3)                                                                                  \
    X(profile)                                                                                     \
    X(trace)

/* sqlite3.h marks some as deprecated. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct library {
    struct tote__preload_library base; /* complete: it can be traced */
    REQUIRED(TOTE__SQLITE_FIELD)
    EXTRA(TOTE__SQLITE_FIELD)
    struct tote__sqlite sqlite;
};

#define REQUIRED_ENTRY(what)                                                                       \
    {"sqlite3_" #what, offsetof(struct library, what), TOTE__PRELOAD_REQUIRED},
#define EXTRA_ENTRY(what) {"sqlite3_" #what, offsetof(struct library, what), TOTE__PRELOAD_EXTRA},
#define TRACING_ENTRY(what)                                                                        \
    {"sqlite3_" #what, offsetof(struct library, sqlite.what), TOTE__PRELOAD_OPTIONAL},

static const struct tote__preload_function functions[] = {
    /* clang-format off */
    REQUIRED(REQUIRED_ENTRY)
    EXTRA(EXTRA_ENTRY)
    TOTE__SQLITE_FUNCTIONS(TRACING_ENTRY)
    /* clang-format on */
};

/* A program may exit without closing its connections, for example in a transaction. */
static void set_up(struct tote__preload_library *library) {
    (void)library;
    tote__preload_at_exit(tote__sqlite_end_all);
}

static struct tote__preload_kind kind = {
    .file = "libsqlite3",
    .size = sizeof(struct library),
    .functions = functions,
    .function_count = TOTE_COUNT_OF(functions),
    .set_up = set_up,
};

/* Statements, so that each step finds its SQLite at once. */
struct handle {
    struct tote__preload_handle base;
    struct library *library;
};

static struct tote__preload_table statements = {.size = sizeof(struct handle)};

static struct library *library_of(void *caller) {
    return (struct library *)tote__preload_library_of(&kind, caller);
}

static struct library *library_for(sqlite3_stmt *statement, void *caller) {
    const struct handle *known =
        (const struct handle *)tote__preload_handle_find(&statements, statement);

    return known ? known->library : library_of(caller);
}

static void restore(const struct tote__sqlite *sqlite, sqlite3 *db,
                    const struct tote__sqlite_user *user) {
    const struct library *library =
        (const void *)((const char *)sqlite - offsetof(struct library, sqlite));

    if (user->flags & TOTE__SQLITE_FLAG_TRACE) {
        library->trace(db, user->trace, user->data);
    } else {
        sqlite->trace_v2(db, user->flags & TOTE__SQLITE_FLAGS_V2, user->callback, user->data);
    }
    if (user->profile && library->profile) {
        library->profile(db, user->profile, user->profile_data);
    }
}

static struct tote__sqlite_options options_for(const struct library *library) {
    return (struct tote__sqlite_options){
        .sqlite = &library->sqlite, .parent = tote__preload_parent, .restore = restore};
}

static int opened(const struct library *library, sqlite3 **db, int result, void *caller) {
    if (result == SQLITE_OK && *db && library->base.is_complete &&
        !tote__preload_is_internal(&kind, caller)) {
        const struct tote__sqlite_options options = options_for(library);
        tote__sqlite_attach(*db, &options);
    }
    return result;
}

TOTE_API int sqlite3_open(const char *path, sqlite3 **db) {
    void *caller = CALLER;
    const struct library *library = library_of(caller);

    return library ? opened(library, db, library->open(path, db), caller) : SQLITE_ERROR;
}

TOTE_API int sqlite3_open16(const void *path, sqlite3 **db) {
    void *caller = CALLER;
    const struct library *library = library_of(caller);

    return library && library->open16 ? opened(library, db, library->open16(path, db), caller)
                                      : SQLITE_ERROR;
}

TOTE_API int sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs) {
    void *caller = CALLER;
    const struct library *library = library_of(caller);

    return library && library->open_v2
               ? opened(library, db, library->open_v2(path, db, flags, vfs), caller)
               : SQLITE_ERROR;
}

/* SQLite reports the end of a connection also if it then refuses to close it. */
static int close_with(const struct library *library, int (*close)(sqlite3 *), sqlite3 *db) {
    struct tote__sqlite_options options;

    if (!library || !close) {
        return SQLITE_ERROR;
    }
    options = options_for(library);
    bool is_traced = tote__sqlite_get_user(db, &options.user);
    int result = close(db);
    if (is_traced && result == SQLITE_BUSY) {
        if (options.user.profile) {
            library->profile(db, NULL, NULL);
        }
        tote__sqlite_attach(db, &options);
    }
    return result;
}

TOTE_API int sqlite3_close(sqlite3 *db) {
    const struct library *library = library_of(CALLER);

    return close_with(library, library ? library->close : NULL, db);
}

TOTE_API int sqlite3_close_v2(sqlite3 *db) {
    const struct library *library = library_of(CALLER);

    return close_with(library, library ? library->close_v2 : NULL, db);
}

/* What the program and SQLite passed to each other. */
struct prepared {
    struct library *library;
    sqlite3 *db;
    const char *sql;
    int length;
    sqlite3_stmt **statement;
    const char **tail; /* the program's, or NULL */
    const char *end;   /* where SQLite stopped to read; NULL: unknown */
};

static int finish_prepare(const struct prepared *prepared, int result) {
    const char *end = prepared->end;

    if (prepared->tail && end) {
        *prepared->tail = end;
    }
    if (result != SQLITE_OK) {
        tote__sqlite_prepare_failed(prepared->db, prepared->sql,
                                    end ? (int)(end - prepared->sql) : prepared->length, result);
        return result;
    }
    struct handle *added = (struct handle *)tote__preload_handle_add(
        &statements, prepared->statement ? *prepared->statement : NULL);
    if (added) {
        added->library = prepared->library;
    }
    return result;
}

TOTE_API int sqlite3_prepare(sqlite3 *db, const char *sql, int length, sqlite3_stmt **statement,
                             const char **tail) {
    struct library *library = library_of(CALLER);
    struct prepared prepared = {library, db, sql, length, statement, tail, NULL};

    return library ? finish_prepare(&prepared,
                                    library->prepare(db, sql, length, statement, &prepared.end))
                   : SQLITE_ERROR;
}

TOTE_API int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int length, sqlite3_stmt **statement,
                                const char **tail) {
    struct library *library = library_of(CALLER);
    struct prepared prepared = {library, db, sql, length, statement, tail, NULL};

    return library && library->prepare_v2
               ? finish_prepare(&prepared,
                                library->prepare_v2(db, sql, length, statement, &prepared.end))
               : SQLITE_ERROR;
}

TOTE_API int sqlite3_prepare_v3(sqlite3 *db, const char *sql, int length, unsigned flags,
                                sqlite3_stmt **statement, const char **tail) {
    struct library *library = library_of(CALLER);
    struct prepared prepared = {library, db, sql, length, statement, tail, NULL};

    return library && library->prepare_v3
               ? finish_prepare(&prepared, library->prepare_v3(db, sql, length, flags, statement,
                                                               &prepared.end))
               : SQLITE_ERROR;
}

TOTE_API int sqlite3_finalize(sqlite3_stmt *statement) {
    const struct library *library = library_for(statement, CALLER);

    tote__preload_handle_remove(&statements, statement);
    return library ? library->finalize(statement) : SQLITE_ERROR;
}

TOTE_API int sqlite3_step(sqlite3_stmt *statement) {
    const struct library *library = library_for(statement, CALLER);

    if (!library || !library->sqlite.step) {
        return SQLITE_ERROR;
    }
    return library->base.is_complete ? tote__sqlite_step(&library->sqlite, statement)
                                     : library->sqlite.step(statement);
}

TOTE_API int sqlite3_exec(sqlite3 *db, const char *sql,
                          int (*callback)(void *, int, char **, char **), void *user_data,
                          char **message) {
    const struct library *library = library_of(CALLER);

    if (!library || !library->sqlite.exec) {
        return SQLITE_ERROR;
    }
    return library->base.is_complete
               ? tote__sqlite_exec(&library->sqlite, db, sql, callback, user_data, message)
               : library->sqlite.exec(db, sql, callback, user_data, message);
}

/* A program that calls tote_sqlite_trace() traces the connection itself. */
TOTE_API int sqlite3_trace_v2(sqlite3 *db, unsigned mask,
                              int (*callback)(unsigned, void *, void *, void *), void *data) {
    void *caller = CALLER;
    const struct library *library = library_of(caller);
    struct tote__sqlite_user user;

    if (!library || !library->sqlite.trace_v2) {
        return SQLITE_ERROR;
    }
    if (tote__preload_is_internal(&kind, caller)) {
        tote__sqlite_detach(db);
    } else if (tote__sqlite_get_user(db, &user)) {
        bool is_set = mask && callback;
        user.flags = is_set ? mask : 0;
        user.callback = is_set ? callback : NULL;
        user.data = data;
        return tote__sqlite_set_user(db, &user);
    }
    return library->sqlite.trace_v2(db, mask, callback, data);
}

TOTE_API void *sqlite3_trace(sqlite3 *db, void (*callback)(void *, const char *), void *data) {
    const struct library *library = library_of(CALLER);
    struct tote__sqlite_user user;

    if (!library || !library->trace) {
        return NULL;
    }
    if (!tote__sqlite_get_user(db, &user)) {
        return library->trace(db, callback, data);
    }
    void *before = user.data;
    user.flags = callback ? TOTE__SQLITE_FLAG_TRACE : 0;
    user.trace = callback;
    user.callback = NULL;
    user.data = data;
    tote__sqlite_set_user(db, &user);
    return before;
}

TOTE_API void *sqlite3_profile(sqlite3 *db, void (*callback)(void *, const char *, sqlite3_uint64),
                               void *data) {
    const struct library *library = library_of(CALLER);
    struct tote__sqlite_user user;

    if (!library || !library->profile) {
        return NULL;
    }
    if (!tote__sqlite_get_user(db, &user)) {
        return library->profile(db, callback, data);
    }
    void *before = user.profile_data;
    user.flags &= TOTE__SQLITE_FLAGS_V2;
    user.flags |= callback ? TOTE__SQLITE_FLAG_PROFILE : 0;
    user.profile = callback;
    user.profile_data = data;
    tote__sqlite_set_user(db, &user);
    return before;
}
