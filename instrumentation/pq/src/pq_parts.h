/* SPDX-License-Identifier: MIT */
/*
 * pq_parts.h - what the files of the libpq instrumentation share
 *
 * libtote-pq and tote-preload-pq.so have the same rules: calls.c decides which call starts and ends
 * a span. The libraries differ in where the functions of libpq are, and in the parent of spans.
 */
#ifndef TOTE_PQ_PARTS_H
#define TOTE_PQ_PARTS_H

#include <libpq-events.h>
#include <libpq-fe.h>
#include <stdatomic.h>

#include "tote/instrumentation/database.h"

/*
 * The calls that are traced: X(type, name in libpq, name, parameters, arguments). The wrappers, the
 * interposed functions and the table of functions are made of it.
 */
#define TOTE__PQ_STATEMENT_PARAMETERS                                                              \
    (PGconn * conn, const char *name, const char *query, int count, const Oid *types)
#define TOTE__PQ_STATEMENT_ARGUMENTS (conn, name, query, count, types)
#define TOTE__PQ_QUERY_PARAMETERS                                                                  \
    (PGconn * conn, const char *query, int count, const Oid *types, const char *const *values,     \
     const int *lengths, const int *formats, int format)
#define TOTE__PQ_QUERY_ARGUMENTS (conn, query, count, types, values, lengths, formats, format)
#define TOTE__PQ_EXECUTE_PARAMETERS                                                                \
    (PGconn * conn, const char *name, int count, const char *const *values, const int *lengths,    \
     const int *formats, int format)
#define TOTE__PQ_EXECUTE_ARGUMENTS (conn, name, count, values, lengths, formats, format)
#define TOTE__PQ_NAME_PARAMETERS (PGconn * conn, const char *name)
#define TOTE__PQ_NAME_ARGUMENTS (conn, name)
#define TOTE__PQ_TEXT_PARAMETERS (PGconn * conn, const char *query)
#define TOTE__PQ_TEXT_ARGUMENTS (conn, query)

/* Calls that send a command: they start a span, and the first six end it. */
#define TOTE__PQ_COMMANDS(X)                                                                       \
    X(PGresult *, PQexec, exec, TOTE__PQ_TEXT_PARAMETERS, TOTE__PQ_TEXT_ARGUMENTS)                 \
    X(PGresult *, PQexecParams, exec_params, TOTE__PQ_QUERY_PARAMETERS, TOTE__PQ_QUERY_ARGUMENTS)  \
    X(PGresult *, PQexecPrepared, exec_prepared, TOTE__PQ_EXECUTE_PARAMETERS,                      \
      TOTE__PQ_EXECUTE_ARGUMENTS)                                                                  \
    X(PGresult *, PQprepare, prepare, TOTE__PQ_STATEMENT_PARAMETERS, TOTE__PQ_STATEMENT_ARGUMENTS) \
    X(PGresult *, PQdescribePrepared, describe_prepared, TOTE__PQ_NAME_PARAMETERS,                 \
      TOTE__PQ_NAME_ARGUMENTS)                                                                     \
    X(PGresult *, PQdescribePortal, describe_portal, TOTE__PQ_NAME_PARAMETERS,                     \
      TOTE__PQ_NAME_ARGUMENTS)                                                                     \
    X(int, PQsendQuery, send_query, TOTE__PQ_TEXT_PARAMETERS, TOTE__PQ_TEXT_ARGUMENTS)             \
    X(int, PQsendQueryParams, send_query_params, TOTE__PQ_QUERY_PARAMETERS,                        \
      TOTE__PQ_QUERY_ARGUMENTS)                                                                    \
    X(int, PQsendQueryPrepared, send_query_prepared, TOTE__PQ_EXECUTE_PARAMETERS,                  \
      TOTE__PQ_EXECUTE_ARGUMENTS)                                                                  \
    X(int, PQsendPrepare, send_prepare, TOTE__PQ_STATEMENT_PARAMETERS,                             \
      TOTE__PQ_STATEMENT_ARGUMENTS)                                                                \
    X(int, PQsendDescribePrepared, send_describe_prepared, TOTE__PQ_NAME_PARAMETERS,               \
      TOTE__PQ_NAME_ARGUMENTS)                                                                     \
    X(int, PQsendDescribePortal, send_describe_portal, TOTE__PQ_NAME_PARAMETERS,                   \
      TOTE__PQ_NAME_ARGUMENTS)

/* Calls that end a span, or that may receive a notice. */
#define TOTE__PQ_RESULTS(X)                                                                        \
    X(PGresult *, PQgetResult, get_result, (PGconn * conn), (conn))                                \
    X(int, PQisBusy, is_busy, (PGconn * conn), (conn))                                             \
    X(int, PQpipelineSync, pipeline_sync, (PGconn * conn), (conn))                                 \
    X(int, PQputCopyData, put_copy_data, (PGconn * conn, const char *buffer, int size),            \
      (conn, buffer, size))                                                                        \
    X(int, PQputCopyEnd, put_copy_end, (PGconn * conn, const char *message), (conn, message))      \
    X(int, PQgetCopyData, get_copy_data, (PGconn * conn, char **buffer, int is_async),             \
      (conn, buffer, is_async))                                                                    \
    X(int, PQendcopy, endcopy, (PGconn * conn), (conn))

#define TOTE__PQ_CALLS(X) TOTE__PQ_COMMANDS(X) TOTE__PQ_RESULTS(X)

/* Functions that the rules call. */
#define TOTE__PQ_REQUIRED(X)                                                                       \
    X(PQregisterEventProc, register_event_proc)                                                    \
    X(PQinstanceData, instance_data)                                                               \
    X(PQsetInstanceData, set_instance_data)                                                        \
    X(PQsetNoticeReceiver, set_notice_receiver)                                                    \
    X(PQconnectStart, connect_start)                                                               \
    X(PQfinish, finish)                                                                            \
    X(PQdb, db)                                                                                    \
    X(PQhost, host)                                                                                \
    X(PQhostaddr, hostaddr)                                                                        \
    X(PQport, port)                                                                                \
    X(PQoptions, options)                                                                          \
    X(PQparameterStatus, parameter_status)                                                         \
    X(PQstatus, status)                                                                            \
    X(PQtransactionStatus, transaction_status)                                                     \
    X(PQpipelineStatus, pipeline_status)                                                           \
    X(PQerrorMessage, error_message)                                                               \
    X(PQresultStatus, result_status)                                                               \
    X(PQresStatus, res_status)                                                                     \
    X(PQresultErrorField, result_error_field)                                                      \
    X(PQresultErrorMessage, result_error_message)                                                  \
    X(PQntuples, ntuples)                                                                          \
    X(PQcmdTuples, cmd_tuples)

#define TOTE__PQ_CALL_FIELD(type, pq_name, name, parameters, arguments)                            \
    __typeof__ (&(pq_name))(name);
#define TOTE__PQ_FIELD(pq_name, name) __typeof__ (&(pq_name))(name);

struct tote__pq_operation;

/*
 * A libpq. A connection belongs to the libpq that created it, and a process may have several: the
 * one that libtote-pq is linked with, and those that tote-preload-pq.so finds. Never freed.
 */
struct tote__pq {
    TOTE__PQ_CALLS(TOTE__PQ_CALL_FIELD)
    TOTE__PQ_REQUIRED(TOTE__PQ_FIELD)
    const tote_context *(*parent)(void); /* of the next span */

    /* For an exit of the process: an operation has begun, and its span will be ended; or NULL. */
    void (*begun)(const struct tote__pq_operation *operation);
    void (*ended)(const struct tote__pq_operation *operation);
};

/* calls.c: call the function of libpq, and trace it. */
#define TOTE__PQ_DECLARE(type, pq_name, name, parameters, arguments)                               \
    type tote__pq_##name(struct tote__pq *pq, TOTE__PQ_UNPACK parameters);
#define TOTE__PQ_UNPACK(...) __VA_ARGS__
TOTE__PQ_CALLS(TOTE__PQ_DECLARE)

/* statements.c: the texts of the prepared statements of a connection, the last used first. */
struct tote__pq_statement {
    struct tote__pq_statement *next;
    uint64_t hash; /* of the name */
    size_t name_length, text_length;
    char name[]; /* NUL, text, NUL */
};

struct tote__pq_statements {
    struct tote__pq_statement *first;
    size_t count, bytes;
};

/* Remember the text of a statement. If out of memory, or if the text is long, forget the name. */
void tote__pq_statement_add(struct tote__pq_statements *statements, const char *name,
                            const char *text);

/* Return the text; NULL: unknown. */
const char *tote__pq_statement_text(struct tote__pq_statements *statements, const char *name);
void tote__pq_statements_clear(struct tote__pq_statements *statements);

/*
 * operation.c: a span from a command to its last result. In pipeline mode it has all commands up to
 * a synchronization point: a batch.
 */
struct tote__pq_operation {
    struct tote__pq_operation *next;
    tote_span *span;
    size_t syncs; /* synchronization points behind its commands; only the first one is its own */
    bool is_pipeline;
    bool is_late;       /* libpq first discards results of an earlier command */
    bool has_failed;    /* the span has an error */
    bool has_rows;      /* a result can contain rows */
    bool is_copied_out; /* the result of the command counts the rows */
    unsigned notices;
    uint64_t rows;
    uint64_t end_unix_nano;       /* when the last complete result was received; 0: there is none */
    struct tote__pq_batch *batch; /* of a recorded operation in pipeline mode, or NULL */
};

/* connection.c: what is known about a connection. It is attached to it as instance data. */
struct tote__pq_connection {
    struct tote__pq *pq;
    PGconn *conn;
    struct tote__pq_operation *first; /* gets the next results, if `syncs` is 0 */
    struct tote__pq_operation *last;
    size_t operations;
    size_t syncs; /* synchronization points before the results of `first` */
    struct tote__pq_statements statements;
    char *namespace_; /* one block of memory with the addresses */
    size_t block_size;
    const char *server_address;
    const char *peer_address; /* NULL: unknown */
    uint16_t port;            /* 0: a Unix socket */
};

/* Return the state of a connection; NULL if none is attached. */
struct tote__pq_connection *tote__pq_connection_find(const struct tote__pq *pq, const PGconn *conn);

/* Return the state of a connection, and attach it if necessary. Returns NULL if out of memory. */
struct tote__pq_connection *tote__pq_connection_of(struct tote__pq *pq, PGconn *conn);

/* A command as the program sends it. */
struct tote__pq_command {
    const char *text;      /* NULL: unknown */
    const char *operation; /* of a command without a query, for example "DESCRIBE"; or NULL */
    bool is_parameterized; /* the text has placeholders for all values */
    bool is_prepared;      /* the server keeps the text */
    bool is_synchronous;
};

tote_tracer *tote__pq_tracer(void);
bool tote__pq_is_pipeline(const struct tote__pq_connection *connection);

/* Return an operation that is not in the list; NULL if out of memory. */
struct tote__pq_operation *tote__pq_operation_new(struct tote__pq_connection *connection,
                                                  const struct tote__pq_command *command,
                                                  const tote_context *parent);
void tote__pq_operation_append(struct tote__pq_connection *connection,
                               struct tote__pq_operation *operation);

/* Return the operation that a command of the pipeline belongs to; NULL: a new one. */
struct tote__pq_operation *tote__pq_operation_open(const struct tote__pq_connection *connection);

/* Add a command to the operation that is open. */
void tote__pq_operation_add(const struct tote__pq_connection *connection,
                            struct tote__pq_operation *operation,
                            const struct tote__pq_command *command);

/* Make the span an error; `result` NULL: the error of the connection. */
void tote__pq_operation_fail(struct tote__pq_connection *connection,
                             struct tote__pq_operation *operation, const PGresult *result);

/* End the span, and free the operation, which is not in the list. */
void tote__pq_operation_end(const struct tote__pq_connection *connection,
                            struct tote__pq_operation *operation, uint64_t end_unix_nano);

/* End the operation that is first. */
void tote__pq_operation_end_first(struct tote__pq_connection *connection);

/*
 * End all operations. `cause` is the error of those whose results were not received; NULL: the
 * program has discarded the results, which is no error.
 */
void tote__pq_operations_end(struct tote__pq_connection *connection, const char *cause);

/*
 * batch.c: what several commands have in common. NULL is a no-op. The span starts with the first
 * command, `call`. Sets `*batch`, to NULL if the span is not recording or if out of memory.
 */
tote_span *tote__pq_batch_start(struct tote__pq_batch **batch, tote_tracer *tracer,
                                const tote_context *parent, const tote_database_call *call);
void tote__pq_batch_add(struct tote__pq_batch *batch, const tote_database_call *call);

/* Set what the span of several commands has instead of that of the first one. Frees the batch. */
void tote__pq_batch_end(struct tote__pq_batch *batch, tote_span *span);

/* Count the result. Called for each result that libpq has made. */
void tote__pq_operation_result(struct tote__pq_connection *connection, const PGresult *result);

/* A synchronization point was sent. */
void tote__pq_operation_sync(struct tote__pq_connection *connection);

/*
 * notices.c: notices become events of the operation that gets results. Notices are received in a
 * call of libpq: tell for which connection. Returns the connection of the call around it.
 */
struct tote__pq_connection *tote__pq_notices_enter(struct tote__pq_connection *connection);
void tote__pq_notices_leave(struct tote__pq_connection *outer);
void tote__pq_notices_attach(struct tote__pq *pq, PGconn *conn);

#endif
