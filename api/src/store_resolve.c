/* SPDX-License-Identifier: MIT */
/*
 * store_resolve.c - what is visible in a store
 *
 * One rule for all who ask: the nearest entry or tombstone of a key decides alone, with its own
 * flags; a layer hides what propagates above it. Levels are read one after the other, each as it is at
 * that moment; nothing is lent out.
 */
#include <errno.h>
#include <string.h>

#include "store_node.h"

/* A level's log as it was at one moment. */
struct view {
    const struct store_log *log;
    uint32_t epoch;
    uint32_t length;
};

/* Returns: false when the level is empty. */
static bool open_view(const tote_store *store, struct view *view) {
    for (;;) {
        struct store_log *log = atomic_load_explicit(&store->current, memory_order_acquire);
        if (!log) {
            return false;
        }
        view->log = log;
        view->epoch = atomic_load_explicit(&log->epoch, memory_order_acquire);
        view->length = atomic_load_explicit(&log->length, memory_order_acquire);
        /* Still the current one: then the epoch is of what is in it now. */
        if (atomic_load_explicit(&store->current, memory_order_acquire) == log) {
            return view->length != 0;
        }
    }
}

/* Whether what was read through the view was what it should have been. */
static bool is_view_good(const struct view *view) {
    return atomic_load_explicit(&view->log->epoch, memory_order_relaxed) == view->epoch;
}

enum { STACK_WORDS = 128 };

/* A record that was copied out. `words` points to `room`, or to memory. */
struct copied {
    uint64_t room[STACK_WORDS];
    uint64_t *words;
    size_t bytes; /* of the memory; 0: in `room` */
};

static void drop_copied(struct copied *copied) {
    if (copied->bytes) {
        tote__release(copied->words, copied->bytes);
        copied->bytes = 0;
    }
}

enum found { FOUND, ABSENT, OUT_OF_MEMORY };

/* Copy the level's record of the key out. */
static enum found copy_record(const tote_store *store, const struct store_key *key,
                              struct copied *copied) {
    struct record_head head;
    struct view view;

    for (;;) {
        if (!open_view(store, &view)) {
            return ABSENT;
        }
        bool is_found = tote__log_find(view.log, view.length, key, &head);
        if (!is_found) {
            if (is_view_good(&view)) {
                return ABSENT;
            }
            continue;
        }
        copied->words = copied->room;
        copied->bytes = 0;
        if (head.words > STACK_WORDS) {
            copied->bytes = head.words * sizeof(uint64_t);
            copied->words = tote__allocate(copied->bytes);
            if (!copied->words) {
                return OUT_OF_MEMORY;
            }
        }
        tote__log_read(view.log, head.at, head.words, copied->words);
        if (is_view_good(&view)) {
            return FOUND;
        }
        drop_copied(copied);
    }
}

static ptrdiff_t write_value(const struct store_record *record, char *buffer, size_t size) {
    struct tote__slice whole = {record->attribute, record->attribute_size};
    unsigned char room[1024];
    struct tote__arena arena = tote__arena_over(room, sizeof room);
    struct tote__field field;

    if (!tote__next_field(&whole, &field)) {
        return -1;
    }
    struct tote__slice any_value = tote__read_key_value(field.content).value;
    struct tote__slice text;
    tote_value value;
    if (tote__any_value_string(any_value, &text)) {
        value = tote_string_of((const char *)text.at, text.size);
    } else {
        value = tote__unpack_any_value(any_value, &arena);
    }
    size_t length = tote_value_to_text(value, buffer, size);
    tote__arena_clear(&arena);
    return (ptrdiff_t)length;
}

ptrdiff_t tote__store_get(const tote_store *store, const char *key, uint32_t visibility,
                          char *buffer, size_t size) {
    bool hides_propagating = false;
    struct copied copied;
    ptrdiff_t result = -1;

    if (buffer && size) {
        buffer[0] = '\0';
    }
    if (!key || !*key) {
        return -1;
    }
    struct store_key wanted = tote__store_key(key, strlen(key));
    for (; store; store = store->parent) {
        enum found found = copy_record(store, &wanted, &copied);
        if (found == OUT_OF_MEMORY) {
            return -1;
        }
        if (found == FOUND) {
            struct store_record record = tote__record_parse(copied.words);
            bool is_hidden = (record.flags & RECORD_TOMBSTONE) ||
                             (hides_propagating && (record.flags & TOTE_PROPAGATE));
            bool is_wanted = visibility == UINT32_MAX || (record.flags & visibility);
            if (!is_hidden && is_wanted) {
                result = write_value(&record, buffer, size);
            }
            drop_copied(&copied);
            return result;
        }
        hides_propagating |= store->hides_propagating;
    }
    return -1;
}

ptrdiff_t tote_store_get(const tote_store *store, const char *key, char *buffer, size_t size) {
    return tote__store_get(store, key, UINT32_MAX, buffer, size);
}

/* The keys that were decided already: a table that grows, in the visit's arena. */
struct seen {
    struct store_key *slots;
    uint32_t capacity; /* a power of two */
    uint32_t count;
    struct store_key first[16];
};

/* Where the key is, or would go. */
static struct store_key *seen_slot(struct store_key *slots, uint32_t capacity,
                                   const struct store_key *key) {
    uint32_t at = key->hash & (capacity - 1);

    while (slots[at].text && !(slots[at].hash == key->hash && slots[at].length == key->length &&
                               memcmp(slots[at].text, key->text, key->length) == 0)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static bool grow_seen(struct seen *seen, struct tote__arena *arena) {
    uint32_t capacity = seen->capacity * 4;
    struct store_key *slots = tote__arena_allocate(arena, capacity * sizeof *slots);

    if (!slots) {
        return false;
    }
    memset(slots, 0, capacity * sizeof *slots);
    for (uint32_t i = 0; i < seen->capacity; i++) {
        if (seen->slots[i].text) {
            *seen_slot(slots, capacity, &seen->slots[i]) = seen->slots[i];
        }
    }
    seen->slots = slots;
    seen->capacity = capacity;
    return true;
}

/* Returns: false when the key was there already. `failed` when memory is out. */
static bool see(struct seen *seen, struct tote__arena *arena, const struct store_key *key,
                bool *failed) {
    if (seen->count * 2 >= seen->capacity && !grow_seen(seen, arena)) {
        *failed = true;
        return false;
    }
    struct store_key *slot = seen_slot(seen->slots, seen->capacity, key);
    if (slot->text) {
        return false;
    }
    *slot = *key;
    seen->count++;
    return true;
}

/* A walk through all levels, on its way. */
struct visit {
    uint32_t visibility;
    tote__entry_visitor visitor;
    void *arg;
    struct tote__arena arena;
    struct seen seen;
    bool hides_propagating;
    bool is_over;
    bool has_failed;
};

/* Copy the level's log out. NULL when it is empty or memory is out. */
static uint64_t *copy_level(struct visit *visit, const tote_store *store, uint32_t *length) {
    struct view view;

    while (open_view(store, &view)) {
        uint64_t *words = tote__arena_allocate(&visit->arena, view.length * sizeof *words);
        if (!words) {
            visit->has_failed = true;
            return NULL;
        }
        tote__log_read(view.log, 0, view.length, words);
        if (is_view_good(&view)) {
            *length = view.length;
            return words;
        }
    }
    return NULL;
}

static void visit_record(struct visit *visit, const uint64_t *words) {
    struct store_record record = tote__record_parse(words);
    bool is_hidden = (record.flags & RECORD_TOMBSTONE) ||
                     (visit->hides_propagating && (record.flags & TOTE_PROPAGATE));
    bool is_wanted = visit->visibility == UINT32_MAX || (record.flags & visit->visibility);

    if (!see(&visit->seen, &visit->arena, &record.key, &visit->has_failed) || is_hidden ||
        !is_wanted) {
        return;
    }
    struct tote__slice rest = {record.attribute, record.attribute_size};
    struct tote__field field;
    if (!tote__next_field(&rest, &field)) {
        return;
    }
    const struct tote__entry entry = {
        .key = record.key.text,
        .key_length = record.key.length,
        .flags = record.flags & (TOTE_EVERYWHERE | TOTE__REMOTE),
        .attribute = {record.attribute, record.attribute_size},
        .value = tote__read_key_value(field.content).value,
        .metadata = record.metadata,
        .metadata_length = record.metadata_length,
    };
    visit->is_over = !visit->visitor(visit->arg, &entry);
}

static uint32_t words_of(const uint64_t *record) {
    return (uint32_t)(record[0] >> 8) & 0xFFFFFF;
}

/* Newest first, because of a key twice the newer counts. */
static void visit_level(struct visit *visit, const tote_store *store) {
    uint32_t length = 0;
    uint64_t *words = copy_level(visit, store, &length);
    uint32_t count = 0;

    for (uint32_t at = 0; words && at < length; at += words_of(words + at)) {
        count++;
    }
    const uint64_t **records =
        count ? tote__arena_allocate(&visit->arena, count * sizeof *records) : NULL;
    if (count && !records) {
        visit->has_failed = true;
        return;
    }
    uint32_t i = 0;
    for (uint32_t at = 0; i < count; at += words_of(words + at)) {
        records[i++] = words + at;
    }
    while (i-- > 0 && !visit->is_over && !visit->has_failed) {
        visit_record(visit, records[i]);
    }
}

bool tote__store_visit(const tote_store *store, uint32_t visibility, tote__entry_visitor visitor,
                       void *arg) {
    max_align_t memory[128];
    struct visit visit = {
        .visibility = visibility,
        .visitor = visitor,
        .arg = arg,
        .arena = tote__arena_over(memory, sizeof memory),
        .seen = {.capacity = 16},
    };
    int error = errno;

    visit.seen.slots = visit.seen.first;
    for (; store && !visit.is_over && !visit.has_failed; store = store->parent) {
        const struct store_log *log = atomic_load_explicit(&store->current, memory_order_acquire);
        if (log && atomic_load_explicit(&log->length, memory_order_relaxed)) {
            visit_level(&visit, store);
        }
        visit.hides_propagating |= store->hides_propagating;
    }
    tote__arena_clear(&visit.arena);
    errno = error;
    return !visit.has_failed;
}
