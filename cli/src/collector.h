/* SPDX-License-Identifier: MIT */
/*
 * collector.h - spans by their traces, until a trace is complete or quiet
 *
 * Threads: one at a time.
 */
#ifndef TOTE_CLI_COLLECTOR_H
#define TOTE_CLI_COLLECTOR_H

#include "trace.h"

struct collector {
    struct trace *traces; /* in no order */
    size_t trace_count;
    size_t span_count;
    size_t bytes;      /* of the spans on the wire */
    size_t left_out;   /* spans that came when far too many were there, or memory was out */
    unsigned quiet_ms; /* without news for so long a trace is shown, complete or not */
};

/* Take a request's spans in at this time. Returns: as decode_request() does. */
bool collector_take(struct collector *collector, const uint8_t *bytes, size_t size,
                    uint64_t now_ms);

/*
 * A trace to be shown now: complete and without news for a moment, quiet, or the oldest of too
 * many; any, when `all` is wanted. The oldest of them, by the last news and the start. It is the caller's; free it. NULL when there is none.
 */
struct trace *collector_next(struct collector *collector, uint64_t now_ms, bool all);

void trace_free(struct trace *trace);

#endif
