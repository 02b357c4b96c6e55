/* SPDX-License-Identifier: MIT */
/*
 * encode.c - spans to an ExportTraceServiceRequest in protobuf
 *
 * Spans keep attributes, events and links in wire format, so encoding adds up lengths in one pass
 * and joins bytes in a second. The result is byte for byte what protobuf's own packing makes:
 * fields in the order of their numbers, none that has its default. Spec: opentelemetry-proto
 * collector/trace/v1/trace_service.proto
 */
#include "encode.h"

#include <string.h>

#include "grouping.h"
#include "tote/internal/sdk.h"

enum {
    REQUEST_RESOURCE_SPANS = 0x0A,
    RESOURCE_SPANS_RESOURCE = 0x0A,
    RESOURCE_SPANS_SCOPE_SPANS = 0x12,
    SCOPE_SPANS_SCOPE = 0x0A,
    SCOPE_SPANS_SPAN = 0x12,
    SCHEMA_URL = 0x1A, /* of ResourceSpans and ScopeSpans */
    SPAN_TRACE_ID = 0x0A,
    SPAN_SPAN_ID = 0x12,
    SPAN_TRACE_STATE = 0x1A,
    SPAN_PARENT_SPAN_ID = 0x22,
    SPAN_NAME = 0x2A,
    SPAN_KIND = 0x30,
    SPAN_START_TIME = 0x39,
    SPAN_END_TIME = 0x41,
    SPAN_DROPPED_ATTRIBUTES = 0x50,
    SPAN_DROPPED_EVENTS = 0x60,
    SPAN_DROPPED_LINKS = 0x70,
    SPAN_STATUS = 0x7A,
    STATUS_MESSAGE = 0x12,
    STATUS_CODE = 0x18
};
static const uint8_t span_flags_tag[] = {0x85, 0x01};

/* One encoding, on its way. */
struct encoding {
    struct tote__arena arena;
    struct tote__grouping grouping;
    uint32_t *sizes; /* of each span's message */
};

static size_t run_size(size_t content) {
    return 1 + tote__varint_size(content) + content;
}

static size_t text_size(size_t length) {
    return length ? run_size(length) : 0;
}

static size_t number_size(uint64_t number) {
    return number ? 1 + tote__varint_size(number) : 0;
}

static uint8_t *put_head(uint8_t *out, uint8_t tag, size_t content) {
    *out++ = tag;
    return tote__put_varint(out, content);
}

static uint8_t *put_run(uint8_t *out, uint8_t tag, const void *bytes, size_t size) {
    if (!size) {
        return out;
    }
    out = put_head(out, tag, size);
    memcpy(out, bytes, size);
    return out + size;
}

static uint8_t *put_number(uint8_t *out, uint8_t tag, uint64_t number) {
    return number ? put_head(out, tag, (size_t)number) : out;
}

static uint8_t *put_fixed(uint8_t *out, uint64_t number, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        *out++ = (uint8_t)(number >> (8 * i));
    }
    return out;
}

static uint8_t *put_time(uint8_t *out, uint8_t tag, uint64_t time) {
    if (!time) {
        return out;
    }
    *out++ = tag;
    return put_fixed(out, time, sizeof time);
}

static uint8_t *put_slice(uint8_t *out, struct tote__slice slice) {
    if (slice.size) {
        memcpy(out, slice.at, slice.size);
    }
    return out + slice.size;
}

static size_t status_size(const struct tote__span_wire *span) {
    return text_size(span->status_description.size) + number_size(span->status_code);
}

size_t tote__otlp_span_size(const struct tote__span_wire *span) {
    size_t state = tote_trace_state_to_header(span->context->trace_state, NULL, 0);
    size_t status = status_size(span);
    size_t size = 2 + sizeof span->context->trace_id + 2 + sizeof span->context->span_id;

    size += text_size(state) + text_size(span->name.size) + 2 /* kind */;
    size += span->parent ? 2 + sizeof span->parent->span_id : 0;
    size += span->start_time_unix_nano ? 1 + sizeof(uint64_t) : 0;
    size += span->end_time_unix_nano ? 1 + sizeof(uint64_t) : 0;
    size += span->attributes.size + number_size(span->dropped_attribute_count);
    size += span->events.size + number_size(span->dropped_event_count);
    size += span->links.size + number_size(span->dropped_link_count);
    size += status ? run_size(status) : 0;
    return size + sizeof span_flags_tag + sizeof(uint32_t);
}

uint8_t *tote__otlp_put_span(uint8_t *out, const struct tote__span_wire *span) {
    size_t state = tote_trace_state_to_header(span->context->trace_state, NULL, 0);
    size_t status = status_size(span);

    out = put_run(out, SPAN_TRACE_ID, &span->context->trace_id, sizeof span->context->trace_id);
    out = put_run(out, SPAN_SPAN_ID, &span->context->span_id, sizeof span->context->span_id);
    if (state) {
        out = put_head(out, SPAN_TRACE_STATE, state);
        tote_trace_state_to_header(span->context->trace_state, (char *)out, state + 1);
        out += state;
    }
    if (span->parent) {
        out =
            put_run(out, SPAN_PARENT_SPAN_ID, &span->parent->span_id, sizeof span->parent->span_id);
    }
    out = put_run(out, SPAN_NAME, span->name.at, span->name.size);
    out = put_number(out, SPAN_KIND, (uint64_t)span->kind + 1); /* OTLP's 0 is UNSPECIFIED */
    out = put_time(out, SPAN_START_TIME, span->start_time_unix_nano);
    out = put_time(out, SPAN_END_TIME, span->end_time_unix_nano);
    out = put_slice(out, span->attributes);
    out = put_number(out, SPAN_DROPPED_ATTRIBUTES, span->dropped_attribute_count);
    out = put_slice(out, span->events);
    out = put_number(out, SPAN_DROPPED_EVENTS, span->dropped_event_count);
    out = put_slice(out, span->links);
    out = put_number(out, SPAN_DROPPED_LINKS, span->dropped_link_count);
    if (status) {
        out = put_head(out, SPAN_STATUS, status);
        out = put_run(out, STATUS_MESSAGE, span->status_description.at,
                      span->status_description.size);
        out = put_number(out, STATUS_CODE, span->status_code);
    }
    memcpy(out, span_flags_tag, sizeof span_flags_tag);
    return put_fixed(out + sizeof span_flags_tag, tote__span_flags(span), sizeof(uint32_t));
}

static bool measure(struct encoding *encoding, const tote_span_data *const *spans, size_t count) {
    encoding->sizes = tote__arena_allocate(&encoding->arena, count * sizeof *encoding->sizes);
    if (!encoding->sizes || !tote__grouping_start(&encoding->grouping, &encoding->arena, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct tote__span_wire span = tote__span_get_wire(spans[i]);
        struct tote__span_group *group = tote__grouping_add(&encoding->grouping, i, &span);
        if (!group) {
            return false;
        }
        encoding->sizes[i] =
            (uint32_t)tote__otlp_span_size(&span); /* what a span takes is bounded */
        group->spans_size += run_size(encoding->sizes[i]);
    }
    return true;
}

static size_t scope_spans_size(const struct tote__span_group *group) {
    return run_size(group->scope_message.size) + group->spans_size +
           text_size(strlen(tote__group_schema_url(group)));
}

static size_t resource_spans_size(const struct encoding *encoding, uint32_t resource_index) {
    const struct tote__resource *resource = tote__resource_at(resource_index);
    size_t size =
        run_size(resource->encoded.size) + text_size(strlen(resource->resource.schema_url));

    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (encoding->grouping.groups[i].resource == resource_index) {
            size += run_size(scope_spans_size(&encoding->grouping.groups[i]));
        }
    }
    return size;
}

static size_t request_size(const struct encoding *encoding) {
    size_t size = 0;

    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (tote__is_first_of_resource(&encoding->grouping, i)) {
            size += run_size(resource_spans_size(encoding, encoding->grouping.groups[i].resource));
        }
    }
    return size;
}

static uint8_t *put_scope_spans(const struct encoding *encoding, uint8_t *out, size_t index,
                                const tote_span_data *const *spans, size_t count) {
    const struct tote__span_group *group = &encoding->grouping.groups[index];
    const char *schema_url = tote__group_schema_url(group);

    out = put_head(out, RESOURCE_SPANS_SCOPE_SPANS, scope_spans_size(group));
    out = put_head(out, SCOPE_SPANS_SCOPE, group->scope_message.size);
    out = put_slice(out, group->scope_message);
    for (size_t i = 0; i < count; i++) {
        if (encoding->grouping.group_of[i] == index) {
            struct tote__span_wire span = tote__span_get_wire(spans[i]);
            out = put_head(out, SCOPE_SPANS_SPAN, encoding->sizes[i]);
            out = tote__otlp_put_span(out, &span);
        }
    }
    return put_run(out, SCHEMA_URL, schema_url, strlen(schema_url));
}

static uint8_t *put_resource_spans(const struct encoding *encoding, uint8_t *out,
                                   uint32_t resource_index, const tote_span_data *const *spans,
                                   size_t count) {
    const struct tote__resource *resource = tote__resource_at(resource_index);
    const char *schema_url = resource->resource.schema_url;

    out = put_head(out, REQUEST_RESOURCE_SPANS, resource_spans_size(encoding, resource_index));
    out = put_head(out, RESOURCE_SPANS_RESOURCE, resource->encoded.size);
    out = put_slice(out, resource->encoded);
    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (encoding->grouping.groups[i].resource == resource_index) {
            out = put_scope_spans(encoding, out, i, spans, count);
        }
    }
    return put_run(out, SCHEMA_URL, schema_url, strlen(schema_url));
}

bool tote__otlp_encode(tote_otlp_buffer *buffer, const tote_span_data *const *spans, size_t count) {
    max_align_t memory[24];
    struct encoding encoding = {.arena = tote__arena_over(memory, sizeof memory)};
    bool is_done = count == 0;

    if (count && measure(&encoding, spans, count)) {
        size_t size = request_size(&encoding);
        is_done = tote__otlp_buffer_reserve(buffer, size + 1);
        uint8_t *out = is_done ? buffer->bytes + buffer->size : NULL;
        for (size_t i = 0; is_done && i < encoding.grouping.count; i++) {
            if (tote__is_first_of_resource(&encoding.grouping, i)) {
                out = put_resource_spans(&encoding, out, encoding.grouping.groups[i].resource,
                                         spans, count);
            }
        }
        buffer->size += is_done ? size : 0;
    }
    tote__arena_clear(&encoding.arena);
    return is_done;
}

/* The numbers of the fields are the same for both. */
static bool put_definition(tote_otlp_buffer *buffer, struct tote__slice message,
                           const char *schema_url) {
    size_t size = run_size(message.size) + text_size(strlen(schema_url));

    if (!tote__otlp_buffer_reserve(buffer, size)) {
        return false;
    }
    uint8_t *out = put_head(buffer->bytes + buffer->size, RESOURCE_SPANS_RESOURCE, message.size);
    out = put_slice(out, message);
    put_run(out, SCHEMA_URL, schema_url, strlen(schema_url));
    buffer->size += size;
    return true;
}

bool tote__otlp_encode_resource(tote_otlp_buffer *buffer, uint32_t index) {
    const struct tote__resource *resource = tote__resource_at(index);

    return put_definition(buffer, resource->encoded, resource->resource.schema_url);
}

bool tote__otlp_encode_scope(tote_otlp_buffer *buffer, uint32_t index) {
    struct tote__arena arena = {.chunks = NULL};
    struct tote__span_group group = {.scope = index};
    bool is_done = tote__group_describe(&group, &arena) &&
                   put_definition(buffer, group.scope_message, tote__group_schema_url(&group));

    tote__arena_clear(&arena);
    return is_done;
}
