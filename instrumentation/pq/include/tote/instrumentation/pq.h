/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/pq.h
 * Client spans for libpq, the client library of PostgreSQL. Spec: semantic-conventions
 * postgresql.md
 *
 * Each function calls the function of libpq with the same name, and returns its result. To trace
 * all calls of a source file without a change, define TOTE_PQ_TRACE_CALLS before this header:
 *
 *     #define TOTE_PQ_TRACE_CALLS
 *     #include <tote/instrumentation/pq.h>
 *
 * Then PQexec() is tote_pq_exec(), and so on. Use the functions for all calls on a connection: a
 * span that is started by one of them is ended by another one. Connections that are never used with
 * them are not traced. Connect with libpq itself. See docs/libpq.md for what a span contains.
 *
 * A span starts with the call that sends a command. It ends with the last result: at the return of
 * a call that waits, else when tote_pq_get_result() returns NULL. COPY belongs to the span of its
 * command. In pipeline mode one span contains all commands up to a synchronization point, and ends
 * with the result PGRES_PIPELINE_SYNC. If the program does not take all results, the span ends
 * before the next command or with the connection.
 *
 * The spans are made by the tracer `tote-pq` of the global SDK. Their parent is the current
 * context. The data of a span is attached to its connection by PQregisterEventProc().
 *
 * Threads:  as libpq: one thread at a time uses a connection. Different connections are
 *           independent.
 * On failure: if out of memory, a call is not traced. Results and errno are always those of libpq.
 */
#ifndef TOTE_INSTRUMENTATION_PQ_H
#define TOTE_INSTRUMENTATION_PQ_H

#include <libpq-fe.h>

#include "tote/api.h"

TOTE_BEGIN_DECLS

/** Send a command and wait for its result. */
TOTE_API PGresult *tote_pq_exec(PGconn *conn, const char *query);
TOTE_API PGresult *tote_pq_exec_params(PGconn *conn, const char *query, int count, const Oid *types,
                                       const char *const *values, const int *lengths,
                                       const int *formats, int format);

/**
 * Prepare a statement, and execute it. The text is remembered for the spans that execute it: up to
 * 256 statements and 256 KiB for each connection.
 */
TOTE_API PGresult *tote_pq_prepare(PGconn *conn, const char *name, const char *query, int count,
                                   const Oid *types);
TOTE_API PGresult *tote_pq_exec_prepared(PGconn *conn, const char *name, int count,
                                         const char *const *values, const int *lengths,
                                         const int *formats, int format);
TOTE_API PGresult *tote_pq_describe_prepared(PGconn *conn, const char *name);
TOTE_API PGresult *tote_pq_describe_portal(PGconn *conn, const char *name);

/** Send a command. Take its results with tote_pq_get_result() until that returns NULL. */
TOTE_API int tote_pq_send_query(PGconn *conn, const char *query);
TOTE_API int tote_pq_send_query_params(PGconn *conn, const char *query, int count, const Oid *types,
                                       const char *const *values, const int *lengths,
                                       const int *formats, int format);
TOTE_API int tote_pq_send_prepare(PGconn *conn, const char *name, const char *query, int count,
                                  const Oid *types);
TOTE_API int tote_pq_send_query_prepared(PGconn *conn, const char *name, int count,
                                         const char *const *values, const int *lengths,
                                         const int *formats, int format);
TOTE_API int tote_pq_send_describe_prepared(PGconn *conn, const char *name);
TOTE_API int tote_pq_send_describe_portal(PGconn *conn, const char *name);

/** Return the next result of the command, or NULL if there is none: then the span ends. */
TOTE_API PGresult *tote_pq_get_result(PGconn *conn);

/** Send a synchronization point of a pipeline. */
TOTE_API int tote_pq_pipeline_sync(PGconn *conn);

/** Wait until the server has completed a COPY. */
TOTE_API int tote_pq_endcopy(PGconn *conn);

/** Calls that can receive notices of the server, which become events of the span. */
TOTE_API int tote_pq_is_busy(PGconn *conn);
TOTE_API int tote_pq_put_copy_data(PGconn *conn, const char *buffer, int size);
TOTE_API int tote_pq_put_copy_end(PGconn *conn, const char *message);
TOTE_API int tote_pq_get_copy_data(PGconn *conn, char **buffer, int is_async);

TOTE_END_DECLS

#if defined(TOTE_PQ_TRACE_CALLS) && !defined(TOTE_DISABLED)
#define PQexec tote_pq_exec
#define PQexecParams tote_pq_exec_params
#define PQprepare tote_pq_prepare
#define PQexecPrepared tote_pq_exec_prepared
#define PQdescribePrepared tote_pq_describe_prepared
#define PQdescribePortal tote_pq_describe_portal
#define PQsendQuery tote_pq_send_query
#define PQsendQueryParams tote_pq_send_query_params
#define PQsendPrepare tote_pq_send_prepare
#define PQsendQueryPrepared tote_pq_send_query_prepared
#define PQsendDescribePrepared tote_pq_send_describe_prepared
#define PQsendDescribePortal tote_pq_send_describe_portal
#define PQgetResult tote_pq_get_result
#define PQpipelineSync tote_pq_pipeline_sync
#define PQendcopy tote_pq_endcopy
#define PQisBusy tote_pq_is_busy
#define PQputCopyData tote_pq_put_copy_data
#define PQputCopyEnd tote_pq_put_copy_end
#define PQgetCopyData tote_pq_get_copy_data
#endif

#define TOTE__OFF_INSTRUMENTATION_PQ
#include "tote/disabled.h"

#endif
