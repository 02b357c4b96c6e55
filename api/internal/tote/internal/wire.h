/* SPDX-License-Identifier: MIT */
/*
 * wire.h - attributes in the form in which OTLP sends them
 *
 * A store entry and an attribute of a span, an event, a link or a resource are kept as an OTLP
 * KeyValue from the moment they are set: the copy has to be made anyway, and export
 * then only joins them. Text is repaired to UTF-8 and cut to the limits as it is
 * written. Spec: opentelemetry-proto common/v1/common.proto
 */
#ifndef TOTE_INTERNAL_WIRE_H
#define TOTE_INTERNAL_WIRE_H

#include <string.h>

#include "tote/internal/memory.h"
#include "tote/value.h"

/* A run of bytes. */
struct tote__slice {
    const uint8_t *at;
    size_t size;
};

/* What an attribute is a field of. */
enum {
    TOTE__TAG_RESOURCE_ATTRIBUTE = 0x0A, /* Resource.attributes = 1 */
    TOTE__TAG_SCOPE_ATTRIBUTE = 0x1A,    /* InstrumentationScope.attributes = 3 */
    TOTE__TAG_SPAN_ATTRIBUTE = 0x4A,     /* Span.attributes = 9 */
    TOTE__TAG_EVENT_ATTRIBUTE = 0x1A,    /* Span.Event.attributes = 3 */
    TOTE__TAG_LINK_ATTRIBUTE = 0x22      /* Span.Link.attributes = 4 */
};

/* Return whether it has parts: an array or a map. */
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

/* How deep arrays and maps are kept at most. */
enum { TOTE__DEEPEST_VALUE = 64 };

/* Spec: common/README.md#attribute-limits. UINT32_MAX is no limit; depth is at most 64. */
struct tote__wire_limits {
    uint32_t value_length; /* code points of text, bytes of bytes */
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

/* The size of a field that has a length, or of one that is a number; the tag is one byte. */
static inline size_t tote__run_size(size_t content) {
    return 1 + tote__varint_size(content) + content;
}

static inline size_t tote__number_size(uint64_t number) {
    return number ? 1 + tote__varint_size(number) : 0;
}

/* The tag, and the length of what follows; or a field that is a number. */
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

/* A number with its bytes in the order of the wire, or one from there in the machine's. */
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

/* Past a varint that we wrote ourselves. */
static inline const uint8_t *tote__after_varint(const uint8_t *at) {
    while (*at & 0x80) {
        at++;
    }
    return at + 1;
}

/* How many bytes tote__put_attribute() writes: tag, length and KeyValue; a one-byte tag. */
TOTE_SHARED size_t tote__attribute_size(const char *key, size_t key_length, tote_value value,
                                        const struct tote__wire_limits *limits);

/*
 * The same in two steps that look at key and value once: what an attribute will be, and writing it.
 * The plan borrows key and value.
 */
struct tote__text {
    const char *at;
    size_t length;  /* of what is taken of it */
    size_t written; /* of what that becomes */
    bool is_valid;  /* it stays as it is; what is broken may be as long when it is repaired */
};
struct tote__attribute_plan {
    struct tote__text key;
    struct tote__text text; /* of a string */
    tote_value value;
    const struct tote__wire_limits *limits;
    size_t any_value_size;
    size_t key_value_size;
    size_t size;       /* of the whole */
    bool is_too_large; /* the value is an array or map too large to be kept: it is written empty */
};
TOTE_SHARED struct tote__attribute_plan
tote__plan_attribute(const char *key, size_t key_length, tote_value value,
                     const struct tote__wire_limits *limits);
TOTE_SHARED uint8_t *tote__put_planned(uint8_t *out, uint8_t tag,
                                       const struct tote__attribute_plan *plan);

/* Write an attribute under this tag, of just that size. Returns the end of it. */
TOTE_SHARED uint8_t *tote__put_attribute(uint8_t *out, uint8_t tag, const char *key,
                                         size_t key_length, tote_value value,
                                         const struct tote__wire_limits *limits);

/*
 * Encode attributes one after the other into the arena, without limits: of a key the last one
 * counts, and an attribute without a key is left out. Returns false if out of memory.
 */
TOTE_SHARED bool tote__encode_attributes(struct tote__arena *arena, uint8_t tag,
                                         const tote_attribute *attributes, size_t count,
                                         struct tote__slice *encoded);

/* A field of a message, as tote__next_field() finds it. */
struct tote__field {
    uint32_t number;
    uint32_t type;              /* 0 varint, 1 eight bytes, 2 a run of bytes, 5 four bytes */
    uint64_t value;             /* types 0, 1 and 5 */
    struct tote__slice content; /* type 2 */
    struct tote__slice whole;   /* with tag and length */
};

static inline uint32_t tote__field_tag(const struct tote__field *field) {
    return field->number << 3 | field->type;
}

/*
 * Take the next field off `message`. Returns false at the end, and when the rest is not readable.
 */
TOTE_SHARED bool tote__next_field(struct tote__slice *message, struct tote__field *field);

/* Count the fields of this number that are runs of bytes. */
TOTE_SHARED size_t tote__count_fields(struct tote__slice message, uint32_t number);

/* The parts of a KeyValue: the key's text, and its AnyValue. */
struct tote__key_value {
    struct tote__slice key;
    struct tote__slice value;
};

/* Take a KeyValue (no tag, no length) apart. */
TOTE_SHARED struct tote__key_value tote__read_key_value(struct tote__slice content);

/* The text of an AnyValue of our own that is a string. Returns false when it is something else. */
static inline bool tote__any_value_string(struct tote__slice any_value, struct tote__slice *text) {
    if (!any_value.size || any_value.at[0] != TOTE__ANY_STRING) {
        return false;
    }
    const uint8_t *at = tote__after_varint(any_value.at + 1);
    *text = (struct tote__slice){at, (size_t)(any_value.at + any_value.size - at)};
    return true;
}

/* Unpack an AnyValue; text, bytes, items and fields go to the arena. EMPTY if out of memory. */
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
