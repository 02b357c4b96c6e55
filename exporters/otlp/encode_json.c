/* SPDX-License-Identifier: MIT */
/*
 * encode_json.c - spans to an ExportTraceServiceRequest in JSON
 *
 * Spans keep attributes, events and links in wire format, which is read and written as JSON on the
 * way, without objects in between. Fields that have their default are left out, members of a oneof
 * never are. Requirements G16, G17. Spec: protocol/otlp.md#json-protobuf-encoding
 */
#include "encode.h"

#include <string.h>

#include "grouping.h"
#include "json_writer.h"
#include "tote/internal/levels.h"
#include "tote/internal/sdk.h"

enum { SPAN_EVENTS = 11, SPAN_LINKS = 13 };

typedef void put_message(struct tote__json *json, struct tote__slice message);

/* The fields of this number, if there are any, as an array of objects under the key. */
static void put_array(struct tote__json *json, const char *key, struct tote__slice fields,
                      uint32_t number, put_message *put_content) {
    struct tote__field field;
    bool has_any = false;

    while (tote__next_field(&fields, &field)) {
        if (field.number != number || field.type != 2) {
            continue;
        }
        if (!has_any) {
            tote__json_put(json, key);
            tote__json_put(json, "[");
            has_any = true;
        }
        tote__json_put(json, "{");
        put_content(json, field.content);
        tote__json_end(json, '}');
    }
    if (has_any) {
        tote__json_end(json, ']');
    }
}

/* An ArrayValue or a KeyValueList that is being written. */
struct level {
    struct tote__slice rest;
    bool is_map;
    bool has_parts; /* one was written */
};

static void put_scalar(struct tote__json *json, const struct tote__field *field) {
    double real;

    switch (field->number << 3 | field->type) {
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
    bool is_map = (field.number << 3 | field.type) == TOTE__ANY_MAP;
    if (!is_map && (field.number << 3 | field.type) != TOTE__ANY_ARRAY) {
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
    } while (field.number != TOTE__LIST_ITEM >> 3 || field.type != 2);
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

/* The attributes of a message that has them in the field of this tag. */
static void put_attributes(struct tote__json *json, struct tote__slice fields, uint8_t tag) {
    put_array(json, "\"attributes\":", fields, tag >> 3, put_key_value);
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

static void put_id(struct tote__json *json, const char *key, const void *id, size_t size) {
    tote__json_put(json, key);
    tote__json_hex(json, id, size);
}

static void put_event(struct tote__json *json, struct tote__slice event) {
    struct tote__slice rest = event;
    struct tote__field field;

    while (tote__next_field(&rest, &field)) {
        if (field.number == 1) {
            put_time(json, "\"timeUnixNano\":", field.value);
        } else if (field.number == 2) {
            put_text(json, "\"name\":", field.content);
        } else if (field.number == 4) {
            put_count(json, "\"droppedAttributesCount\":", field.value);
        }
    }
    put_attributes(json, event, TOTE__TAG_EVENT_ATTRIBUTE);
}

static void put_link(struct tote__json *json, struct tote__slice link) {
    struct tote__slice rest = link;
    struct tote__field field;

    while (tote__next_field(&rest, &field)) {
        if (field.number == 1) {
            put_id(json, "\"traceId\":", field.content.at, field.content.size);
        } else if (field.number == 2) {
            put_id(json, "\"spanId\":", field.content.at, field.content.size);
        } else if (field.number == 3) {
            put_text(json, "\"traceState\":", field.content);
        } else if (field.number == 5) {
            put_count(json, "\"droppedAttributesCount\":", field.value);
        } else if (field.number == 6) {
            put_count(json, "\"flags\":", field.value);
        }
    }
    put_attributes(json, link, TOTE__TAG_LINK_ATTRIBUTE);
}

static void put_status(struct tote__json *json, const struct tote__span_wire *span) {
    if (!span->status_code && !span->status_description.size) {
        return;
    }
    tote__json_put(json, "\"status\":{");
    put_text(json, "\"message\":", span->status_description);
    put_count(json, "\"code\":", span->status_code);
    tote__json_end(json, '}');
}

/* One encoding, on its way. */
struct encoding {
    struct tote__arena arena;
    struct tote__grouping grouping;
    struct tote__json json;
    const tote_span_data *const *spans;
    size_t count;
};

static void put_trace_state(struct encoding *encoding, const tote_trace_state *state) {
    size_t length = tote_trace_state_to_header(state, NULL, 0);
    char *header = length ? tote__arena_allocate(&encoding->arena, length + 1) : NULL;

    if (length && !header) {
        encoding->json.is_failed = true;
    } else if (length) {
        tote_trace_state_to_header(state, header, length + 1);
        put_text(&encoding->json,
                 "\"traceState\":", (struct tote__slice){(const uint8_t *)header, length});
    }
}

static void put_span(struct encoding *encoding, const struct tote__span_wire *span) {
    struct tote__json *json = &encoding->json;
    const struct tote_span_context *context = span->context;

    tote__json_put(json, "{");
    put_id(json, "\"traceId\":", &context->trace_id, sizeof context->trace_id);
    put_id(json, "\"spanId\":", &context->span_id, sizeof context->span_id);
    put_trace_state(encoding, context->trace_state);
    if (span->parent) {
        put_id(json, "\"parentSpanId\":", &span->parent->span_id, sizeof span->parent->span_id);
    }
    put_text(json, "\"name\":", span->name);
    put_count(json, "\"kind\":", (uint32_t)span->kind + 1); /* OTLP's 0 is UNSPECIFIED */
    put_time(json, "\"startTimeUnixNano\":", span->start_time_unix_nano);
    put_time(json, "\"endTimeUnixNano\":", span->end_time_unix_nano);
    put_attributes(json, span->attributes, TOTE__TAG_SPAN_ATTRIBUTE);
    put_count(json, "\"droppedAttributesCount\":", span->dropped_attribute_count);
    put_array(json, "\"events\":", span->events, SPAN_EVENTS, put_event);
    put_count(json, "\"droppedEventsCount\":", span->dropped_event_count);
    put_array(json, "\"links\":", span->links, SPAN_LINKS, put_link);
    put_count(json, "\"droppedLinksCount\":", span->dropped_link_count);
    put_status(json, span);
    put_count(json, "\"flags\":", tote__span_flags(span));
    tote__json_end(json, '}');
}

static struct tote__slice slice_of(const char *text) {
    return (struct tote__slice){(const uint8_t *)text, strlen(text)};
}

static void put_scope(struct tote__json *json, struct tote__slice scope) {
    struct tote__slice rest = scope;
    struct tote__field field;

    tote__json_put(json, "\"scope\":{");
    while (tote__next_field(&rest, &field)) {
        if (field.number == 1) {
            put_text(json, "\"name\":", field.content);
        } else if (field.number == 2) {
            put_text(json, "\"version\":", field.content);
        }
    }
    put_attributes(json, scope, TOTE__TAG_SCOPE_ATTRIBUTE);
    tote__json_end(json, '}');
}

static void put_scope_spans(struct encoding *encoding, size_t index) {
    struct tote__json *json = &encoding->json;
    const struct tote__span_group *group = &encoding->grouping.groups[index];

    tote__json_put(json, "{");
    put_scope(json, group->scope_message);
    tote__json_put(json, "\"spans\":[");
    for (size_t i = 0; i < encoding->count; i++) {
        if (encoding->grouping.group_of[i] == index) {
            struct tote__span_wire span = tote__span_get_wire(encoding->spans[i]);
            put_span(encoding, &span);
        }
    }
    tote__json_end(json, ']');
    put_text(json, "\"schemaUrl\":", slice_of(tote__group_schema_url(group)));
    tote__json_end(json, '}');
}

static void put_resource_spans(struct encoding *encoding, uint32_t resource_index) {
    struct tote__json *json = &encoding->json;
    const struct tote__resource *resource = tote__resource_at(resource_index);

    tote__json_put(json, "{\"resource\":{");
    put_attributes(json, resource->encoded, TOTE__TAG_RESOURCE_ATTRIBUTE);
    tote__json_end(json, '}');
    tote__json_put(json, "\"scopeSpans\":[");
    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (encoding->grouping.groups[i].resource == resource_index) {
            put_scope_spans(encoding, i);
        }
    }
    tote__json_end(json, ']');
    put_text(json, "\"schemaUrl\":", slice_of(resource->resource.schema_url));
    tote__json_end(json, '}');
}

static void put_request(struct encoding *encoding) {
    tote__json_put(&encoding->json, "{\"resourceSpans\":[");
    for (size_t i = 0; i < encoding->grouping.count; i++) {
        if (tote__is_first_of_resource(&encoding->grouping, i)) {
            put_resource_spans(encoding, encoding->grouping.groups[i].resource);
        }
    }
    tote__json_end(&encoding->json, ']');
    tote__json_end(&encoding->json, '}');
}

static bool group(struct encoding *encoding) {
    if (!tote__grouping_start(&encoding->grouping, &encoding->arena, encoding->count)) {
        return false;
    }
    for (size_t i = 0; i < encoding->count; i++) {
        struct tote__span_wire span = tote__span_get_wire(encoding->spans[i]);
        if (!tote__grouping_add(&encoding->grouping, i, &span)) {
            return false;
        }
    }
    return true;
}

bool tote__otlp_encode_json(tote_otlp_buffer *buffer, const tote_span_data *const *spans,
                            size_t count) {
    max_align_t memory[24];
    struct encoding encoding = {
        .arena = tote__arena_over(memory, sizeof memory), .spans = spans, .count = count};
    bool is_done = count == 0;

    if (count && group(&encoding)) {
        encoding.json = tote__json_start(buffer);
        put_request(&encoding);
        is_done = tote__json_finish(&encoding.json);
    }
    tote__arena_clear(&encoding.arena);
    return is_done;
}
