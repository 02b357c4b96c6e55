/* SPDX-License-Identifier: MIT */
/*
 * decode.c - decode an OTLP request into spans, with protobuf-c
 *
 * Tests: tests/unit/test_collector.c
 */
#include "decode.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "otlp/request.pb-c.h"
#include "terminal.h"
#include "tote/internal/text.h"
#include "tote/value.h"

enum {
    LONGEST_NAME = 512,
    DEEPEST_MESSAGE = 100,
    MEMBER_BYTES = 64, /* memory of protobuf-c for a member while it unpacks, estimated */
    TEXT_BYTES = 16    /* memory of a short text in an arena */
};

static const char *clean(struct tote__arena *arena, const char *text) {
    return terminal_clean(arena, text, strlen(text));
}

/* Limit names: that of a service is copied into each of its spans. */
static const char *clean_name(struct tote__arena *arena, const char *name) {
    return terminal_clean(arena, name, tote__utf8_cut(name, strlen(name), LONGEST_NAME));
}

/* The text of a value; what does not fit is left out. */
struct text {
    char bytes[TERMINAL_LONGEST];
    size_t length;
};

static bool is_full(const struct text *text) {
    return text->length == sizeof text->bytes;
}

static void append(struct text *text, const char *more) {
    size_t length = strlen(more);
    size_t fitting = tote__utf8_cut(more, length, sizeof text->bytes - text->length);

    memcpy(text->bytes + text->length, more, fitting);
    text->length += fitting;
    if (fitting < length) { /* full from now on: nothing may follow the gap */
        memset(text->bytes + text->length, '.', sizeof text->bytes - text->length);
        text->length = sizeof text->bytes;
    }
}

static void append_scalar(struct text *text, tote_value value) {
    char scalar[64];

    tote_value_to_text(value, scalar, sizeof scalar);
    append(text, scalar);
}

/* Append a value; lists like in JSON, without quotes. check() has limited the depth. */
static void append_value(struct text *text, const Tote__Otlp__AnyValue *value) {
    char size[32];

    switch (value ? value->value_case : TOTE__OTLP__ANY_VALUE__VALUE__NOT_SET) {
    case TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        append(text, value->string_value);
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        append_scalar(text, tote_bool(value->bool_value));
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_INT_VALUE:
        append_scalar(text, tote_int(value->int_value));
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        append_scalar(text, tote_double(value->double_value));
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        snprintf(size, sizeof size, "<%zu bytes>", value->bytes_value.len);
        append(text, size);
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        append(text, "[");
        for (size_t i = 0; i < value->array_value->n_values && !is_full(text); i++) {
            append(text, i ? "," : "");
            append_value(text, value->array_value->values[i]);
        }
        append(text, "]");
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        append(text, "{");
        for (size_t i = 0; i < value->kvlist_value->n_values && !is_full(text); i++) {
            append(text, i ? "," : "");
            append(text, value->kvlist_value->values[i]->key);
            append(text, ":");
            append_value(text, value->kvlist_value->values[i]->value);
        }
        append(text, "}");
        break;
    default:
        break;
    }
}

static struct trace_attribute *decode_attributes(struct tote__arena *arena,
                                                 Tote__Otlp__KeyValue **messages, size_t count) {
    struct trace_attribute *attributes =
        count ? tote__arena_allocate(arena, count * sizeof *attributes) : NULL;

    for (size_t i = 0; attributes && i < count; i++) {
        struct text text; /* not initialised as a whole: it is large */
        text.length = 0;
        append_value(&text, messages[i]->value);
        attributes[i].key = clean_name(arena, messages[i]->key);
        attributes[i].value = terminal_clean(arena, text.bytes, text.length);
    }
    return attributes;
}

static void decode_events(struct tote__arena *arena, struct trace_span *span,
                          const Tote__Otlp__Span *message) {
    size_t count = message->n_events;

    span->events = count ? tote__arena_allocate(arena, count * sizeof *span->events) : NULL;
    for (size_t i = 0; span->events && i < count; i++) {
        const Tote__Otlp__Span__Event *event = message->events[i];
        struct trace_attribute *attributes =
            decode_attributes(arena, event->attributes, event->n_attributes);
        span->events[span->event_count++] = (struct trace_event){
            .name = clean_name(arena, event->name),
            .time_unix_nano = event->time_unix_nano,
            .attributes = attributes,
            .attribute_count = attributes ? event->n_attributes : 0,
            .dropped_attribute_count = event->dropped_attributes_count,
        };
    }
}

static const char *service_of(const Tote__Otlp__Resource *resource) {
    for (size_t i = 0; resource && i < resource->n_attributes; i++) {
        const Tote__Otlp__KeyValue *attribute = resource->attributes[i];
        bool is_text = attribute->value &&
                       attribute->value->value_case == TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        if (is_text && strcmp(attribute->key, "service.name") == 0) {
            return attribute->value->string_value;
        }
    }
    return "?";
}

/* Whether an id has the right length and is not all zero, which some SDKs write for none. */
static bool is_id(const ProtobufCBinaryData *id, size_t size) {
    static const uint8_t none[16];

    return id->len == size && memcmp(id->data, none, size) != 0;
}

static tote_span_kind kind_of(const Tote__Otlp__Span *message) {
    switch (message->kind) {
    case TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER:
        return TOTE_SPAN_KIND_SERVER;
    case TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT:
        return TOTE_SPAN_KIND_CLIENT;
    case TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_PRODUCER:
        return TOTE_SPAN_KIND_PRODUCER;
    case TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_CONSUMER:
        return TOTE_SPAN_KIND_CONSUMER;
    default:
        return TOTE_SPAN_KIND_INTERNAL;
    }
}

/* Estimate the memory of a span. Many empty attributes take much more than on the wire. */
static size_t held_bytes(const Tote__Otlp__Span *message) {
    const size_t attribute_bytes = sizeof(struct trace_attribute) + 2 * (size_t)TEXT_BYTES;
    size_t bytes = sizeof(struct trace_span) + tote__otlp__span__get_packed_size(message) +
                   message->n_attributes * attribute_bytes;

    for (size_t i = 0; i < message->n_events; i++) {
        bytes += sizeof(struct trace_event) + TEXT_BYTES +
                 message->events[i]->n_attributes * attribute_bytes;
    }
    return bytes;
}

/* The destination of the spans. */
struct destination {
    decode_place place;
    void *arg;
    struct receipt *receipt;
};

static void decode_span(const Tote__Otlp__Span *message, const char *service,
                        const struct destination *to) {
    struct tote__arena *arena;
    struct trace_span *span;

    if (!is_id(&message->trace_id, 16) || !is_id(&message->span_id, sizeof span->id)) {
        to->receipt->invalid_ids++;
        return;
    }
    span = to->place(to->arg, message->trace_id.data, message->start_time_unix_nano,
                     held_bytes(message), &arena);
    if (!span) {
        to->receipt->left_out++;
        return;
    }
    memcpy(span->id, message->span_id.data, sizeof span->id);
    span->has_parent = is_id(&message->parent_span_id, sizeof span->parent_id);
    if (span->has_parent) {
        memcpy(span->parent_id, message->parent_span_id.data, sizeof span->parent_id);
    }
    span->kind = kind_of(message);
    span->name = clean_name(arena, message->name);
    span->service = clean_name(arena, service);
    span->start_unix_nano = message->start_time_unix_nano;
    span->end_unix_nano = message->end_time_unix_nano;
    span->is_error =
        message->status &&
        message->status->code == TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
    span->status_message = message->status ? clean(arena, message->status->message) : "";
    span->attributes = decode_attributes(arena, message->attributes, message->n_attributes);
    span->attribute_count = span->attributes ? message->n_attributes : 0;
    span->dropped_attribute_count = message->dropped_attributes_count;
    span->dropped_event_count = message->dropped_events_count;
    span->dropped_link_count = message->dropped_links_count;
    decode_events(arena, span, message);
}

/* Bytes of a message that are not checked yet. */
struct wire {
    const uint8_t *at;
    size_t left;
};

static bool read_varint(struct wire *wire, uint64_t *value, unsigned most_bytes) {
    *value = 0;
    for (unsigned i = 0; i < most_bytes && wire->left > 0; i++) {
        uint8_t byte = *wire->at++;
        wire->left--;
        *value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

/* Return the size of the value that is next. The length of a length-delimited value is consumed. */
static bool read_size(struct wire *wire, unsigned type, uint64_t *size) {
    uint64_t number;

    *size = 0;
    switch (type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(wire, &number, 10);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        *size = 8;
        return true;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return read_varint(wire, size, 5);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        *size = 4;
        return true;
    default:
        return false;
    }
}

/*
 * Check that a message is nested at most DEEPEST_MESSAGE deep and that unpacking it takes at most
 * DECODED_MOST bytes, because protobuf-c has no limits. `spent` is the sum so far.
 */
static enum outcome check(const ProtobufCMessageDescriptor *type, struct wire wire, unsigned depth,
                          size_t *spent) {
    *spent += type->sizeof_message;
    while (wire.left > 0) {
        uint64_t key;
        uint64_t size;
        if (!read_varint(&wire, &key, 5) || !read_size(&wire, key & 7, &size) || size > wire.left) {
            return MALFORMED;
        }
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
        bool is_message = field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
                          (key & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
        *spent += MEMBER_BYTES + (is_message ? 0 : size);
        if (*spent > DECODED_MOST) {
            return TOO_LARGE;
        }
        if (is_message && depth == DEEPEST_MESSAGE) {
            return MALFORMED;
        }
        enum outcome outcome =
            is_message ? check(field->descriptor, (struct wire){wire.at, size}, depth + 1, spent)
                       : TAKEN;
        if (outcome != TAKEN) {
            return outcome;
        }
        wire.at += size;
        wire.left -= size;
    }
    return TAKEN;
}

static void decode_resource(const Tote__Otlp__ResourceSpans *of_resource,
                            const struct destination *to) {
    const char *service = service_of(of_resource->resource);

    for (size_t s = 0; s < of_resource->n_scope_spans; s++) {
        const Tote__Otlp__ScopeSpans *of_scope = of_resource->scope_spans[s];
        for (size_t i = 0; i < of_scope->n_spans; i++) {
            decode_span(of_scope->spans[i], service, to);
        }
    }
}

void decode_request(const uint8_t *bytes, size_t size, decode_place place, void *arg,
                    struct receipt *receipt) {
    const struct destination to = {place, arg, receipt};
    Tote__Otlp__ExportTraceServiceRequest *request = NULL;
    size_t spent = 0;

    receipt->outcome = check(&tote__otlp__export_trace_service_request__descriptor,
                             (struct wire){bytes, size}, 0, &spent);
    if (receipt->outcome == TAKEN) {
        request = tote__otlp__export_trace_service_request__unpack(NULL, size, bytes);
        receipt->outcome = request ? TAKEN : MALFORMED;
    }
    for (size_t i = 0; request && i < request->n_resource_spans; i++) {
        decode_resource(request->resource_spans[i], &to);
    }
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
}
