/* SPDX-License-Identifier: MIT */
/*
 * fuzz_traceparent.c - a traceparent is read whole or not at all, and is written so that it reads
 * back the same
 */
#include "lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct written written;

    use_propagator("tracecontext");
    tote_context *context = extract_lines((tote_header){0}, "traceparent", data, size);
    const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
    bool is_read = context != tote_context_root();
    write_headers(context, &written);
    MUST(tote_span_context_is_valid(span) == is_read && written.count == is_read);
    MUST(!is_read || (tote_span_context_is_remote(span) && written.headers[0].value_length == 55));
    MUST(!is_read || memcmp(written.headers[0].value, "00-", 3) == 0);
    MUST(tote_span_context_get_trace_flags(span) < 4);

    tote_context *again = extract_written(&written);
    const tote_span_context *same = tote_span_get_context(tote_context_get_span(again));
    MUST(memcmp(tote_span_context_get_trace_id(span), tote_span_context_get_trace_id(same), 16) ==
         0);
    MUST(memcmp(tote_span_context_get_span_id(span), tote_span_context_get_span_id(same), 8) == 0);
    MUST(tote_span_context_get_trace_flags(span) == tote_span_context_get_trace_flags(same));
    tote_context_unref(again);
    tote_context_unref(context);
    return 0;
}
