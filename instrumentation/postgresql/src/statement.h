/* SPDX-License-Identifier: MIT */
/*
 * statement.h - the spans of one statement
 */
#ifndef TOTE_POSTGRESQL_STATEMENT_H
#define TOTE_POSTGRESQL_STATEMENT_H

#include "extension.h"

#include "executor/instrument.h"

/* A statement in its source text, which may contain several. */
struct place {
    const char *text;
    int location; /* -1: unknown */
    int length;   /* 0: the rest */
};

/* The span of a statement. All zero: it is not recorded. */
struct statement {
    tote_span *span;
    tote_context *context; /* with the span */
    bool is_clients;       /* a client sent it */
};

/* Work that a statement has caused. */
struct work {
    uint64 rows;
    BufferUsage buffers;
    WalUsage wal;
};

/*
 * Start the span of a statement that a client sent, if its context or the sample rate selects it.
 * `tag` is the name without a summary.
 */
struct statement statement_start(const struct place *place, const char *tag);

/*
 * Start a span below that of a statement. `parent` is NULL if that is not recorded: then this one
 * is not, either. At most tote.max_nested_spans are started for a statement of a client.
 */
struct statement statement_start_nested(const tote_context *parent, const struct place *place,
                                        const char *tag);
struct statement statement_start_step(const tote_context *parent, const char *name);

/* Return the current context, or NULL if its span is not recorded. */
const tote_context *statement_current(void);

/* Start a span in a parallel worker, below that of its leader. */
struct statement statement_start_parallel(void);

/* Let the parallel workers of this process continue the context, until it is called with NULL. */
void statement_lead(const tote_context *context);

/* Make the statement an error. */
void statement_fail(const struct statement *statement, int sqlstate);

/* End the span. `work` may be NULL. */
void statement_end(struct statement *statement, const struct work *work);

#endif
