/* SPDX-License-Identifier: MIT */
/* parent.h - for tests: the context of a parent span */
#ifndef TOTE_TESTS_PARENT_H
#define TOTE_TESTS_PARENT_H

#include <string.h>

#include "tote/context.h"
#include "tote/span.h"
#include "tote/trace_state.h"

/* A context with a span that has this span context; the span id may be zero. */
static inline tote_context *with_parent(const tote_trace_id *trace_id, const tote_span_id *span_id,
                                        uint8_t flags, const char *trace_state, bool is_remote) {
    tote_trace_state *list = tote_trace_state_from_header(trace_state, strlen(trace_state));
    tote_span_context *identity = tote_span_context_new(trace_id, span_id, flags, list, is_remote);
    tote_span *span = tote_span_non_recording_new(identity);
    tote_context *context = tote_context_with_span(tote_context_root(), span);

    tote_span_unref(span);
    tote_span_context_unref(identity);
    tote_trace_state_unref(list);
    return context;
}

#endif
