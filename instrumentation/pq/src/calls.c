/* SPDX-License-Identifier: MIT */
/*
 * calls.c - which call starts a span, and which one ends it
 *
 *   command                        starts with the call     ends
 *   PQexec() and the like          before                   at its return, unless COPY begins
 *   PQsend...()                    before                   when PQgetResult() returns NULL, or
 *                                                           the error of a lost connection
 *   COPY                           -                        the same, or at PQendcopy()
 *   replication (COPY BOTH)        -                        when it begins
 *   in pipeline mode               before the first one     at the result PGRES_PIPELINE_SYNC
 *
 * An operation whose results the program does not take ends before the next command, or with the
 * connection. Each function calls libpq once, with the arguments of the program, except that a
 * comment is appended to a text if the user wants that. errno is that of libpq.
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include <errno.h>
#include <string.h>

#include "pq_parts.h"
#include "tote/internal/memory.h"

enum { MAX_COMMENTED = 1024 * 1024 };

/* A call that sends a command. */
struct call {
    struct tote__pq_connection *connection; /* NULL: not traced */
    struct tote__pq_connection *outer;
    struct tote__pq_operation *operation; /* NULL: no span */
    bool is_listed;                       /* the operation is in the list of the connection */
    const char *text;                     /* to send */
    char *commented;                      /* NULL: the text of the program */
    size_t size;
};

/* Append a comment with the context of the operation. */
static void comment(struct call *call, const tote_context *parent) {
    size_t length = call->text ? strnlen(call->text, MAX_COMMENTED) : 0;

    if (!length || length == MAX_COMMENTED || !tote_database_wants_comment()) {
        return;
    }
    call->size = length + TOTE_DATABASE_COMMENT_BYTES;
    call->commented = tote__allocate(call->size);
    if (!call->commented) {
        return;
    }
    tote_context *context = tote_context_with_span(
        parent == TOTE_CONTEXT_CURRENT ? tote_context_current() : parent, call->operation->span);
    if (tote_database_inject_comment(call->commented, call->size, "postgresql", call->text, length,
                                     context)) {
        call->text = call->commented;
    }
    tote_context_unref(context);
}

/* Find or make the operation of the command. */
static void begin_operation(struct call *call, const struct tote__pq_command *command,
                            const tote_context *parent) {
    struct tote__pq_connection *connection = call->connection;
    bool is_pipeline = tote__pq_is_pipeline(connection);

    call->operation = is_pipeline ? tote__pq_operation_open(connection) : NULL;
    if (call->operation && !command->is_synchronous) {
        tote__pq_operation_add(connection, call->operation, command);
        call->is_listed = true;
        return;
    }
    call->operation = tote__pq_operation_new(connection, command, parent);
    if (call->operation && command->is_synchronous && !is_pipeline) {
        call->operation->is_late = connection->first != NULL;
        tote__pq_operations_end(connection, NULL);
        tote__pq_operation_append(connection, call->operation);
        call->is_listed = true;
    }
}

static void begin(struct call *call, struct tote__pq *pq, PGconn *conn,
                  const struct tote__pq_command *command) {
    int saved = errno;
    const tote_context *parent = pq->parent();

    *call = (struct call){.text = command->text};
    if (tote_tracer_is_enabled(tote__pq_tracer(), NULL)) {
        call->connection = tote__pq_connection_of(pq, conn);
    }
    if (call->connection) {
        begin_operation(call, command, parent);
        if (call->operation && !command->is_prepared && !command->operation) {
            comment(call, parent);
        }
        call->outer = tote__pq_notices_enter(call->connection);
    }
    errno = saved;
}

/* Note that libpq has made the call. */
static void leave(struct call *call, bool has_succeeded) {
    tote__pq_notices_leave(call->outer);
    tote__release(call->commented, call->commented ? call->size : 0);
    if (call->operation && !has_succeeded) {
        tote__pq_operation_fail(call->connection, call->operation, NULL);
    }
}

/* The program has yet to send or to take the data of COPY. */
static bool is_copying(const struct tote__pq *pq, const PGresult *result) {
    ExecStatusType status = pq->result_status(result);

    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT;
}

/* End a call that returns the last result of the command. */
static PGresult *end(struct call *call, PGresult *result) {
    struct tote__pq_connection *connection = call->connection;
    int saved = errno;

    if (!connection) {
        return result;
    }
    leave(call, result != NULL);
    if (call->operation && !call->is_listed) { /* not allowed in pipeline mode */
        tote__pq_operation_end(connection, call->operation, 0);
    } else if (call->operation) {
        if (call->operation->is_late && result) {
            call->operation->is_late = false;
            tote__pq_operation_result(connection, result);
        }
        if (!is_copying(connection->pq, result)) {
            tote__pq_operation_end_first(connection);
        }
    }
    errno = saved;
    return result;
}

/* End a call that only sends the command. */
static int end_sending(struct call *call, int is_sent) {
    struct tote__pq_connection *connection = call->connection;
    int saved = errno;

    if (!connection) {
        return is_sent;
    }
    leave(call, is_sent);
    if (call->operation && !call->is_listed && !is_sent) {
        tote__pq_operation_end(connection, call->operation, 0);
    } else if (call->operation && !call->is_listed) {
        if (!call->operation->is_pipeline) {
            tote__pq_operations_end(connection, NULL);
        }
        tote__pq_operation_append(connection, call->operation);
    }
    errno = saved;
    return is_sent;
}

static struct tote__pq_command query_command(const char *query, int count, bool is_synchronous) {
    return (struct tote__pq_command){
        .text = query, .is_parameterized = count > 0, .is_synchronous = is_synchronous};
}

static struct tote__pq_command prepare_command(const char *query, int count, bool is_synchronous) {
    return (struct tote__pq_command){.text = query,
                                     .operation = "PREPARE",
                                     .is_parameterized = count > 0,
                                     .is_prepared = true,
                                     .is_synchronous = is_synchronous};
}

static const struct tote__pq_command describe_command = {.operation = "DESCRIBE"};
static const struct tote__pq_command describe_now_command = {.operation = "DESCRIBE",
                                                             .is_synchronous = true};

/* Remember the text of a statement that is prepared. */
static void remember(const struct call *call, const char *name, const char *query) {
    int saved = errno;

    if (call->connection && name && query) {
        tote__pq_statement_add(&call->connection->statements, name, query);
    }
    errno = saved;
}

static struct tote__pq_command execute_command(const struct tote__pq *pq, PGconn *conn,
                                               const char *name, int count, bool is_synchronous) {
    struct tote__pq_connection *connection = tote__pq_connection_find(pq, conn);

    return (struct tote__pq_command){
        .text = connection && name ? tote__pq_statement_text(&connection->statements, name) : NULL,
        .is_parameterized = count > 0,
        .is_prepared = true,
        .is_synchronous = is_synchronous};
}

PGresult *tote__pq_exec(struct tote__pq *pq, PGconn *conn, const char *query) {
    struct tote__pq_command command = query_command(query, 0, true);
    struct call call;

    begin(&call, pq, conn, &command);
    return end(&call, pq->exec(conn, call.text));
}

PGresult *tote__pq_exec_params(struct tote__pq *pq, PGconn *conn, const char *query, int count,
                               const Oid *types, const char *const *values, const int *lengths,
                               const int *formats, int format) {
    struct tote__pq_command command = query_command(query, count, true);
    struct call call;

    begin(&call, pq, conn, &command);
    return end(&call,
               pq->exec_params(conn, call.text, count, types, values, lengths, formats, format));
}

PGresult *tote__pq_exec_prepared(struct tote__pq *pq, PGconn *conn, const char *name, int count,
                                 const char *const *values, const int *lengths, const int *formats,
                                 int format) {
    struct tote__pq_command command = execute_command(pq, conn, name, count, true);
    struct call call;

    begin(&call, pq, conn, &command);
    return end(&call, pq->exec_prepared(conn, name, count, values, lengths, formats, format));
}

PGresult *tote__pq_prepare(struct tote__pq *pq, PGconn *conn, const char *name, const char *query,
                           int count, const Oid *types) {
    struct tote__pq_command command = prepare_command(query, count, true);
    struct call call;

    begin(&call, pq, conn, &command);
    remember(&call, name, query);
    return end(&call, pq->prepare(conn, name, query, count, types));
}

PGresult *tote__pq_describe_prepared(struct tote__pq *pq, PGconn *conn, const char *name) {
    struct call call;

    begin(&call, pq, conn, &describe_now_command);
    return end(&call, pq->describe_prepared(conn, name));
}

PGresult *tote__pq_describe_portal(struct tote__pq *pq, PGconn *conn, const char *name) {
    struct call call;

    begin(&call, pq, conn, &describe_now_command);
    return end(&call, pq->describe_portal(conn, name));
}

int tote__pq_send_query(struct tote__pq *pq, PGconn *conn, const char *query) {
    struct tote__pq_command command = query_command(query, 0, false);
    struct call call;

    begin(&call, pq, conn, &command);
    return end_sending(&call, pq->send_query(conn, call.text));
}

int tote__pq_send_query_params(struct tote__pq *pq, PGconn *conn, const char *query, int count,
                               const Oid *types, const char *const *values, const int *lengths,
                               const int *formats, int format) {
    struct tote__pq_command command = query_command(query, count, false);
    struct call call;

    begin(&call, pq, conn, &command);
    return end_sending(&call, pq->send_query_params(conn, call.text, count, types, values, lengths,
                                                    formats, format));
}

int tote__pq_send_query_prepared(struct tote__pq *pq, PGconn *conn, const char *name, int count,
                                 const char *const *values, const int *lengths, const int *formats,
                                 int format) {
    struct tote__pq_command command = execute_command(pq, conn, name, count, false);
    struct call call;

    begin(&call, pq, conn, &command);
    return end_sending(
        &call, pq->send_query_prepared(conn, name, count, values, lengths, formats, format));
}

int tote__pq_send_prepare(struct tote__pq *pq, PGconn *conn, const char *name, const char *query,
                          int count, const Oid *types) {
    struct tote__pq_command command = prepare_command(query, count, false);
    struct call call;

    begin(&call, pq, conn, &command);
    remember(&call, name, query);
    return end_sending(&call, pq->send_prepare(conn, name, query, count, types));
}

int tote__pq_send_describe_prepared(struct tote__pq *pq, PGconn *conn, const char *name) {
    struct call call;

    begin(&call, pq, conn, &describe_command);
    return end_sending(&call, pq->send_describe_prepared(conn, name));
}

int tote__pq_send_describe_portal(struct tote__pq *pq, PGconn *conn, const char *name) {
    struct call call;

    begin(&call, pq, conn, &describe_command);
    return end_sending(&call, pq->send_describe_portal(conn, name));
}

/* A call that sends no command. Returns NULL if nothing of the connection is traced. */
static struct tote__pq_connection *enter(struct tote__pq *pq, PGconn *conn,
                                         struct tote__pq_connection **outer) {
    struct tote__pq_connection *connection = tote__pq_connection_find(pq, conn);

    *outer = tote__pq_notices_enter(connection);
    return connection;
}

/* Whether the command has no more results, or none that the program would wait for. */
static bool is_last(const struct tote__pq_connection *connection, const PGresult *result) {
    const struct tote__pq *pq = connection->pq;

    if (!result) {
        return !tote__pq_is_pipeline(connection);
    }
    return pq->result_status(result) == PGRES_COPY_BOTH ||
           pq->status(connection->conn) == CONNECTION_BAD;
}

PGresult *tote__pq_get_result(struct tote__pq *pq, PGconn *conn) {
    struct tote__pq_connection *outer;
    struct tote__pq_connection *connection = enter(pq, conn, &outer);
    PGresult *result = pq->get_result(conn);
    int saved = errno;

    tote__pq_notices_leave(outer);
    if (connection && is_last(connection, result)) {
        tote__pq_operation_end_first(connection);
    }
    errno = saved;
    return result;
}

int tote__pq_pipeline_sync(struct tote__pq *pq, PGconn *conn) {
    struct tote__pq_connection *outer;
    struct tote__pq_connection *connection = enter(pq, conn, &outer);
    int is_sent = pq->pipeline_sync(conn);

    tote__pq_notices_leave(outer);
    if (connection && is_sent) {
        tote__pq_operation_sync(connection);
    }
    return is_sent;
}

int tote__pq_endcopy(struct tote__pq *pq, PGconn *conn) {
    struct tote__pq_connection *outer;
    struct tote__pq_connection *connection = enter(pq, conn, &outer);
    int has_failed = pq->endcopy(conn);
    int saved = errno;

    tote__pq_notices_leave(outer);
    if (connection && pq->transaction_status(conn) != PQTRANS_ACTIVE) {
        tote__pq_operation_end_first(connection);
    }
    errno = saved;
    return has_failed;
}

int tote__pq_is_busy(struct tote__pq *pq, PGconn *conn) {
    struct tote__pq_connection *outer;

    enter(pq, conn, &outer);
    int is_busy = pq->is_busy(conn);
    tote__pq_notices_leave(outer);
    return is_busy;
}

int tote__pq_put_copy_data(struct tote__pq *pq, PGconn *conn, const char *buffer, int size) {
    struct tote__pq_connection *outer;

    enter(pq, conn, &outer);
    int result = pq->put_copy_data(conn, buffer, size);
    tote__pq_notices_leave(outer);
    return result;
}

int tote__pq_put_copy_end(struct tote__pq *pq, PGconn *conn, const char *message) {
    struct tote__pq_connection *outer;

    enter(pq, conn, &outer);
    int result = pq->put_copy_end(conn, message);
    tote__pq_notices_leave(outer);
    return result;
}

int tote__pq_get_copy_data(struct tote__pq *pq, PGconn *conn, char **buffer, int is_async) {
    struct tote__pq_connection *outer;

    enter(pq, conn, &outer);
    int result = pq->get_copy_data(conn, buffer, is_async);
    tote__pq_notices_leave(outer);
    return result;
}
