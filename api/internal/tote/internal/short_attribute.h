/* SPDX-License-Identifier: MIT */
/*
 * short_attribute.h - encoding of short attributes in one pass
 *
 * If every length fits in one byte, sizes need not be known before the bytes are written. This
 * applies to short ASCII strings, numbers and booleans. The two passes of wire.c are several times
 * slower for them and write identical bytes.
 */
#ifndef TOTE_INTERNAL_SHORT_ATTRIBUTE_H
#define TOTE_INTERNAL_SHORT_ATTRIBUTE_H

#include "tote/internal/text.h"
#include "tote/internal/wire.h"

enum {
    TOTE__SHORT_CONTENT = 0x7F,     /* size of the longest KeyValue */
    TOTE__SHORT_AROUND = 4 + 4,     /* tag, length, tag, length: before the key and the text */
    TOTE__SHORT_NUMBER = 2 + 1 + 10 /* tag and length, then tag and longest varint */
};

/* Return an upper bound of the size. If it exceeds TOTE__SHORT_CONTENT, use wire.c instead. */
static inline size_t tote__short_attribute_bound(size_t key_length, tote_value value) {
    return key_length + (value.type == TOTE_VALUE_TYPE_STRING
                             ? TOTE__SHORT_AROUND + (size_t)value.size
                             : 4 + TOTE__SHORT_NUMBER);
}

/* Write four bytes: two tags, each with a number of one byte. */
static inline uint8_t *tote__put_short_heads(uint8_t *out, uint8_t tag, size_t size,
                                             uint8_t inner_tag, size_t inner) {
    return tote__put_fixed32(out, (uint32_t)tag | (uint32_t)size << 8 | (uint32_t)inner_tag << 16 |
                                      (uint32_t)inner << 24);
}

/* Write the AnyValue with tag and length. Returns NULL if it has another type or is not ASCII. */
static inline uint8_t *tote__put_short_value(uint8_t *out, tote_value value) {
    const size_t size = value.size;
    uint8_t *at = out + 3; /* after two tags and a length */
    uint64_t bits;

    switch (value.type) {
    case TOTE_VALUE_TYPE_STRING:
        at = tote__put_short_heads(out, TOTE__KEY_VALUE_VALUE, size + 2, TOTE__ANY_STRING, size);
        return value.as.string && tote__copy_ascii(at, value.as.string, size) ? at + size : NULL;
    case TOTE_VALUE_TYPE_BOOL:
        return tote__put_short_heads(out, TOTE__KEY_VALUE_VALUE, 2, TOTE__ANY_BOOL,
                                     value.as.boolean);
    case TOTE_VALUE_TYPE_INT:
        at = tote__put_varint(at, (uint64_t)value.as.integer);
        out[2] = TOTE__ANY_INT;
        break;
    case TOTE_VALUE_TYPE_DOUBLE:
        memcpy(&bits, &value.as.real, sizeof bits);
        at = tote__put_fixed64(at, bits);
        out[2] = TOTE__ANY_DOUBLE;
        break;
    default:
        return NULL;
    }
    out[0] = TOTE__KEY_VALUE_VALUE;
    out[1] = (uint8_t)(at - out - 2);
    return at;
}

/*
 * Write the attribute; its bound must not exceed TOTE__SHORT_CONTENT. Returns its end. Returns NULL
 * and leaves undefined bytes at `out` if the type is not supported or the text is not ASCII.
 */
static inline uint8_t *tote__put_short_attribute(uint8_t *out, uint8_t tag, const char *key,
                                                 size_t key_length, tote_value value) {
    uint8_t *end = tote__copy_ascii(out + 4, key, key_length)
                       ? tote__put_short_value(out + 4 + key_length, value)
                       : NULL;

    if (end) {
        tote__put_short_heads(out, tag, (size_t)(end - out - 2), TOTE__KEY_VALUE_KEY, key_length);
    }
    return end;
}

#endif
