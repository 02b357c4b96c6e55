/* SPDX-License-Identifier: MIT */
/*
 * jaeger.c - uber-trace-id, and baggage as uberctx-NAME. Spec: jaegertracing.io client-libraries.md
 *
 * Tests: tests/unit/test_formats.c, tests/fuzz/fuzz_jaeger.c
 */
#include <string.h>

#include "baggage_headers.h"

enum { MOST_READ = 512, FLAG_SAMPLED = 1, FLAG_DEBUG = 2 };

static const char trace_name[] = "uber-trace-id";
static const char prefix[] = "uberctx-";

static void to_lower(char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] >= 'A' && text[i] <= 'F') {
            text[i] = (char)(text[i] - 'A' + 'a');
        }
    }
}

/*
 * Read trace-id ":" span-id ":" parent-id ":" flags. Leading zeros may be missing. %3A is a colon.
 */
static bool read_trace(tote_span_context *remote, char *value, size_t length) {
    struct tote__part parts[4];
    uint8_t flags[8];

    length = tote__percent_decode(value, value, length, NULL);
    to_lower(value, length);
    if (tote__split(value, length, ':', parts, TOTE_COUNT_OF(parts)) != TOTE_COUNT_OF(parts) ||
        !tote__hex_decode_padded(remote->trace_id.bytes, sizeof remote->trace_id, parts[0].at,
                                 parts[0].length) ||
        !tote__hex_decode_padded(remote->span_id.bytes, sizeof remote->span_id, parts[1].at,
                                 parts[1].length) ||
        !tote__hex_decode_padded(flags, sizeof flags, parts[3].at, parts[3].length)) {
        return false;
    }
    uint8_t low = flags[sizeof flags - 1];
    remote->trace_flags = low & FLAG_SAMPLED ? TOTE_TRACE_FLAG_SAMPLED : 0;
    remote->hints = (low & FLAG_SAMPLED) && (low & FLAG_DEBUG) ? TOTE__DEBUG : 0;
    return tote__span_context_is_valid(remote);
}

/* Read jaeger-baggage: k1=v1, k2=v2. People write it by hand to debug. */
static bool read_list(void *arg, const char *name, size_t name_length, const char *value,
                      size_t value_length) {
    struct baggage_reader *reader = arg;
    struct tote__part list = {value, value_length};
    struct tote__part part;

    (void)name, (void)name_length;
    while (!reader->is_out_of_memory && tote__next_part(&list, ',', &part)) {
        if (baggage_is_full(reader, sizeof "k=" - 1)) {
            reader->over_limit++;
            return false;
        }
        const char *equals = memchr(part.at, '=', part.length);
        if (equals) {
            struct tote__overlay_entry entry = {.key = part.at,
                                                .key_length = (size_t)(equals - part.at)};
            const char *text = equals + 1;
            size_t length = part.length - entry.key_length - 1;
            tote__trim(&entry.key, &entry.key_length);
            tote__trim(&text, &length);
            if (tote__is_token(entry.key, entry.key_length)) {
                tote__baggage_keep(reader, &entry, text, length, BAGGAGE_FORM, part.length);
            }
        }
    }
    return !reader->is_out_of_memory;
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct baggage_reader reader = tote__baggage_reader_begin(self, context);
    struct tote_span_context remote = {.is_remote = true};
    char value[MOST_READ];
    size_t length =
        tote__text_map_getter_get_first(getter, carrier, trace_name, value, sizeof value);
    bool has_span = length && length <= sizeof value && read_trace(&remote, value, length);

    if (!reader.rules->ignore_incoming) {
        tote_text_map_getter_get_all(getter, carrier, "jaeger-baggage", read_list, &reader);
        tote__baggage_headers_read(&reader, prefix, true, carrier, getter);
    }
    return tote__baggage_reader_end(&reader, has_span ? &remote : NULL);
}

/* The debug flag implies the sampled flag. */
static char flags_of(const tote_span_context *span) {
    if (span->hints & TOTE__DEBUG) {
        return '0' + (FLAG_SAMPLED | FLAG_DEBUG);
    }
    return span->trace_flags & TOTE_TRACE_FLAG_SAMPLED ? '1' : '0';
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const tote_span_context *span = tote__span_context_of(context);
    char value[TRACE_DIGITS + 1 + SPAN_DIGITS + sizeof ":0:0"];

    if (tote__span_context_is_valid(span)) {
        const char rest[] = {':', '0', ':', flags_of(span), '\0'};
        memcpy(tote__write_ids(value, span, ':'), rest, sizeof rest);
        setter->set(carrier, trace_name, value, sizeof value - 1);
    }
    tote__baggage_headers_inject(self, prefix, true, context, carrier, setter);
}

tote_propagator *tote_propagator_jaeger_new(const tote_baggage_propagator_options *options) {
    static const struct format format = {{trace_name}, inject, extract};

    return tote__baggage_propagator_new(&format, options, BAGGAGE_HEADERS_USUAL_MEMBERS);
}
