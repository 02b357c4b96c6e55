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

#include "tote/internal/memory.h"
#include "tote/internal/sdk.h"
#include "tote/internal/span_wire.h"
#include "tote/internal/tracer.h"

enum {
    REQUEST_RESOURCE_SPANS = 0x0A,
    RESOURCE_SPANS_RESOURCE = 0x0A,
    RESOURCE_SPANS_SCOPE_SPANS = 0x12,
    SCOPE_SPANS_SCOPE = 0x0A,
    SCOPE_SPANS_SPAN = 0x12,
    SCHEMA_URL = 0x1A, /* of ResourceSpans and ScopeSpans */
    SCOPE_NAME = 0x0A,
    SCOPE_VERSION = 0x12,
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

/* The spans of one resource and one instrumentation scope. */
struct group {
    uint32_t resource;
    uint32_t scope;
    size_t spans_size; /* of their fields in ScopeSpans */
    struct tote__slice scope_message;
};

/* One encoding, on its way. */
struct encoding {
    struct tote__arena arena;
    struct group *groups;
    size_t group_count;
    size_t group_capacity;
    uint32_t *group_of; /* of each span */
    uint32_t *sizes;    /* of each span's message */
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

static size_t span_size(const struct tote__span_wire *span) {
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

/* Requirement G19 */
static uint32_t span_flags(const struct tote__span_wire *span) {
    uint32_t flags = 0x100U | span->context->trace_flags;

    return span->parent && span->parent->is_remote ? flags | 0x200U : flags;
}

/* Needs one byte behind the message: a trace state is written with a NUL that the next field
 * covers. */
static uint8_t *put_span(uint8_t *out, const struct tote__span_wire *span) {
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
    return put_fixed(out + sizeof span_flags_tag, span_flags(span), sizeof(uint32_t));
}

/* An InstrumentationScope, in the arena. */
static bool make_scope_message(const tote_instrumentation_scope *scope, struct tote__arena *arena,
                               struct tote__slice *message) {
    size_t name = strlen(scope->name);
    size_t version = strlen(scope->version);
    size_t size = text_size(name) + text_size(version);

    for (size_t i = 0; i < scope->attribute_count; i++) {
        const tote_attribute *attribute = &scope->attributes[i];
        size += tote__attribute_size(attribute->key, strlen(attribute->key), attribute->value,
                                     &tote__wire_no_limits);
    }
    uint8_t *out = tote__arena_allocate(arena, size);
    if (!out) {
        return false;
    }
    *message = (struct tote__slice){out, size};
    out = put_run(out, SCOPE_NAME, scope->name, name);
    out = put_run(out, SCOPE_VERSION, scope->version, version);
    for (size_t i = 0; i < scope->attribute_count; i++) {
        const tote_attribute *attribute = &scope->attributes[i];
        out = tote__put_attribute(out, TOTE__TAG_SCOPE_ATTRIBUTE, attribute->key,
                                  strlen(attribute->key), attribute->value, &tote__wire_no_limits);
    }
    return true;
}

static const tote_instrumentation_scope *scope_of(const struct group *group) {
    return &tote__tracer_at(group->scope)->scope;
}

/* Most batches have one or two. */
static bool grow_groups(struct encoding *encoding) {
    size_t capacity = encoding->group_capacity ? 4 * encoding->group_capacity : 8;
    struct group *groups = tote__arena_allocate(&encoding->arena, capacity * sizeof *groups);

    if (!groups) {
        return false;
    }
    if (encoding->group_count) {
        memcpy(groups, encoding->groups, encoding->group_count * sizeof *groups);
    }
    encoding->groups = groups;
    encoding->group_capacity = capacity;
    return true;
}

/* The index of the span's group, made when it is the first. Returns: false when memory is out. */
static bool find_group(struct encoding *encoding, const struct tote__span_wire *span,
                       uint32_t *index) {
    for (size_t i = encoding->group_count; i-- > 0;) {
        if (encoding->groups[i].resource == span->resource &&
            encoding->groups[i].scope == span->scope) {
            *index = (uint32_t)i;
            return true;
        }
    }
    if (encoding->group_count == encoding->group_capacity && !grow_groups(encoding)) {
        return false;
    }
    struct group *group = &encoding->groups[encoding->group_count];
    *group = (struct group){.resource = span->resource, .scope = span->scope};
    *index = (uint32_t)encoding->group_count++;
    return make_scope_message(scope_of(group), &encoding->arena, &group->scope_message);
}

static bool measure(struct encoding *encoding, const tote_span_data *const *spans, size_t count) {
    encoding->group_of = tote__arena_allocate(&encoding->arena, count * sizeof *encoding->group_of);
    encoding->sizes = tote__arena_allocate(&encoding->arena, count * sizeof *encoding->sizes);
    if (!encoding->group_of || !encoding->sizes) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct tote__span_wire span = tote__span_get_wire(spans[i]);
        if (!find_group(encoding, &span, &encoding->group_of[i])) {
            return false;
        }
        encoding->sizes[i] = (uint32_t)span_size(&span); /* what a span takes is bounded */
        encoding->groups[encoding->group_of[i]].spans_size += run_size(encoding->sizes[i]);
    }
    return true;
}

static size_t scope_spans_size(const struct group *group) {
    return run_size(group->scope_message.size) + group->spans_size +
           text_size(strlen(scope_of(group)->schema_url));
}

/* Whether the group is the first of its resource: the one that the resource's message is made for.
 */
static bool is_first_of_resource(const struct encoding *encoding, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (encoding->groups[i].resource == encoding->groups[index].resource) {
            return false;
        }
    }
    return true;
}

static size_t resource_spans_size(const struct encoding *encoding, uint32_t resource_index) {
    const struct tote__resource *resource = tote__resource_at(resource_index);
    size_t size =
        run_size(resource->encoded.size) + text_size(strlen(resource->resource.schema_url));

    for (size_t i = 0; i < encoding->group_count; i++) {
        if (encoding->groups[i].resource == resource_index) {
            size += run_size(scope_spans_size(&encoding->groups[i]));
        }
    }
    return size;
}

static size_t request_size(const struct encoding *encoding) {
    size_t size = 0;

    for (size_t i = 0; i < encoding->group_count; i++) {
        if (is_first_of_resource(encoding, i)) {
            size += run_size(resource_spans_size(encoding, encoding->groups[i].resource));
        }
    }
    return size;
}

static uint8_t *put_scope_spans(const struct encoding *encoding, uint8_t *out, size_t index,
                                const tote_span_data *const *spans, size_t count) {
    const struct group *group = &encoding->groups[index];
    const char *schema_url = scope_of(group)->schema_url;

    out = put_head(out, RESOURCE_SPANS_SCOPE_SPANS, scope_spans_size(group));
    out = put_head(out, SCOPE_SPANS_SCOPE, group->scope_message.size);
    out = put_slice(out, group->scope_message);
    for (size_t i = 0; i < count; i++) {
        if (encoding->group_of[i] == index) {
            struct tote__span_wire span = tote__span_get_wire(spans[i]);
            out = put_head(out, SCOPE_SPANS_SPAN, encoding->sizes[i]);
            out = put_span(out, &span);
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
    for (size_t i = 0; i < encoding->group_count; i++) {
        if (encoding->groups[i].resource == resource_index) {
            out = put_scope_spans(encoding, out, i, spans, count);
        }
    }
    return put_run(out, SCHEMA_URL, schema_url, strlen(schema_url));
}

static bool reserve(tote_otlp_buffer *buffer, size_t more) {
    if (buffer->capacity - buffer->size >= more) {
        return true;
    }
    size_t capacity = buffer->capacity * 2;
    if (capacity < buffer->size + more) {
        capacity = buffer->size + more;
    }
    uint8_t *bytes = tote__reallocate(buffer->bytes, buffer->capacity, capacity);
    if (!bytes) {
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool tote__otlp_encode(tote_otlp_buffer *buffer, const tote_span_data *const *spans,
                       size_t count) {
    max_align_t memory[512];
    struct encoding encoding = {.arena = tote__arena_over(memory, sizeof memory)};
    bool is_done = count == 0;

    if (count && measure(&encoding, spans, count)) {
        size_t size = request_size(&encoding);
        is_done = reserve(buffer, size + 1);
        uint8_t *out = is_done ? buffer->bytes + buffer->size : NULL;
        for (size_t i = 0; is_done && i < encoding.group_count; i++) {
            if (is_first_of_resource(&encoding, i)) {
                out = put_resource_spans(&encoding, out, encoding.groups[i].resource, spans, count);
            }
        }
        buffer->size += is_done ? size : 0;
    }
    tote__arena_clear(&encoding.arena);
    return is_done;
}

bool tote_otlp_encode(tote_otlp_encoding encoding, const tote_span_data *const *spans, size_t count,
                      tote_otlp_buffer *buffer) {
    if (!buffer || (count && !spans)) {
        return false;
    }
    return encoding == TOTE_OTLP_JSON ? tote__otlp_encode_json(buffer, spans, count)
                                      : tote__otlp_encode(buffer, spans, count);
}

void tote_otlp_buffer_clear(tote_otlp_buffer *buffer) {
    if (buffer) {
        tote__release(buffer->bytes, buffer->capacity);
        *buffer = (tote_otlp_buffer){NULL, 0, 0};
    }
}

bool tote__otlp_encode_json(tote_otlp_buffer *buffer, const tote_span_data *const *spans, size_t count) {
    (void)buffer, (void)spans, (void)count;
    return false;
}
