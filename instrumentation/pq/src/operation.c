/* SPDX-License-Identifier: MIT */
/*
 * operation.c - the spans of a connection
 *
 * Results arrive in the order of the commands, so the operations of a connection are a queue. There
 * is more than one only in pipeline mode, where libpq returns PGRES_PIPELINE_SYNC between the
 * results of two batches.
 *
 * Invariant: the synchronization points that libpq will still return are connection->syncs, then,
 * for each operation in order, operation->syncs. Commands that are not traced only count there.
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include <stdlib.h>
#include <string.h>

#include "pq_parts.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"
#include "tote/internal/tracer.h"

enum {
    MAX_OPERATIONS = 64,
    MAX_READ = 4 * TOTE_DATABASE_MAX_TEXT, /* of a text, as tote_database_start() */
    TUPLES_CHUNK = 12                      /* PGRES_TUPLES_CHUNK of libpq 17 */
};

tote_tracer *tote__pq_tracer(void) {
    static _Atomic(tote_tracer *) known;

    return tote__tracer_named(&known, "tote-pq");
}

bool tote__pq_is_pipeline(const struct tote__pq_connection *connection) {
    return connection->pq->pipeline_status(connection->conn) != PQ_PIPELINE_OFF;
}

/*
 * Return the text as far as it is recorded. Without standard_conforming_strings a backslash can
 * escape a quote in any literal: then only parameterized text is recorded.
 */
static const char *recorded_text(const struct tote__pq_connection *connection,
                                 const struct tote__pq_command *command) {
    const char *value;

    if (!command->text || command->is_parameterized) {
        return command->text;
    }
    value = connection->pq->parameter_status(connection->conn, "standard_conforming_strings");
    return value && strcmp(value, "on") == 0 ? command->text : NULL;
}

static tote_database_call describe(const struct tote__pq_connection *connection,
                                   const struct tote__pq_command *command) {
    tote_database_call call = TOTE_DATABASE_CALL_INIT;

    call.system = "postgresql";
    call.db_namespace = connection->namespace_;
    call.server_address = connection->server_address;
    call.server_port = connection->port;
    call.peer_address = connection->peer_address;
    call.peer_port = connection->port;
    call.operation = command->operation;
    call.summary_prefix = command->operation;
    call.is_parameterized = command->is_parameterized;
    call.query = recorded_text(connection, command);
    call.query_length = call.query ? strnlen(call.query, MAX_READ) : 0;
    return call;
}

struct tote__pq_operation *tote__pq_operation_new(struct tote__pq_connection *connection,
                                                  const struct tote__pq_command *command,
                                                  const tote_context *parent) {
    struct tote__pq_operation *operation = NULL;

    if (connection->operations < MAX_OPERATIONS) {
        operation = tote__allocate_zeroed(sizeof *operation);
    }
    if (!operation) {
        return NULL;
    }
    const tote_database_call call = describe(connection, command);
    operation->is_pipeline = tote__pq_is_pipeline(connection);
    if (operation->is_pipeline) {
        operation->span = tote__pq_batch_start(&operation->batch, tote__pq_tracer(), parent, &call);
    } else {
        operation->span = tote_database_start(tote__pq_tracer(), parent, &call);
    }
    if (connection->pq->begun) {
        connection->pq->begun(operation);
    }
    return operation;
}

void tote__pq_operation_add(const struct tote__pq_connection *connection,
                            struct tote__pq_operation *operation,
                            const struct tote__pq_command *command) {
    if (operation->batch) {
        const tote_database_call call = describe(connection, command);
        tote__pq_batch_add(operation->batch, &call);
    }
}

void tote__pq_operation_append(struct tote__pq_connection *connection,
                               struct tote__pq_operation *operation) {
    if (connection->last) {
        connection->last->next = operation;
    } else {
        connection->first = operation;
    }
    connection->last = operation;
    connection->operations++;
}

struct tote__pq_operation *tote__pq_operation_open(const struct tote__pq_connection *connection) {
    struct tote__pq_operation *last = connection->last;

    return last && last->is_pipeline && !last->syncs ? last : NULL;
}

void tote__pq_operation_fail(struct tote__pq_connection *connection,
                             struct tote__pq_operation *operation, const PGresult *result) {
    const struct tote__pq *pq = connection->pq;
    const char *code = pq->result_error_field(result, PG_DIAG_SQLSTATE);
    const char *message = pq->result_error_field(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *type = code;

    if (operation->has_failed) { /* the commands behind it are aborted */
        return;
    }
    operation->has_failed = true;
    if (!type) {
        type = pq->status(connection->conn) == CONNECTION_BAD
                   ? "CONNECTION_BAD"
                   : pq->res_status(pq->result_status(result));
    }
    if (!message) { /* of libpq itself */
        message = result ? pq->result_error_message(result) : pq->error_message(connection->conn);
    }
    tote_database_set_error(operation->span, code, type, message);
}

void tote__pq_operation_end(const struct tote__pq_connection *connection,
                            struct tote__pq_operation *operation, uint64_t end_unix_nano) {
    if (connection->pq->ended) {
        connection->pq->ended(operation);
    }
    if (operation->has_rows) {
        tote_database_set_rows(operation->span, operation->rows);
    }
    tote__pq_batch_end(operation->batch, operation->span);
    tote_span_end(operation->span, end_unix_nano);
    tote_span_unref(operation->span);
    tote__release(operation, sizeof *operation);
}

static struct tote__pq_operation *take_first(struct tote__pq_connection *connection) {
    struct tote__pq_operation *first = connection->first;

    if (first) {
        connection->first = first->next;
        connection->last = first->next ? connection->last : NULL;
        connection->operations--;
    }
    return first;
}

void tote__pq_operation_end_first(struct tote__pq_connection *connection) {
    struct tote__pq_operation *first = take_first(connection);

    if (first) {
        tote__pq_operation_end(connection, first, 0);
    }
}

void tote__pq_operations_end(struct tote__pq_connection *connection, const char *cause) {
    struct tote__pq_operation *operation;

    while ((operation = take_first(connection))) {
        if (cause && !operation->end_unix_nano) {
            tote_database_set_error(operation->span, NULL, cause, NULL);
        }
        tote__pq_operation_end(connection, operation, operation->end_unix_nano);
    }
    connection->syncs = 0;
}

/* Count rows, and the time of a complete result. */
static void count_rows(struct tote__pq_operation *operation, uint64_t rows, bool is_complete) {
    operation->has_rows = true;
    operation->rows += rows;
    if (is_complete) {
        operation->end_unix_nano = tote__clock_realtime();
    }
}

/* The results before a synchronization point have been received. */
static void reach_sync(struct tote__pq_connection *connection) {
    struct tote__pq_operation *first = connection->first;

    if (connection->syncs) {
        connection->syncs--;
    } else if (first && first->is_pipeline && first->syncs) {
        connection->syncs = first->syncs - 1;
        tote__pq_operation_end_first(connection);
    }
}

static void receive(struct tote__pq_connection *connection, struct tote__pq_operation *operation,
                    const PGresult *result) {
    const struct tote__pq *pq = connection->pq;

    switch ((int)pq->result_status(result)) {
    case PGRES_SINGLE_TUPLE:
    case TUPLES_CHUNK:
        count_rows(operation, (uint64_t)pq->ntuples(result), false);
        break;
    case PGRES_TUPLES_OK:
        count_rows(operation, (uint64_t)pq->ntuples(result), true);
        break;
    case PGRES_COPY_OUT:
        operation->is_copied_out = true;
        break;
    case PGRES_COMMAND_OK:
        if (operation->is_copied_out) {
            count_rows(operation, strtoull(pq->cmd_tuples((PGresult *)result), NULL, 10), true);
        }
        operation->end_unix_nano = tote__clock_realtime();
        break;
    case PGRES_EMPTY_QUERY:
        operation->end_unix_nano = tote__clock_realtime();
        break;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        operation->end_unix_nano = tote__clock_realtime();
        tote__pq_operation_fail(connection, operation, result);
        break;
    default: /* COPY goes on, or a command of the pipeline was not executed */
        break;
    }
}

void tote__pq_operation_result(struct tote__pq_connection *connection, const PGresult *result) {
    if (connection->pq->result_status(result) == PGRES_PIPELINE_SYNC) {
        reach_sync(connection);
    } else if (connection->first && !connection->first->is_late && !connection->syncs) {
        receive(connection, connection->first, result);
    }
}

void tote__pq_operation_sync(struct tote__pq_connection *connection) {
    if (connection->last && connection->last->is_pipeline) {
        connection->last->syncs++;
    } else {
        connection->syncs++;
    }
}
