/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/database.h
 * Names, attributes and errors of spans of database clients, and the rules for SQL text: sanitized
 * text, summaries and comments that propagate the context. For example for a wrapper of a client
 * library. See docs/databases.md. Spec: semantic-conventions database-spans.md
 *
 *     tote_database_call call = TOTE_DATABASE_CALL_INIT;
 *     call.system = "postgresql";
 *     call.db_namespace = "shop";
 *     call.query = "SELECT name FROM customers WHERE id = 7";
 *     call.query_length = strlen(call.query);
 *     tote_span *span = tote_database_start(tracer, TOTE_CONTEXT_CURRENT, &call);
 *     if (!run_query(call.query)) {
 *         tote_database_set_error(span, "42P01", NULL, "relation \"customers\" does not exist");
 *     }
 *     tote_span_close(&span);
 *
 * A text and its length are passed together. The text needs no NUL, and may be hostile. `system` is
 * a value of db.system.name. It selects the dialect: postgresql, cockroachdb, mysql, mariadb and
 * sqlite are known. For other systems, and NULL, more text is left out.
 *
 * Threads:  thread-safe; no function blocks.
 * Lifetime: arguments are borrowed during the call.
 * On failure: a NULL span or an ended span is a no-op. If out of memory, attributes are missing.
 */
#ifndef TOTE_INSTRUMENTATION_DATABASE_H
#define TOTE_INSTRUMENTATION_DATABASE_H

#include "tote/propagator.h"
#include "tote/tracer.h"

TOTE_BEGIN_DECLS

/** A database call, as the client makes it. NULL and 0: unknown, no attribute. */
typedef struct tote_database_call {
    size_t struct_size;
    const char *system;         /**< db.system.name, for example "postgresql" */
    const char *db_namespace;   /**< db.namespace, for example the name of the database */
    const char *server_address; /**< host name, IP address or path of a socket, as configured */
    const char *peer_address;   /**< network.peer.address */
    uint16_t server_port;       /**< recorded if it is not the default port of the system */
    uint16_t peer_port;

    const char *query; /**< text of the query */
    size_t query_length;

    /**
     * The text has placeholders for all values, which are passed apart from it. Such text is
     * recorded as it is. Other text is recorded as by tote_database_sanitize().
     */
    bool is_parameterized;

    /**
     * db.query.summary; "": none; NULL: as by tote_database_summarize(), if there is a text.
     */
    const char *summary;

    /**
     * The operation and its target. Set them only if they are arguments of the call, never from the
     * text of the query.
     */
    const char *operation;        /**< db.operation.name */
    const char *collection;       /**< db.collection.name */
    const char *stored_procedure; /**< db.stored_procedure.name */

    size_t batch_size; /**< db.operation.batch.size; recorded if it is at least 2 */

    /**
     * What precedes the summary of the text, if `summary` is NULL, for example the name of the
     * call: "PREPARE" for "PREPARE SELECT orders".
     */
    const char *summary_prefix;
} tote_database_call;

#define TOTE_DATABASE_CALL_INIT                                                                    \
    {                                                                                              \
        sizeof(tote_database_call), NULL, NULL, NULL, NULL, 0, 0, NULL, 0, false, NULL, NULL,      \
            NULL, NULL, 0, NULL                                                                    \
    }

/**
 * Start a client span for the call. Its name is the summary, else the operation and its target,
 * else the target, else the system. OTEL_C_DB_QUERY_TEXT selects how the text is recorded. At most
 * TOTE_DATABASE_MAX_TEXT bytes of it are recorded, and four times as many are read. The text of a
 * span that is not recorded is read only if a sampler or a processor of the program may look at it.
 * Does not make the span current. Never NULL. Close it with tote_span_close().
 */
TOTE_API TOTE_MUST_USE tote_span *tote_database_start(tote_tracer *tracer,
                                                      const tote_context *parent,
                                                      const tote_database_call *call);

/** The bytes of a text that are recorded. */
#define TOTE_DATABASE_MAX_TEXT 8192

/**
 * Write the text of the query as tote_database_start() records it, for example to join the texts of
 * a batch. Returns its length; 0 if no text is recorded. Ends with NUL.
 */
TOTE_API size_t tote_database_text(char *buffer, size_t size, const tote_database_call *call);

/**
 * Write the summary of the call as tote_database_start() records it. Returns its length; 0 if there
 * is none. Ends with NUL. TOTE_DATABASE_SUMMARY_BYTES are enough.
 */
TOTE_API size_t tote_database_summary(char *buffer, size_t size, const tote_database_call *call);

/**
 * Make the span an error. `code` is db.response.status_code, for example an SQLSTATE; NULL: none.
 * `error_type` is error.type; NULL: `code`, else "_OTHER". `description` is a message of the
 * server or the client library; NULL: none. Its literals are replaced as in a query, and it is left
 * out if OTEL_C_DB_QUERY_TEXT is none.
 */
TOTE_API void tote_database_set_error(tote_span *span, const char *code, const char *error_type,
                                      const char *description);

/** Return whether the user wants the number of rows: OTEL_C_DB_RETURNED_ROWS is true. */
TOTE_API bool tote_database_wants_rows(void);

/** The size for tote_database_message(): the rest of a message is left out. */
#define TOTE_DATABASE_MESSAGE_BYTES 1024

/**
 * Write a message of the server as tote_database_set_error() records it, for example for an event.
 * Returns its length; 0 if it is not recorded. Ends with NUL.
 */
TOTE_API size_t tote_database_message(char *buffer, size_t size, const char *message);

/** Set db.response.returned_rows, if OTEL_C_DB_RETURNED_ROWS is true. */
TOTE_API void tote_database_set_rows(tote_span *span, uint64_t rows);

/**
 * Write the text without values: each literal becomes `?`, a list `IN (1, 2)` becomes `IN (?)`,
 * comments are removed, white space becomes one space. Quoted identifiers are kept. Where literals
 * cannot be told apart from other text with certainty, for example after an unterminated literal,
 * the rest of the text is left out. Stops when `buffer`, which has `size` bytes, is full. Returns
 * the length of the result, which ends with NUL.
 */
TOTE_API size_t tote_database_sanitize(char *buffer, size_t size, const char *system,
                                       const char *query, size_t query_length);

/** The size that is enough for tote_database_summarize(). */
#define TOTE_DATABASE_SUMMARY_BYTES 256

/**
 * Write a summary of the query: its operations and their targets, for example
 * "INSERT audit SELECT orders". It has at most 255 bytes; names are not cut. Returns its length; 0
 * if no operation is recognized. Spec: database-spans.md#generating-a-summary-of-the-query
 */
TOTE_API size_t tote_database_summarize(char *buffer, size_t size, const char *system,
                                        const char *query, size_t query_length);

/**
 * Return whether the user wants query text as it is: OTEL_C_DB_QUERY_TEXT is raw. For clients whose
 * queries are not SQL, which omit values themselves.
 */
TOTE_API bool tote_database_wants_values(void);

/**
 * Return whether the user has enabled comments with the context: OTEL_C_DB_COMMENTER is true. They
 * are an opt-in, because they change the text that the server receives.
 */
TOTE_API bool tote_database_wants_comment(void);

/** This size more than the query is enough for tote_database_inject_comment(). */
#define TOTE_DATABASE_COMMENT_BYTES 2048

/**
 * Write the query with a comment at its end, before a semicolon. The comment contains what
 * tote_inject() writes, without baggage: a key and a quoted value for each header, as SQL commenter
 * does. Returns the length of the result, which ends with NUL. Returns 0, and writes no comment, if
 * the query already has a comment, if it is empty or not terminated, if there is nothing to inject,
 * or if the result does not fit. Do not use it for text that the server keeps, such as the text of
 * prepared statements. Spec: database-spans.md#sql-commenter
 */
TOTE_API size_t tote_database_inject_comment(char *buffer, size_t size, const char *system,
                                             const char *query, size_t query_length,
                                             const tote_context *context);

/**
 * Return `context` with the span context in a comment of the query, as by tote_extract(): for the
 * side of the server. If several comments contain headers, the last one counts. Never NULL.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_database_extract_comment(const tote_context *context,
                                                                   const char *system,
                                                                   const char *query,
                                                                   size_t query_length);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_DATABASE
#include "tote/disabled.h"

#endif
