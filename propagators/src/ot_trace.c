/* SPDX-License-Identifier: MIT */
/*
 * ot_trace.c - ot-tracer-traceid and its like, and baggage as ot-baggage-NAME
 *
 * Baggage is read and written only beside a good span.
 */
#include <string.h>

#include "baggage_headers.h"
#include "tote/internal/context.h"
#include "tote/internal/hex.h"
#include "tote/internal/propagator.h"
#include "tote/internal/span.h"
#include "tote/internal/text.h"

enum { TRACE_ID, SPAN_ID, SAMPLED, DIGITS = 16, MOST_READ = 32 };

static const char *const names[] = {"ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"};
static const char prefix[] = "ot-baggage-";

static bool read_sampled(tote_span_context *remote, struct tote__part sampled) {
    if (tote__part_is(sampled, "true") || tote__part_is(sampled, "1")) {
        remote->trace_flags = TOTE_TRACE_FLAG_SAMPLED;
        return true;
    }
    if (!sampled.length) {
        remote->hints = TOTE__DEFERRED;
        return true;
    }
    return tote__part_is(sampled, "false") || tote__part_is(sampled, "0");
}

static bool read_trace(tote_span_context *remote, const void *carrier,
                       const tote_text_map_getter *getter) {
    char rooms[TOTE_COUNT_OF(names)][MOST_READ];
    struct tote__part values[TOTE_COUNT_OF(names)];

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        values[i].at = rooms[i];
        values[i].length =
            tote__getter_get_first(getter, carrier, names[i], rooms[i], sizeof rooms[i]);
        if (values[i].length > sizeof rooms[i]) {
            return false;
        }
    }
    return (values[TRACE_ID].length == DIGITS || values[TRACE_ID].length == 2 * DIGITS) &&
           values[SPAN_ID].length == DIGITS &&
           tote__hex_decode_padded(remote->trace_id.bytes, sizeof remote->trace_id,
                                   values[TRACE_ID].at, values[TRACE_ID].length) &&
           tote__hex_decode(remote->span_id.bytes, values[SPAN_ID].at, sizeof remote->span_id) &&
           tote__span_context_is_valid(remote) && read_sampled(remote, values[SAMPLED]);
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    const struct baggage_rules *rules = self;
    struct tote_span_context remote = {.is_remote = true};

    if (!read_trace(&remote, carrier, getter)) {
        return tote_context_ref(context);
    }
    struct baggage_reader reader = tote__baggage_reader_begin(rules, context);
    if (!rules->ignore_incoming) {
        tote__baggage_headers_read(&reader, prefix, false, carrier, getter);
    }
    tote_context *changed = tote__baggage_reader_end(&reader);
    tote_context *extracted = tote__context_with_remote_span(changed, &remote);
    tote_context_unref(changed);
    return extracted;
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const tote_span_context *span =
        context->span ? &context->span->context : &tote__invalid_span_context;
    char trace_id[DIGITS + 1], span_id[DIGITS + 1];
    const char *sampled = span->hints & TOTE__DEFERRED                  ? NULL
                          : span->trace_flags & TOTE_TRACE_FLAG_SAMPLED ? "true"
                                                                        : "false";

    if (!tote__span_context_is_valid(span)) {
        return;
    }
    tote__hex_encode(trace_id, span->trace_id.bytes + sizeof span->trace_id / 2,
                     sizeof span->trace_id / 2);
    tote__hex_encode(span_id, span->span_id.bytes, sizeof span->span_id);
    trace_id[DIGITS] = span_id[DIGITS] = '\0';
    setter->set(carrier, names[TRACE_ID], trace_id, DIGITS);
    setter->set(carrier, names[SPAN_ID], span_id, DIGITS);
    setter->set(carrier, names[SAMPLED], sampled, sampled ? strlen(sampled) : 0);
    tote__baggage_headers_inject(self, prefix, false, context, carrier, setter);
}

static const char *get_field(void *self, size_t index) {
    (void)self;
    return index < TOTE_COUNT_OF(names) ? names[index] : NULL;
}

tote_propagator *tote_propagator_new_ot_trace(const tote_baggage_propagator_options *options) {
    static const tote_propagator_ops ops = {
        .struct_size = sizeof ops,
        .inject = inject,
        .extract = extract,
        .get_field = get_field,
    };

    return tote__baggage_propagator_new(&ops, options, BAGGAGE_HEADERS_USUAL_MEMBERS,
                                        BAGGAGE_HEADERS_USUAL_BYTES);
}
