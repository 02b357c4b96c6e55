/* SPDX-License-Identifier: MIT */
/*
 * opencensus.c - grpc-trace-bin. Spec: census-instrumentation/opencensus-specs encodings/BinaryEncoding.md
 *
 * Version 0, then fields: a number and as many bytes as it has. A field that is not known ends them, because
 * nobody can tell how long it is. gRPC sends what is binary in base64, with padding or without.
 */
#include <string.h>

#include "tote/internal/context.h"
#include "tote/internal/propagator.h"
#include "tote/internal/span.h"
#include "tote/propagators.h"

enum {
    BINARY_LENGTH = 29,
    BASE64_LENGTH = 39, /* without padding */
    MOST_READ = 128,
    FIELD_TRACE_ID = 0,
    FIELD_SPAN_ID = 1,
    FIELD_OPTIONS = 2
};

static const char name[] = "grpc-trace-bin";
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode_base64(char *out, const uint8_t *bytes, size_t size) {
    uint32_t bits = 0;
    unsigned count = 0;
    size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6; count -= 6) {
            out[length++] = digits[bits >> (count - 6) & 63];
        }
    }
    if (count) {
        out[length++] = digits[bits << (6 - count) & 63];
    }
    out[length] = '\0';
    return length;
}

/* Over the text itself. Returns: how many bytes there are, 0 when it is not base64. */
static size_t decode_base64(char *text, size_t length) {
    uint32_t bits = 0;
    unsigned count = 0;
    size_t size = 0;

    while (length && text[length - 1] == '=') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit) {
            return 0;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            text[size++] = (char)(bits >> count & 0xFF);
        }
    }
    return size;
}

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
    size_t length = tote__getter_get_first(getter, carrier, name, value, sizeof value);

    (void)self;
    if (!length || length > sizeof value) {
        return tote_context_ref(context);
    }
    if (value[0] != '\0') { /* the version, which as base64 is an A */
        length = decode_base64(value, length);
    }
    return read_binary(&remote, (const uint8_t *)value, length)
               ? tote__context_with_remote_span(context, &remote)
               : tote_context_ref(context);
}

/* Returns: whether there is a span to tell about. */
static bool write_binary(uint8_t bytes[BINARY_LENGTH], const tote_context *context) {
    const tote_span_context *span =
        context->span ? &context->span->context : &tote__invalid_span_context;
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
    char text[BASE64_LENGTH + 1];

    (void)self;
    if (write_binary(bytes, context)) {
        setter->set(carrier, name, text, encode_base64(text, bytes, sizeof bytes));
    } else {
        setter->set(carrier, name, NULL, 0);
    }
}

static void inject_raw(void *self, const tote_context *context, void *carrier,
                       const tote_text_map_setter *setter) {
    uint8_t bytes[BINARY_LENGTH + 1] = {0};

    (void)self;
    if (write_binary(bytes, context)) {
        setter->set(carrier, name, (const char *)bytes, BINARY_LENGTH);
    } else {
        setter->set(carrier, name, NULL, 0);
    }
}

static const char *get_field(void *self, size_t index) {
    (void)self;
    return index == 0 ? name : NULL;
}

tote_propagator *tote_propagator_new_opencensus(bool raw) {
    const tote_propagator_ops ops = {
        .struct_size = sizeof ops,
        .inject = raw ? inject_raw : inject,
        .extract = extract,
        .get_field = get_field,
    };

    return tote_propagator_new(&ops, NULL);
}
