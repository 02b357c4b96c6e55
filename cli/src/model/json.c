/* SPDX-License-Identifier: MIT */
/*
 * json.c - convert a request from OTLP/JSON to protobuf
 *
 * The descriptors of protobuf-c define the keys and the types of their values.
 * Spec: protocol/otlp.md#json-protobuf-encoding
 *
 * Tests: tests/unit/test_view_requests.c, tests/fuzz/fuzz_json.c
 */
#include "json.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/request.pb-c.h"
#include "tote/internal/base64.h"
#include "tote/internal/hex.h"
#include "tote/internal/text.h"
#include "tote/internal/wire.h"

enum { MOST_DEPTH = 100, LENGTH_BYTES = 5, ESCAPE_LENGTH = 6 /* of \uXXXX */ };

/*
 * Memory for jansson, with a limit: "{}" takes a hundred times its length. Each block contains its
 * size.
 */
struct block {
    size_t size;
    max_align_t memory[];
};
static size_t memory_left;
static bool is_memory_short;

static void *allocate(size_t size) {
    struct block *block = NULL;

    size += sizeof *block;
    if (size <= memory_left) {
        block = malloc(size);
    }
    if (!block) {
        is_memory_short = true;
        return NULL;
    }
    memory_left -= size;
    block->size = size;
    return block->memory;
}

static void release(void *memory) {
    if (memory) {
        struct block *block = (struct block *)((char *)memory - offsetof(struct block, memory));
        memory_left += block->size;
        free(block);
    }
}

/* The request in protobuf. */
struct output {
    struct bytes bytes;
    struct receipt receipt;
};

static void put(struct output *output, const void *bytes, size_t size) {
    enum outcome outcome = bytes_append(&output->bytes, bytes, size);

    if (outcome != TAKEN) {
        output->receipt.outcome = outcome;
    }
}

static void put_varint(struct output *output, uint64_t number) {
    uint8_t bytes[10];

    put(output, bytes, (size_t)(tote__put_varint(bytes, number) - bytes));
}

static void put_fixed64(struct output *output, uint64_t number) {
    number = tote__little_endian64(number);
    put(output, &number, sizeof number);
}

static void put_fixed32(struct output *output, uint32_t number) {
    number = tote__little_endian32(number);
    put(output, &number, sizeof number);
}

static void put_run(struct output *output, const void *bytes, size_t size) {
    put_varint(output, size);
    put(output, bytes, size);
}

static void put_key(struct output *output, const ProtobufCFieldDescriptor *field,
                    ProtobufCWireType wire_type) {
    put_varint(output, (uint64_t)field->id << 3 | wire_type);
}

/* The key startTimeUnixNano is the field "start_time_unix_nano". */
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

/* Read "SPAN_KIND_SERVER" or "SERVER". Returns false if it is not the name of a value. */
static bool read_name(const ProtobufCEnumDescriptor *type, const char *name, uint64_t *number) {
    size_t length = strlen(name);

    for (unsigned i = 0; i < type->n_values; i++) {
        const char *full = type->values[i].name;
        size_t full_length = strlen(full);
        if (length && length <= full_length && strcmp(full + full_length - length, name) == 0 &&
            (length == full_length || full[full_length - length - 1] == '_')) {
            *number = (uint64_t)type->values[i].value;
            return true;
        }
    }
    return false;
}

/* Whether a number fits into a field of this type. */
static bool is_in_range(ProtobufCType type, bool is_negative, uint64_t number) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
        return is_negative ? (int64_t)number < 0 : number <= INT64_MAX;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return !is_negative && number <= UINT32_MAX;
    case PROTOBUF_C_TYPE_ENUM:
        return is_negative ? (int64_t)number >= INT32_MIN : number <= INT32_MAX;
    default:
        return !is_negative;
    }
}

/* Read a whole number from a text. */
static bool read_digits(const char *text, bool *is_negative, uint64_t *number) {
    char *end;

    *is_negative = *text == '-';
    if (text[*is_negative] < '0' || text[*is_negative] > '9') {
        return false;
    }
    errno = 0;
    *number = *is_negative ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
    return !*end && errno == 0;
}

/* Read a whole number: a number, "1e3", a string, or the name of an enumeration value. */
static bool read_number(const ProtobufCFieldDescriptor *field, const json_t *json,
                        uint64_t *number) {
    bool is_negative = false;

    if (json_is_integer(json)) {
        is_negative = json_integer_value(json) < 0;
        *number = (uint64_t)json_integer_value(json);
    } else if (json_is_real(json)) {
        double real = json_real_value(json);
        if (!(real > -9e18 && real < 9e18) || real != (double)(int64_t)real) {
            return false;
        }
        is_negative = real < 0;
        *number = (uint64_t)(int64_t)real;
    } else {
        const char *text = json_is_string(json) ? json_string_value(json) : "";
        if (field->type == PROTOBUF_C_TYPE_ENUM && read_name(field->descriptor, text, number)) {
            return true;
        }
        if (!read_digits(text, &is_negative, number)) {
            return false;
        }
    }
    return is_in_range(field->type, is_negative && *number, *number);
}

/* Read a number, or a string that contains one, "NaN" or "-Infinity". */
static bool read_real(const json_t *json, double *real) {
    const char *text = json_string_value(json);
    char *end;

    if (!text) {
        *real = json_number_value(json);
        return json_is_number(json);
    }
    *real = strtod(text, &end);
    return *text && !*end;
}

static bool read_hex(char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        text[i] = tote__lower(text[i]);
    }
    return length % 2 == 0 && tote__hex_decode((uint8_t *)text, text, length / 2);
}

/* Read base64 in either alphabet, with padding or without. Spec: RFC 4648 sections 4 and 5 */
static bool read_base64(char *text, size_t *length) {
    for (size_t i = 0; i < *length; i++) {
        text[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }
    size_t size = tote__base64_decode(text, *length);
    bool is_read = size || !*length;
    *length = size;
    return is_read;
}

/*
 * Decode a text in place. Ids are hex; ids that are too short for hex are base64, as in protobuf's
 * own JSON. Spec: protocol/otlp.md#json-protobuf-encoding
 */
static bool read_bytes(const char *name, char *text, size_t *length) {
    bool is_trace_id = strcmp(name, "trace_id") == 0;
    bool is_span_id = strcmp(name, "span_id") == 0 || strcmp(name, "parent_span_id") == 0;
    bool is_hex = (is_trace_id && *length != 22 && *length != 24) ||
                  (is_span_id && *length != 11 && *length != 12);

    if (!is_hex) {
        return read_base64(text, length);
    }
    bool is_read = read_hex(text, *length);
    *length /= 2;
    return is_read;
}

/* Returns false if the value has the wrong type. */
static bool put_bytes(struct output *output, const ProtobufCFieldDescriptor *field,
                      const json_t *json) {
    size_t length = json_string_length(json);
    char *bytes = json_is_string(json) ? malloc(length + 1) : NULL;

    if (!bytes) {
        return false;
    }
    memcpy(bytes, json_string_value(json), length);
    bool is_read = read_bytes(field->name, bytes, &length);
    if (is_read) {
        put_key(output, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        put_run(output, bytes, length);
    }
    free(bytes);
    return is_read;
}

static bool put_string(struct output *output, const ProtobufCFieldDescriptor *field,
                       const json_t *json) {
    if (!json_is_string(json)) {
        return false;
    }
    put_key(output, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    put_run(output, json_string_value(json), json_string_length(json));
    return true;
}

static bool put_double(struct output *output, const ProtobufCFieldDescriptor *field,
                       const json_t *json) {
    uint64_t bits;
    double real;

    if (!read_real(json, &real)) {
        return false;
    }
    memcpy(&bits, &real, sizeof bits);
    put_key(output, field, PROTOBUF_C_WIRE_TYPE_64BIT);
    put_fixed64(output, bits);
    return true;
}

static bool put_bool(struct output *output, const ProtobufCFieldDescriptor *field,
                     const json_t *json) {
    if (!json_is_boolean(json)) {
        return false;
    }
    put_key(output, field, PROTOBUF_C_WIRE_TYPE_VARINT);
    put_varint(output, json_is_true(json));
    return true;
}

/* A whole number or an enumeration value. */
static bool put_number(struct output *output, const ProtobufCFieldDescriptor *field,
                       const json_t *json) {
    uint64_t number;

    if (!read_number(field, json, &number)) {
        return false;
    }
    if (field->type == PROTOBUF_C_TYPE_FIXED64) {
        put_key(output, field, PROTOBUF_C_WIRE_TYPE_64BIT);
        put_fixed64(output, number);
    } else if (field->type == PROTOBUF_C_TYPE_FIXED32) {
        put_key(output, field, PROTOBUF_C_WIRE_TYPE_32BIT);
        put_fixed32(output, (uint32_t)number);
    } else {
        put_key(output, field, PROTOBUF_C_WIRE_TYPE_VARINT);
        put_varint(output, number);
    }
    return true;
}

static void put_message(struct output *output, const ProtobufCMessageDescriptor *type,
                        const json_t *json, unsigned depth);

/* Reserve the longest length, write the message, then close the gap after the actual length. */
static void put_submessage(struct output *output, const ProtobufCFieldDescriptor *field,
                           const json_t *json, unsigned depth) {
    uint8_t length[LENGTH_BYTES] = {0};

    put_key(output, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    put(output, length, sizeof length);
    size_t start = output->bytes.size;
    put_message(output, field->descriptor, json, depth + 1);
    if (output->receipt.outcome != TAKEN) {
        return;
    }
    size_t size = output->bytes.size - start;
    size_t length_size = (size_t)(tote__put_varint(length, size) - length);
    uint8_t *at = output->bytes.at + start - sizeof length;
    memcpy(at, length, length_size);
    memmove(at + length_size, at + sizeof length, size);
    output->bytes.size -= sizeof length - length_size;
}

static void put_field(struct output *output, const ProtobufCFieldDescriptor *field,
                      const json_t *json, unsigned depth) {
    bool is_put = true;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        put_submessage(output, field, json, depth);
        break;
    case PROTOBUF_C_TYPE_STRING:
        is_put = put_string(output, field, json);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        is_put = put_bytes(output, field, json);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        is_put = put_double(output, field, json);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        is_put = put_bool(output, field, json);
        break;
    default:
        is_put = put_number(output, field, json);
    }
    output->receipt.invalid_values += !is_put;
}

static void put_list(struct output *output, const ProtobufCFieldDescriptor *field,
                     const json_t *json, unsigned depth) {
    if (!json_is_array(json)) {
        output->receipt.outcome = MALFORMED;
    }
    for (size_t i = 0; i < json_array_size(json) && output->receipt.outcome == TAKEN; i++) {
        put_field(output, field, json_array_get(json, i), depth);
    }
}

static void put_message(struct output *output, const ProtobufCMessageDescriptor *type,
                        const json_t *json, unsigned depth) {
    const char *key;
    json_t *value;

    if (!json_is_object(json) || depth > MOST_DEPTH) {
        output->receipt.outcome = MALFORMED;
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        const ProtobufCFieldDescriptor *field = find_field(type, key);
        if (output->receipt.outcome != TAKEN) {
            return;
        }
        if (!field || json_is_null(value)) {
            continue;
        }
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            put_list(output, field, value, depth);
        } else {
            put_field(output, field, value, depth);
        }
    }
}

/* Return the code unit of an escape, or -1. */
static long read_escape(const char *text, size_t length) {
    long unit = 0;

    if (length < ESCAPE_LENGTH || text[0] != '\\' || text[1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < ESCAPE_LENGTH; i++) {
        unsigned digit = tote__hex_digit(tote__lower(text[i]));
        if (digit > 15) {
            return -1;
        }
        unit = unit << 4 | (long)digit;
    }
    return unit;
}

static bool is_high(long unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(long unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Find the next escape that is half of a surrogate pair, from `at` on. `size`: there is none. */
static size_t find_half(const char *json, size_t size, size_t at) {
    while (at < size) {
        const char *next = memchr(json + at, '\\', size - at);
        if (!next) {
            return size;
        }
        at = (size_t)(next - json);
        long unit = read_escape(next, size - at);
        if (is_high(unit) && is_low(read_escape(next + ESCAPE_LENGTH, size - at - ESCAPE_LENGTH))) {
            at += (size_t)2 * ESCAPE_LENGTH;
        } else if (is_high(unit) || is_low(unit)) {
            return at;
        } else {
            at += 2;
        }
    }
    return size;
}

char *json_repair(const char *json, size_t size, size_t *repaired_size) {
    size_t length = tote__utf8_repaired_length(json, size);

    if (tote__utf8_valid_prefix(json, size) == size && find_half(json, size, 0) == size) {
        return NULL;
    }
    char *repaired = malloc(length + 1);
    if (!repaired) {
        return NULL;
    }
    tote__utf8_repair(repaired, json, size);
    for (size_t at = 0; (at = find_half(repaired, length, at)) < length; at += ESCAPE_LENGTH) {
        memcpy(repaired + at, "\\ufffd", ESCAPE_LENGTH);
    }
    *repaired_size = length;
    return repaired;
}

/* If a whole number exceeds 64 bits, read all numbers as real ones. */
static json_t *parse(const char *json, size_t size, bool is_alone, size_t *length) {
    size_t flags = JSON_ALLOW_NUL | (is_alone ? 0 : JSON_DISABLE_EOF_CHECK);
    json_error_t error;
    json_t *root = json_loadb(json, size, flags, &error);

    if (!root && json_error_code(&error) == json_error_numeric_overflow) {
        root = json_loadb(json, size, flags | JSON_DECODE_INT_AS_REAL, &error);
    }
    *length = root ? (is_alone ? size : (size_t)error.position) : 0;
    return root;
}

struct json_text json_read(const char *json, size_t size, bool is_alone, size_t memory) {
    struct json_text text = {.outcome = TAKEN};

    memory_left = memory;
    is_memory_short = false;
    json_set_alloc_funcs(allocate, release);
    text.root = parse(json, size, is_alone, &text.length);
    if (!text.root) {
        text.outcome = is_memory_short ? TOO_LARGE : MALFORMED;
    }
    return text;
}

struct json_request json_convert(const json_t *root) {
    struct output output = {.receipt.outcome = TAKEN};

    put_message(&output, &tote__otlp__export_trace_service_request__descriptor, root, 0);
    return (struct json_request){
        .protobuf = output.bytes,
        .receipt = output.receipt,
        .has_traces = json_object_get(root, "resourceSpans") != NULL,
    };
}

struct json_request json_to_request(const char *json, size_t size) {
    struct json_text text = json_read(json, size, true, DECODED_MOST);
    struct json_request request = {.receipt.outcome = text.outcome};

    if (text.root) {
        request = json_convert(text.root);
    }
    json_decref(text.root);
    return request;
}
