/* SPDX-License-Identifier: MIT */
/*
 * fuzz_traceparent.c - a traceparent is refused, or goes out as version 00 of the same ids
 */
#include "fuzz.h"
#include "tote/propagators.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tote_header in = {"traceparent", 11, (const char *)data, size}, out[2];
    tote_propagator *propagator = tote_propagator_new_tracecontext();
    char buffer[256];

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    tote_context *context = tote_extract_headers(tote_context_root(), &in, 1);
    size_t count = tote_inject_headers(context, out, TOTE_COUNT_OF(out), buffer, sizeof buffer);
    MUST(count == (context != tote_context_root()));
    if (count) {
        tote_context *again = tote_extract_headers(tote_context_root(), out, count);
        const tote_span_context *a = tote_context_get_span_context(context);
        const tote_span_context *b = tote_context_get_span_context(again);
        MUST(out[0].value_length == 55 && memcmp(out[0].value, "00-", 3) == 0);
        MUST(memcmp(tote_span_context_get_trace_id(a), tote_span_context_get_trace_id(b), 16) == 0);
        MUST(memcmp(tote_span_context_get_span_id(a), tote_span_context_get_span_id(b), 8) == 0);
        MUST(tote_span_context_get_trace_flags(a) == tote_span_context_get_trace_flags(b));
        MUST(tote_span_context_get_trace_flags(a) < 4 && tote_span_context_is_remote(a));
        tote_context_unref(again);
    }
    tote_context_unref(context);
    return 0;
}
