/* SPDX-License-Identifier: MIT */
/*
 * wire_read.c - decoding of attributes in the OTLP wire format
 *
 * Tests: tests/unit/test_wire.c, tests/fuzz/fuzz_wire.c
 */
#include <string.h>

#include "tote/internal/levels.h"
#include "tote/internal/wire.h"

static bool take_long_varint(struct tote__slice *message, uint64_t *number) {
    *number = 0;
    for (unsigned shift = 0; shift < 64 && message->size; shift += 7) {
        uint8_t byte = *message->at++;
        message->size--;
        *number |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

/* Read a varint. Most have one byte. */
static inline bool take_varint(struct tote__slice *message, uint64_t *number) {
    if (!message->size || *message->at & 0x80) {
        return take_long_varint(message, number);
    }
    *number = *message->at++;
    message->size--;
    return true;
}

/* Consume this many bytes. Returns NULL if there are fewer. */
static inline const uint8_t *take(struct tote__slice *message, uint64_t size) {
    const uint8_t *at = message->at;

    if (message->size < size) {
        return NULL;
    }
    message->at += size;
    message->size -= (size_t)size;
    return at;
}

/* Consume the content after the tag. Returns false if it is malformed. */
static inline bool take_value(struct tote__slice *message, struct tote__field *field) {
    const uint8_t *at;

    switch (field->type) {
    case 0:
        return take_varint(message, &field->value);
    case 1:
        at = take(message, sizeof(uint64_t));
        field->value = at ? tote__get_fixed64(at) : 0;
        return at != NULL;
    case 2:
        if (!take_varint(message, &field->value)) {
            return false;
        }
        field->content.at = take(message, field->value);
        field->content.size = field->content.at ? (size_t)field->value : 0;
        return field->content.at != NULL;
    case 5:
        at = take(message, sizeof(uint32_t));
        field->value = at ? tote__get_fixed32(at) : 0;
        return at != NULL;
    default:
        return false;
    }
}

bool tote__next_field(struct tote__slice *message, struct tote__field *field) {
    struct tote__slice rest = *message; /* lets the compiler keep it in registers */
    uint64_t tag;

    field->content = (struct tote__slice){NULL, 0};
    if (!rest.size || !take_varint(&rest, &tag) || tag > UINT32_MAX) {
        return false;
    }
    field->number = (uint32_t)tag >> 3;
    field->type = tag & 7;
    bool is_read = take_value(&rest, field);
    field->whole = (struct tote__slice){message->at, (size_t)(rest.at - message->at)};
    *message = rest;
    return is_read;
}

struct tote__key_value tote__read_key_value(struct tote__slice content) {
    struct tote__key_value result = {{NULL, 0}, {NULL, 0}};
    struct tote__field field;

    while (tote__next_field(&content, &field)) {
        if (field.type == 2 && field.number == 1) {
            result.key = field.content;
        } else if (field.type == 2 && field.number == 2) {
            result.value = field.content;
        }
    }
    return result;
}

size_t tote__count_fields(struct tote__slice message, uint32_t number) {
    struct tote__field field;
    size_t count = 0;

    while (tote__next_field(&message, &field)) {
        count += field.number == number && field.type == 2;
    }
    return count;
}

/* An array or map that is being unpacked into `target`, which has space for all of its parts. */
struct reader_level {
    struct tote__slice message; /* the rest of it */
    tote_value *target;
    uint32_t done;
};

struct reader {
    struct tote__arena *arena;
    struct tote__levels levels;
    struct reader_level few[TOTE__FEW_LEVELS];
};

static void *allocate_parts(struct reader *reader, size_t count, size_t size) {
    return tote__arena_allocate(reader->arena, (count ? count : 1) * size);
}

/*
 * Make `target` a list with space for its parts, which are unpacked next. Makes it EMPTY if out of
 * memory or too deep.
 */
static void push_level(struct reader *reader, struct tote__slice message, bool is_array,
                       tote_value *target) {
    size_t count = tote__count_fields(message, 1);
    size_t size = is_array ? sizeof(tote_value) : sizeof(tote_attribute);
    struct reader_level *level = tote__levels_push(&reader->levels);
    void *parts = level ? allocate_parts(reader, count, size) : NULL;

    if (parts) {
        *target =
            tote_value_make(is_array ? TOTE_VALUE_TYPE_ARRAY : TOTE_VALUE_TYPE_MAP, parts, count);
        *level = (struct reader_level){message, target, 0};
    } else if (level) {
        reader->levels.depth--;
    }
}

static tote_value unpack_scalar(const struct tote__field *field, struct tote__arena *arena) {
    const tote_value empty = tote_value_make(TOTE_VALUE_TYPE_EMPTY, NULL, 0);
    const char *copy;
    double real;

    switch (tote__field_tag(field)) {
    case TOTE__ANY_STRING:
        copy = tote__arena_text(arena, (const char *)field->content.at, field->content.size);
        return copy ? tote_string_of(copy, field->content.size) : empty;
    case TOTE__ANY_BYTES:
        copy = tote__arena_text(arena, (const char *)field->content.at, field->content.size);
        return copy ? tote_bytes(copy, field->content.size) : empty;
    case TOTE__ANY_BOOL:
        return tote_bool(field->value != 0);
    case TOTE__ANY_INT:
        return tote_int((int64_t)field->value);
    case TOTE__ANY_DOUBLE:
        memcpy(&real, &field->value, sizeof real);
        return tote_double(real);
    default:
        return empty;
    }
}

static bool is_list(const struct tote__field *field) {
    uint32_t tag = tote__field_tag(field);

    return tag == TOTE__ANY_ARRAY || tag == TOTE__ANY_MAP;
}

static void unpack_one(struct reader *reader, struct tote__slice any_value, tote_value *target) {
    struct tote__field field;

    *target = tote_value_make(TOTE_VALUE_TYPE_EMPTY, NULL, 0);
    if (!tote__next_field(&any_value, &field)) {
        return;
    }
    if (is_list(&field)) {
        push_level(reader, field.content, field.number == TOTE__ANY_ARRAY >> 3, target);
    } else {
        *target = unpack_scalar(&field, reader->arena);
    }
}

/* Unpack the next part of the list on top, or pop it at its end. */
static void unpack_part(struct reader *reader, struct reader_level *level) {
    struct tote__field field;

    do {
        if (level->done == level->target->size || !tote__next_field(&level->message, &field)) {
            reader->levels.depth--;
            return;
        }
    } while (field.number != 1 || field.type != 2);
    if (level->target->type == TOTE_VALUE_TYPE_ARRAY) {
        tote_value *items = (tote_value *)level->target->as.items;
        unpack_one(reader, field.content, &items[level->done++]);
        return;
    }
    struct tote__key_value parts = tote__read_key_value(field.content);
    tote_attribute *part = (tote_attribute *)level->target->as.fields + level->done++;
    part->key = tote__arena_text(reader->arena, (const char *)parts.key.at, parts.key.size);
    if (part->key) {
        unpack_one(reader, parts.value, &part->value);
    } else {
        *level->target = tote_value_make(TOTE_VALUE_TYPE_EMPTY, NULL, 0);
        reader->levels.depth--;
    }
}

/*
 * Unpack without recursion, so that the stack use does not depend on the depth. Values that are not
 * lists use none of it.
 */
static __attribute__((noinline)) tote_value unpack_list(struct tote__slice any_value,
                                                        struct tote__arena *arena) {
    struct reader reader;
    tote_value value;

    reader.arena = arena;
    reader.levels = (struct tote__levels){.few = reader.few, .size = sizeof *reader.few};
    unpack_one(&reader, any_value, &value);
    while (reader.levels.depth) {
        unpack_part(&reader, tote__levels_top(&reader.levels));
    }
    tote__levels_clear(&reader.levels);
    return value;
}

tote_value tote__unpack_any_value(struct tote__slice any_value, struct tote__arena *arena) {
    struct tote__slice rest = any_value;
    struct tote__field field;

    if (!tote__next_field(&rest, &field)) {
        return tote_value_make(TOTE_VALUE_TYPE_EMPTY, NULL, 0);
    }
    return is_list(&field) ? unpack_list(any_value, arena) : unpack_scalar(&field, arena);
}

bool tote__unpack_attributes(struct tote__slice fields, uint32_t number, struct tote__arena *arena,
                             tote_attribute **attributes, size_t *count) {
    struct tote__field field;
    size_t capacity = tote__count_fields(fields, number);

    *count = 0;
    *attributes = NULL;
    if (!capacity) {
        return true;
    }
    *attributes = tote__arena_allocate(arena, capacity * sizeof **attributes);
    if (!*attributes) {
        return false;
    }
    while (tote__next_field(&fields, &field)) {
        if (field.number != number || field.type != 2) {
            continue;
        }
        struct tote__key_value parts = tote__read_key_value(field.content);
        tote_attribute *attribute = &(*attributes)[*count];
        attribute->key = tote__arena_text(arena, (const char *)parts.key.at, parts.key.size);
        attribute->value = tote__unpack_any_value(parts.value, arena);
        if (!attribute->key) {
            return false;
        }
        ++*count;
    }
    return true;
}
