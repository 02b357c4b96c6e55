/* SPDX-License-Identifier: MIT */
/*
 * decode.c - an OTLP request to spans, by protobuf-c
 */
#include "decode.h"

#include <stdio.h>
#include <string.h>

#include "otlp/request.pb-c.h"
#include "terminal.h"
#include "tote/value.h"

enum { LONGEST_VALUE = 4096, DEEPEST_MESSAGE = 100 };

static const char *clean(struct tote__arena *arena, const char *text) {
    return terminal_clean(arena, text, strlen(text));
}

static const char *value_text(struct tote__arena *arena, const Tote__Otlp__AnyValue *value);

/* Items or fields, as JSON has them but for the quotes. */
static const char *list_text(struct tote__arena *arena, const Tote__Otlp__AnyValue *value) {
    char *text = tote__arena_allocate(arena, LONGEST_VALUE);
    bool is_array = value->value_case == TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
    size_t count = is_array ? value->array_value->n_values : value->kvlist_value->n_values;
    size_t length = 0;

    if (!text) {
        return "";
    }
    *text = '\0';
    for (size_t i = 0; i < count && length < LONGEST_VALUE - 1; i++) {
        const Tote__Otlp__KeyValue *field = is_array ? NULL : value->kvlist_value->values[i];
        const char *item =
            value_text(arena, is_array ? value->array_value->values[i] : field->value);
        int written = snprintf(text + length, LONGEST_VALUE - length, "%s%s%s%s", i ? "," : "",
                               field ? clean(arena, field->key) : "", field ? ":" : "", item);
        length += written < 0 ? 0 : (size_t)written;
    }
    char *whole = tote__arena_allocate(arena, LONGEST_VALUE + 3);
    if (!whole) {
        return "";
    }
    snprintf(whole, LONGEST_VALUE + 3, is_array ? "[%s]" : "{%s}", text);
    return terminal_clean(arena, whole, strlen(whole)); /* it may have been cut in a code point */
}

static const char *value_text(struct tote__arena *arena, const Tote__Otlp__AnyValue *value) {
    char text[64];
    tote_value scalar = tote_string(NULL);

    switch (value ? value->value_case : TOTE__OTLP__ANY_VALUE__VALUE__NOT_SET) {
    case TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        return clean(arena, value->string_value);
    case TOTE__OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        scalar = tote_bool(value->bool_value);
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_INT_VALUE:
        scalar = tote_int(value->int_value);
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        scalar = tote_double(value->double_value);
        break;
    case TOTE__OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        snprintf(text, sizeof text, "<%zu bytes>", value->bytes_value.len);
        return clean(arena, text);
    case TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
    case TOTE__OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        return list_text(arena, value);
    default:
        break;
    }
    tote_value_to_text(scalar, text, sizeof text);
    return clean(arena, text);
}

static void decode_attributes(struct tote__arena *arena, struct trace_span *span,
                              const Tote__Otlp__Span *message) {
    span->attributes =
        tote__arena_allocate(arena, (message->n_attributes + 1) * sizeof *span->attributes);
    for (size_t i = 0; span->attributes && i < message->n_attributes; i++) {
        span->attributes[span->attribute_count++] = (struct trace_attribute){
            clean(arena, message->attributes[i]->key),
            value_text(arena, message->attributes[i]->value),
        };
    }
}

static void decode_events(struct tote__arena *arena, struct trace_span *span,
                          const Tote__Otlp__Span *message) {
    span->events = tote__arena_allocate(arena, (message->n_events + 1) * sizeof *span->events);
    for (size_t i = 0; span->events && i < message->n_events; i++) {
        span->events[span->event_count++] = (struct trace_event){
            clean(arena, message->events[i]->name),
            message->events[i]->time_unix_nano,
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

/* An id has its length, and is not all zero: some write that for none. */
static bool is_id(const ProtobufCBinaryData *id, size_t size) {
    static const uint8_t none[16];

    return id->len == size && memcmp(id->data, none, size) != 0;
}

static void decode_span(const Tote__Otlp__Span *message, const char *service, decode_place place,
                        void *arg) {
    struct tote__arena *arena;
    struct trace_span *span;

    if (!is_id(&message->trace_id, 16) || !is_id(&message->span_id, sizeof span->id)) {
        return;
    }
    span = place(arg, message->trace_id.data, &arena);
    if (!span) {
        return;
    }
    memcpy(span->id, message->span_id.data, sizeof span->id);
    span->has_parent = is_id(&message->parent_span_id, sizeof span->parent_id);
    if (span->has_parent) {
        memcpy(span->parent_id, message->parent_span_id.data, sizeof span->parent_id);
    }
    span->name = clean(arena, message->name);
    span->service = clean(arena, service);
    span->start_unix_nano = message->start_time_unix_nano;
    span->end_unix_nano = message->end_time_unix_nano;
    span->is_error =
        message->status &&
        message->status->code == TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
    span->status_message = message->status ? clean(arena, message->status->message) : "";
    decode_attributes(arena, span, message);
    decode_events(arena, span, message);
}

/* Bytes of a message that are still to be looked at. */
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

/* The size of a field's value, which is next; of what precedes it with its length, that is read. */
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

/* Whether messages lie in each other no deeper than the stack allows: protobuf-c has no bound. */
static bool is_shallow(const ProtobufCMessageDescriptor *type, struct wire wire, unsigned depth) {
    while (wire.left > 0) {
        uint64_t key;
        uint64_t size;
        if (!read_varint(&wire, &key, 5) || !read_size(&wire, key & 7, &size) || size > wire.left) {
            return false;
        }
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
        bool is_message = field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
                          (key & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
        if (is_message &&
            (depth == DEEPEST_MESSAGE ||
             !is_shallow(field->descriptor, (struct wire){wire.at, size}, depth + 1))) {
            return false;
        }
        wire.at += size;
        wire.left -= size;
    }
    return true;
}

bool decode_request(const uint8_t *bytes, size_t size, decode_place place, void *arg) {
    Tote__Otlp__ExportTraceServiceRequest *request = NULL;

    if (is_shallow(&tote__otlp__export_trace_service_request__descriptor,
                   (struct wire){bytes, size}, 0)) {
        request = tote__otlp__export_trace_service_request__unpack(NULL, size, bytes);
    }
    if (!request) {
        return false;
    }
    for (size_t r = 0; r < request->n_resource_spans; r++) {
        const Tote__Otlp__ResourceSpans *of_resource = request->resource_spans[r];
        const char *service = service_of(of_resource->resource);
        for (size_t s = 0; s < of_resource->n_scope_spans; s++) {
            const Tote__Otlp__ScopeSpans *of_scope = of_resource->scope_spans[s];
            for (size_t i = 0; i < of_scope->n_spans; i++) {
                decode_span(of_scope->spans[i], service, place, arg);
            }
        }
    }
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    return true;
}
