/* SPDX-License-Identifier: MIT */
/* test_spans.h - for tests of the viewer: spans as a request in protobuf */
#ifndef TOTE_TESTS_TEST_SPANS_H
#define TOTE_TESTS_TEST_SPANS_H

#include <stdlib.h>
#include <string.h>

#include "tote/internal/buffer.h"
#include "tote/internal/record.h"

struct test_attribute {
    const char *key;
    const char *value; /* "#42" is an integer, other values are strings */
};

struct test_event {
    const char *name;
    uint64_t time_unix_nano;
    const struct test_attribute *attributes;
    size_t attribute_count;
    uint32_t dropped_attribute_count;
};

struct test_link {
    unsigned trace;
    unsigned id;
};

/* Ids are numbers; 0: none. */
struct test_span {
    unsigned trace;
    unsigned id;
    unsigned parent;
    const char *name;
    const char *service; /* NULL: a resource without attributes */
    tote_span_kind kind;
    tote_status_code status;
    const char *status_message;
    uint64_t start_unix_nano;
    uint64_t end_unix_nano;
    const struct test_attribute *attributes;
    size_t attribute_count;
    const struct test_event *events;
    size_t event_count;
    const struct test_link *links;
    size_t link_count;
    uint32_t dropped_attribute_count;
    uint32_t dropped_event_count;
    uint32_t dropped_link_count;
};

static inline void put_test_bytes(struct tote__buffer *out, const void *bytes, size_t size) {
    if (!tote__buffer_append(out, (struct tote__slice){bytes, size})) {
        abort();
    }
}

/* Put a field that is a varint, or a number of eight bytes. */
static inline void put_test_number(struct tote__buffer *out, uint8_t tag, uint64_t number) {
    uint8_t bytes[16] = {tag};
    uint8_t *end =
        tag & 1 ? tote__put_fixed64(bytes + 1, number) : tote__put_varint(bytes + 1, number);

    put_test_bytes(out, bytes, (size_t)(end - bytes));
}

static inline void put_test_run(struct tote__buffer *out, uint8_t tag, const void *bytes,
                                size_t size) {
    uint8_t head[16];

    put_test_bytes(out, head, (size_t)(tote__put_head(head, tag, size) - head));
    put_test_bytes(out, bytes, size);
}

/* Put a message, and clear its buffer. */
static inline void put_test_message(struct tote__buffer *out, uint8_t tag,
                                    struct tote__buffer *message) {
    put_test_run(out, tag, message->bytes, message->size);
    tote__buffer_clear(message);
}

static inline void put_test_text(struct tote__buffer *out, uint8_t tag, const char *text) {
    if (text) {
        put_test_run(out, tag, text, strlen(text));
    }
}

static inline void put_test_id(struct tote__buffer *out, uint8_t tag, unsigned number,
                               size_t size) {
    uint8_t id[16] = {0};

    for (size_t i = size; number; number >>= 8) {
        id[--i] = (uint8_t)number;
    }
    put_test_run(out, tag, id, size);
}

static inline void put_test_attributes(struct tote__buffer *out, uint8_t tag,
                                       const struct test_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct tote__buffer attribute = {.bytes = NULL};
        struct tote__buffer value = {.bytes = NULL};
        if (attributes[i].value[0] == '#') {
            uint64_t number = (uint64_t)strtoll(attributes[i].value + 1, NULL, 10);
            put_test_number(&value, TOTE__ANY_INT, number);
        } else {
            put_test_text(&value, TOTE__ANY_STRING, attributes[i].value);
        }
        put_test_text(&attribute, TOTE__KEY_VALUE_KEY, attributes[i].key);
        put_test_message(&attribute, TOTE__KEY_VALUE_VALUE, &value);
        put_test_message(out, tag, &attribute);
    }
}

static inline void put_test_parts(struct tote__buffer *out, const struct test_span *span) {
    for (size_t i = 0; i < span->event_count; i++) {
        const struct test_event *event = &span->events[i];
        struct tote__buffer message = {.bytes = NULL};
        put_test_number(&message, TOTE__EVENT_TIME, event->time_unix_nano);
        put_test_text(&message, TOTE__EVENT_NAME, event->name);
        put_test_attributes(&message, TOTE__TAG_EVENT_ATTRIBUTE, event->attributes,
                            event->attribute_count);
        put_test_number(&message, TOTE__EVENT_DROPPED, event->dropped_attribute_count);
        put_test_message(out, TOTE__SPAN_EVENT, &message);
    }
    put_test_number(out, TOTE__SPAN_DROPPED_EVENTS, span->dropped_event_count);
    for (size_t i = 0; i < span->link_count; i++) {
        struct tote__buffer message = {.bytes = NULL};
        put_test_id(&message, TOTE__LINK_TRACE_ID, span->links[i].trace, 16);
        put_test_id(&message, TOTE__LINK_SPAN_ID, span->links[i].id, 8);
        put_test_message(out, TOTE__SPAN_LINK, &message);
    }
    put_test_number(out, TOTE__SPAN_DROPPED_LINKS, span->dropped_link_count);
}

/* Put the fields of an OTLP Span. */
static inline void put_test_span(struct tote__buffer *out, const struct test_span *span) {
    static const uint8_t kinds[] = {
        [TOTE_SPAN_KIND_INTERNAL] = 1, [TOTE_SPAN_KIND_SERVER] = 2,   [TOTE_SPAN_KIND_CLIENT] = 3,
        [TOTE_SPAN_KIND_PRODUCER] = 4, [TOTE_SPAN_KIND_CONSUMER] = 5,
    };
    struct tote__buffer status = {.bytes = NULL};

    put_test_id(out, TOTE__SPAN_TRACE_ID, span->trace, 16);
    put_test_id(out, TOTE__SPAN_SPAN_ID, span->id, 8);
    if (span->parent) {
        put_test_id(out, TOTE__SPAN_PARENT_SPAN_ID, span->parent, 8);
    }
    put_test_text(out, TOTE__SPAN_NAME, span->name);
    put_test_number(out, TOTE__SPAN_KIND, kinds[span->kind]);
    put_test_number(out, TOTE__SPAN_START_TIME, span->start_unix_nano);
    put_test_number(out, TOTE__SPAN_END_TIME, span->end_unix_nano);
    put_test_attributes(out, TOTE__TAG_SPAN_ATTRIBUTE, span->attributes, span->attribute_count);
    put_test_number(out, TOTE__SPAN_DROPPED_ATTRIBUTES, span->dropped_attribute_count);
    put_test_parts(out, span);
    put_test_text(&status, TOTE__STATUS_MESSAGE, span->status_message);
    put_test_number(&status, TOTE__STATUS_CODE, (uint64_t)span->status);
    put_test_message(out, TOTE__SPAN_STATUS, &status);
}

/* Append spans to a request, each with a resource and a scope of its own. */
static inline void put_test_request(struct tote__buffer *out, const struct test_span *spans,
                                    size_t count) {
    enum {
        RESOURCE_SPANS = 0x0A,
        RESOURCE = 0x0A,
        SCOPE_SPANS = 0x12,
        SCOPE = 0x0A,
        NAME = 0x0A,
        SPANS = 0x12
    };

    for (size_t i = 0; i < count; i++) {
        const struct test_attribute service = {"service.name", spans[i].service};
        struct tote__buffer resource_spans = {.bytes = NULL};
        struct tote__buffer resource = {.bytes = NULL};
        struct tote__buffer scope_spans = {.bytes = NULL};
        struct tote__buffer scope = {.bytes = NULL};
        struct tote__buffer span = {.bytes = NULL};
        put_test_attributes(&resource, TOTE__TAG_RESOURCE_ATTRIBUTE, &service,
                            spans[i].service != NULL);
        put_test_message(&resource_spans, RESOURCE, &resource);
        put_test_text(&scope, NAME, "test");
        put_test_message(&scope_spans, SCOPE, &scope);
        put_test_span(&span, &spans[i]);
        put_test_message(&scope_spans, SPANS, &span);
        put_test_message(&resource_spans, SCOPE_SPANS, &scope_spans);
        put_test_message(out, RESOURCE_SPANS, &resource_spans);
    }
}

#endif
