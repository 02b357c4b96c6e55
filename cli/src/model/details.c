/* SPDX-License-Identifier: MIT */
/*
 * details.c - everything a span contains, decoded on demand
 *
 * Tests: tests/unit/test_model.c
 */
#include "details.h"

#include <stdio.h>
#include <string.h>

#include "decode.h"
#include "terminal.h"
#include "tote/internal/record.h"
#include "tote/internal/text.h"
#include "tote/value.h"

enum { LONGEST_NAME = 512 };

/* Where details go. */
struct reading {
    struct tote__arena *arena;
    bool is_out_of_memory;
};

static void *allocate(struct reading *reading, size_t size) {
    void *memory = size ? tote__arena_allocate(reading->arena, size) : NULL;

    reading->is_out_of_memory |= size && !memory;
    return memory;
}

static const char *clean(struct reading *reading, struct tote__slice text, size_t most) {
    const char *at = (const char *)text.at;
    const char *result =
        text.size ? terminal_clean(reading->arena, at, tote__utf8_cut(at, text.size, most)) : "";

    reading->is_out_of_memory |= text.size && !*result;
    return result;
}

/* The text of a value; what does not fit is left out. */
struct text {
    char *bytes; /* TERMINAL_LONGEST */
    size_t length;
};

static bool is_full(const struct text *text) {
    return text->length == TERMINAL_LONGEST;
}

static void append_bytes(struct text *text, const char *more, size_t length) {
    size_t fitting = tote__utf8_cut(more, length, TERMINAL_LONGEST - text->length);

    if (fitting) {
        memcpy(text->bytes + text->length, more, fitting);
        text->length += fitting;
    }
    if (fitting < length) { /* full from now on: nothing may follow the gap */
        memset(text->bytes + text->length, '.', TERMINAL_LONGEST - text->length);
        text->length = TERMINAL_LONGEST;
    }
}

static void append(struct text *text, const char *more) {
    append_bytes(text, more, strlen(more));
}

static void append_scalar(struct text *text, tote_value value) {
    char scalar[64];

    tote_value_to_text(value, scalar, sizeof scalar);
    append(text, scalar);
}

static enum trace_value_type append_value(struct text *text, struct tote__slice any_value);

/* Append the items of a list. The depth is limited by the check of the request. */
static void append_list(struct text *text, struct tote__slice items, bool is_map) {
    struct tote__field field;
    bool is_first = true;

    append(text, is_map ? "{" : "[");
    while (!is_full(text) && tote__next_field(&items, &field)) {
        if (tote__field_tag(&field) != TOTE__LIST_ITEM) {
            continue;
        }
        append(text, is_first ? "" : ",");
        is_first = false;
        if (is_map) {
            struct tote__key_value parts = tote__read_key_value(field.content);
            append_bytes(text, (const char *)parts.key.at, parts.key.size);
            append(text, ":");
            append_value(text, parts.value);
        } else {
            append_value(text, field.content);
        }
    }
    append(text, is_map ? "}" : "]");
}

/* Append a value; lists like in JSON, without quotation marks. Returns its type. */
static enum trace_value_type append_value(struct text *text, struct tote__slice any_value) {
    struct tote__field field;
    char size[32];
    double real;

    if (!tote__next_field(&any_value, &field)) {
        return TRACE_VALUE_EMPTY;
    }
    switch (tote__field_tag(&field)) {
    case TOTE__ANY_STRING:
        append_bytes(text, (const char *)field.content.at, field.content.size);
        return TRACE_VALUE_STRING;
    case TOTE__ANY_BOOL:
        append_scalar(text, tote_bool(field.value != 0));
        return TRACE_VALUE_BOOL;
    case TOTE__ANY_INT:
        append_scalar(text, tote_int((int64_t)field.value));
        return TRACE_VALUE_INT;
    case TOTE__ANY_DOUBLE:
        memcpy(&real, &field.value, sizeof real);
        append_scalar(text, tote_double(real));
        return TRACE_VALUE_DOUBLE;
    case TOTE__ANY_BYTES:
        snprintf(size, sizeof size, "<%zu bytes>", field.content.size);
        append(text, size);
        return TRACE_VALUE_BYTES;
    case TOTE__ANY_ARRAY:
        append_list(text, field.content, false);
        return TRACE_VALUE_ARRAY;
    case TOTE__ANY_MAP:
        append_list(text, field.content, true);
        return TRACE_VALUE_MAP;
    default:
        return TRACE_VALUE_EMPTY;
    }
}

static void read_attribute(struct reading *reading, struct tote__slice content,
                           struct trace_attribute *attribute) {
    struct tote__key_value parts = tote__read_key_value(content);
    char bytes[TERMINAL_LONGEST];
    struct text text = {bytes, 0};

    attribute->type = append_value(&text, parts.value);
    attribute->key = clean(reading, parts.key, LONGEST_NAME);
    attribute->value =
        clean(reading, (struct tote__slice){(const uint8_t *)bytes, text.length}, TERMINAL_LONGEST);
}

/* Read the attributes of a message, which have this tag, and its count of dropped ones. */
static struct trace_attributes read_attributes(struct reading *reading, struct tote__slice message,
                                               uint32_t tag, uint32_t dropped_tag) {
    size_t count = tote__count_fields(message, tag >> 3);
    struct trace_attributes attributes = {allocate(reading, count * sizeof *attributes.items), 0,
                                          0};
    struct tote__field field;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) == tag && attributes.items) {
            read_attribute(reading, field.content, &attributes.items[attributes.count++]);
        } else if (tote__field_tag(&field) == dropped_tag) {
            attributes.dropped_count = (uint32_t)field.value;
        }
    }
    return attributes;
}

static struct trace_event read_event(struct reading *reading, struct tote__slice message) {
    struct trace_event event = {.name = ""};
    struct tote__field field;

    event.attributes =
        read_attributes(reading, message, TOTE__TAG_EVENT_ATTRIBUTE, TOTE__EVENT_DROPPED);
    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) == TOTE__EVENT_NAME) {
            event.name = clean(reading, field.content, LONGEST_NAME);
        } else if (tote__field_tag(&field) == TOTE__EVENT_TIME) {
            event.time_unix_nano = field.value;
        }
    }
    return event;
}

static void copy_id(uint8_t *id, size_t size, struct tote__slice from) {
    if (from.size == size) {
        memcpy(id, from.at, size);
    }
}

static struct trace_link read_link(struct reading *reading, struct tote__slice message) {
    struct trace_link link = {.trace_state = ""};
    struct tote__field field;

    link.attributes =
        read_attributes(reading, message, TOTE__TAG_LINK_ATTRIBUTE, TOTE__LINK_DROPPED);
    while (tote__next_field(&message, &field)) {
        switch (tote__field_tag(&field)) {
        case TOTE__LINK_TRACE_ID:
            copy_id(link.trace_id, sizeof link.trace_id, field.content);
            break;
        case TOTE__LINK_SPAN_ID:
            copy_id(link.span_id, sizeof link.span_id, field.content);
            break;
        case TOTE__LINK_TRACE_STATE:
            link.trace_state = clean(reading, field.content, TERMINAL_LONGEST);
            break;
        default:
            break;
        }
    }
    return link;
}

static const char *read_status(struct reading *reading, struct tote__slice message) {
    const char *text = "";
    struct tote__field field;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) == TOTE__STATUS_MESSAGE) {
            text = clean(reading, field.content, TERMINAL_LONGEST);
        }
    }
    return text;
}

static void read_span_field(struct reading *reading, const struct tote__field *field,
                            struct span_details *details) {
    switch (tote__field_tag(field)) {
    case TOTE__SPAN_TRACE_STATE:
        details->trace_state = clean(reading, field->content, TERMINAL_LONGEST);
        break;
    case TOTE__SPAN_STATUS:
        details->status_message = read_status(reading, field->content);
        break;
    case TOTE__SPAN_FLAGS:
        details->flags = (uint32_t)field->value;
        break;
    case TOTE__SPAN_EVENT:
        if (details->events) {
            details->events[details->event_count++] = read_event(reading, field->content);
        }
        break;
    case TOTE__SPAN_LINK:
        if (details->links) {
            details->links[details->link_count++] = read_link(reading, field->content);
        }
        break;
    case TOTE__SPAN_DROPPED_EVENTS:
        details->dropped_event_count = (uint32_t)field->value;
        break;
    case TOTE__SPAN_DROPPED_LINKS:
        details->dropped_link_count = (uint32_t)field->value;
        break;
    default:
        break;
    }
}

static void read_scope(struct reading *reading, struct tote__slice message,
                       struct span_details *details) {
    enum { NAME = 0x0A, VERSION = 0x12, DROPPED = 0x20 };
    struct tote__field field;

    details->scope = read_attributes(reading, message, TOTE__TAG_SCOPE_ATTRIBUTE, DROPPED);
    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) == NAME) {
            details->scope_name = clean(reading, field.content, LONGEST_NAME);
        } else if (tote__field_tag(&field) == VERSION) {
            details->scope_version = clean(reading, field.content, LONGEST_NAME);
        }
    }
}

bool span_details_read(const struct trace_span *span, struct tote__arena *arena,
                       struct span_details *details) {
    enum { RESOURCE_DROPPED = 0x10 };
    struct reading reading = {arena, false};
    struct tote__slice rest = span->message;
    struct tote__field field;

    *details = (struct span_details){
        .status_message = "", .trace_state = "", .scope_name = "", .scope_version = ""};
    details->attributes = read_attributes(&reading, span->message, TOTE__SPAN_ATTRIBUTE,
                                          TOTE__SPAN_DROPPED_ATTRIBUTES);
    details->events = allocate(&reading, span->event_count * sizeof *details->events);
    details->links = allocate(&reading, span->link_count * sizeof *details->links);
    while (tote__next_field(&rest, &field)) {
        read_span_field(&reading, &field, details);
    }
    details->resource = read_attributes(&reading, decode_field(span->resource->message, 1),
                                        TOTE__TAG_RESOURCE_ATTRIBUTE, RESOURCE_DROPPED);
    read_scope(&reading, decode_field(span->scope->message, 1), details);
    return !reading.is_out_of_memory;
}

const char *trace_attribute_find(const struct trace_attributes *attributes, const char *key) {
    for (size_t i = 0; i < attributes->count; i++) {
        if (strcmp(attributes->items[i].key, key) == 0) {
            return attributes->items[i].value;
        }
    }
    return NULL;
}

size_t trace_value_text(struct tote__slice any_value, char text[TERMINAL_LONGEST]) {
    struct text out = {text, 0};

    append_value(&out, any_value);
    return out.length;
}

const char *trace_kind_name(tote_span_kind kind) {
    static const char *const names[] = {
        [TOTE_SPAN_KIND_INTERNAL] = "internal", [TOTE_SPAN_KIND_SERVER] = "server",
        [TOTE_SPAN_KIND_CLIENT] = "client",     [TOTE_SPAN_KIND_PRODUCER] = "producer",
        [TOTE_SPAN_KIND_CONSUMER] = "consumer",
    };

    return names[kind];
}

const char *trace_status_name(tote_status_code code) {
    static const char *const names[] = {
        [TOTE_STATUS_CODE_UNSET] = "unset",
        [TOTE_STATUS_CODE_OK] = "ok",
        [TOTE_STATUS_CODE_ERROR] = "error",
    };

    return names[code];
}
