/* SPDX-License-Identifier: MIT */
/*
 * collector.h - spans by their traces, until a trace is complete or quiet
 *
 * Taking a span in and choosing the next trace take constant time on average, however many traces
 * are held.
 *
 * Threads: not thread-safe.
 */
#ifndef TOTE_CLI_COLLECTOR_H
#define TOTE_CLI_COLLECTOR_H

#include "receipt.h"
#include "trace.h"

enum { COLLECTOR_BUCKETS = 16384 };

/* All fields start as zero, except quiet_ms. */
struct collector {
    struct trace *buckets[COLLECTOR_BUCKETS]; /* by the hash of the trace id */
    struct trace_list fresh;                  /* not yet checked; by their last news */
    struct trace_list waiting;                /* checked and incomplete; by their last news */
    struct trace_list ready;                  /* to be shown, in this order */
    uint64_t seed;                            /* of the hash; 0: not yet chosen */
    size_t trace_count;
    size_t span_count;
    size_t bytes;      /* of memory, about */
    unsigned quiet_ms; /* without news for so long a trace is shown, complete or not */
};

/*
 * Take a request's spans in at this time. BUSY: too much is held already, and nothing was taken.
 * Spans of one request that go far beyond that are left out and counted.
 */
struct receipt collector_take(struct collector *collector, const uint8_t *bytes, size_t size,
                              uint64_t now_ms);

/*
 * Remove and return the trace to be shown now: complete and without news for a moment, quiet, or
 * the oldest of too many; any, when `all` is wanted. Of those that are due together the
 * oldest comes first, by the last news and the start. The caller frees it. NULL when there is none.
 */
struct trace *collector_next(struct collector *collector, uint64_t now_ms, bool all);

/* Whether so much is held that collector_next() returns a trace before its time. */
bool collector_is_full(const struct collector *collector);

void trace_free(struct trace *trace);

#endif
