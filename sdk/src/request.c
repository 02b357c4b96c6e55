/* SPDX-License-Identifier: MIT */
/*
 * request.c - encodes an ExportTraceServiceRequest in protobuf
 *
 * Spans are already encoded: one pass adds up the lengths, a second one concatenates. Spec:
 * opentelemetry-proto collector/trace/v1/trace_service.proto
 *
 * Tests: tests/unit/test_otlp_encode.c
 */
#include "tote/internal/request.h"

#include <string.h>

#include "request_groups.h"

enum {
    REQUEST_RESOURCE_SPANS = 0x0A,
    RESOURCE_SPANS_RESOURCE = 0x0A,
    RESOURCE_SPANS_SCOPE_SPANS = 0x12,
    SCOPE_SPANS_SCOPE = 0x0A,
    SCOPE_SPANS_SPAN = 0x12,
    SCHEMA_URL = 0x1A /* of ResourceSpans and ScopeSpans */
};

/* State of one encoding. */
struct encoding {
    struct tote__arena arena;
    struct tote__grouping grouping;
    const struct tote__span_bytes *spans;
    size_t count;
};

static size_t text_size(const char *text) {
    return *text ? tote__run_size(strlen(text)) : 0;
}

static uint8_t *put_text(uint8_t *out, uint8_t tag, const char *text) {
    return *text ? tote__put_run(out, tag, text, strlen(text)) : out;
}

static uint8_t *put_message(uint8_t *out, uint8_t tag, struct tote__slice message) {
    return tote__put_run(out, tag, message.at, message.size);
}

static bool measure(struct encoding *encoding) {
    if (!tote__grouping_start(&encoding->grouping, &encoding->arena, encoding->count)) {
        return false;
    }
    for (size_t i = 0; i < encoding->count; i++) {
        struct tote__span_group *group =
            tote__grouping_add(&encoding->grouping, i, &encoding->spans[i]);
        if (!group) {
            return false;
        }
        group->spans_size += tote__run_size(encoding->spans[i].bytes.size);
    }
    return true;
}

static size_t scope_spans_size(const struct tote__span_group *group) {
    return tote__run_size(group->scope_message.size) + group->spans_size +
           text_size(group->scope->schema_url);
}

static size_t resource_spans_size(const struct encoding *encoding,
                                  const struct tote__resource *resource) {
    size_t size = tote__run_size(resource->encoded.size) + text_size(resource->resource.schema_url);

    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (encoding->grouping.groups[i].resource == resource) {
            size += tote__run_size(scope_spans_size(&encoding->grouping.groups[i]));
        }
    }
    return size;
}

static size_t request_size(const struct encoding *encoding) {
    size_t size = 0;

    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (tote__is_first_of_resource(&encoding->grouping, i)) {
            size += tote__run_size(
                resource_spans_size(encoding, encoding->grouping.groups[i].resource));
        }
    }
    return size;
}

static uint8_t *put_scope_spans(const struct encoding *encoding, uint8_t *out, size_t index) {
    const struct tote__span_group *group = &encoding->grouping.groups[index];

    out = tote__put_head(out, RESOURCE_SPANS_SCOPE_SPANS, scope_spans_size(group));
    out = put_message(out, SCOPE_SPANS_SCOPE, group->scope_message);
    for (size_t i = 0; i < encoding->count; i++) {
        if (encoding->grouping.group_of[i] == index) {
            out = put_message(out, SCOPE_SPANS_SPAN, encoding->spans[i].bytes);
        }
    }
    return put_text(out, SCHEMA_URL, group->scope->schema_url);
}

static uint8_t *put_resource_spans(const struct encoding *encoding, uint8_t *out,
                                   const struct tote__resource *resource) {

    out = tote__put_head(out, REQUEST_RESOURCE_SPANS, resource_spans_size(encoding, resource));
    out = put_message(out, RESOURCE_SPANS_RESOURCE, resource->encoded);
    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (encoding->grouping.groups[i].resource == resource) {
            out = put_scope_spans(encoding, out, i);
        }
    }
    return put_text(out, SCHEMA_URL, resource->resource.schema_url);
}

bool tote__request_encode(struct tote__buffer *buffer, const struct tote__span_bytes *spans,
                          size_t count) {
    max_align_t memory[24];
    struct encoding encoding = {
        .arena = tote__arena_over(memory, sizeof memory), .spans = spans, .count = count};
    bool is_done = count == 0;

    if (count && measure(&encoding)) {
        size_t size = request_size(&encoding);
        is_done = tote__buffer_reserve(buffer, size);
        uint8_t *out = is_done ? buffer->bytes + buffer->size : NULL;
        for (size_t i = 0; is_done && i < encoding.grouping.count; i++) {
            if (tote__is_first_of_resource(&encoding.grouping, i)) {
                out = put_resource_spans(&encoding, out, encoding.grouping.groups[i].resource);
            }
        }
        buffer->size += is_done ? size : 0;
    }
    tote__arena_clear(&encoding.arena);
    return is_done;
}

/* Return the encoded bytes of each span. Returns NULL if out of memory. */
static const struct tote__span_bytes *bytes_of(const tote_span_data *const *spans, size_t count,
                                               struct tote__arena *arena) {
    struct tote__span_bytes *bytes = tote__arena_allocate(arena, count * sizeof *bytes);

    for (size_t i = 0; bytes && i < count; i++) {
        if (!tote__span_data_bytes(spans[i], arena, &bytes[i])) {
            return NULL;
        }
    }
    return bytes;
}

bool tote__request_of_spans(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count) {
    struct tote__arena arena = {.chunks = NULL};
    const struct tote__span_bytes *bytes = bytes_of(spans, count, &arena);
    bool is_done = bytes && tote__request_encode(buffer, bytes, count);

    tote__arena_clear(&arena);
    return is_done;
}
