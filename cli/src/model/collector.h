/* SPDX-License-Identifier: MIT */
/*
 * collector.h - received spans, grouped by trace until the trace is complete or quiet
 *
 * Adding a span and choosing the next trace take constant time on average.
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
    struct trace_list fresh;                  /* not yet checked; by their last span */
    struct trace_list waiting;                /* checked and incomplete; by their last span */
    struct trace_list ready;                  /* to be drawn, in this order */
    uint64_t seed;                            /* of the hash; 0: not chosen yet */
    size_t trace_count;
    size_t span_count;
    size_t bytes;      /* of memory, estimated */
    unsigned quiet_ms; /* a trace that got no span for so long is drawn, complete or not */
};

/*
 * Add the spans of a request that arrived at `now_ms`. BUSY: too much is pending, nothing was
 * added. Spans of one request that go far beyond the limits are left out and counted.
 */
struct receipt collector_take(struct collector *collector, const uint8_t *bytes, size_t size,
                              uint64_t now_ms);

/*
 * Remove and return the trace to be drawn now: one that is complete and got no span for a moment,
 * one that is quiet, or the oldest of too many. `all`: any trace. The oldest is first, by its last
 * span and its start. The caller frees it. NULL: no trace is due.
 */
struct trace *collector_next(struct collector *collector, uint64_t now_ms, bool all);

/* Whether so much is held that collector_next() returns a trace early. */
bool collector_is_full(const struct collector *collector);

void trace_free(struct trace *trace);

#endif
