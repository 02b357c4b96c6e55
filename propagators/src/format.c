/* SPDX-License-Identifier: MIT */
/*
 * format.c - what the formats of propagators share
 *
 * Tests: tests/unit/test_formats.c
 */
#include "format.h"

static const char *get_field(void *self, size_t index) {
    const struct format *format = self;

    return index < TOTE_COUNT_OF(format->fields) ? format->fields[index] : NULL;
}

tote_propagator *tote__format_new(const struct format *format, void (*destroy)(void *self)) {
    const tote_propagator_ops ops = {sizeof ops, format->inject, format->extract, get_field,
                                     destroy};

    return tote_propagator_new(&ops, (void *)format);
}

bool tote__read_headers(const tote_text_map_getter *getter, const void *carrier,
                        const char *const *names, size_t count, size_t size, char *buffer,
                        struct tote__part *values) {
    for (size_t i = 0; i < count; i++, buffer += size) {
        size_t length = tote__text_map_getter_get_first(getter, carrier, names[i], buffer, size);
        if (length > size) {
            return false;
        }
        values[i] = (struct tote__part){buffer, length};
    }
    return true;
}

bool tote__read_ids(tote_span_context *remote, struct tote__part trace_id,
                    struct tote__part span_id) {
    return (trace_id.length == TRACE_DIGITS || trace_id.length == TRACE_DIGITS / 2) &&
           span_id.length == SPAN_DIGITS &&
           tote__hex_decode_padded(remote->trace_id.bytes, sizeof remote->trace_id, trace_id.at,
                                   trace_id.length) &&
           tote__hex_decode(remote->span_id.bytes, span_id.at, sizeof remote->span_id);
}

bool tote__read_sampled(tote_span_context *remote, struct tote__part sampled) {
    if (!sampled.length) {
        remote->hints = TOTE__DEFERRED;
        return true;
    }
    if (tote__part_is(sampled, "1") || tote__part_is(sampled, "true")) {
        remote->trace_flags = TOTE_TRACE_FLAG_SAMPLED;
        return true;
    }
    return tote__part_is(sampled, "0") || tote__part_is(sampled, "false");
}
