/* SPDX-License-Identifier: MIT */
/*
 * ot_trace.c - ot-tracer-traceid, -spanid, -sampled, and baggage as ot-baggage-NAME
 *
 * Baggage is read and written only with a valid span.
 *
 * Tests: tests/unit/test_formats.c, tests/fuzz/fuzz_ot_trace.c
 */
#include "baggage_headers.h"

enum { TRACE_ID, SPAN_ID, SAMPLED, MOST_READ = 32 };

static const char *const names[] = {"ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"};
static const char prefix[] = "ot-baggage-";

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct baggage_reader reader = tote__baggage_reader_begin(self, context);
    struct tote_span_context remote = {.is_remote = true};
    char buffer[TOTE_COUNT_OF(names) * MOST_READ];
    struct tote__part values[TOTE_COUNT_OF(names)];

    if (!tote__read_headers(getter, carrier, names, TOTE_COUNT_OF(names), MOST_READ, buffer,
                            values) ||
        !tote__read_ids(&remote, values[TRACE_ID], values[SPAN_ID]) ||
        !tote__span_context_is_valid(&remote) || !tote__read_sampled(&remote, values[SAMPLED])) {
        return tote_context_ref(context);
    }
    if (!reader.rules->ignore_incoming) {
        tote__baggage_headers_read(&reader, prefix, false, carrier, getter);
    }
    return tote__baggage_reader_end(&reader, &remote);
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const tote_span_context *span = tote__span_context_of(context);
    char ids[TRACE_DIGITS + 1 + SPAN_DIGITS + 1];
    const char *sampled = span->hints & TOTE__DEFERRED                  ? NULL
                          : span->trace_flags & TOTE_TRACE_FLAG_SAMPLED ? "true"
                                                                        : "false";

    if (!tote__span_context_is_valid(span)) {
        return;
    }
    *tote__write_ids(ids, span, '\0') = '\0';
    setter->set(carrier, names[TRACE_ID], ids + TRACE_DIGITS / 2, TRACE_DIGITS / 2);
    setter->set(carrier, names[SPAN_ID], ids + TRACE_DIGITS + 1, SPAN_DIGITS);
    setter->set(carrier, names[SAMPLED], sampled, sampled ? strlen(sampled) : 0);
    tote__baggage_headers_inject(self, prefix, false, context, carrier, setter);
}

tote_propagator *tote_propagator_ot_trace_new(const tote_baggage_propagator_options *options) {
    static const struct format format = {
        {"ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"}, inject, extract};

    return tote__baggage_propagator_new(&format, options, BAGGAGE_HEADERS_USUAL_MEMBERS);
}
