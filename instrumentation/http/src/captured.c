/* SPDX-License-Identifier: MIT */
/*
 * captured.c - headers that the program selects, as attributes. Spec: http-spans.md,
 * http.request.header, http.response.header
 *
 * Tests: tests/unit/test_http_captured.c
 */
#include <stdio.h>
#include <string.h>

#include "http_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/text.h"
#include "tote/propagator_ops.h"

enum { MOST_VALUES = 16, MOST_KEY = 160 };

/* The values of one header, copied. */
struct values {
    struct tote__arena *memory;
    tote_value items[MOST_VALUES];
    size_t count;
};

static bool take_value(void *arg, const char *name, size_t name_length, const char *value,
                       size_t value_length) {
    struct values *values = arg;
    char *copy = tote__arena_text(values->memory, value, value_length);

    (void)name, (void)name_length;
    if (copy) {
        values->items[values->count++] = tote_string_of(copy, value_length);
    }
    return copy && values->count < MOST_VALUES;
}

/* Return "http.request.header.content-type" in the arena; NULL if it is too long. */
static const char *key_of(struct tote__arena *memory, const char *prefix, const char *name) {
    char key[MOST_KEY];
    int length = snprintf(key, sizeof key, "%s%s", prefix, name);

    if (length >= (int)sizeof key) {
        return NULL;
    }
    for (char *at = key + strlen(prefix); *at; at++) {
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at);
    }
    return tote__arena_text(memory, key, (size_t)length);
}

size_t tote__http_capture(struct tote__arena *memory, const char *prefix,
                          const struct tote__http_headers *headers, tote_attribute *attributes) {
    size_t count = 0;

    for (size_t i = 0; headers->names && headers->getter && i < headers->name_count; i++) {
        const char *name = headers->names[i];
        struct values values = {.memory = memory};
        if (!name || !*name) {
            continue;
        }
        tote_text_map_getter_get_all(headers->getter, headers->carrier, name, take_value, &values);
        const char *key = values.count ? key_of(memory, prefix, name) : NULL;
        tote_value *items = key ? tote__arena_allocate(memory, values.count * sizeof *items) : NULL;
        if (items) {
            memcpy(items, values.items, values.count * sizeof *items);
            attributes[count++] = (tote_attribute){key, tote_array(items, values.count)};
        }
    }
    return count;
}

static void capture(tote_span *span, const char *prefix, const struct tote__http_headers *headers) {
    struct tote__arena memory = {.chunks = NULL};
    tote_attribute *attributes =
        tote_span_is_recording(span)
            ? tote__arena_allocate(&memory, headers->name_count * sizeof *attributes)
            : NULL;

    if (attributes) {
        tote_span_set_attributes(span, attributes,
                                 tote__http_capture(&memory, prefix, headers, attributes));
    }
    tote__arena_clear(&memory);
}

void tote_http_capture_request_headers(tote_span *span, const char *const *names, size_t name_count,
                                       const void *carrier, const tote_text_map_getter *getter) {
    capture(span, TOTE__HTTP_REQUEST_HEADER,
            &(struct tote__http_headers){names, name_count, carrier, getter});
}

void tote_http_capture_response_headers(tote_span *span, const char *const *names,
                                        size_t name_count, const void *carrier,
                                        const tote_text_map_getter *getter) {
    capture(span, "http.response.header.",
            &(struct tote__http_headers){names, name_count, carrier, getter});
}
