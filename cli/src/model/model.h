/* SPDX-License-Identifier: MIT */
/*
 * model.h - the received traces: one store for every display
 *
 * Memory is bounded. Over a limit, the trace whose last span or last use is oldest is evicted and
 * counted. A trace is not evicted for its own spans: those that do not fit are left out and
 * counted. Late spans join their trace. A span that arrives again (a retry) is stored once; the
 * finished state of a span replaces its unfinished one.
 *
 * Adding a span takes constant time on average, for any number of traces and spans of a trace.
 *
 * Threads: model_take(), model_wait(), model_lock() and model_unlock() are thread-safe. The other
 * functions need the lock. What they return is valid until the lock is released, or while its trace
 * is pinned: see trace.h.
 */
#ifndef TOTE_CLI_MODEL_H
#define TOTE_CLI_MODEL_H

#include "receipt.h"
#include "trace.h"

struct model;

struct model_limits {
    size_t bytes;    /* of memory, estimated; 0: 512 MiB */
    size_t spans;    /* 0: no limit */
    size_t traces;   /* 0: no limit */
    bool is_awaited; /* traces with new spans are awaited: see model_awaited() */
};

struct model_counts {
    uint64_t version; /* grows with each change */
    size_t traces;
    size_t spans;
    size_t bytes;            /* of memory, estimated */
    uint64_t evicted_traces; /* over a limit */
    uint64_t evicted_spans;
    uint64_t left_out_spans; /* rejected: they did not fit */
    uint64_t invalid_spans;  /* rejected: no valid id */
};

/* Returns NULL if out of memory. `limits` may be NULL. */
struct model *model_new(const struct model_limits *limits);

/* Free everything. No other thread may use the model. */
void model_free(struct model *model);

/*
 * Add the spans of a request in protobuf that arrived at `now_ms` on CLOCK_MONOTONIC. Takes the
 * lock; most work is done without it. BUSY: too many spans are awaited, nothing was added.
 */
struct receipt model_take(struct model *model, const uint8_t *bytes, size_t size, uint64_t now_ms);

/* A requests_take for files: call model_take() with a model, at the time 0. */
struct receipt model_take_file(void *model, const uint8_t *bytes, size_t size);

void model_lock(struct model *model);
void model_unlock(struct model *model);

/*
 * Wait, without the lock, until the version differs from `seen` or the time is over. Returns the
 * version.
 */
uint64_t model_wait(struct model *model, uint64_t seen, unsigned timeout_ms);

struct model_counts model_counts(const struct model *model);

/* Return the trace that got a span last; then follow trace->older. */
struct trace *model_newest(const struct model *model);

struct trace *model_find(const struct model *model, const uint8_t id[16]);

/* Find by hex digits: the complete id, or a prefix of at least four digits that only one has. */
struct trace *model_find_text(const struct model *model, const char *hex);

/* Return a span of the trace with this id; NULL: it was not received. */
struct trace_span *model_find_span(const struct trace *trace, const uint8_t id[8]);

/* Prevent the eviction of a trace. Calls are counted. */
void model_pin(struct trace *trace);
void model_unpin(struct trace *trace);

/* Remove all traces that are not pinned. */
void model_clear(struct model *model);

/*
 * For a display that must not miss a trace: with limits.is_awaited, a trace with new spans is not
 * evicted until model_done(). If awaited traces take half of a limit, requests are BUSY.
 */

/* Return the awaited trace whose last span is oldest; then follow trace->next. */
struct trace *model_awaited(const struct model *model);

void model_done(struct trace *trace);

/* Whether awaited traces take so much that the oldest should be drawn early. */
bool model_is_crowded(const struct model *model);

#endif
