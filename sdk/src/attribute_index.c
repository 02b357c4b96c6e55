/* SPDX-License-Identifier: MIT */
/*
 * attribute_index.c - hash table for the attributes of a span with very many
 *
 * The table contains the offset of each attribute and is at most half full. Attributes that were
 * added since the last search are entered by the next one. A removed attribute gets another tag;
 * its entry stays until an attribute of the same key is entered.
 *
 * Tests: tests/unit/test_large_values.c
 */
#include "attribute_index.h"

#include <string.h>

#include "tote/internal/memory.h"
#include "tote/internal/text.h"
#include "tote/internal/wire.h"

enum {
    SEARCHED = 128, /* the default limit: usual spans never have an index */
    FIRST_SLOTS = 1024,
    REMOVED = 0, /* tag of a removed attribute */
    COMPACTED_FROM = 4096
};

struct span_index {
    uint32_t slot_count;    /* power of two */
    uint32_t entered_to;    /* offset in the region up to which attributes are in the table */
    uint32_t removed_bytes; /* number of attributes in the region */
    uint32_t slots[];       /* offsets + 1; 0: empty */
};

static size_t index_bytes(uint32_t slot_count) {
    return sizeof(struct span_index) + slot_count * sizeof(uint32_t);
}

/* Read a length and advance. The encoding is our own, so it is valid. */
static size_t take_length(const uint8_t **at) {
    size_t length = **at & 0x7F;

    for (unsigned shift = 7; *(*at)++ & 0x80; shift += 7) {
        length |= (size_t)(**at & 0x7F) << shift;
    }
    return length;
}

/* Read an attribute: tag, length, tag, length, key. */
struct attribute {
    bool is_removed;
    const uint8_t *end;
    const char *key;
    size_t key_length;
};

static inline struct attribute read_attribute(const uint8_t *at) {
    struct attribute attribute = {.is_removed = *at++ == REMOVED};
    size_t size = take_length(&at);

    attribute.end = at + size;
    at++;
    attribute.key_length = take_length(&at);
    attribute.key = (const char *)at;
    return attribute;
}

static bool has_key(const struct attribute *attribute, const char *key, size_t length) {
    return attribute->key_length == length && tote__is_same(attribute->key, key, length);
}

static bool search(const struct span *span, const char *key, size_t key_length,
                   struct tote__place *place) {
    const uint8_t *start = tote__span_at(span, &span->attributes);
    const uint8_t *end = start + span->attributes.size;

    for (const uint8_t *at = start; at < end;) {
        const struct attribute attribute = read_attribute(at);
        if (has_key(&attribute, key, key_length) && !attribute.is_removed) {
            *place = (struct tote__place){(uint32_t)(at - start), (uint32_t)(attribute.end - at)};
            return true;
        }
        at = attribute.end;
    }
    return false;
}

/* Return the slot of this key, or the free one for it. */
static uint32_t *slot_of(const struct span *span, struct span_index *index, const char *key,
                         size_t length) {
    const uint8_t *start = tote__span_at(span, &span->attributes);
    uint32_t mask = index->slot_count - 1;
    uint32_t at = (uint32_t)tote__hash(key, length) & mask;

    for (; index->slots[at]; at = (at + 1) & mask) {
        const struct attribute attribute = read_attribute(start + index->slots[at] - 1);
        if (has_key(&attribute, key, length)) {
            break;
        }
    }
    return &index->slots[at];
}

static void forget(struct span_index *index) {
    memset(index->slots, 0, index->slot_count * sizeof *index->slots);
    index->entered_to = 0;
}

void tote__reset_index(struct span *span) {
    if (span->index) {
        forget(span->index);
    }
}

static void release(struct span *span) {
    if (span->index) {
        tote__release(span->index, index_bytes(span->index->slot_count));
        span->index = NULL;
    }
}

/* Replace the table by an empty one that is large enough. Returns false if out of memory. */
static bool grow(struct span *span) {
    uint32_t removed = span->index ? span->index->removed_bytes : 0;
    uint64_t count = FIRST_SLOTS;

    while (count <= 2 * (uint64_t)span->attribute_count) {
        count *= 2;
    }
    struct span_index *index = tote__allocate_zeroed(index_bytes((uint32_t)count));
    if (!index) {
        return false;
    }
    release(span);
    index->slot_count = (uint32_t)count;
    index->removed_bytes = removed;
    span->index = index;
    return true;
}

/* Enter the attributes that were added since the last call. Returns false if out of memory. */
static bool catch_up(struct span *span) {
    if ((!span->index || span->attribute_count > span->index->slot_count / 2) && !grow(span)) {
        return false;
    }
    struct span_index *index = span->index;
    const uint8_t *start = tote__span_at(span, &span->attributes);
    const uint8_t *end = start + span->attributes.size;
    for (const uint8_t *at = start + index->entered_to; at < end;) {
        const struct attribute attribute = read_attribute(at);
        if (!attribute.is_removed) {
            uint32_t *slot = slot_of(span, index, attribute.key, attribute.key_length);
            *slot = (uint32_t)(at - start) + 1;
        }
        at = attribute.end;
    }
    index->entered_to = span->attributes.size;
    return true;
}

bool tote__find_attribute(struct span *span, const char *key, size_t key_length,
                          struct tote__place *place) {
    if (tote__unlikely(span->attribute_count > SEARCHED) && catch_up(span)) {
        const uint32_t offset = *slot_of(span, span->index, key, key_length);
        const uint8_t *at = tote__span_at(span, &span->attributes) + (offset ? offset - 1 : 0);
        const struct attribute attribute = read_attribute(at);
        *place = (struct tote__place){offset - 1, (uint32_t)(attribute.end - at)};
        return offset && !attribute.is_removed;
    }
    return search(span, key, key_length, place);
}

void tote__remove_indexed(struct span *span, struct tote__place place) {
    *(tote__span_at(span, &span->attributes) + place.offset) = REMOVED;
    span->index->removed_bytes += place.size;
    if (span->index->removed_bytes > COMPACTED_FROM &&
        span->index->removed_bytes > span->attributes.size / 2) {
        tote__compact_attributes(span);
    }
}

void tote__compact_attributes(struct span *span) {
    if (!span->index || !span->index->removed_bytes) {
        return;
    }
    uint8_t *start = tote__span_at(span, &span->attributes);
    const uint8_t *end = start + span->attributes.size;
    const uint8_t *of_store = start + span->store_attributes_start;
    uint8_t *to = start;
    for (const uint8_t *at = start; at < end;) {
        const struct attribute attribute = read_attribute(at);
        size_t size = (size_t)(attribute.end - at);
        if (!attribute.is_removed) {
            memmove(to, at, size);
            to += size;
        } else if (at < of_store) {
            span->store_attributes_start -= (uint32_t)size;
        }
        at += size;
    }
    span->attributes.size = (uint32_t)(to - start);
    span->index->removed_bytes = 0;
    forget(span->index);
}

void tote__clear_index(struct span *span) {
    tote__compact_attributes(span);
    release(span);
}
