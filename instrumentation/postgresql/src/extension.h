/* SPDX-License-Identifier: MIT */
/*
 * extension.h - the parts of the PostgreSQL extension
 *
 *   extension.c   settings, start in the postmaster, shared memory, SQL functions
 *   statement.c   hooks: spans of statements
 *   recorder.c    the SDK of each process: from ended spans to the ring
 *   ring.c        from the processes to the background worker
 *   worker.c      the background worker: from the ring to the disk queue, and its sender
 *
 * PostgreSQL leaves functions by longjmp(). No such jump may leave a frame of Tote: the code that
 * Tote calls here raises no error of PostgreSQL.
 */
#ifndef TOTE_POSTGRESQL_EXTENSION_H
#define TOTE_POSTGRESQL_EXTENSION_H

#include "postgres.h"

#include "storage/latch.h"
#include "storage/lwlock.h"
#include "tote/span_context.h"
#include "tote/tracer.h"

/* A function that the server finds by its name. */
#define EXPORTED __attribute__((visibility("default")))

/* Settings, in the order of docs/postgresql.md. */
extern bool tote_enabled;
extern double tote_sample_rate;
extern char *tote_traceparent;
extern char *tote_tracestate;
extern bool tote_query_text;
extern int tote_max_nested_spans;
extern char *tote_service_name;
extern int tote_buffer_size; /* kB */
extern char *tote_queue_directory;
extern int tote_export_interval; /* ms */
extern char *tote_endpoint;
extern char *tote_headers;
extern char *tote_sender;

enum { TRACESTATE_BYTES = 513 };

/* The context of a backend whose parallel workers run. Zero ids: none. */
struct leader_context {
    tote_trace_id trace_id;
    tote_span_id span_id;
    uint8_t flags;
    char trace_state[TRACESTATE_BYTES];
};

/* In the server's shared memory, which a crash of a backend initializes again. */
struct shared {
    Latch *worker; /* NULL: the background worker does not run */
    int leader_count;
    struct leader_context leaders[FLEXIBLE_ARRAY_MEMBER]; /* by the number of the process */
};

extern struct shared *shared; /* NULL: the library was not loaded by the postmaster */
extern LWLock *ring_lock;

/* Start the SDK in the postmaster; its children inherit it. Returns false on failure. */
bool recorder_start(void);
extern tote_tracer *recorder_tracer; /* of this extension */

/* Install the hooks. */
void statement_install(void);

/* The main function of the background worker. */
EXPORTED void tote_postgresql_worker(Datum argument);

#endif
