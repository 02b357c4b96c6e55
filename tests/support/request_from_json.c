/* SPDX-License-Identifier: MIT */
/*
 * request_from_json.c - OTLP/JSON to the message that protobuf-c packs
 */
#include "request_from_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/hex.h"

struct reader {
    struct tote__arena *arena;
    const char *surprise; /* the first one */
};

typedef void *read_message(struct reader *reader, json_t *json);

static void expect(struct reader *reader, bool is_met, const char *surprise) {
    if (!is_met && !reader->surprise) {
        reader->surprise = surprise;
    }
}

static void *take(struct reader *reader, size_t size) {
    void *memory = tote__arena_allocate(reader->arena, size);

    if (!memory) {
        abort();
    }
    return memset(memory, 0, size);
}

static bool is(const char *key, const char *name) {
    return strcmp(key, name) == 0;
}

static char *read_any_text(struct reader *reader, json_t *json) {
    const char *text = json_string_value(json);

    expect(reader, text, "text that is no string");
    return tote__arena_text(reader->arena, text ? text : "", json_string_length(json));
}

static char *read_text(struct reader *reader, json_t *json) {
    expect(reader, json_string_length(json) > 0, "empty text that could be left out");
    return read_any_text(reader, json);
}

static uint32_t read_number(struct reader *reader, json_t *json) {
    json_int_t number = json_integer_value(json);

    expect(reader, json_is_integer(json) && number > 0 && number <= UINT32_MAX,
           "32 bits that are no number but 0");
    return (uint32_t)number;
}

static int64_t read_signed(struct reader *reader, json_t *json) {
    const char *text = json_string_value(json);
    char again[32];
    int64_t number = text ? strtoll(text, NULL, 10) : 0;

    snprintf(again, sizeof again, "%" PRId64, number);
    expect(reader, text && is(again, text), "64 bits that are no decimal string");
    return number;
}

static uint64_t read_time(struct reader *reader, json_t *json) {
    const char *text = json_string_value(json);
    char again[32];
    uint64_t number = text ? strtoull(text, NULL, 10) : 0;

    snprintf(again, sizeof again, "%" PRIu64, number);
    expect(reader, text && is(again, text) && number, "a time that is no decimal string but 0");
    return number;
}

static double read_double(struct reader *reader, json_t *json) {
    const char *text = json_string_value(json);

    if (!text) {
        expect(reader, json_is_number(json), "a double that is no number");
        return json_number_value(json);
    }
    if (is(text, "NaN")) {
        return (double)NAN;
    }
    expect(reader, is(text, "Infinity") || is(text, "-Infinity"), "a double that is text");
    return is(text, "Infinity") ? (double)INFINITY : -(double)INFINITY;
}

static ProtobufCBinaryData read_id(struct reader *reader, json_t *json, size_t size) {
    uint8_t *bytes = take(reader, size);
    bool is_id = json_string_length(json) == 2 * size &&
                 tote__hex_decode(bytes, json_string_value(json), size);

    expect(reader, is_id, "an id that is no lower-case hex");
    return (ProtobufCBinaryData){size, bytes};
}

static ProtobufCBinaryData read_base64(struct reader *reader, json_t *json) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = json_string_value(json);
    size_t length = json_string_length(json);
    ProtobufCBinaryData result = {0, take(reader, length + 1)};

    expect(reader, text && length % 4 == 0, "bytes that are no base64");
    for (size_t i = 0; text && length % 4 == 0 && i < length; i += 4) {
        size_t pads = text[i + 2] == '=' ? 2 : text[i + 3] == '=';
        uint32_t three = 0;
        for (size_t j = 0; j < 4 - pads; j++) {
            const char *digit = strchr(digits, text[i + j]);
            expect(reader, digit && *digit, "a digit that is none of base64");
            three |= (uint32_t)(digit ? digit - digits : 0) << (18 - 6 * j);
        }
        expect(reader, !pads || (i + 4 == length && !(three & ((1U << 8 * pads) - 1))),
               "padding of base64 that is not at the end");
        for (size_t j = 0; j < 3 - pads; j++) {
            result.data[result.len++] = (uint8_t)(three >> (16 - 8 * j));
        }
    }
    return result;
}

static void *read_list(struct reader *reader, json_t *json, size_t *count, read_message *read_one) {
    void **list = take(reader, (json_array_size(json) + 1) * sizeof *list);

    *count = json_array_size(json);
    expect(reader, *count > 0, "a list that is empty or none");
    for (size_t i = 0; i < *count; i++) {
        json_t *item = json_array_get(json, i);
        expect(reader, json_is_object(item), "an item that is no object");
        list[i] = read_one(reader, item);
    }
    return list;
}

/* A message in the arena, initialized as by protobuf-c. */
#define MESSAGE(reader, type, name, initial)                                                       \
    type *name = take((reader), sizeof(type));                                                     \
    *(name) = (type)initial

static void *read_any_value(struct reader *reader, json_t *json);

static void *read_key_value(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__KeyValue, message, TOTE__OTLP__KEY_VALUE__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "key")) {
            message->key = read_any_text(reader, value);
        } else if (is(key, "value")) {
            message->value = read_any_value(reader, value);
        } else {
            expect(reader, false, "an unknown key of a key and value");
        }
    }
    expect(reader, json_object_size(json) == 2, "a key or a value that is missing");
    return message;
}

/* The object around the values of an array or a map. */
static void *read_values(struct reader *reader, json_t *json, size_t *count,
                         read_message *read_one) {
    json_t *values = json_object_get(json, "values");

    expect(reader, json_is_object(json) && json_object_size(json) == (values != NULL),
           "an unknown key beside values");
    return values ? read_list(reader, values, count, read_one) : NULL;
}

static void *read_array(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__ArrayValue, message, TOTE__OTLP__ARRAY_VALUE__INIT);

    message->values = read_values(reader, json, &message->n_values, read_any_value);
    return message;
}

static void *read_map(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__KeyValueList, message, TOTE__OTLP__KEY_VALUE_LIST__INIT);

    message->values = read_values(reader, json, &message->n_values, read_key_value);
    return message;
}

static void *read_any_value(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__AnyValue, message, TOTE__OTLP__ANY_VALUE__INIT);
    const char *key;
    json_t *value;

    expect(reader, json_is_object(json) && json_object_size(json) <= 1, "two values in one");
    json_object_foreach(json, key, value) {
        if (is(key, "stringValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE;
            message->string_value = read_any_text(reader, value);
        } else if (is(key, "boolValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
            message->bool_value = json_is_true(value);
            expect(reader, json_is_boolean(value), "a truth value that is none");
        } else if (is(key, "intValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_INT_VALUE;
            message->int_value = read_signed(reader, value);
        } else if (is(key, "doubleValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
            message->double_value = read_double(reader, value);
        } else if (is(key, "arrayValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
            message->array_value = read_array(reader, value);
        } else if (is(key, "kvlistValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_KVLIST_VALUE;
            message->kvlist_value = read_map(reader, value);
        } else if (is(key, "bytesValue")) {
            message->value_case = TOTE__OTLP__ANY_VALUE__VALUE_BYTES_VALUE;
            message->bytes_value = read_base64(reader, value);
        } else {
            expect(reader, false, "an unknown kind of value");
        }
    }
    return message;
}

static void *read_event(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__Span__Event, message, TOTE__OTLP__SPAN__EVENT__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "timeUnixNano")) {
            message->time_unix_nano = read_time(reader, value);
        } else if (is(key, "name")) {
            message->name = read_text(reader, value);
        } else if (is(key, "attributes")) {
            message->attributes = read_list(reader, value, &message->n_attributes, read_key_value);
        } else if (is(key, "droppedAttributesCount")) {
            message->dropped_attributes_count = read_number(reader, value);
        } else {
            expect(reader, false, "an unknown key of an event");
        }
    }
    return message;
}

static void *read_link(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__Span__Link, message, TOTE__OTLP__SPAN__LINK__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "traceId")) {
            message->trace_id = read_id(reader, value, 16);
        } else if (is(key, "spanId")) {
            message->span_id = read_id(reader, value, 8);
        } else if (is(key, "traceState")) {
            message->trace_state = read_text(reader, value);
        } else if (is(key, "attributes")) {
            message->attributes = read_list(reader, value, &message->n_attributes, read_key_value);
        } else if (is(key, "droppedAttributesCount")) {
            message->dropped_attributes_count = read_number(reader, value);
        } else if (is(key, "flags")) {
            message->flags = read_number(reader, value);
        } else {
            expect(reader, false, "an unknown key of a link");
        }
    }
    return message;
}

static void *read_status(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__Span__Status, message, TOTE__OTLP__SPAN__STATUS__INIT);
    const char *key;
    json_t *value;

    expect(reader, json_object_size(json) > 0, "a status that says nothing");
    json_object_foreach(json, key, value) {
        if (is(key, "message")) {
            message->message = read_text(reader, value);
        } else if (is(key, "code")) {
            message->code = (Tote__Otlp__Span__Status__StatusCode)read_number(reader, value);
        } else {
            expect(reader, false, "an unknown key of a status");
        }
    }
    return message;
}

/* Returns whether it is a known key of a span, except numbers and names. */
static bool read_part_of_span(struct reader *reader, const char *key, json_t *value,
                              Tote__Otlp__Span *message) {
    if (is(key, "attributes")) {
        message->attributes = read_list(reader, value, &message->n_attributes, read_key_value);
    } else if (is(key, "events")) {
        message->events = read_list(reader, value, &message->n_events, read_event);
    } else if (is(key, "links")) {
        message->links = read_list(reader, value, &message->n_links, read_link);
    } else if (is(key, "status")) {
        message->status = read_status(reader, value);
    } else if (is(key, "droppedAttributesCount")) {
        message->dropped_attributes_count = read_number(reader, value);
    } else if (is(key, "droppedEventsCount")) {
        message->dropped_events_count = read_number(reader, value);
    } else if (is(key, "droppedLinksCount")) {
        message->dropped_links_count = read_number(reader, value);
    } else {
        return false;
    }
    return true;
}

static void *read_span(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__Span, message, TOTE__OTLP__SPAN__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "traceId")) {
            message->trace_id = read_id(reader, value, 16);
        } else if (is(key, "spanId")) {
            message->span_id = read_id(reader, value, 8);
        } else if (is(key, "parentSpanId")) {
            message->parent_span_id = read_id(reader, value, 8);
        } else if (is(key, "traceState")) {
            message->trace_state = read_text(reader, value);
        } else if (is(key, "name")) {
            message->name = read_text(reader, value);
        } else if (is(key, "kind")) {
            message->kind = (Tote__Otlp__Span__SpanKind)read_number(reader, value);
        } else if (is(key, "startTimeUnixNano")) {
            message->start_time_unix_nano = read_time(reader, value);
        } else if (is(key, "endTimeUnixNano")) {
            message->end_time_unix_nano = read_time(reader, value);
        } else if (is(key, "flags")) {
            message->flags = read_number(reader, value);
        } else {
            expect(reader, read_part_of_span(reader, key, value, message),
                   "an unknown key of a span");
        }
    }
    return message;
}

static void *read_scope(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__InstrumentationScope, message,
            TOTE__OTLP__INSTRUMENTATION_SCOPE__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "name")) {
            message->name = read_text(reader, value);
        } else if (is(key, "version")) {
            message->version = read_text(reader, value);
        } else if (is(key, "attributes")) {
            message->attributes = read_list(reader, value, &message->n_attributes, read_key_value);
        } else {
            expect(reader, false, "an unknown key of a scope");
        }
    }
    return message;
}

static void *read_scope_spans(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__ScopeSpans, message, TOTE__OTLP__SCOPE_SPANS__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "scope")) {
            message->scope = read_scope(reader, value);
        } else if (is(key, "spans")) {
            message->spans = read_list(reader, value, &message->n_spans, read_span);
        } else if (is(key, "schemaUrl")) {
            message->schema_url = read_text(reader, value);
        } else {
            expect(reader, false, "an unknown key beside a scope");
        }
    }
    return message;
}

static char **read_texts(struct reader *reader, json_t *json, size_t *count) {
    char **list = take(reader, (json_array_size(json) + 1) * sizeof *list);

    *count = json_array_size(json);
    expect(reader, *count > 0, "a list that is empty or none");
    for (size_t i = 0; i < *count; i++) {
        list[i] = read_text(reader, json_array_get(json, i));
    }
    return list;
}

static void *read_entity_ref(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__EntityRef, message, TOTE__OTLP__ENTITY_REF__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "schemaUrl")) {
            message->schema_url = read_text(reader, value);
        } else if (is(key, "type")) {
            message->type = read_text(reader, value);
        } else if (is(key, "idKeys")) {
            message->id_keys = read_texts(reader, value, &message->n_id_keys);
        } else if (is(key, "descriptionKeys")) {
            message->description_keys = read_texts(reader, value, &message->n_description_keys);
        } else {
            expect(reader, false, "an unknown key of an entity");
        }
    }
    return message;
}

static void *read_resource(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__Resource, message, TOTE__OTLP__RESOURCE__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "attributes")) {
            message->attributes = read_list(reader, value, &message->n_attributes, read_key_value);
        } else if (is(key, "entityRefs")) {
            message->entity_refs =
                read_list(reader, value, &message->n_entity_refs, read_entity_ref);
        } else {
            expect(reader, false, "an unknown key of a resource");
        }
    }
    return message;
}

static void *read_resource_spans(struct reader *reader, json_t *json) {
    MESSAGE(reader, Tote__Otlp__ResourceSpans, message, TOTE__OTLP__RESOURCE_SPANS__INIT);
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        if (is(key, "resource")) {
            message->resource = read_resource(reader, value);
        } else if (is(key, "scopeSpans")) {
            message->scope_spans =
                read_list(reader, value, &message->n_scope_spans, read_scope_spans);
        } else if (is(key, "schemaUrl")) {
            message->schema_url = read_text(reader, value);
        } else {
            expect(reader, false, "an unknown key beside a resource");
        }
    }
    return message;
}

Tote__Otlp__ExportTraceServiceRequest *
request_from_json(const void *json, size_t size, struct tote__arena *arena, const char **surprise) {
    struct reader reader = {.arena = arena};
    json_error_t error;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    MESSAGE(&reader, Tote__Otlp__ExportTraceServiceRequest, message,
            TOTE__OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT);

    expect(&reader, root, "what is no JSON");
    expect(&reader, json_object_size(root) == 1, "more than resourceSpans");
    if (root) {
        message->resource_spans = read_list(&reader, json_object_get(root, "resourceSpans"),
                                            &message->n_resource_spans, read_resource_spans);
    }
    json_decref(root);
    *surprise = reader.surprise;
    return reader.surprise ? NULL : message;
}
