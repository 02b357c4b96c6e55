/* SPDX-License-Identifier: MIT */
/*
 * span_attributes.c - encodes attributes, events and links
 *
 * Spec: opentelemetry-proto trace/v1/trace.proto, trace/sdk.md#span-limits
 *
 * Tests: tests/unit/test_span.c
 */
#include "span_attributes.h"

#include <pthread.h>
#include <string.h>

#include "attribute_index.h"
#include "span_buffer.h"
#include "tote/internal/keys.h"
#include "tote/internal/map_index.h"
#include "tote/internal/record.h"
#include "tote/internal/short_attribute.h"
#include "tote/internal/text.h"

enum { REPAIRED_KEY_BYTES = 256 };

/*
 * Return a key in valid UTF-8: the key itself, or repaired in `buffer`. Returns NULL if it is
 * unusable.
 */
static const char *usable_key(const char *key, char *buffer, size_t *length) {
    if (!key || !*key) {
        return NULL;
    }
    *length = strlen(key);
    if (tote__utf8_valid_prefix(key, *length) == *length) {
        return key;
    }
    size_t repaired = tote__utf8_repaired_length(key, *length);
    if (repaired >= REPAIRED_KEY_BYTES) {
        return NULL;
    }
    *tote__utf8_repair(buffer, key, *length) = '\0';
    *length = repaired;
    return buffer;
}

/* Resize the place to `size` bytes; the bytes behind it move. */
static bool resize_place(struct span *span, struct tote__place *place, size_t size) {
    struct region *region = &span->attributes;

    if (size > place->size && !tote__span_reserve(span, region, size - place->size)) {
        return false;
    }
    uint8_t *at = tote__span_at(span, region) + place->offset;
    size_t behind = region->size - place->offset - place->size;
    if (behind && size != place->size) {
        memmove(at + size, at + place->size, behind);
        tote__reset_index(span);
    }
    region->size = (uint32_t)(region->size - place->size + size);
    if (place->offset < span->store_attributes_start) {
        span->store_attributes_start =
            (uint32_t)(span->store_attributes_start - place->size + size);
    }
    place->size = (uint32_t)size;
    return true;
}

/* Return the last attribute from the store; they are contiguous, and there is one. */
static struct tote__place last_store_attribute(const struct span *span) {
    struct tote__slice rest = tote__span_slice(span, &span->attributes);
    const uint8_t *start = rest.at;
    struct tote__place last = {0, 0};
    struct tote__field field;

    rest.at += span->store_attributes_start;
    rest.size -= span->store_attributes_start;
    for (uint32_t i = 0; i < span->store_attribute_count && tote__next_field(&rest, &field); i++) {
        last = (struct tote__place){(uint32_t)(field.whole.at - start), (uint32_t)field.whole.size};
    }
    return last;
}

static bool is_of_store(const struct span *span, const struct tote__place *place) {
    return span->store_attribute_count && place->offset >= span->store_attributes_start &&
           place->offset <= last_store_attribute(span).offset;
}

static void remove_store_attribute(struct span *span, struct tote__place place) {
    resize_place(span, &place, 0);
    span->store_attribute_count--;
    span->attribute_count--;
}

/*
 * Return the mark of a key: a word's number and two bits in it. Only both ends of the key are used,
 * so that long keys cost the same.
 */
struct key_mark {
    uint64_t bits;
    size_t word;
};

tote__always_inline struct key_mark mark_of(const char *key, size_t length) {
    enum { WORD = sizeof(uint64_t), HALF = sizeof(uint32_t) };
    uint64_t first = 0;
    uint64_t last = 0;
    uint32_t halves[2];

    if (length >= WORD) {
        memcpy(&first, key, WORD);
        memcpy(&last, key + length - WORD, WORD);
    } else if (length >= HALF) {
        memcpy(&halves[0], key, HALF);
        memcpy(&halves[1], key + length - HALF, HALF);
        first = halves[0];
        last = halves[1];
    } else {
        for (size_t i = 0; i < length; i++) {
            first = first << 8 | (unsigned char)key[i];
        }
    }
    uint64_t ends = first ^ (last << 29 | last >> 35) ^ length;
    uint64_t hash = (ends ^ ends >> 32) * 0x9E3779B97F4A7C15U; /* keys may differ only there */
    return (struct key_mark){1ULL << (hash >> 58) | 1ULL << (hash >> 52 & 63),
                             hash >> 40 & (SPAN_KEY_FILTER_WORDS - 1)};
}

/* Return whether there may be an attribute with this mark. */
static inline bool may_have(const struct span *span, struct key_mark mark) {
    return (span->key_filter[mark.word] & mark.bits) == mark.bits;
}

static inline void note_key(struct span *span, struct key_mark mark) {
    span->key_filter[mark.word] |= mark.bits;
}

/* The marks of the keys in the table. Written once, before the first span. */
static struct key_mark known_marks[TOTE__KEY_COUNT];

static void mark_known_keys(void) {
    for (size_t i = 0; i < TOTE__KEY_COUNT; i++) {
        known_marks[i] = mark_of(tote__keys[i].text, tote__keys[i].length);
    }
}

void tote__span_attributes_prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, mark_known_keys);
}

/*
 * Write an attribute with a key of the table, as tote__put_short_attribute() does. The space has
 * TOTE__KEY_BYTES more.
 */
tote__always_inline uint8_t *put_known(uint8_t *out, const struct tote__key *key,
                                       tote_value value) {
    memcpy(out + 4, key, sizeof *key);
    uint8_t *end = tote__put_short_value(out + 4 + key->length, value);

    if (end) {
        tote__put_short_heads(out, TOTE__TAG_SPAN_ATTRIBUTE, (size_t)(end - out - 2),
                              TOTE__KEY_VALUE_KEY, key->length);
    }
    return end;
}

/*
 * Fast path: put short attributes with new keys that fit. The span's fields are read once, because
 * the compiler assumes that each written byte may change them. Returns the number put; the next
 * attribute needs the slow path.
 */
static size_t put_short_attributes(struct span *span, const tote_attribute *attributes,
                                   size_t count) {
    struct region *region = &span->attributes;
    const struct span_limits *limits = &span->origin.limits;
    const uint32_t longest = limits->value.value_length;
    uint8_t *start = tote__span_at(span, region);
    const uint8_t *end = start + region->capacity;
    uint8_t *out = start + region->size;
    uint32_t held = span->attribute_count;
    size_t done = 0;

    for (; done < count; done++, held++) {
        const char *key = attributes[done].key;
        const tote_value value = attributes[done].value;
        const size_t number = tote__key_number(key);
        const bool is_known = number < TOTE__KEY_COUNT;
        size_t length = is_known ? tote__keys[number].length : key ? strlen(key) : 0;
        size_t bound = tote__short_attribute_bound(length, value);
        if (tote__unlikely(!length || bound > TOTE__SHORT_CONTENT ||
                           bound + TOTE__KEY_BYTES > (size_t)(end - out) || value.size > longest ||
                           held >= limits->attributes)) {
            break;
        }
        struct key_mark mark = is_known ? known_marks[number] : mark_of(key, length);
        if (tote__unlikely(may_have(span, mark))) {
            break;
        }
        uint8_t *next =
            is_known ? put_known(out, &tote__keys[number], value)
                     : tote__put_short_attribute(out, TOTE__TAG_SPAN_ATTRIBUTE, key, length, value);
        if (tote__unlikely(!next)) {
            break;
        }
        out = next;
        note_key(span, mark);
    }
    region->size = (uint32_t)(out - start);
    span->attribute_count = held;
    return done;
}

/* Put any attribute. The key is usable. */
static void put_attribute(struct span *span, const char *key, size_t key_length, tote_value value) {
    struct key_mark mark = mark_of(key, key_length);
    struct tote__place place;
    const struct tote__attribute_plan plan =
        tote__plan_attribute(key, key_length, value, &span->origin.limits.value);
    bool is_new = !may_have(span, mark) || !tote__find_attribute(span, key, key_length, &place);

    if (!is_new && is_of_store(span, &place)) {
        remove_store_attribute(span, place); /* it now belongs to the span */
        is_new = true;
    }
    if (is_new) {
        bool is_full = span->attribute_count >= span->origin.limits.attributes;
        if (is_full && span->store_attribute_count) {
            remove_store_attribute(span, last_store_attribute(span));
            tote__span_lose(span, &span->facts.dropped_attribute_count,
                            LOST_TO_LIMIT); /* from the store */
            is_full = false;
        }
        place = (struct tote__place){span->attributes.size, 0};
        if (is_full) {
            tote__span_lose(span, &span->facts.dropped_attribute_count, LOST_TO_LIMIT);
            return;
        }
    }
    if (!is_new && !plan.is_too_large && place.size != plan.size && tote__has_index(span) &&
        tote__span_reserve(span, &span->attributes, plan.size)) {
        tote__remove_indexed(span, place); /* and the rest stays */
        place = (struct tote__place){span->attributes.size, 0};
    }
    if (plan.is_too_large || !resize_place(span, &place, plan.size)) {
        tote__span_lose(span, &span->facts.dropped_attribute_count,
                        plan.is_too_large ? LOST_TO_LIMIT : LOST_TO_MEMORY);
        return;
    }
    span->attribute_count += is_new;
    note_key(span, mark);
    tote__put_planned(tote__span_at(span, &span->attributes) + place.offset,
                      TOTE__TAG_SPAN_ATTRIBUTE, &plan);
}

tote__apart static void put_long_attribute(struct span *span, const tote_attribute *attribute) {
    char buffer[REPAIRED_KEY_BYTES];
    size_t length;
    const char *key = usable_key(attribute->key, buffer, &length);

    if (key) {
        put_attribute(span, key, length, attribute->value);
    } else {
        tote__span_lose(span, &span->facts.dropped_attribute_count, LOST_TO_KEY);
    }
}

void tote__span_put_attributes(struct span *span, const tote_attribute *attributes, size_t count) {
    size_t done = 0;

    while ((done += put_short_attributes(span, attributes + done, count - done)) < count) {
        put_long_attribute(span, &attributes[done++]);
    }
}

static bool is_limited(const struct span_limits *limits) {
    return limits->value.value_length != UINT32_MAX ||
           limits->value.value_depth < tote__wire_no_limits.value_depth;
}

void tote__span_put_store_entry(struct span *span, const struct tote__entry *entry) {
    struct key_mark mark = mark_of(entry->key, entry->key_length);
    struct tote__place place;

    if (may_have(span, mark) && tote__find_attribute(span, entry->key, entry->key_length, &place)) {
        return;
    }
    if (span->attribute_count >= span->origin.limits.attributes) {
        tote__span_lose(span, &span->facts.dropped_attribute_count, LOST_TO_LIMIT);
        return;
    }
    if (is_limited(&span->origin.limits)) {
        unsigned char buffer[256];
        struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);
        uint32_t before = span->attribute_count;
        put_attribute(span, entry->key, entry->key_length,
                      tote__unpack_any_value(entry->value, &arena));
        tote__arena_clear(&arena);
        span->store_attribute_count += span->attribute_count - before;
        return;
    }
    if (!tote__span_reserve(span, &span->attributes, entry->attribute.size)) {
        tote__span_lose(span, &span->facts.dropped_attribute_count, LOST_TO_MEMORY);
        return;
    }
    memcpy(tote__span_at(span, &span->attributes) + span->attributes.size, entry->attribute.at,
           entry->attribute.size);
    span->attributes.size += (uint32_t)entry->attribute.size;
    span->attribute_count++;
    span->store_attribute_count++;
    note_key(span, mark);
}

/* The attributes of an event or link to keep, and their total size. */
enum {
    FEW_ATTRIBUTES = 256, /* up to this many, on the stack */
    SEARCHED_ATTRIBUTES = 256
};

struct selection {
    const tote_attribute *attributes;
    size_t count;
    uint64_t *bits; /* for each kept key, the index of its last attribute */
    uint32_t dropped;
    size_t size;
    uint64_t few[FEW_ATTRIBUTES / 64 + 2]; /* their bits, and padding */
    struct tote__arena memory;
};

/* One bit for each attribute. */
static bool has_bit(const uint64_t *bits, size_t at) {
    return bits[at / 64] >> at % 64 & 1;
}

/*
 * Mark the last attribute of each kept key. A new key over the limit is dropped; a kept key takes
 * its last value. Returns false if out of memory: a linear search would take too long.
 */
static bool mark_kept(struct selection *selection, uint32_t limit) {
    tote_value map = tote_map(selection->attributes, selection->count);
    struct tote__map_index *index = tote__map_index_new(map);
    uint32_t kept = 0;

    if (!index && map.size > SEARCHED_ATTRIBUTES) {
        return false;
    }
    for (size_t i = 0; i < map.size; i++) {
        const tote_attribute *last = tote__map_find(map, index, map.as.fields[i].key);
        size_t place = last ? (size_t)(last - map.as.fields) : 0;
        if (last && has_bit(selection->bits, place)) {
            continue;
        }
        if (last && kept < limit) {
            selection->bits[place / 64] |= 1ULL << place % 64;
            kept++;
        } else {
            selection->dropped++;
        }
    }
    tote__map_index_free(index);
    return true;
}

static struct tote__attribute_plan plan_of(const struct span *span, const tote_attribute *kept) {
    return tote__plan_attribute(kept->key, strlen(kept->key), kept->value,
                                &span->origin.limits.value);
}

/*
 * As if the attributes were set one after the other. Spec: common/README.md#attribute-collections
 */
static void select_attributes(const struct span *span, struct selection *selection,
                              const tote_attribute *attributes, size_t count, uint32_t limit) {
    count = attributes ? tote__min(count, UINT32_MAX) : 0;
    selection->attributes = attributes;
    selection->count = count;
    selection->dropped = 0;
    selection->size = 0;
    selection->memory = tote__arena_over(selection->few, sizeof selection->few);
    size_t bytes = (count + 63) / 64 * sizeof *selection->bits;
    selection->bits = limit ? tote__arena_allocate(&selection->memory, bytes) : NULL;
    if (selection->bits) {
        memset(selection->bits, 0, bytes);
    }
    if (!selection->bits || !mark_kept(selection, limit)) {
        selection->count = 0;
        selection->dropped = (uint32_t)count;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (has_bit(selection->bits, i)) {
            const struct tote__attribute_plan plan = plan_of(span, &attributes[i]);
            selection->dropped += plan.is_too_large;
            selection->size += plan.is_too_large ? 0 : plan.size;
        }
    }
}

static uint8_t *put_selection(const struct span *span, uint8_t *out, uint8_t tag,
                              const struct selection *selection) {
    for (size_t i = 0; i < selection->count; i++) {
        if (has_bit(selection->bits, i)) {
            const struct tote__attribute_plan plan = plan_of(span, &selection->attributes[i]);
            out = plan.is_too_large ? out : tote__put_planned(out, tag, &plan);
        }
    }
    return out;
}

/* Reserve a field of this size and write its head. Returns NULL if out of memory. */
static uint8_t *open_field(struct span *span, struct region *region, uint8_t tag, size_t content) {
    size_t whole = tote__run_size(content);

    if (content > UINT32_MAX / 2 || !tote__span_reserve(span, region, whole)) {
        return NULL;
    }
    uint8_t *out = tote__span_at(span, region) + region->size;
    region->size += (uint32_t)whole;
    *out++ = tag;
    return tote__put_varint(out, content);
}

void tote__span_put_event(struct span *span, const char *name, const tote_attribute *attributes,
                          size_t attribute_count, uint64_t time_unix_nano) {
    size_t length = name ? strlen(name) : 0;
    size_t written = length ? tote__utf8_repaired_length(name, length) : 0;
    struct selection selection;

    select_attributes(span, &selection, attributes, attribute_count,
                      span->origin.limits.attributes_per_event);
    size_t content = (time_unix_nano ? 1 + sizeof time_unix_nano : 0) + selection.size +
                     tote__number_size(selection.dropped);

    if (written) {
        content += tote__run_size(written);
    }
    bool is_full = span->event_count >= span->origin.limits.events;
    uint8_t *out = is_full ? NULL : open_field(span, &span->events, TOTE__SPAN_EVENT, content);
    if (!out) {
        tote__span_lose(span, &span->facts.dropped_event_count,
                        is_full ? LOST_TO_LIMIT : LOST_TO_MEMORY);
        tote__arena_clear(&selection.memory);
        return;
    }
    if (time_unix_nano) {
        *out = TOTE__EVENT_TIME;
        out = tote__put_fixed64(out + 1, time_unix_nano);
    }
    if (written) {
        *out++ = TOTE__EVENT_NAME;
        out = tote__put_varint(out, written);
        out = (uint8_t *)tote__utf8_repair((char *)out, name, length);
    }
    out = put_selection(span, out, TOTE__TAG_EVENT_ATTRIBUTE, &selection);
    tote__put_number(out, TOTE__EVENT_DROPPED, selection.dropped);
    tote__arena_clear(&selection.memory);
    span->event_count++;
}

/*
 * Bits that W3C Trace Context does not define are not exported. Spec: opentelemetry-proto
 * trace/v1/trace.proto, SpanFlags
 */
static uint32_t link_flags(const tote_span_context *context) {
    const uint8_t known = TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM;
    uint32_t flags =
        (uint32_t)TOTE__FLAG_HAS_IS_REMOTE | (tote_span_context_get_trace_flags(context) & known);

    return tote_span_context_is_remote(context) ? flags | TOTE__FLAG_IS_REMOTE : flags;
}

void tote__span_put_link(struct span *span, const tote_span_context *context,
                         const tote_attribute *attributes, size_t attribute_count) {
    if (!context) {
        context = &tote__invalid_span_context; /* as tote_span_add_link() does */
    }
    const tote_trace_state *trace_state = tote_span_context_get_trace_state(context);
    size_t state_length = tote_trace_state_to_header(trace_state, NULL, 0);
    struct selection selection;

    select_attributes(span, &selection, attributes, attribute_count,
                      span->origin.limits.attributes_per_link);
    bool is_empty = !tote_span_context_is_valid(context) && !state_length && !selection.size &&
                    !selection.dropped; /* Spec: trace/api.md#add-link */
    size_t content = 2 + sizeof context->trace_id + 2 + sizeof context->span_id + selection.size +
                     tote__number_size(selection.dropped) + 1 + sizeof(uint32_t);
    if (state_length) {
        content += tote__run_size(state_length);
    }
    /* One more byte: the header ends with NUL, which the next field overwrites. */
    bool is_full = span->link_count >= span->origin.limits.links;
    bool has_room = !is_empty && !is_full && tote__span_reserve(span, &span->links, content + 16);
    uint8_t *out = has_room ? open_field(span, &span->links, TOTE__SPAN_LINK, content) : NULL;
    if (!out) {
        tote__span_lose(span, &span->facts.dropped_link_count,
                        is_empty  ? LOST_EMPTY_LINK
                        : is_full ? LOST_TO_LIMIT
                                  : LOST_TO_MEMORY);
        tote__arena_clear(&selection.memory);
        return;
    }
    out = tote__put_run(out, TOTE__LINK_TRACE_ID, &context->trace_id, sizeof context->trace_id);
    out = tote__put_run(out, TOTE__LINK_SPAN_ID, &context->span_id, sizeof context->span_id);
    if (state_length) {
        *out++ = TOTE__LINK_TRACE_STATE;
        out = tote__put_varint(out, state_length);
        tote_trace_state_to_header(trace_state, (char *)out, state_length + 1);
        out += state_length;
    }
    out = put_selection(span, out, TOTE__TAG_LINK_ATTRIBUTE, &selection);
    out = tote__put_number(out, TOTE__LINK_DROPPED, selection.dropped);
    *out = TOTE__LINK_FLAGS;
    tote__put_fixed32(out + 1, link_flags(context));
    tote__arena_clear(&selection.memory);
    span->link_count++;
}
