/* SPDX-License-Identifier: MIT */
/*
 * fuzz_headers.c - headers of any content, one per line as "name: value"
 *
 * What was extracted can be injected, and then extracted once more with the same result.
 */
#include "lines.h"

static void set_propagators(const char *names) {
    tote_propagator *propagator = tote_propagator_from_names(names);

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tote_header in[MOST_LINES], out[8];
    static char buffer[TOTE_INJECT_BUFFER_BYTES];
    size_t count = split_headers((const char *)data, size, in);

    tote_diagnostics_set_handler(ignore_report, TOTE_LEVEL_WARN, NULL);
    set_propagators("b3,b3multi,jaeger,ottrace,opencensus,baggage,tracecontext");
    tote_context *context = tote_extract_headers(tote_context_root(), in, count);
    set_propagators("tracecontext,baggage");
    size_t written = tote_inject_headers(context, out, TOTE_COUNT_OF(out), buffer, sizeof buffer);
    tote_context *again = tote_extract_headers(tote_context_root(), out, written);

    const tote_span_context *a = tote_span_get_context(tote_context_get_span(context));
    const tote_span_context *b = tote_span_get_context(tote_context_get_span(again));
    MUST(tote_span_context_is_valid(a) == tote_span_context_is_valid(b));
    MUST(memcmp(tote_span_context_get_trace_id(a), tote_span_context_get_trace_id(b),
                sizeof(tote_trace_id)) == 0);
    MUST(!tote_span_context_is_valid(a) || /* a decision without ids is not sent by W3C headers */
         tote_span_context_is_sampled(a) == tote_span_context_is_sampled(b));
    tote_context_unref(again);
    tote_context_unref(context);
    return 0;
}
