/* SPDX-License-Identifier: MIT */
/*
 * opencensus.c - grpc-trace-bin. Spec: census-instrumentation/opencensus-specs
 * encodings/BinaryEncoding.md
 *
 * Version 0, then fields. A field is its number and a fixed count of bytes. An unknown field ends
 * the list, because its length is unknown. gRPC sends binary values in base64, with or without
 * padding.
 *
 * Tests: tests/unit/test_formats.c, tests/fuzz/fuzz_opencensus.c
 */
#include <string.h>

#include "format.h"
#include "tote/internal/base64.h"

enum {
    BINARY_LENGTH = 29,
    BASE64_LENGTH = 39, /* without padding */
    MOST_READ = 128,
    FIELD_TRACE_ID = 0,
    FIELD_SPAN_ID = 1,
    FIELD_OPTIONS = 2
};

static const char name[] = "grpc-trace-bin";

static bool read_binary(tote_span_context *remote, const uint8_t *bytes, size_t size) {
    static const size_t sizes[] = {sizeof remote->trace_id, sizeof remote->span_id, 1};

    for (size_t at = 1; at < size && bytes[at] < TOTE_COUNT_OF(sizes);) {
        unsigned field = bytes[at++];
        if (size - at < sizes[field]) {
            return false;
        }
        if (field == FIELD_TRACE_ID) {
            memcpy(remote->trace_id.bytes, bytes + at, sizes[field]);
        } else if (field == FIELD_SPAN_ID) {
            memcpy(remote->span_id.bytes, bytes + at, sizes[field]);
        } else {
            remote->trace_flags = bytes[at] & TOTE_TRACE_FLAG_SAMPLED;
        }
        at += sizes[field];
    }
    return size && bytes[0] == 0 && tote__span_context_is_valid(remote);
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct tote_span_context remote = {.is_remote = true};
    char value[MOST_READ];
    size_t length = tote__text_map_getter_get_first(getter, carrier, name, value, sizeof value);

    (void)self;
    if (!length || length > sizeof value) {
        return tote_context_ref(context);
    }
    if (value[0] != '\0') { /* the version, which as base64 is an A */
        length = tote__base64_decode(value, length);
    }
    return read_binary(&remote, (const uint8_t *)value, length)
               ? tote__context_with_remote_span(context, &remote)
               : tote_context_ref(context);
}

/* Returns false if the context has no valid span. */
static bool write_binary(uint8_t bytes[BINARY_LENGTH], const tote_context *context) {
    const tote_span_context *span = tote__span_context_of(context);
    uint8_t *end = bytes;

    *end++ = 0;
    *end++ = FIELD_TRACE_ID;
    memcpy(end, span->trace_id.bytes, sizeof span->trace_id);
    end += sizeof span->trace_id;
    *end++ = FIELD_SPAN_ID;
    memcpy(end, span->span_id.bytes, sizeof span->span_id);
    end += sizeof span->span_id;
    *end++ = FIELD_OPTIONS;
    *end = span->trace_flags & TOTE_TRACE_FLAG_SAMPLED;
    return tote__span_context_is_valid(span);
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    uint8_t bytes[BINARY_LENGTH];
    char text[TOTE__BASE64_LENGTH(BINARY_LENGTH)];

    (void)self;
    if (write_binary(bytes, context)) {
        tote__base64_encode(text, bytes, sizeof bytes);
        text[BASE64_LENGTH] = '\0';
        setter->set(carrier, name, text, BASE64_LENGTH);
    }
}

static void inject_raw(void *self, const tote_context *context, void *carrier,
                       const tote_text_map_setter *setter) {
    uint8_t bytes[BINARY_LENGTH + 1] = {0};

    (void)self;
    if (write_binary(bytes, context)) {
        setter->set(carrier, name, (const char *)bytes, BINARY_LENGTH);
    }
}

tote_propagator *tote_propagator_opencensus_new(bool raw) {
    static const struct format formats[] = {{{name}, inject, extract},
                                            {{name}, inject_raw, extract}};

    return tote__format_new(&formats[raw], NULL);
}
