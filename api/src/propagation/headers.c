/* SPDX-License-Identifier: MIT */
/*
 * headers.c - an array of headers as a carrier. Spec: context/api-propagators.md#carrier
 *
 * Tests: tests/unit/test_carriers.c, tests/fuzz/fuzz_headers.c
 */
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/text.h"
#include "tote/propagator.h"

static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    const tote_header_array *array = carrier;

    (void)key; /* the caller compares names */
    for (size_t i = 0; i < array->count; i++) {
        const tote_header *header = &array->headers[i];
        if (!visit(arg, header->name, header->name_length, header->value, header->value_length)) {
            return;
        }
    }
}

const tote_text_map_getter *tote_header_array_getter(void) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};

    return &getter;
}

static char *copy_into(tote_header_array *array, const char *text, size_t length) {
    char *copy = array->buffer;

    memcpy(copy, text, length);
    copy[length] = '\0';
    array->buffer += length + 1;
    array->size -= length + 1;
    return copy;
}

/* The text of a removed header stays in the buffer. */
static void remove_header(tote_header_array *array, const char *key, size_t key_length) {
    size_t kept = 0;

    for (size_t i = 0; i < array->count; i++) {
        tote_header header = array->headers[i];
        if (!header.name ||
            !tote__equals_ignoring_case(header.name, header.name_length, key, key_length)) {
            array->headers[kept++] = header;
        }
    }
    array->count = kept;
}

static void set_header(void *carrier, const char *key, const char *value, size_t value_length) {
    tote_header_array *array = carrier;
    size_t key_length = key ? strlen(key) : 0;

    if (!key_length || !array || !array->headers) {
        return;
    }
    remove_header(array, key, key_length);
    if (!value) {
        return;
    }
    if (!array->buffer || array->count >= array->capacity || array->size < key_length + 1 ||
        array->size - key_length - 1 < value_length + 1) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "propagator",
                                "header '%s' left out: the caller's array or buffer is too small",
                                key);
        return;
    }
    tote_header *header = &array->headers[array->count++];
    header->name = copy_into(array, key, key_length);
    header->name_length = key_length;
    header->value = copy_into(array, value, value_length);
    header->value_length = value_length;
}

const tote_text_map_setter *tote_header_array_setter(void) {
    static const tote_text_map_setter setter = {sizeof setter, set_header};

    return &setter;
}

tote_context *tote_extract_headers(const tote_context *context, const tote_header *headers,
                                   size_t count) {
    const tote_header_array array = {.headers = (tote_header *)headers,
                                     .count = headers ? count : 0};

    return tote_extract(context, &array, tote_header_array_getter());
}

size_t tote_inject_headers(const tote_context *context, tote_header *headers, size_t capacity,
                           char *buffer, size_t size) {
    tote_header_array array = {headers, 0, headers ? capacity : 0, buffer, buffer ? size : 0};

    tote_inject(context, &array, tote_header_array_setter());
    return array.count;
}
