/* SPDX-License-Identifier: MIT */
/*
 * encode_json.c - an ExportTraceServiceRequest as JSON
 *
 * The request is read and written as JSON field by field, without objects in between.
 * Fields that have their default are left out, members of a oneof never are. Spec:
 * protocol/otlp.md#json-protobuf-encoding
 */
#include "encode.h"

#include <string.h>

#include "json_writer.h"
#include "tote/internal/levels.h"
#include "tote/internal/record.h"

typedef void put_message(struct tote__json *json, struct tote__slice message);

/* The field, and those of the same number that follow it, as an array of objects under the key. */
static void put_array(struct tote__json *json, const char *key, const struct tote__field *first,
                      struct tote__slice *rest, put_message *put_content) {
    struct tote__slice next = *rest;
    struct tote__field field = *first;
    uint32_t tag = tote__field_tag(first);

    tote__json_put(json, key);
    tote__json_put(json, "[");
    do {
        *rest = next;
        tote__json_put(json, "{");
        put_content(json, field.content);
        tote__json_end(json, '}');
    } while (tote__next_field(&next, &field) && tote__field_tag(&field) == tag);
    tote__json_end(json, ']');
}

/* An ArrayValue or a KeyValueList that is being written. */
struct level {
    struct tote__slice rest;
    bool is_map;
    bool has_parts; /* one was written */
};

static void put_scalar(struct tote__json *json, const struct tote__field *field) {
    double real;

    switch (tote__field_tag(field)) {
    case TOTE__ANY_STRING:
        tote__json_put(json, "\"stringValue\":");
        tote__json_text(json, field->content);
        break;
    case TOTE__ANY_BOOL:
        tote__json_put(json, field->value ? "\"boolValue\":true," : "\"boolValue\":false,");
        break;
    case TOTE__ANY_INT:
        tote__json_put(json, "\"intValue\":");
        tote__json_signed(json, (int64_t)field->value);
        break;
    case TOTE__ANY_DOUBLE:
        memcpy(&real, &field->value, sizeof real);
        tote__json_put(json, "\"doubleValue\":");
        tote__json_double(json, real);
        break;
    case TOTE__ANY_BYTES:
        tote__json_put(json, "\"bytesValue\":");
        tote__json_base64(json, field->content);
        break;
    default:
        break;
    }
}

/* A scalar, or the beginning of a list, which is a level more. */
static void open_value(struct tote__json *json, struct tote__levels *levels,
                       struct tote__slice any_value) {
    struct tote__field field;

    if (!tote__next_field(&any_value, &field)) {
        return; /* the empty value */
    }
    bool is_map = tote__field_tag(&field) == TOTE__ANY_MAP;
    if (!is_map && tote__field_tag(&field) != TOTE__ANY_ARRAY) {
        put_scalar(json, &field);
        return;
    }
    struct level *level = tote__levels_push(levels);
    if (level) {
        *level = (struct level){.rest = field.content, .is_map = is_map};
        tote__json_put(json, is_map ? "\"kvlistValue\":{" : "\"arrayValue\":{");
    } else {
        json->is_failed = true; /* out of memory: no deeper values are kept than there are levels */
    }
}

static void close_part(struct tote__json *json, bool is_of_map) {
    if (is_of_map) {
        tote__json_end(json, '}');
    }
    tote__json_end(json, '}');
}

static void close_list(struct tote__json *json, struct tote__levels *levels) {
    const struct level *level = tote__levels_top(levels);

    if (level->has_parts) {
        tote__json_end(json, ']');
    }
    tote__json_end(json, '}');
    levels->depth--;
    if (levels->depth) {
        level = tote__levels_top(levels);
        close_part(json, level->is_map);
    }
}

/* The next part of the list on top, or its end. */
static void put_part(struct tote__json *json, struct tote__levels *levels) {
    struct level *level = tote__levels_top(levels);
    size_t depth = levels->depth;
    struct tote__field field;

    do {
        if (!tote__next_field(&level->rest, &field)) {
            close_list(json, levels);
            return;
        }
    } while (tote__field_tag(&field) != TOTE__LIST_ITEM);
    bool is_map = level->is_map;
    tote__json_put(json, level->has_parts ? "{" : "\"values\":[{");
    level->has_parts = true;
    if (is_map) {
        struct tote__key_value parts = tote__read_key_value(field.content);
        tote__json_put(json, "\"key\":");
        tote__json_text(json, parts.key);
        tote__json_put(json, "\"value\":{");
        field.content = parts.value;
    }
    open_value(json, levels, field.content);
    if (levels->depth == depth) {
        close_part(json, is_map);
    }
}

/*
 * Whatever value there is is written, and the empty one is {}. Without recursion: a value of any
 * depth takes the same stack.
 */
static void put_any_value(struct tote__json *json, struct tote__slice any_value) {
    struct level few[TOTE__FEW_LEVELS];
    struct tote__levels levels = {.few = few, .size = sizeof *few};

    open_value(json, &levels, any_value);
    while (levels.depth && !json->is_failed) {
        put_part(json, &levels);
    }
    tote__levels_clear(&levels);
}

static void put_key_value(struct tote__json *json, struct tote__slice key_value) {
    struct tote__key_value parts = tote__read_key_value(key_value);

    tote__json_put(json, "\"key\":");
    tote__json_text(json, parts.key);
    tote__json_put(json, "\"value\":{");
    put_any_value(json, parts.value);
    tote__json_end(json, '}');
}

/* The attributes of an event or a link: fields that follow each other, and are written last. */
struct attributes {
    struct tote__field first; /* its number is 0 if there are none */
    struct tote__slice rest;
};

static void note_attribute(struct attributes *attributes, const struct tote__field *field,
                           struct tote__slice rest) {
    if (!attributes->first.number) {
        *attributes = (struct attributes){*field, rest};
    }
}

static void put_attributes(struct tote__json *json, struct attributes *attributes) {
    if (attributes->first.number) {
        put_array(json, "\"attributes\":", &attributes->first, &attributes->rest, put_key_value);
    }
}

static void put_text(struct tote__json *json, const char *key, struct tote__slice text) {
    if (text.size) {
        tote__json_put(json, key);
        tote__json_text(json, text);
    }
}

static void put_count(struct tote__json *json, const char *key, uint64_t count) {
    if (count) {
        tote__json_put(json, key);
        tote__json_number(json, (uint32_t)count);
    }
}

static void put_time(struct tote__json *json, const char *key, uint64_t time) {
    if (time) {
        tote__json_put(json, key);
        tote__json_unsigned(json, time);
    }
}

static void put_id(struct tote__json *json, const char *key, struct tote__slice id) {
    tote__json_put(json, key);
    tote__json_hex(json, id.at, id.size);
}

static void put_event(struct tote__json *json, struct tote__slice event) {
    struct attributes attributes = {.first = {.number = 0}};
    struct tote__field field;

    while (tote__next_field(&event, &field)) {
        switch (tote__field_tag(&field)) {
        case TOTE__EVENT_TIME:
            put_time(json, "\"timeUnixNano\":", field.value);
            break;
        case TOTE__EVENT_NAME:
            put_text(json, "\"name\":", field.content);
            break;
        case TOTE__TAG_EVENT_ATTRIBUTE:
            note_attribute(&attributes, &field, event);
            break;
        case TOTE__EVENT_DROPPED:
            put_count(json, "\"droppedAttributesCount\":", field.value);
            break;
        default:
            break;
        }
    }
    put_attributes(json, &attributes);
}

static void put_link(struct tote__json *json, struct tote__slice link) {
    struct attributes attributes = {.first = {.number = 0}};
    struct tote__field field;

    while (tote__next_field(&link, &field)) {
        switch (tote__field_tag(&field)) {
        case TOTE__LINK_TRACE_ID:
            put_id(json, "\"traceId\":", field.content);
            break;
        case TOTE__LINK_SPAN_ID:
            put_id(json, "\"spanId\":", field.content);
            break;
        case TOTE__LINK_TRACE_STATE:
            put_text(json, "\"traceState\":", field.content);
            break;
        case TOTE__TAG_LINK_ATTRIBUTE:
            note_attribute(&attributes, &field, link);
            break;
        case TOTE__LINK_DROPPED:
            put_count(json, "\"droppedAttributesCount\":", field.value);
            break;
        case TOTE__LINK_FLAGS:
            put_count(json, "\"flags\":", field.value);
            break;
        default:
            break;
        }
    }
    put_attributes(json, &attributes);
}

static void put_status(struct tote__json *json, struct tote__slice status) {
    struct tote__field field;

    tote__json_put(json, "\"status\":{");
    while (tote__next_field(&status, &field)) {
        if (tote__field_tag(&field) == TOTE__STATUS_MESSAGE) {
            put_text(json, "\"message\":", field.content);
        } else if (tote__field_tag(&field) == TOTE__STATUS_CODE) {
            put_count(json, "\"code\":", field.value);
        }
    }
    tote__json_end(json, '}');
}

/* The fields of a Span before its attributes, and its status. */
static void put_scalar_of_span(struct tote__json *json, const struct tote__field *field) {
    switch (tote__field_tag(field)) {
    case TOTE__SPAN_TRACE_ID:
        put_id(json, "\"traceId\":", field->content);
        break;
    case TOTE__SPAN_SPAN_ID:
        put_id(json, "\"spanId\":", field->content);
        break;
    case TOTE__SPAN_TRACE_STATE:
        put_text(json, "\"traceState\":", field->content);
        break;
    case TOTE__SPAN_PARENT_SPAN_ID:
        put_id(json, "\"parentSpanId\":", field->content);
        break;
    case TOTE__SPAN_NAME:
        put_text(json, "\"name\":", field->content);
        break;
    case TOTE__SPAN_KIND:
        put_count(json, "\"kind\":", field->value);
        break;
    case TOTE__SPAN_START_TIME:
        put_time(json, "\"startTimeUnixNano\":", field->value);
        break;
    case TOTE__SPAN_END_TIME:
        put_time(json, "\"endTimeUnixNano\":", field->value);
        break;
    case TOTE__SPAN_STATUS:
        put_status(json, field->content);
        break;
    case TOTE__SPAN_FLAGS:
        put_count(json, "\"flags\":", field->value);
        break;
    default:
        break;
    }
}

static void put_span(struct tote__json *json, struct tote__slice span) {
    struct tote__field field;

    while (tote__next_field(&span, &field)) {
        switch (tote__field_tag(&field)) {
        case TOTE__SPAN_ATTRIBUTE:
            put_array(json, "\"attributes\":", &field, &span, put_key_value);
            break;
        case TOTE__SPAN_DROPPED_ATTRIBUTES:
            put_count(json, "\"droppedAttributesCount\":", field.value);
            break;
        case TOTE__SPAN_EVENT:
            put_array(json, "\"events\":", &field, &span, put_event);
            break;
        case TOTE__SPAN_DROPPED_EVENTS:
            put_count(json, "\"droppedEventsCount\":", field.value);
            break;
        case TOTE__SPAN_LINK:
            put_array(json, "\"links\":", &field, &span, put_link);
            break;
        case TOTE__SPAN_DROPPED_LINKS:
            put_count(json, "\"droppedLinksCount\":", field.value);
            break;
        default:
            put_scalar_of_span(json, &field);
            break;
        }
    }
}

/* Tags of the messages around spans. */
enum {
    REQUEST_RESOURCE_SPANS = 0x0A,
    RESOURCE = 0x0A,    /* of ResourceSpans */
    SCOPE_SPANS = 0x12, /* likewise */
    SCOPE = 0x0A,       /* of ScopeSpans */
    SPAN = 0x12,        /* likewise */
    SCHEMA_URL = 0x1A,  /* of both */
    SCOPE_NAME = 0x0A,
    SCOPE_VERSION = 0x12
};

static void put_scope(struct tote__json *json, struct tote__slice scope) {
    struct tote__field field;

    tote__json_put(json, "\"scope\":{");
    while (tote__next_field(&scope, &field)) {
        switch (tote__field_tag(&field)) {
        case SCOPE_NAME:
            put_text(json, "\"name\":", field.content);
            break;
        case SCOPE_VERSION:
            put_text(json, "\"version\":", field.content);
            break;
        case TOTE__TAG_SCOPE_ATTRIBUTE:
            put_array(json, "\"attributes\":", &field, &scope, put_key_value);
            break;
        default:
            break;
        }
    }
    tote__json_end(json, '}');
}

static void put_resource(struct tote__json *json, struct tote__slice resource) {
    struct tote__field field;

    tote__json_put(json, "\"resource\":{");
    if (tote__next_field(&resource, &field)) {
        put_array(json, "\"attributes\":", &field, &resource, put_key_value);
    }
    tote__json_end(json, '}');
}

static void put_scope_spans(struct tote__json *json, struct tote__slice scope_spans) {
    struct tote__field field;

    while (tote__next_field(&scope_spans, &field)) {
        switch (tote__field_tag(&field)) {
        case SCOPE:
            put_scope(json, field.content);
            break;
        case SPAN:
            put_array(json, "\"spans\":", &field, &scope_spans, put_span);
            break;
        case SCHEMA_URL:
            put_text(json, "\"schemaUrl\":", field.content);
            break;
        default:
            break;
        }
    }
}

static void put_resource_spans(struct tote__json *json, struct tote__slice resource_spans) {
    struct tote__field field;

    while (tote__next_field(&resource_spans, &field)) {
        switch (tote__field_tag(&field)) {
        case RESOURCE:
            put_resource(json, field.content);
            break;
        case SCOPE_SPANS:
            put_array(json, "\"scopeSpans\":", &field, &resource_spans, put_scope_spans);
            break;
        case SCHEMA_URL:
            put_text(json, "\"schemaUrl\":", field.content);
            break;
        default:
            break;
        }
    }
}

bool tote__otlp_json_of(struct tote__buffer *buffer, struct tote__slice request) {
    struct tote__json json = tote__json_start(buffer);
    struct tote__field field;

    tote__json_put(&json, "{");
    if (tote__next_field(&request, &field) && tote__field_tag(&field) == REQUEST_RESOURCE_SPANS) {
        put_array(&json, "\"resourceSpans\":", &field, &request, put_resource_spans);
    }
    tote__json_end(&json, '}');
    return tote__json_finish(&json);
}
