/* SPDX-License-Identifier: MIT */
/*
 * wire.h - attributes in the OTLP wire format
 *
 * Store entries and attributes of spans, events, links and resources are encoded as an OTLP
 * KeyValue when they are set. A copy is needed anyway, and an export then only concatenates them.
 * Encoding repairs text to valid UTF-8 and cuts it to the limits. Spec: opentelemetry-proto
 * common/v1/common.proto
 */
#ifndef TOTE_INTERNAL_WIRE_H
#define TOTE_INTERNAL_WIRE_H

#include <string.h>

#include "tote/internal/memory.h"
#include "tote/value.h"

/* A borrowed sequence of bytes. */
struct tote__slice {
    const uint8_t *at;
    size_t size;
};

/* Tags of an attribute as a field of other messages. */
enum {
    TOTE__TAG_RESOURCE_ATTRIBUTE = 0x0A, /* Resource.attributes = 1 */
    TOTE__TAG_SCOPE_ATTRIBUTE = 0x1A,    /* InstrumentationScope.attributes = 3 */
    TOTE__TAG_SPAN_ATTRIBUTE = 0x4A,     /* Span.attributes = 9 */
    TOTE__TAG_EVENT_ATTRIBUTE = 0x1A,    /* Span.Event.attributes = 3 */
    TOTE__TAG_LINK_ATTRIBUTE = 0x22      /* Span.Link.attributes = 4 */
};

/* Return whether the value is an array or a map. */
static inline bool tote__is_list(tote_value value) {
    return value.type == TOTE_VALUE_TYPE_ARRAY || value.type == TOTE_VALUE_TYPE_MAP;
}

/* Tags of KeyValue, AnyValue, ArrayValue and KeyValueList. */
enum {
    TOTE__KEY_VALUE_KEY = 0x0A,
    TOTE__KEY_VALUE_VALUE = 0x12,
    TOTE__ANY_STRING = 0x0A,
    TOTE__ANY_BOOL = 0x10,
    TOTE__ANY_INT = 0x18,
    TOTE__ANY_DOUBLE = 0x21,
    TOTE__ANY_ARRAY = 0x2A,
    TOTE__ANY_MAP = 0x32,
    TOTE__ANY_BYTES = 0x3A,
    TOTE__LIST_ITEM = 0x0A
};

/* The maximum depth of arrays and maps. */
enum { TOTE__DEEPEST_VALUE = 64 };

/* Limits. Spec: common/README.md#attribute-limits. UINT32_MAX: no limit; depth is at most 64. */
struct tote__wire_limits {
    uint32_t value_length; /* in code points for text, in bytes for a byte value */
    uint32_t value_depth;
};

extern TOTE_SHARED const struct tote__wire_limits tote__wire_no_limits;

static inline size_t tote__varint_size(uint64_t number) {
    return ((size_t)(63 - __builtin_clzll(number | 1)) * 9 + 73) / 64;
}

static inline uint8_t *tote__put_varint(uint8_t *out, uint64_t number) {
    while (number >= 0x80) {
        *out++ = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    *out++ = (uint8_t)number;
    return out;
}

/* Return the size of a length-delimited or of a varint field. The tag is one byte. */
static inline size_t tote__run_size(size_t content) {
    return 1 + tote__varint_size(content) + content;
}

static inline size_t tote__number_size(uint64_t number) {
    return number ? 1 + tote__varint_size(number) : 0;
}

/* Write the tag and the length of a length-delimited field, or a complete varint field. */
static inline uint8_t *tote__put_head(uint8_t *out, uint8_t tag, uint64_t number) {
    *out++ = tag;
    return tote__put_varint(out, number);
}

static inline uint8_t *tote__put_number(uint8_t *out, uint8_t tag, uint64_t number) {
    return number ? tote__put_head(out, tag, number) : out;
}

static inline uint8_t *tote__put_bytes(uint8_t *out, const void *bytes, size_t size) {
    if (size) {
        memcpy(out, bytes, size);
    }
    return out + size;
}

static inline uint8_t *tote__put_run(uint8_t *out, uint8_t tag, const void *content, size_t size) {
    return tote__put_bytes(tote__put_head(out, tag, size), content, size);
}

/* Convert a number between the byte order of the host and little endian. */
static inline uint64_t tote__little_endian64(uint64_t number) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? number : __builtin_bswap64(number);
}

static inline uint32_t tote__little_endian32(uint32_t number) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? number : __builtin_bswap32(number);
}

static inline uint8_t *tote__put_fixed64(uint8_t *out, uint64_t number) {
    number = tote__little_endian64(number);
    memcpy(out, &number, sizeof number);
    return out + sizeof number;
}

static inline uint8_t *tote__put_fixed32(uint8_t *out, uint32_t number) {
    number = tote__little_endian32(number);
    memcpy(out, &number, sizeof number);
    return out + sizeof number;
}

static inline uint64_t tote__get_fixed64(const uint8_t *at) {
    uint64_t number;

    memcpy(&number, at, sizeof number);
    return tote__little_endian64(number);
}

static inline uint32_t tote__get_fixed32(const uint8_t *at) {
    uint32_t number;

    memcpy(&number, at, sizeof number);
    return tote__little_endian32(number);
}

/* Return the end of a varint that this process wrote. */
static inline const uint8_t *tote__after_varint(const uint8_t *at) {
    while (*at & 0x80) {
        at++;
    }
    return at + 1;
}

/* Return the size that tote__put_attribute() writes: one-byte tag, length and KeyValue. */
TOTE_SHARED size_t tote__attribute_size(const char *key, size_t key_length, tote_value value,
                                        const struct tote__wire_limits *limits);

/*
 * Encoding in two steps that scan key and value only once: plan an attribute, then write it. The
 * plan borrows key and value.
 */
struct tote__text {
    const char *at;
    size_t length;  /* input bytes within the limit */
    size_t written; /* output bytes, after repair */
    bool is_valid;  /* no repair needed; a repaired text may have the same length */
};
struct tote__attribute_plan {
    struct tote__text key;
    struct tote__text text; /* text of a string value */
    tote_value value;
    const struct tote__wire_limits *limits;
    size_t any_value_size;
    size_t key_value_size;
    size_t size;       /* of the complete attribute */
    bool is_too_large; /* the value is a too large array or map: it is written empty */
};
TOTE_SHARED struct tote__attribute_plan
tote__plan_attribute(const char *key, size_t key_length, tote_value value,
                     const struct tote__wire_limits *limits);
TOTE_SHARED uint8_t *tote__put_planned(uint8_t *out, uint8_t tag,
                                       const struct tote__attribute_plan *plan);

/* Write an attribute with this tag; tote__attribute_size() is its size. Returns its end. */
TOTE_SHARED uint8_t *tote__put_attribute(uint8_t *out, uint8_t tag, const char *key,
                                         size_t key_length, tote_value value,
                                         const struct tote__wire_limits *limits);

/*
 * Encode attributes one after the other into the arena, without limits. Only the last attribute of
 * a key counts, also if keys are equal after their repair. Attributes without a key are dropped.
 * Returns false if out of memory.
 */
TOTE_SHARED bool tote__encode_attributes(struct tote__arena *arena, uint8_t tag,
                                         const tote_attribute *given, size_t count,
                                         struct tote__slice *encoded);

/* A field of a message, set by tote__next_field(). */
struct tote__field {
    uint32_t number;
    uint32_t type;              /* 0: varint, 1: eight bytes, 2: length-delimited, 5: four bytes */
    uint64_t value;             /* types 0, 1 and 5 */
    struct tote__slice content; /* type 2 */
    struct tote__slice whole;   /* including tag and length */
};

static inline uint32_t tote__field_tag(const struct tote__field *field) {
    return field->number << 3 | field->type;
}

/*
 * Remove the first field from `message`. Returns false at the end, and if the rest is malformed.
 */
TOTE_SHARED bool tote__next_field(struct tote__slice *message, struct tote__field *field);

/* Count the length-delimited fields with this number. */
TOTE_SHARED size_t tote__count_fields(struct tote__slice message, uint32_t number);

/* The parts of a KeyValue: the text of the key, and the AnyValue. */
struct tote__key_value {
    struct tote__slice key;
    struct tote__slice value;
};

/* Parse a KeyValue without tag and length. */
TOTE_SHARED struct tote__key_value tote__read_key_value(struct tote__slice content);

/* Get the text of an AnyValue that this process wrote. Returns false if it is not a string. */
static inline bool tote__any_value_string(struct tote__slice any_value, struct tote__slice *text) {
    if (!any_value.size || any_value.at[0] != TOTE__ANY_STRING) {
        return false;
    }
    const uint8_t *at = tote__after_varint(any_value.at + 1);
    *text = (struct tote__slice){at, (size_t)(any_value.at + any_value.size - at)};
    return true;
}

/* Unpack an AnyValue. The arena holds the copied data. Returns an EMPTY value if out of memory. */
TOTE_SHARED tote_value tote__unpack_any_value(struct tote__slice any_value,
                                              struct tote__arena *arena);

/*
 * Unpack all fields of `number` in `fields`, attributes one after the other, into an array in the
 * arena. Returns false if out of memory.
 */
TOTE_SHARED bool tote__unpack_attributes(struct tote__slice fields, uint32_t number,
                                         struct tote__arena *arena, tote_attribute **attributes,
                                         size_t *count);

#endif
