/* SPDX-License-Identifier: MIT */
/*
 * json.c - OTLP/JSON to the same request in protobuf
 *
 * The descriptors of protobuf-c tell which keys there are and what is in them. Spec: protocol/otlp.md#json-protobuf-encoding
 */
#include "json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/request.pb-c.h"
#include "tote/internal/base64.h"
#include "tote/internal/wire.h"

enum { NAME_BYTES = 64, FIRST_BYTES = 4096, MOST_DEPTH = 200 };

struct buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    bool is_broken; /* memory is out, or the text is not what it should be */
};

static uint8_t *reserve(struct buffer *buffer, size_t more) {
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_BYTES;

    while (capacity - buffer->size < more) {
        capacity *= 2;
    }
    if (capacity != buffer->capacity) {
        uint8_t *bytes = realloc(buffer->bytes, capacity);
        if (!bytes) {
            buffer->is_broken = true;
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    return buffer->bytes + buffer->size;
}

static void put(struct buffer *buffer, const void *bytes, size_t size) {
    uint8_t *out = reserve(buffer, size);

    if (out && size) {
        memcpy(out, bytes, size);
        buffer->size += size;
    }
}

static void put_varint(struct buffer *buffer, uint64_t number) {
    uint8_t bytes[10];

    put(buffer, bytes, (size_t)(tote__put_varint(bytes, number) - bytes));
}

static void put_fixed(struct buffer *buffer, uint64_t number, unsigned size) {
    uint8_t bytes[sizeof number];

    for (unsigned i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    put(buffer, bytes, size);
}

static void put_run(struct buffer *buffer, const void *bytes, size_t size) {
    put_varint(buffer, size);
    put(buffer, bytes, size);
}

/* "start_time_unix_nano" is startTimeUnixNano. */
static bool is_key_of(const char *key, const char *name) {
    for (; *name; name++, key++) {
        char expected = *name;
        if (expected == '_') {
            expected = (char)(*++name - 'a' + 'A');
        }
        if (*key != expected) {
            return false;
        }
    }
    return !*key;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                  const char *key) {
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (is_key_of(key, type->fields[i].name)) {
            return &type->fields[i];
        }
    }
    return NULL;
}

/* A number, or one in a text. */
static uint64_t number_of(struct buffer *buffer, const json_t *json) {
    const char *text = json_string_value(json);
    char *end = NULL;

    if (json_is_integer(json)) {
        return (uint64_t)json_integer_value(json);
    }
    if (json_is_real(
            json)) { /* as "1e3", and what is too large for jansson's whole numbers is none */
        double real = json_real_value(json);
        bool is_small = real > -9e18 && real < 9e18;
        buffer->is_broken |= !is_small;
        return is_small ? (uint64_t)(int64_t)real : 0;
    }
    errno = 0;
    uint64_t number = text && *text == '-' ? (uint64_t)strtoll(text, &end, 10)
                      : text               ? strtoull(text, &end, 10)
                                           : 0;
    buffer->is_broken |= !text || !*text || *end || errno;
    return number;
}

static double real_of(struct buffer *buffer, const json_t *json) {
    const char *text = json_string_value(json);

    if (!text) {
        buffer->is_broken |= !json_is_number(json);
        return json_number_value(json);
    }
    return strtod(text, NULL); /* also "NaN" and "-Infinity" */
}

static int nibble(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static void put_hex(struct buffer *buffer, const char *text, size_t length) {
    put_varint(buffer, length / 2);
    buffer->is_broken |= length % 2;
    for (size_t i = 0; i + 1 < length; i += 2) {
        int high = nibble(text[i]);
        int low = nibble(text[i + 1]);
        uint8_t byte = 0;
        if (high < 0 || low < 0) {
            buffer->is_broken = true;
        } else {
            byte = (uint8_t)(high << 4 | low);
        }
        put(buffer, &byte, 1);
    }
}

static void put_base64(struct buffer *buffer, const char *text, size_t length) {
    char *bytes = malloc(length + 1);

    if (!bytes) {
        buffer->is_broken = true;
        return;
    }
    memcpy(bytes, text, length);
    size_t size = tote__base64_decode(bytes, length);
    buffer->is_broken |= length && !size;
    put_run(buffer, bytes, size);
    free(bytes);
}

static void put_bytes(struct buffer *buffer, const char *name, const json_t *json) {
    static const char *const ids[] = {"trace_id", "span_id", "parent_span_id"};
    const char *text = json_string_value(json);
    size_t length = json_string_length(json);

    buffer->is_broken |= !text;
    for (size_t i = 0; text && i < sizeof ids / sizeof *ids; i++) {
        if (strcmp(name, ids[i]) == 0) {
            put_hex(buffer, text, length);
            return;
        }
    }
    if (text) {
        put_base64(buffer, text, length);
    }
}

static void put_message(struct buffer *buffer, const ProtobufCMessageDescriptor *type,
                        const json_t *json, unsigned depth);

static void put_submessage(struct buffer *buffer, const ProtobufCMessageDescriptor *type,
                           const json_t *json, unsigned depth) {
    struct buffer inner = {.bytes = NULL};

    put_message(&inner, type, json, depth + 1);
    buffer->is_broken |= inner.is_broken;
    put_run(buffer, inner.bytes, inner.size);
    free(inner.bytes);
}

static void put_key(struct buffer *buffer, const ProtobufCFieldDescriptor *field,
                    ProtobufCWireType wire_type) {
    put_varint(buffer, (uint64_t)field->id << 3 | wire_type);
}

static void put_one(struct buffer *buffer, const ProtobufCFieldDescriptor *field,
                    const json_t *json, unsigned depth) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        buffer->is_broken |= !json_is_string(json);
        put_run(buffer, json_string_value(json), json_string_length(json));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        put_bytes(buffer, field->name, json);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        put_submessage(buffer, field->descriptor, json, depth);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_64BIT);
        put_fixed(buffer, number_of(buffer, json), sizeof(uint64_t));
        break;
    case PROTOBUF_C_TYPE_FIXED32:
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_32BIT);
        put_fixed(buffer, number_of(buffer, json), sizeof(uint32_t));
        break;
    case PROTOBUF_C_TYPE_DOUBLE: {
        double real = real_of(buffer, json);
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_64BIT);
        put_fixed(buffer, bits, sizeof bits);
        break;
    }
    case PROTOBUF_C_TYPE_BOOL:
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_VARINT);
        put_varint(buffer, json_is_true(json));
        break;
    default: /* whole numbers and enumerations */
        put_key(buffer, field, PROTOBUF_C_WIRE_TYPE_VARINT);
        put_varint(buffer, number_of(buffer, json));
    }
}

static void put_message(struct buffer *buffer, const ProtobufCMessageDescriptor *type,
                        const json_t *json, unsigned depth) {
    const char *key;
    json_t *value;

    buffer->is_broken |= !json_is_object(json) || depth > MOST_DEPTH;
    if (buffer->is_broken) {
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        const ProtobufCFieldDescriptor *field = find_field(type, key);
        if (!field || json_is_null(value)) {
            continue;
        }
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            put_one(buffer, field, value, depth);
            continue;
        }
        buffer->is_broken |= !json_is_array(value);
        for (size_t i = 0; i < json_array_size(value); i++) {
            put_one(buffer, field, json_array_get(value, i), depth);
        }
    }
}

uint8_t *json_to_request(const void *json, size_t size, size_t *request_size) {
    struct buffer buffer = {.bytes = NULL};
    json_t *root = json_loadb(json, size, JSON_ALLOW_NUL, NULL);

    reserve(&buffer, 1);
    put_message(&buffer, &tote__otlp__export_trace_service_request__descriptor, root, 0);
    json_decref(root);
    if (buffer.is_broken) {
        free(buffer.bytes);
        return NULL;
    }
    *request_size = buffer.size;
    return buffer.bytes;
}
