/* SPDX-License-Identifier: MIT */
/*
 * trace.c - spans for the statements of a connection
 *
 * SQLite calls back with the mutex of the connection held, if the connection has one. What follows
 * a call of SQLite has no such mutex: the lock of the connection protects its lists and its
 * transaction. No function of SQLite is called with a lock of this file held.
 *
 * Tests: tests/unit/test_sqlite.c
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sqlite_parts.h"
#include "tote/instrumentation/database.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/tracer.h"

/* Statements that are not reset have open spans. More of them have none. */
enum {
    MOST_STATEMENTS = 256,
    EVENTS = SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE | SQLITE_TRACE_CLOSE
};

/* An execution of a statement. */
struct tote__sqlite_statement {
    struct tote__sqlite_statement *next;
    struct connection *connection;
    sqlite3_stmt *statement;
    tote_span *span;
    uint64_t rows;
    uint64_t waits;
    uint64_t waited_ns;
    bool rolls_back;
};

struct connection {
    struct connection *next;
    struct tote__sqlite_options options;
    sqlite3 *db;
    struct tote__lock lock;
    struct tote__sqlite_statement *open;
    struct tote__sqlite_statement *unused;
    size_t statement_count;
    tote_span *transaction;
    tote_context *inside;  /* with the span of the transaction */
    tote_context *outside; /* the parent of the transaction */
    size_t name_bytes;     /* 0: no name */
    char name[];           /* the path of the database */
};

static struct {
    struct tote__lock lock;
    struct connection *first;
} connections;

/* Requires the lock of the list. */
static struct connection **find_connection(const sqlite3 *db) {
    struct connection **link = &connections.first;

    while (*link && (*link)->db != db) {
        link = &(*link)->next;
    }
    return link;
}

/* Requires the lock of the connection. */
static struct tote__sqlite_statement **find_statement(struct connection *connection,
                                                      const sqlite3_stmt *statement) {
    struct tote__sqlite_statement **link = &connection->open;

    while (*link && (*link)->statement != statement) {
        link = &(*link)->next;
    }
    return link;
}

static struct tote__sqlite_statement *take_open(struct connection *connection,
                                                const sqlite3_stmt *statement) {
    tote__lock_take(&connection->lock);
    struct tote__sqlite_statement **link = find_statement(connection, statement);
    struct tote__sqlite_statement *taken = *link;
    if (taken) {
        *link = taken->next;
    }
    tote__lock_drop(&connection->lock);
    return taken;
}

static void add_open(struct connection *connection, struct tote__sqlite_statement *added) {
    tote__lock_take(&connection->lock);
    added->next = connection->open;
    connection->open = added;
    tote__lock_drop(&connection->lock);
}

static bool is_open(struct connection *connection, const sqlite3_stmt *statement) {
    tote__lock_take(&connection->lock);
    bool is = *find_statement(connection, statement);
    tote__lock_drop(&connection->lock);
    return is;
}

static struct tote__sqlite_statement *new_statement(struct connection *connection) {
    tote__lock_take(&connection->lock);
    struct tote__sqlite_statement *added = connection->unused;
    bool is_allowed = !added && connection->statement_count < MOST_STATEMENTS;
    if (added) {
        connection->unused = added->next;
    }
    tote__lock_drop(&connection->lock);
    if (is_allowed && (added = tote__allocate(sizeof *added))) {
        connection->statement_count++;
    }
    return added;
}

static void reuse_statement(struct tote__sqlite_statement *ended) {
    struct connection *connection = ended->connection;

    tote__lock_take(&connection->lock);
    ended->next = connection->unused;
    connection->unused = ended;
    tote__lock_drop(&connection->lock);
}

const char *tote__sqlite_skip_space(const char *sql) {
    for (;;) {
        sql += strspn(sql, " \t\n\f\r;");
        if (strncmp(sql, "--", 2) == 0) {
            sql += strcspn(sql, "\n");
        } else if (strncmp(sql, "/*", 2) == 0) {
            const char *end = strstr(sql + 2, "*/");
            sql = end ? end + 2 : "";
        } else {
            return sql;
        }
    }
}

static bool is_command(const char *sql, const char *command) {
    size_t length = strlen(command);

    sql = tote__sqlite_skip_space(sql);
    return strncasecmp(sql, command, length) == 0 && !isalnum((unsigned char)sql[length]) &&
           sql[length] != '_';
}

static tote_database_call call_of(const struct connection *connection, const char *sql,
                                  size_t length) {
    tote_database_call call = TOTE_DATABASE_CALL_INIT;

    call.system = "sqlite";
    call.db_namespace = connection->name_bytes ? connection->name : NULL;
    call.query = sql;
    call.query_length = length;
    return call;
}

static void start_transaction(struct connection *connection, const tote_context *parent) {
    const tote_attribute attributes[] = {{"db.system.name", tote_string("sqlite")},
                                         {"db.namespace", tote_string(connection->name)}};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = parent;
    options.attributes = attributes;
    options.attribute_count = connection->name_bytes ? 2 : 1;
    tote_span *span = tote_tracer_start_span(connection->options.tracer, "transaction", &options);
    tote_context *inside = tote_context_with_span(parent, span);
    tote_context *outside = tote_context_ref(parent);
    tote__lock_take(&connection->lock);
    connection->transaction = span;
    connection->inside = inside;
    connection->outside = outside;
    tote__lock_drop(&connection->lock);
}

static void end_transaction(struct connection *connection, bool is_rollback) {
    tote__lock_take(&connection->lock);
    tote_span *span = connection->transaction;
    tote_context *inside = connection->inside;
    tote_context *outside = connection->outside;
    connection->transaction = NULL;
    connection->inside = NULL;
    connection->outside = NULL;
    tote__lock_drop(&connection->lock);
    tote_span_set_attribute(span, "sqlite.transaction.outcome",
                            tote_string(is_rollback ? "rollback" : "commit"));
    tote_span_close(&span);
    tote_context_unref(inside);
    tote_context_unref(outside);
}

static bool has_transaction(struct connection *connection) {
    tote__lock_take(&connection->lock);
    bool has = connection->transaction;
    tote__lock_drop(&connection->lock);
    return has;
}

/* Return the parent of a statement, with a reference. */
static tote_context *parent_in(struct connection *connection, const tote_context *parent) {
    tote__lock_take(&connection->lock);
    bool is_inside = connection->inside && connection->outside == parent;
    tote_context *context = tote_context_ref(is_inside ? connection->inside : parent);
    tote__lock_drop(&connection->lock);
    return context;
}

static void start_statement(struct connection *connection, sqlite3_stmt *statement,
                            const char *sql) {
    const struct tote__sqlite *sqlite = connection->options.sqlite;
    struct tote__sqlite_statement *started = new_statement(connection);

    if (!started) {
        return;
    }
    const tote_context *parent = connection->options.parent();
    if (!has_transaction(connection) && sqlite->get_autocommit(connection->db) &&
        (is_command(sql, "BEGIN") || is_command(sql, "SAVEPOINT"))) {
        start_transaction(connection, parent);
    }
    tote_database_call call = call_of(connection, sql, strlen(sql));
    call.is_parameterized = sqlite->bind_parameter_count(statement) > 0;
    tote_context *context = parent_in(connection, parent);
    *started = (struct tote__sqlite_statement){
        .connection = connection,
        .statement = statement,
        .span = tote_database_start(connection->options.tracer, context, &call),
        .rolls_back = is_command(sql, "ROLLBACK"),
    };
    tote_context_unref(context);
    add_open(connection, started);
}

static void set_error(struct connection *connection, tote_span *span, int result) {
    const struct tote__sqlite *sqlite = connection->options.sqlite;
    sqlite3_mutex *mutex = sqlite->db_mutex(connection->db);
    char code[16];

    sqlite->mutex_enter(mutex);
    int extended = sqlite->extended_errcode(connection->db);
    bool is_last = (extended & 0xff) == (result & 0xff);
    snprintf(code, sizeof code, "%d", is_last ? extended : result);
    tote_database_set_error(span, code, NULL, is_last ? sqlite->errmsg(connection->db) : NULL);
    sqlite->mutex_leave(mutex);
}

void tote__sqlite_end(struct tote__sqlite_statement *ended, int result) {
    struct connection *connection = ended->connection;
    bool is_error = tote__sqlite_is_error(result);

    tote_database_set_rows(ended->span, ended->rows);
    if (ended->waits) {
        const tote_attribute attributes[] = {
            {"sqlite.busy.wait_count", tote_int((int64_t)ended->waits)},
            {"sqlite.busy.wait_duration", tote_double((double)ended->waited_ns / 1e9)}};
        tote_span_set_attributes(ended->span, attributes, TOTE_COUNT_OF(attributes));
    }
    if (is_error) {
        set_error(connection, ended->span, result);
    }
    tote_span_close(&ended->span);
    if (has_transaction(connection) && connection->options.sqlite->get_autocommit(connection->db)) {
        end_transaction(connection, is_error || ended->rolls_back);
    }
    reuse_statement(ended);
}

void tote__sqlite_fail(sqlite3 *db, const char *sql, size_t length, int result) {
    tote__lock_take(&connections.lock);
    struct connection *connection = *find_connection(db);
    tote__lock_drop(&connections.lock);
    if (!connection) {
        return;
    }
    tote_database_call call = call_of(connection, sql, length);
    tote_context *context = parent_in(connection, connection->options.parent());
    tote_span *span = tote_database_start(connection->options.tracer, context, &call);
    set_error(connection, span, result);
    tote_span_close(&span);
    tote_context_unref(context);
}

/* Advance the text of sqlite3_exec() after a statement of it. */
static void skip_statement(struct tote__sqlite_call *call, const char *sql) {
    const char *command = tote__sqlite_skip_space(sql);
    const char *at = tote__sqlite_skip_space(call->rest);
    size_t length = strlen(command);

    if (strncmp(at, command, length) == 0) {
        call->rest = at + length;
    }
}

/* The text differs from that of the statement in a trigger, and in SQL inside of a function. */
static void on_statement(struct connection *connection, sqlite3_stmt *statement, const char *text) {
    const char *sql = connection->options.sqlite->sql(statement);
    struct tote__sqlite_call *call = tote__sqlite_thread.call;

    if (!sql || (text != sql && strcmp(text, sql) != 0)) {
        return;
    }
    tote__sqlite_thread.db = connection->db;
    tote__sqlite_thread.statement = statement;
    if (call && call->ended && call->ended->connection == connection) {
        struct tote__sqlite_statement *ended = call->ended;
        call->ended = NULL;
        if (call->statement) { /* SQLite prepared the statement again, and starts again */
            add_open(connection, ended);
        } else {
            tote__sqlite_end(ended, SQLITE_OK);
        }
    }
    if (call && !call->statement && call->db == connection->db) {
        skip_statement(call, sql);
    }
    if (!is_open(connection, statement)) {
        start_statement(connection, statement, sql);
    }
}

static void on_end(struct connection *connection, sqlite3_stmt *statement) {
    struct tote__sqlite_statement *ended = take_open(connection, statement);
    struct tote__sqlite_call *call = tote__sqlite_thread.call;

    if (!ended) {
        return;
    }
    if (call && !call->ended &&
        (call->statement ? call->statement == statement : call->db == connection->db)) {
        call->ended = ended;
    } else {
        tote__sqlite_end(ended, SQLITE_OK);
    }
}

static void on_row(struct connection *connection, const sqlite3_stmt *statement) {
    tote__lock_take(&connection->lock);
    struct tote__sqlite_statement *open = *find_statement(connection, statement);
    if (open) {
        open->rows++;
    }
    tote__lock_drop(&connection->lock);
}

void tote__sqlite_report_wait(uint64_t waited_ns) {
    const struct tote__sqlite_call *call = tote__sqlite_thread.call;
    const sqlite3_stmt *statement = tote__sqlite_thread.statement;
    const sqlite3 *db = tote__sqlite_thread.db;

    if (call && call->statement) {
        statement = call->statement;
        db = call->sqlite->db_handle(call->statement);
    }
    tote__lock_take(&connections.lock);
    struct connection *connection = *find_connection(db);
    if (connection) {
        tote__lock_take(&connection->lock);
        struct tote__sqlite_statement *open = *find_statement(connection, statement);
        if (open) {
            open->waits++;
            open->waited_ns += waited_ns;
        }
        tote__lock_drop(&connection->lock);
    }
    tote__lock_drop(&connections.lock);
}

/* sqlite3_trace() passes the text with the values of parameters. */
static void call_trace(const struct tote__sqlite *sqlite, const struct tote__sqlite_user *user,
                       sqlite3_stmt *statement, const char *text) {
    const char *sql = sqlite->sql(statement);
    char *expanded = sql && strcmp(text, sql) == 0 ? sqlite->expanded_sql(statement) : NULL;

    user->trace(user->data, expanded ? expanded : text);
    sqlite->free(expanded);
}

/* Call what the program has registered, as SQLite does. */
static int call_user(const struct tote__sqlite *sqlite, const struct tote__sqlite_user *user,
                     unsigned event, void *subject, void *detail) {
    if (event == SQLITE_TRACE_STMT && (user->flags & TOTE__SQLITE_FLAG_TRACE)) {
        call_trace(sqlite, user, subject, detail);
        return 0;
    }
    if (event == SQLITE_TRACE_PROFILE && user->profile &&
        (user->flags & (SQLITE_TRACE_PROFILE | TOTE__SQLITE_FLAG_PROFILE))) {
        user->profile(user->profile_data, sqlite->sql(subject), *(const sqlite3_uint64 *)detail);
    }
    return user->callback && (user->flags & event)
               ? user->callback(event, user->data, subject, detail)
               : 0;
}

static int on_event(unsigned event, void *data, void *subject, void *detail) {
    struct connection *connection = data;
    int error = errno;

    if (event == SQLITE_TRACE_STMT) {
        on_statement(connection, subject, detail);
    } else if (event == SQLITE_TRACE_PROFILE) {
        on_end(connection, subject);
    } else if (event == SQLITE_TRACE_ROW) {
        on_row(connection, subject);
    }
    tote__lock_take(&connection->lock);
    const struct tote__sqlite_user user = connection->options.user;
    tote__lock_drop(&connection->lock);
    errno = error;
    int result = call_user(connection->options.sqlite, &user, event, subject, detail);
    if (event == SQLITE_TRACE_CLOSE) {
        tote__sqlite_detach(connection->db);
    }
    return result;
}

static int register_callback(struct connection *connection) {
    unsigned mask = EVENTS | (connection->options.user.flags & TOTE__SQLITE_FLAGS_V2);

    return connection->options.sqlite->trace_v2(
        connection->db, tote_database_wants_rows() ? mask | SQLITE_TRACE_ROW : mask, on_event,
        connection);
}

static tote_tracer *own_tracer(void) {
    static _Atomic(tote_tracer *) known;

    return tote__tracer_named(&known, "tote-sqlite");
}

bool tote__sqlite_attach(sqlite3 *db, const struct tote__sqlite_options *options) {
    const char *name = options->sqlite->db_filename(db, "main");
    size_t bytes = name && *name ? strlen(name) + 1 : 0;

    tote__sqlite_detach(db);
    struct connection *connection = tote__allocate_zeroed(sizeof *connection + bytes + 1);
    if (!connection) {
        return false;
    }
    connection->options = *options;
    connection->db = db;
    connection->name_bytes = bytes;
    if (bytes) {
        memcpy(connection->name, name, bytes);
    }
    if (!options->tracer) {
        connection->options.tracer = own_tracer();
    }
    tote__lock_take(&connections.lock);
    connection->next = connections.first;
    connections.first = connection;
    tote__lock_drop(&connections.lock);
    tote__sqlite_watch_sleep(options->sqlite, db);
    return register_callback(connection) == SQLITE_OK;
}

static void free_statements(struct tote__sqlite_statement *first) {
    while (first) {
        struct tote__sqlite_statement *next = first->next;
        tote__release(first, sizeof *first);
        first = next;
    }
}

void tote__sqlite_detach(sqlite3 *db) {
    int error = errno;

    tote__lock_take(&connections.lock);
    struct connection **link = find_connection(db);
    struct connection *removed = *link;
    if (removed) {
        *link = removed->next;
    }
    tote__lock_drop(&connections.lock);
    if (!removed) {
        return;
    }
    removed->options.sqlite->trace_v2(db, 0, NULL, NULL);
    if (removed->options.restore) {
        removed->options.restore(removed->options.sqlite, db, &removed->options.user);
    }
    while (removed->open) {
        tote__sqlite_end(take_open(removed, removed->open->statement), SQLITE_OK);
    }
    if (removed->transaction) {
        end_transaction(removed, true);
    }
    free_statements(removed->unused);
    tote__release(removed, sizeof *removed + removed->name_bytes + 1);
    errno = error;
}

/* A lock that is not free is left: its holder may be what a signal handler that exits interrupted.
 */
void tote__sqlite_end_all(void) {
    if (!tote__lock_try(&connections.lock)) {
        return;
    }
    for (struct connection *at = connections.first; at; at = at->next) {
        if (!tote__lock_try(&at->lock)) {
            continue;
        }
        for (struct tote__sqlite_statement *open = at->open; open; open = open->next) {
            tote_span_end(open->span, 0);
        }
        tote_span_set_attribute(at->transaction, "sqlite.transaction.outcome",
                                tote_string("rollback"));
        tote_span_end(at->transaction, 0);
        tote__lock_drop(&at->lock);
    }
    tote__lock_drop(&connections.lock);
}

bool tote__sqlite_get_user(sqlite3 *db, struct tote__sqlite_user *user) {
    tote__lock_take(&connections.lock);
    struct connection *connection = *find_connection(db);
    if (connection) {
        *user = connection->options.user;
    }
    tote__lock_drop(&connections.lock);
    return connection;
}

int tote__sqlite_set_user(sqlite3 *db, const struct tote__sqlite_user *user) {
    tote__lock_take(&connections.lock);
    struct connection *connection = *find_connection(db);
    if (connection) {
        tote__lock_take(&connection->lock);
        connection->options.user = *user;
        tote__lock_drop(&connection->lock);
    }
    tote__lock_drop(&connections.lock);
    return connection ? register_callback(connection) : SQLITE_MISUSE;
}
