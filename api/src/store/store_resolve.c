/* SPDX-License-Identifier: MIT */
/*
 * store_resolve.c - lookup of the visible entries of a store
 *
 * All lookups follow one rule: only the nearest entry or tombstone of a key counts, with its own
 * flags. An overlay hides propagating entries of its ancestors. Levels are read one after the
 * other, without a common snapshot. All results are copies.
 *
 * Tests: tests/unit/test_store_visibility.c, tests/unit/test_store_model.c
 */
#include <string.h>

#include "store_node.h"
#include "tote/diagnostics.h"
#include "tote/internal/text.h"

/* A snapshot of a level's log. */
struct view {
    const struct store_log *log;
    uint32_t epoch;
    struct log_extent extent;
};

/* Take a snapshot. Returns false if the level is empty. */
static bool open_view(const tote_store *store, struct view *view) {
    const struct store_log *log = atomic_load_explicit(&store->current, memory_order_acquire);

    while (log) {
        view->log = log;
        view->epoch = atomic_load_explicit(&log->epoch, memory_order_acquire);
        log = atomic_load_explicit(&store->current, memory_order_acquire);
        if (log == view->log) {
            /*
             * The log was current after this epoch began, so the extent belongs to this epoch or
             * to a newer one.
             */
            view->extent = tote__log_extent(log);
            return true;
        }
    }
    return false;
}

/* Return whether the words read through the view are consistent: the log was not reused. */
static bool is_view_good(const struct view *view) {
    return atomic_load_explicit(&view->log->epoch, memory_order_relaxed) == view->epoch;
}

bool tote__store_is_bare(const tote_store *store) {
    while (store && !atomic_load_explicit(&store->current, memory_order_relaxed)) {
        store = store->parent;
    }
    return !store;
}

enum { STACK_WORDS = 48 };

/* A copy of a record. `words` points to `buffer` or to allocated memory. */
struct copied {
    uint64_t *words;
    size_t bytes; /* size of the allocated memory; 0: `words` is `buffer` */
    uint64_t buffer[STACK_WORDS];
};

static void drop_copied(struct copied *copied) {
    if (copied->bytes) {
        tote__release(copied->words, copied->bytes);
    }
}

enum found { FOUND, ABSENT, OUT_OF_MEMORY };

static enum found copy_record(const struct view *view, const struct record_head *head,
                              struct copied *copied) {
    copied->words = copied->buffer;
    copied->bytes = 0;
    if (head->words > STACK_WORDS) {
        size_t bytes = head->words * sizeof(uint64_t);
        copied->words = tote__allocate(bytes);
        if (!copied->words) {
            return OUT_OF_MEMORY;
        }
        copied->bytes = bytes;
    }
    tote__log_read(view->log, head->at, head->words, copied->words);
    return FOUND;
}

/* Copy the level's record of the key. If FOUND, the caller calls drop_copied(). */
static enum found find_in_level(const tote_store *store, const struct store_key *key,
                                struct copied *copied) {
    struct record_head head;
    struct view view;

    while (open_view(store, &view)) {
        enum found found = ABSENT;
        if (tote__log_find(view.log, view.extent, key, &head)) {
            found = copy_record(&view, &head, copied);
        }
        if (is_view_good(&view)) {
            return found;
        }
        if (found == FOUND) {
            drop_copied(copied);
        }
    }
    return ABSENT;
}

/* The visibility rule. `hides_propagating`: there is an overlay below this level. */
static bool is_visible(uint32_t flags, bool hides_propagating) {
    return !(flags & RECORD_TOMBSTONE) && !(hides_propagating && (flags & TOTE_VISIBILITY_BAGGAGE));
}

/* Copy the nearest record of the key if it is visible. If FOUND, the caller calls drop_copied(). */
static enum found resolve(const tote_store *store, const struct store_key *key,
                          bool hides_propagating, struct copied *copied) {
    for (; store; store = store->parent) {
        enum found found = atomic_load_explicit(&store->current, memory_order_relaxed)
                               ? find_in_level(store, key, copied)
                               : ABSENT; /* most levels are empty */
        if (found == FOUND) {
            uint32_t flags = tote__record_head(copied->words[0], 0).flags;
            if (is_visible(flags, hides_propagating)) {
                return FOUND;
            }
            drop_copied(copied);
            return ABSENT;
        }
        if (found == OUT_OF_MEMORY) {
            return found;
        }
        hides_propagating |= store->hides_propagating;
    }
    return ABSENT;
}

bool tote__store_has(const tote_store *store, const struct store_key *key, bool hides_propagating) {
    struct copied copied;
    enum found found = resolve(store, key, hides_propagating, &copied);

    if (found == FOUND) {
        drop_copied(&copied);
    }
    return found != ABSENT;
}

static void report_unread(const struct store_key *key) {
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "store",
                            "the value of '%.*s' is not read: out of memory; it looks absent",
                            (int)tote__utf8_valid_prefix(key->text, tote__min(key->length, 64)),
                            key->text);
}

/* Write the value as text. Returns the length of the text; -1 if out of memory. */
static ptrdiff_t write_any_value(const struct store_record *record, struct tote__slice any_value,
                                 char *buffer, size_t size) {
    ptrdiff_t length = -1;
    max_align_t memory[12];
    struct tote__arena arena = tote__arena_over(memory, sizeof memory);
    tote_value value = tote__unpack_any_value(any_value, &arena);
    if (value.type == TOTE_VALUE_TYPE_EMPTY && any_value.size) {
        report_unread(&record->key);
    } else {
        length = (ptrdiff_t)tote_value_to_text(value, buffer, size);
    }
    tote__arena_clear(&arena);
    return length;
}

static ptrdiff_t write_value(const struct store_record *record, char *buffer, size_t size) {
    struct tote__slice any_value = tote__record_value(record);
    struct tote__slice text;

    if (!tote__any_value_string(any_value, &text) || !buffer || text.size >= size) {
        return write_any_value(record, any_value, buffer, size);
    }
    memcpy(buffer, text.at, text.size);
    buffer[text.size] = '\0';
    return (ptrdiff_t)text.size;
}

static ptrdiff_t get(const tote_store *store, const struct store_key *key, uint32_t visibility,
                     char *buffer, size_t size) {
    struct copied copied;
    ptrdiff_t result = -1;

    enum found found = resolve(store, key, false, &copied);
    if (found == FOUND) {
        struct store_record record = tote__record_parse(copied.words);
        if (visibility == UINT32_MAX || (record.flags & visibility)) {
            result = write_value(&record, buffer, size);
        }
        drop_copied(&copied);
    } else if (found == OUT_OF_MEMORY) {
        report_unread(key);
    }
    return result;
}

/* Get the value of a key that is not ASCII. */
static __attribute__((noinline)) ptrdiff_t get_repaired(const tote_store *store, const char *key,
                                                        size_t length, uint32_t visibility,
                                                        char *buffer, size_t size) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct store_key own_key;
    ptrdiff_t result = -1;

    if (tote__store_key(&own_key, key, length, &arena)) {
        result = get(store, &own_key, visibility, buffer, size);
    }
    tote__arena_clear(&arena);
    return result;
}

ptrdiff_t tote__store_get(const tote_store *store, const char *key, uint32_t visibility,
                          char *buffer, size_t size) {
    if (buffer && size) {
        buffer[0] = '\0';
    }
    if (!store || !key || !*key) {
        return -1;
    }
    size_t length = strlen(key);
    struct tote__scan scan = tote__scan(key, length);
    if (tote__unlikely(!scan.is_ascii)) {
        return get_repaired(store, key, length, visibility, buffer, size);
    }
    const struct store_key own_key = {key, length, (uint32_t)scan.hash};
    return get(store, &own_key, visibility, buffer, size);
}

ptrdiff_t tote_store_get(const tote_store *store, const char *key, char *buffer, size_t size) {
    return tote__store_get(store, key, UINT32_MAX, buffer, size);
}

enum { SEEN_IN_LIST = 32 };

/*
 * The records whose keys were already visited: a list or, for many records, a hash table in the
 * visit's arena.
 */
struct seen {
    uint64_t filter; /* one bit per hash: most new keys are recognized without a search */
    uint32_t count;
    uint32_t capacity; /* of the table, a power of two; 0: `records` is a list */
    const uint64_t **records;
};

static uint32_t hash_of(const uint64_t *record) {
    return (uint32_t)(record[0] >> 32);
}

static bool have_same_key(const uint64_t *a, const uint64_t *b) {
    return hash_of(a) == hash_of(b) && a[1] >> 48 == b[1] >> 48 &&
           memcmp(a + RECORD_HEAD_WORDS, b + RECORD_HEAD_WORDS, (size_t)(a[1] >> 48)) == 0;
}

/* Return the table slot of the record's key, or the empty slot for it. */
static const uint64_t **table_slot(const uint64_t **slots, uint32_t capacity,
                                   const uint64_t *record) {
    uint32_t at = hash_of(record) & (capacity - 1);

    while (slots[at] && !have_same_key(slots[at], record)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

/* Replace the list by a table, or the table by a larger one. Returns false if out of memory. */
static bool grow_seen(struct seen *seen, struct tote__arena *arena) {
    uint32_t old = seen->capacity ? seen->capacity : seen->count;
    uint32_t capacity = 4 * old;
    const uint64_t **slots = tote__arena_allocate(arena, capacity * sizeof *slots);

    if (!slots) {
        return false;
    }
    memset(slots, 0, capacity * sizeof *slots);
    for (uint32_t i = 0; i < old; i++) {
        if (seen->records[i]) {
            *table_slot(slots, capacity, seen->records[i]) = seen->records[i];
        }
    }
    seen->records = slots;
    seen->capacity = capacity;
    return true;
}

static bool is_in_list(const struct seen *seen, const uint64_t *record) {
    for (uint32_t i = 0; i < seen->count; i++) {
        if (have_same_key(seen->records[i], record)) {
            return true;
        }
    }
    return false;
}

/* The slow path of see(): there are many records, or the filter has the bit already. */
static __attribute__((noinline)) bool see_among_many(struct seen *seen, struct tote__arena *arena,
                                                     const uint64_t *record, bool *failed) {
    bool is_full = seen->capacity ? 2 * seen->count >= seen->capacity : seen->count == SEEN_IN_LIST;

    if (is_full && !grow_seen(seen, arena)) {
        *failed = true;
        return false;
    }
    const uint64_t **slot = seen->capacity ? table_slot(seen->records, seen->capacity, record)
                                           : &seen->records[seen->count];
    bool is_known = seen->capacity ? *slot != NULL : is_in_list(seen, record);
    if (is_known) {
        return false;
    }
    *slot = record;
    seen->count++;
    return true;
}

/* Add a key. Returns false if it was already there. Sets `failed` if out of memory. */
static inline bool see(struct seen *seen, struct tote__arena *arena, const uint64_t *record,
                       bool *failed) {
    uint64_t bit = 1ULL << (hash_of(record) & 63);

    if (tote__unlikely(seen->filter & bit || seen->count >= SEEN_IN_LIST)) {
        return see_among_many(seen, arena, record, failed);
    }
    seen->filter |= bit;
    seen->records[seen->count++] = record;
    return true;
}

/* The state of a walk through the levels. */
struct visit {
    uint32_t visibility;
    bool wants_hidden;
    tote__entry_visitor visitor;
    void *arg;
    struct tote__arena arena;
    struct seen seen;
    bool hides_propagating;
    bool is_over;
    bool has_failed;
};

/* A copy of a level: the words of its records, and the list of these records, newest first. */
struct level_copy {
    uint64_t *words;
    const uint64_t *listed;
    uint32_t count;    /* number of records */
    uint32_t capacity; /* of `words`, in words, including the list */
};

static bool reserve_words(struct level_copy *level, struct tote__arena *arena, uint32_t words) {
    if (words > level->capacity) {
        level->words = tote__arena_allocate(arena, words * sizeof *level->words);
        level->capacity = words;
    }
    return level->words != NULL;
}

/* Copy a level. Returns false if it is empty, or if out of memory. */
static bool copy_level(struct visit *visit, const tote_store *store, struct level_copy *level) {
    struct view view;

    while (open_view(store, &view)) {
        uint32_t length = view.extent.length;
        uint32_t count = view.extent.count;
        if (!reserve_words(level, &visit->arena, length + count)) {
            visit->has_failed = true;
            return false;
        }
        level->count = count;
        level->listed = level->words + length;
        tote__log_read(view.log, 0, length, level->words);
        tote__log_read(view.log, view.log->capacity - count, count, level->words + length);
        if (is_view_good(&view)) {
            return true;
        }
    }
    return false;
}

static bool visit_entry(const struct visit *visit, const struct store_record *record) {
    const struct tote__entry entry = {
        .key = record->key.text,
        .key_length = record->key.length,
        .hash = record->key.hash,
        .flags = record->flags & (TOTE_VISIBILITY_ALL | TOTE__REMOTE | RECORD_TOMBSTONE),
        .attribute = {record->attribute, record->attribute_size},
        .value = tote__record_value(record),
        .metadata = record->metadata,
        .metadata_length = record->metadata_length,
    };
    return visit->visitor(visit->arg, &entry);
}

static void visit_record(struct visit *visit, const uint64_t *words) {
    struct store_record record = tote__record_parse(words);
    bool is_wanted = record.flags & visit->visibility || visit->visibility == UINT32_MAX;

    if (!see(&visit->seen, &visit->arena, words, &visit->has_failed)) {
        return;
    }
    if (!is_visible(record.flags,
                    visit->hides_propagating)) { /* deleted, or hidden by an overlay */
        is_wanted = visit->wants_hidden;
        record.flags = RECORD_TOMBSTONE;
        record.attribute_size = 0;
    }
    visit->is_over = is_wanted && !visit_entry(visit, &record);
}

/* Visit the newest record first: if a key has two records, the newer one counts. */
static void visit_level(struct visit *visit, const tote_store *store) {
    struct level_copy level = {NULL, NULL, 0, 0};
    uint32_t count = copy_level(visit, store, &level) ? level.count : 0;

    for (uint32_t i = 0; i < count && !visit->is_over && !visit->has_failed; i++) {
        visit_record(visit, level.words + (uint32_t)level.listed[i]);
    }
}

/* Memory for most walks. It is pooled, because the caller's stack may be small. */
struct scratch {
    const uint64_t *list[SEEN_IN_LIST];
    max_align_t memory[100];
};

static const struct tote__pool_kind scratch_pool = {
    .index = TOTE__POOL_SCRATCH, .kept = 2, .kept_most = 2, .size = sizeof(struct scratch)};

static void visit_levels(struct visit *visit, const tote_store *store, const tote_store *end) {
    while (store != end && !atomic_load_explicit(&store->current, memory_order_relaxed)) {
        visit->hides_propagating |= store->hides_propagating;
        store = store->parent;
    }
    if (store == end) {
        return; /* the usual case: no entries */
    }
    struct scratch *scratch = tote__pool_take(&scratch_pool);
    if (!scratch) {
        visit->has_failed = true;
        return;
    }
    visit->arena = tote__arena_over(scratch->memory, sizeof scratch->memory);
    visit->seen.records = scratch->list;
    for (; store != end && !visit->is_over && !visit->has_failed; store = store->parent) {
        if (atomic_load_explicit(&store->current, memory_order_relaxed)) {
            visit_level(visit, store);
        }
        visit->hides_propagating |= store->hides_propagating;
    }
    tote__arena_clear(&visit->arena);
    tote__pool_put(&scratch_pool, scratch);
}

bool tote__store_visit(const tote_store *store, uint32_t visibility, tote__entry_visitor visitor,
                       void *arg) {
    struct visit visit = {.visibility = visibility, .visitor = visitor, .arg = arg};

    visit_levels(&visit, store, NULL);
    return !visit.has_failed;
}

bool tote__store_visit_until(const tote_store *store, const tote_store *end,
                             tote__entry_visitor visitor, void *arg) {
    struct visit visit = {
        .visibility = UINT32_MAX, .wants_hidden = true, .visitor = visitor, .arg = arg};

    visit_levels(&visit, store, end);
    return !visit.has_failed && !visit.is_over;
}
