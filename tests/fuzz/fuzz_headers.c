/* SPDX-License-Identifier: MIT */
/*
 * fuzz_headers.c - headers from anywhere, a line "name: value" each
 *
 * What was extracted can be injected, and then extracted again alike.
 */
#include "fuzz.h"
#include "tote/tote.h"

enum { MOST_HEADERS = 16 };

static size_t split(const char *text, size_t size, tote_header *headers) {
    const char *end = text + size;
    size_t count = 0;

    while (text < end && count < MOST_HEADERS) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        line_end = line_end ? line_end : end;
        const char *colon = memchr(text, ':', (size_t)(line_end - text));
        if (colon) {
            headers[count++] = (tote_header){text, (size_t)(colon - text), colon + 1,
                                             (size_t)(line_end - colon - 1)};
        }
        text = line_end < end ? line_end + 1 : end;
    }
    return count;
}

static void set_propagators(const char *names) {
    tote_propagator *propagator = tote_propagator_from_names(names);

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tote_header in[MOST_HEADERS], out[8];
    static char buffer[TOTE_INJECT_BYTES];
    size_t count = split((const char *)data, size, in);

    tote_set_diagnostics(ignore, TOTE_LEVEL_WARN, NULL);
    set_propagators("b3,b3multi,jaeger,ottrace,baggage,tracecontext");
    tote_context *context = tote_extract_headers(tote_context_root(), in, count);
    set_propagators("tracecontext,baggage");
    size_t written = tote_inject_headers(context, out, TOTE_COUNT_OF(out), buffer, sizeof buffer);
    tote_context *again = tote_extract_headers(tote_context_root(), out, written);

    const tote_span_context *a = tote_context_get_span_context(context);
    const tote_span_context *b = tote_context_get_span_context(again);
    MUST(tote_span_context_is_valid(a) == tote_span_context_is_valid(b));
    MUST(memcmp(tote_span_context_get_trace_id(a), tote_span_context_get_trace_id(b),
                sizeof(tote_trace_id)) == 0);
    MUST(tote_span_context_is_sampled(a) == tote_span_context_is_sampled(b));
    tote_context_unref(again);
    tote_context_unref(context);
    return 0;
}
