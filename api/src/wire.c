/* SPDX-License-Identifier: MIT */
/*
 * wire.c - attributes to and from OTLP's wire format
 *
 * Writing goes in two passes, size and bytes, that take the same turns. A nested value's
 * size is found again at each level it is in: depth is limited, and values are flat.
 */
#include "tote/internal/wire.h"

#include <string.h>

#include "tote/internal/text.h"

enum { DEEPEST = 64 };

const struct tote__wire_limits tote__wire_no_limits = {UINT32_MAX, DEEPEST};

/* Tag, length and content. */
static size_t run_size(size_t content_size) {
    return 1 + tote__varint_size(content_size) + content_size;
}

static uint8_t *put_head(uint8_t *out, uint8_t tag, size_t content_size) {
    *out++ = tag;
    return tote__put_varint(out, content_size);
}

static uint8_t *put_run(uint8_t *out, uint8_t tag, const void *content, size_t size) {
    out = put_head(out, tag, size);
    if (size) {
        memcpy(out, content, size);
    }
    return out + size;
}

static struct tote__text take_text(const char *at, size_t length, uint32_t limit) {
    struct tote__text text = {.at = at, .length = at ? length : 0};

    if (text.length > limit) {
        text.length = tote__utf8_prefix(at, length, limit);
    }
    text.is_valid = tote__utf8_valid_prefix(at, text.length) == text.length;
    text.written = text.is_valid ? text.length : tote__utf8_repaired_length(at, text.length);
    return text;
}

static uint8_t *put_text(uint8_t *out, uint8_t tag, struct tote__text text) {
    if (text.is_valid) {
        return put_run(out, tag, text.at, text.length);
    }
    out = put_head(out, tag, text.written);
    return (uint8_t *)tote__utf8_repair((char *)out, text.at, text.length);
}

static size_t key_value_size(const char *key, size_t key_length, tote_value value, uint32_t depth,
                             const struct tote__wire_limits *limits);
static uint8_t *put_key_value(uint8_t *out, const char *key, size_t key_length, tote_value value,
                              uint32_t depth, const struct tote__wire_limits *limits);

/* Whether a field of a map is written: it has a key, and none after it has the same one. */
static bool is_field_kept(tote_value map, size_t index) {
    const char *key = map.as.fields[index].key;

    if (!key || !*key) {
        return false;
    }
    for (size_t i = index + 1; i < map.size; i++) {
        if (map.as.fields[i].key && strcmp(map.as.fields[i].key, key) == 0) {
            return false;
        }
    }
    return true;
}

/* Deeper values, and those that say they have parts and do not, become the empty value. */
static bool is_written(tote_value value, uint32_t depth, const struct tote__wire_limits *limits) {
    bool is_nested = value.type == TOTE_TYPE_ARRAY || value.type == TOTE_TYPE_MAP;

    return !is_nested || (depth <= tote__min(limits->value_depth, DEEPEST) &&
                          (value.as.items != NULL || value.size == 0));
}

static size_t any_value_size(tote_value value, uint32_t depth,
                             const struct tote__wire_limits *limits);

static size_t list_size(tote_value list, uint32_t depth, const struct tote__wire_limits *limits) {
    size_t size = 0;

    for (size_t i = 0; i < list.size; i++) {
        if (list.type == TOTE_TYPE_ARRAY) {
            size += run_size(any_value_size(list.as.items[i], depth + 1, limits));
        } else if (is_field_kept(list, i)) {
            const tote_attribute *field = &list.as.fields[i];
            size += run_size(
                key_value_size(field->key, strlen(field->key), field->value, depth + 1, limits));
        }
    }
    return size;
}

static size_t any_value_size(tote_value value, uint32_t depth,
                             const struct tote__wire_limits *limits) {
    if (!is_written(value, depth, limits)) {
        return 0;
    }
    switch (value.type) {
    case TOTE_TYPE_STRING:
        return run_size(take_text(value.as.string, value.size, limits->value_length).written);
    case TOTE_TYPE_BOOL:
        return 2;
    case TOTE_TYPE_INT:
        return 1 + tote__varint_size((uint64_t)value.as.integer);
    case TOTE_TYPE_DOUBLE:
        return 1 + sizeof value.as.real;
    case TOTE_TYPE_BYTES:
        return run_size(value.as.bytes ? tote__min(value.size, limits->value_length) : 0);
    case TOTE_TYPE_ARRAY:
    case TOTE_TYPE_MAP:
        return run_size(list_size(value, depth, limits));
    default:
        return 0;
    }
}

static uint8_t *put_any_value(uint8_t *out, tote_value value, uint32_t depth,
                              const struct tote__wire_limits *limits);

static uint8_t *put_list(uint8_t *out, tote_value list, uint32_t depth,
                         const struct tote__wire_limits *limits) {
    for (size_t i = 0; i < list.size; i++) {
        if (list.type == TOTE_TYPE_ARRAY) {
            tote_value item = list.as.items[i];
            out = put_head(out, TOTE__LIST_ITEM, any_value_size(item, depth + 1, limits));
            out = put_any_value(out, item, depth + 1, limits);
        } else if (is_field_kept(list, i)) {
            const tote_attribute *field = &list.as.fields[i];
            size_t length = strlen(field->key);
            out = put_head(out, TOTE__LIST_ITEM,
                           key_value_size(field->key, length, field->value, depth + 1, limits));
            out = put_key_value(out, field->key, length, field->value, depth + 1, limits);
        }
    }
    return out;
}

static uint8_t *put_double(uint8_t *out, double real) {
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    *out++ = TOTE__ANY_DOUBLE;
    for (unsigned i = 0; i < sizeof bits; i++) {
        *out++ = (uint8_t)(bits >> (8 * i));
    }
    return out;
}

static uint8_t *put_any_value(uint8_t *out, tote_value value, uint32_t depth,
                              const struct tote__wire_limits *limits) {
    if (!is_written(value, depth, limits)) {
        return out;
    }
    switch (value.type) {
    case TOTE_TYPE_STRING:
        return put_text(out, TOTE__ANY_STRING,
                        take_text(value.as.string, value.size, limits->value_length));
    case TOTE_TYPE_BOOL:
        *out++ = TOTE__ANY_BOOL;
        *out++ = value.as.boolean;
        return out;
    case TOTE_TYPE_INT:
        *out++ = TOTE__ANY_INT;
        return tote__put_varint(out, (uint64_t)value.as.integer);
    case TOTE_TYPE_DOUBLE:
        return put_double(out, value.as.real);
    case TOTE_TYPE_BYTES:
        return put_run(out, TOTE__ANY_BYTES, value.as.bytes,
                       value.as.bytes ? tote__min(value.size, limits->value_length) : 0);
    case TOTE_TYPE_ARRAY:
    case TOTE_TYPE_MAP:
        out = put_head(out, value.type == TOTE_TYPE_ARRAY ? TOTE__ANY_ARRAY : TOTE__ANY_MAP,
                       list_size(value, depth, limits));
        return put_list(out, value, depth, limits);
    default:
        return out;
    }
}

static size_t key_value_size(const char *key, size_t key_length, tote_value value, uint32_t depth,
                             const struct tote__wire_limits *limits) {
    return run_size(take_text(key, key_length, UINT32_MAX).written) +
           run_size(any_value_size(value, depth, limits));
}

static uint8_t *put_key_value(uint8_t *out, const char *key, size_t key_length, tote_value value,
                              uint32_t depth, const struct tote__wire_limits *limits) {
    out = put_text(out, TOTE__KEY_VALUE_KEY, take_text(key, key_length, UINT32_MAX));
    out = put_head(out, TOTE__KEY_VALUE_VALUE, any_value_size(value, depth, limits));
    return put_any_value(out, value, depth, limits);
}

struct tote__attribute_plan tote__plan_attribute(const char *key, size_t key_length,
                                                 tote_value value,
                                                 const struct tote__wire_limits *limits) {
    struct tote__attribute_plan plan = {
        .key = take_text(key, key_length, UINT32_MAX), .value = value, .limits = limits};

    if (value.type == TOTE_TYPE_STRING) {
        plan.text = take_text(value.as.string, value.size, limits->value_length);
        plan.any_value_size = run_size(plan.text.written);
    } else {
        plan.any_value_size = any_value_size(value, 1, limits);
    }
    plan.key_value_size = run_size(plan.key.written) + run_size(plan.any_value_size);
    plan.size = run_size(plan.key_value_size);
    return plan;
}

uint8_t *tote__put_planned(uint8_t *out, uint8_t tag, const struct tote__attribute_plan *plan) {
    out = put_head(out, tag, plan->key_value_size);
    out = put_text(out, TOTE__KEY_VALUE_KEY, plan->key);
    out = put_head(out, TOTE__KEY_VALUE_VALUE, plan->any_value_size);
    if (plan->value.type == TOTE_TYPE_STRING) {
        return put_text(out, TOTE__ANY_STRING, plan->text);
    }
    return put_any_value(out, plan->value, 1, plan->limits);
}

size_t tote__attribute_size(const char *key, size_t key_length, tote_value value,
                            const struct tote__wire_limits *limits) {
    return tote__plan_attribute(key, key_length, value, limits).size;
}

uint8_t *tote__put_attribute(uint8_t *out, uint8_t tag, const char *key, size_t key_length,
                             tote_value value, const struct tote__wire_limits *limits) {
    const struct tote__attribute_plan plan = tote__plan_attribute(key, key_length, value, limits);

    return tote__put_planned(out, tag, &plan);
}

static bool take_varint(struct tote__slice *message, uint64_t *number) {
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

static bool take_fixed(struct tote__slice *message, unsigned size, uint64_t *number) {
    if (message->size < size) {
        return false;
    }
    *number = 0;
    for (unsigned i = 0; i < size; i++) {
        *number |= (uint64_t)message->at[i] << (8 * i);
    }
    message->at += size;
    message->size -= size;
    return true;
}

bool tote__next_field(struct tote__slice *message, struct tote__field *field) {
    const uint8_t *start = message->at;
    uint64_t tag;
    bool is_read;

    *field = (struct tote__field){0};
    if (!message->size || !take_varint(message, &tag) || tag >> 3 > UINT32_MAX) {
        return false;
    }
    field->number = (uint32_t)(tag >> 3);
    field->type = tag & 7;
    switch (field->type) {
    case 0:
        is_read = take_varint(message, &field->value);
        break;
    case 1:
        is_read = take_fixed(message, 8, &field->value);
        break;
    case 5:
        is_read = take_fixed(message, 4, &field->value);
        break;
    case 2:
        is_read = take_varint(message, &field->value) && field->value <= message->size;
        if (is_read) {
            field->content = (struct tote__slice){message->at, (size_t)field->value};
            message->at += field->value;
            message->size -= (size_t)field->value;
        }
        break;
    default:
        is_read = false;
        break;
    }
    field->whole = (struct tote__slice){start, (size_t)(message->at - start)};
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

/* How many fields of this number there are. */
static size_t count_fields(struct tote__slice message, uint32_t number) {
    struct tote__field field;
    size_t count = 0;

    while (tote__next_field(&message, &field)) {
        count += field.number == number && field.type == 2;
    }
    return count;
}

static tote_value unpack_any_value(struct tote__slice any_value, unsigned depth,
                                   struct tote__arena *arena);

static bool unpack_attributes(struct tote__slice fields, uint32_t number, unsigned depth,
                              struct tote__arena *arena, tote_attribute **attributes,
                              size_t *count) {
    struct tote__field field;
    size_t capacity = count_fields(fields, number);

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
        attribute->value = unpack_any_value(parts.value, depth, arena);
        if (!attribute->key) {
            return false;
        }
        ++*count;
    }
    return true;
}

static tote_value unpack_array(struct tote__slice message, unsigned depth,
                               struct tote__arena *arena) {
    size_t count = count_fields(message, 1);
    tote_value *items = tote__arena_allocate(arena, (count ? count : 1) * sizeof *items);
    struct tote__field field;
    size_t i = 0;

    if (!items) {
        return tote_value_make(TOTE_TYPE_EMPTY, NULL, 0);
    }
    while (tote__next_field(&message, &field)) {
        if (field.number == 1 && field.type == 2) {
            items[i++] = unpack_any_value(field.content, depth + 1, arena);
        }
    }
    return tote_array(items, count);
}

static tote_value unpack_map(struct tote__slice message, unsigned depth,
                             struct tote__arena *arena) {
    tote_attribute *fields;
    size_t count;

    if (!unpack_attributes(message, 1, depth + 1, arena, &fields, &count)) {
        return tote_value_make(TOTE_TYPE_EMPTY, NULL, 0);
    }
    return tote_map(fields, count);
}

static tote_value unpack_any_value(struct tote__slice any_value, unsigned depth,
                                   struct tote__arena *arena) {
    const tote_value empty = tote_value_make(TOTE_TYPE_EMPTY, NULL, 0);
    struct tote__field field;
    double real;

    if (depth > DEEPEST || !tote__next_field(&any_value, &field)) {
        return empty;
    }
    switch (field.number << 3 | field.type) {
    case TOTE__ANY_STRING: {
        char *text = tote__arena_text(arena, (const char *)field.content.at, field.content.size);
        return text ? tote_string_of(text, field.content.size) : empty;
    }
    case TOTE__ANY_BYTES: {
        char *bytes = tote__arena_text(arena, (const char *)field.content.at, field.content.size);
        return bytes ? tote_bytes(bytes, field.content.size) : empty;
    }
    case TOTE__ANY_BOOL:
        return tote_bool(field.value != 0);
    case TOTE__ANY_INT:
        return tote_int((int64_t)field.value);
    case TOTE__ANY_DOUBLE:
        memcpy(&real, &field.value, sizeof real);
        return tote_double(real);
    case TOTE__ANY_ARRAY:
        return unpack_array(field.content, depth, arena);
    case TOTE__ANY_MAP:
        return unpack_map(field.content, depth, arena);
    default:
        return empty;
    }
}

tote_value tote__unpack_any_value(struct tote__slice any_value, struct tote__arena *arena) {
    return unpack_any_value(any_value, 1, arena);
}

bool tote__unpack_attributes(struct tote__slice fields, uint32_t number, struct tote__arena *arena,
                             tote_attribute **attributes, size_t *count) {
    return unpack_attributes(fields, number, 1, arena, attributes, count);
}
