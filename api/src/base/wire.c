/* SPDX-License-Identifier: MIT */
/*
 * wire.c - encoding of attributes in the OTLP wire format
 *
 * Encoding takes two passes: the first one measures, the second one writes. Flat values are written
 * forward. Arrays and maps are written backward, so that each pass visits each part once at any
 * depth.
 */
#include "tote/internal/wire.h"

#include <string.h>

#include "tote/internal/lock.h"
#include "tote/internal/map_index.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

enum { DEEPEST = TOTE__DEEPEST_VALUE };

/*
 * The limits of one array or map: more than a span may have, and processed in less than 0.1 s.
 */
enum { MOST_WRITTEN_BYTES = 64 << 20, MOST_WRITTEN_PARTS = 1 << 20 };

const struct tote__wire_limits tote__wire_no_limits = {UINT32_MAX, DEEPEST};

static struct tote__text take_text(const char *at, size_t length, uint32_t limit) {
    struct tote__text text = {.at = at, .length = at ? length : 0};

    if (text.length > limit) {
        text.length = tote__utf8_prefix(at, length, limit);
    }
    text.is_valid = tote__utf8_valid_prefix(at, text.length) == text.length;
    text.written = text.is_valid ? text.length : tote__utf8_repaired_length(at, text.length);
    return text;
}

static uint8_t *put_string(uint8_t *out, uint8_t tag, struct tote__text text) {
    if (text.is_valid) {
        return tote__put_run(out, tag, text.at, text.length);
    }
    out = tote__put_head(out, tag, text.written);
    return (uint8_t *)tote__utf8_repair((char *)out, text.at, text.length);
}

static size_t scalar_size(tote_value value, const struct tote__wire_limits *limits) {
    switch (value.type) {
    case TOTE_VALUE_TYPE_STRING:
        return tote__run_size(take_text(value.as.string, value.size, limits->value_length).written);
    case TOTE_VALUE_TYPE_BOOL:
        return 2;
    case TOTE_VALUE_TYPE_INT:
        return 1 + tote__varint_size((uint64_t)value.as.integer);
    case TOTE_VALUE_TYPE_DOUBLE:
        return 1 + sizeof value.as.real;
    case TOTE_VALUE_TYPE_BYTES:
        return tote__run_size(value.as.bytes ? tote__min(value.size, limits->value_length) : 0);
    default:
        return 0;
    }
}

static uint8_t *put_any_double(uint8_t *out, double real) {
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    *out++ = TOTE__ANY_DOUBLE;
    return tote__put_fixed64(out, bits);
}

static uint8_t *put_any_scalar(uint8_t *out, tote_value value,
                               const struct tote__wire_limits *limits) {
    switch (value.type) {
    case TOTE_VALUE_TYPE_STRING:
        return put_string(out, TOTE__ANY_STRING,
                          take_text(value.as.string, value.size, limits->value_length));
    case TOTE_VALUE_TYPE_BOOL:
        *out++ = TOTE__ANY_BOOL;
        *out++ = value.as.boolean;
        return out;
    case TOTE_VALUE_TYPE_INT:
        *out++ = TOTE__ANY_INT;
        return tote__put_varint(out, (uint64_t)value.as.integer);
    case TOTE_VALUE_TYPE_DOUBLE:
        return put_any_double(out, value.as.real);
    case TOTE_VALUE_TYPE_BYTES:
        return tote__put_run(out, TOTE__ANY_BYTES, value.as.bytes,
                             value.as.bytes ? tote__min(value.size, limits->value_length) : 0);
    default:
        return out;
    }
}

/* A list being written, from its last part to its first. */
struct writer_level {
    tote_value list;
    struct tote__map_index *index;
    uint32_t left; /* number of parts that are not written yet */
    uint32_t end;  /* number of bytes written before its content */
};

/*
 * A backward writer. The length of a part is known when its head is written. Every part is
 * therefore visited once, without recursion. If `end` is NULL, it only measures.
 */
struct writer {
    uint8_t *end; /* NULL: nothing is written */
    size_t written;
    const struct tote__wire_limits *limits;
    size_t depth;
    uint32_t parts_left;
    bool has_indexes;
    struct writer_level levels[DEEPEST];
};

static void put_head_back(struct writer *writer, uint8_t tag, size_t content_size) {
    writer->written += 1 + tote__varint_size(content_size);
    if (writer->end) {
        tote__put_head(writer->end - writer->written, tag, content_size);
    }
}

static void put_scalar_back(struct writer *writer, tote_value value) {
    size_t size = scalar_size(value, writer->limits);

    writer->written += size;
    if (writer->end && size) {
        put_any_scalar(writer->end - writer->written, value, writer->limits);
    }
}

static void put_key_back(struct writer *writer, const char *key) {
    struct tote__text text = take_text(key, strlen(key), UINT32_MAX);

    writer->written += tote__run_size(text.written);
    if (writer->end) {
        put_string(writer->end - writer->written, TOTE__KEY_VALUE_KEY, text);
    }
}

/* Values that are too deep, and lists whose pointer is NULL, become the empty value. */
static bool push_list(struct writer *writer, tote_value list) {
    size_t deepest = tote__min(writer->limits->value_depth, DEEPEST);

    if (writer->depth >= deepest || (list.size && !list.as.items)) {
        return false;
    }
    struct writer_level *level = &writer->levels[writer->depth++];
    level->list = list;
    bool has_index = list.type == TOTE_VALUE_TYPE_MAP && writer->has_indexes;
    level->index = has_index ? tote__map_index_new(list) : NULL;
    level->left = list.size;
    level->end = (uint32_t)writer->written;
    return true;
}

/* Write the head of the list on top. Returns where it ends. */
static uint32_t pop_level(struct writer *writer) {
    const struct writer_level *level = &writer->levels[--writer->depth];
    bool is_array = level->list.type == TOTE_VALUE_TYPE_ARRAY;

    put_head_back(writer, is_array ? TOTE__ANY_ARRAY : TOTE__ANY_MAP, writer->written - level->end);
    tote__map_index_free(level->index);
    return level->end;
}

/* Write what precedes a part whose value was written; `end` is the end of that value. */
static void put_part_head(struct writer *writer, const struct writer_level *level, uint32_t end) {
    if (level->list.type == TOTE_VALUE_TYPE_MAP) {
        put_head_back(writer, TOTE__KEY_VALUE_VALUE, writer->written - end);
        put_key_back(writer, level->list.as.fields[level->left].key);
    }
    put_head_back(writer, TOTE__LIST_ITEM, writer->written - end);
}

/* Write the part before the written ones. */
static void put_part_back(struct writer *writer, struct writer_level *level) {
    uint32_t at = --level->left;
    bool is_map = level->list.type == TOTE_VALUE_TYPE_MAP;
    uint32_t end = (uint32_t)writer->written;

    writer->parts_left--;
    if (is_map && !tote__map_is_kept(level->list, level->index, at)) {
        return;
    }
    tote_value value = is_map ? level->list.as.fields[at].value : level->list.as.items[at];
    if (!tote__is_list(value)) {
        put_scalar_back(writer, value);
    } else if (push_list(writer, value)) {
        return; /* pop_level() writes its head and the head of this part */
    }
    put_part_head(writer, level, end);
}

/*
 * Write the whole list. Returns false if it is too large: a list that refers to one list many times
 * can be of any size.
 */
static bool put_list_back(struct writer *writer, tote_value list) {
    if (!push_list(writer, list)) {
        return true;
    }
    while (writer->depth) {
        struct writer_level *level = &writer->levels[writer->depth - 1];
        if (level->left) {
            put_part_back(writer, level);
        } else {
            uint32_t end = pop_level(writer);
            if (writer->depth) {
                put_part_head(writer, level - 1, end);
            }
        }
        if (writer->written > MOST_WRITTEN_BYTES || !writer->parts_left) {
            while (writer->depth) {
                tote__map_index_free(writer->levels[--writer->depth].index);
            }
            return false;
        }
    }
    return true;
}

/*
 * A writer for use if out of memory: a value that was measured with memory can then be written
 * without.
 */
static struct {
    struct tote__lock lock;
    struct writer writer;
} reserve;

/*
 * Write the list so that it ends at `end`, or only measure it if `end` is NULL. The levels are not
 * on the stack, which may be small. Returns false if the list is too large.
 */
static bool walk_list(uint8_t *end, tote_value list, const struct tote__wire_limits *limits,
                      size_t *size) {
    struct writer *own = tote__allocate(sizeof *own);
    struct writer *writer = own ? own : &reserve.writer;

    if (!own) {
        tote__lock_take(&reserve.lock);
    }
    writer->end = end;
    writer->written = 0;
    writer->limits = limits;
    writer->depth = 0;
    writer->parts_left = MOST_WRITTEN_PARTS;
    writer->has_indexes = own != NULL; /* do not call the host's allocator under a lock */
    bool is_small = put_list_back(writer, list);
    *size = writer->written;
    if (!own) {
        tote__lock_drop(&reserve.lock);
    }
    tote__release(own, sizeof *own);
    return is_small;
}

static uint8_t *put_any_list(uint8_t *out, size_t size, tote_value list,
                             const struct tote__wire_limits *limits) {
    walk_list(out + size, list, limits, &(size_t){0});
    return out + size;
}

struct tote__attribute_plan tote__plan_attribute(const char *key, size_t key_length,
                                                 tote_value value,
                                                 const struct tote__wire_limits *limits) {
    struct tote__attribute_plan plan = {
        .key = take_text(key, key_length, UINT32_MAX), .value = value, .limits = limits};

    if (value.type == TOTE_VALUE_TYPE_STRING) {
        plan.text = take_text(value.as.string, value.size, limits->value_length);
        plan.any_value_size = tote__run_size(plan.text.written);
    } else if (!tote__is_list(value)) {
        plan.any_value_size = scalar_size(value, limits);
    } else if (!walk_list(NULL, value, limits, &plan.any_value_size)) {
        plan.is_too_large = true;
        plan.value = tote_value_make(TOTE_VALUE_TYPE_EMPTY, NULL, 0);
        plan.any_value_size = 0;
    }
    plan.key_value_size = tote__run_size(plan.key.written) + tote__run_size(plan.any_value_size);
    plan.size = tote__run_size(plan.key_value_size);
    return plan;
}

uint8_t *tote__put_planned(uint8_t *out, uint8_t tag, const struct tote__attribute_plan *plan) {
    out = tote__put_head(out, tag, plan->key_value_size);
    out = put_string(out, TOTE__KEY_VALUE_KEY, plan->key);
    out = tote__put_head(out, TOTE__KEY_VALUE_VALUE, plan->any_value_size);
    if (plan->value.type == TOTE_VALUE_TYPE_STRING) {
        return put_string(out, TOTE__ANY_STRING, plan->text);
    }
    return tote__is_list(plan->value)
               ? put_any_list(out, plan->any_value_size, plan->value, plan->limits)
               : put_any_scalar(out, plan->value, plan->limits);
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

/*
 * Return the attributes, in a copy if a key is not valid UTF-8: keys may become equal by their
 * repair. Returns NULL if out of memory.
 */
static const tote_attribute *repair_keys(struct tote__arena *arena,
                                         const tote_attribute *attributes, size_t count) {
    tote_attribute *copies = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *key = tote__utf8_valid_string(arena, attributes[i].key);
        if (!key) {
            return NULL;
        }
        if (!*key || key == attributes[i].key) {
            continue;
        }
        if (!copies) {
            copies = tote__arena_allocate(arena, count * sizeof *copies);
            if (!copies) {
                return NULL;
            }
            memcpy(copies, attributes, count * sizeof *copies);
        }
        copies[i].key = key;
    }
    return copies ? copies : attributes;
}

bool tote__encode_attributes(struct tote__arena *arena, uint8_t tag, const tote_attribute *given,
                             size_t count, struct tote__slice *encoded) {
    size_t most = given ? count : 0;
    const tote_attribute *attributes = repair_keys(arena, given, most);
    size_t size = 0;

    if (most && !attributes) {
        *encoded = (struct tote__slice){NULL, 0};
        return false;
    }
    tote_value map = tote_map(attributes, most);
    struct tote__map_index *index = tote__map_index_new(map);
    for (size_t i = 0; i < map.size; i++) {
        if (tote__map_is_kept(map, index, i)) {
            size += tote__attribute_size(attributes[i].key, strlen(attributes[i].key),
                                         attributes[i].value, &tote__wire_no_limits);
        }
    }
    uint8_t *at = tote__arena_allocate(arena, size ? size : 1);
    *encoded = (struct tote__slice){at, size};
    for (size_t i = 0; at && i < map.size; i++) {
        if (tote__map_is_kept(map, index, i)) {
            at = tote__put_attribute(at, tag, attributes[i].key, strlen(attributes[i].key),
                                     attributes[i].value, &tote__wire_no_limits);
        }
    }
    tote__map_index_free(index);
    return at != NULL;
}
