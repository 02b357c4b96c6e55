/* SPDX-License-Identifier: MIT */
/*
 * store.c - stores and what is written to them
 *
 * A store is a node with a parent and a log of its own entries. Writers take turns, readers take no
 * lock; see store_log.h for how they get on, and store_resolve.c for what is visible.
 */
#include <string.h>

#include "store_node.h"
#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/text.h"

static tote_store root;
static tote_store keeps_nothing = {.keeps_nothing = true};
static _Atomic(bool) has_spans; /* a plain add to the root is suspicious from now on */

tote_store *tote_store_root(void) {
    return &root;
}

tote_store *tote__store_void(void) {
    return &keeps_nothing;
}

tote_store *tote_store_current(void) {
    return tote_context_get_store(NULL);
}

void tote__store_note_span(void) {
    if (!atomic_load_explicit(&has_spans, memory_order_relaxed)) {
        atomic_store_explicit(&has_spans, true, memory_order_relaxed);
    }
}

static size_t log_bytes(uint32_t words) {
    return sizeof(struct store_log) + words * sizeof(uint64_t);
}

/* The store with room for its first entries in one piece. */
static size_t store_bytes(void) {
    return sizeof(tote_store) + log_bytes(STORE_FIRST_WORDS);
}

static tote_store *new_node(tote_store *parent) {
    tote_store *store = tote__allocate(store_bytes());

    if (!store) {
        return NULL;
    }
    struct store_log *log = (struct store_log *)(void *)(store + 1);
    *store = (tote_store){
        .references = 1,
        .depth = parent ? parent->depth + 1 : 0,
        .parent = tote_store_ref(parent),
        .current = log,
        .own = log,
    };
    log->next = NULL;
    log->capacity = STORE_FIRST_WORDS;
    atomic_init(&log->epoch, 0);
    atomic_init(&log->length, 0);
    return store;
}

static bool add_flattened(void *arg, const struct tote__entry *entry);

/*
 * What is visible in `store`, in one node without a parent. So a chain is never deeper than it can be
 * walked in reasonable time; later changes above are not seen through it.
 */
static tote_store *flatten(const tote_store *store) {
    tote_store *flat = new_node(NULL);

    if (flat && !tote__store_visit(store, UINT32_MAX, add_flattened, flat)) {
        tote_diagnose(TOTE_LEVEL_WARN, "store", "entries lost while flattening: no memory");
    }
    return flat;
}

tote_store *tote_store_new(tote_store *parent) {
    if (!parent || parent->depth < STORE_DEEPEST) {
        return new_node(parent);
    }
    tote_store *flat = flatten(parent);
    tote_store *store = flat ? new_node(flat) : NULL;
    tote_store_unref(flat);
    return store;
}

tote_store *tote_store_ref(tote_store *store) {
    if (store && atomic_load_explicit(&store->references, memory_order_relaxed) != 0) {
        atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    }
    return store;
}

static void free_node(tote_store *store) {
    struct store_log *log = atomic_load_explicit(&store->current, memory_order_relaxed);

    if (log) {
        log->next = store->spare;
    }
    while (log) {
        struct store_log *next = log->next;
        if (log != store->own) {
            tote__release(log, log_bytes(log->capacity));
        }
        log = next;
    }
    tote__release(store, store_bytes());
}

void tote_store_unref(tote_store *store) {
    while (store && atomic_load_explicit(&store->references, memory_order_relaxed) != 0 &&
           atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) == 1) {
        tote_store *parent = store->parent;
        free_node(store);
        store = parent;
    }
}

void tote_store_seal(tote_store *store) {
    if (store) {
        atomic_store_explicit(&store->is_sealed, true, memory_order_release);
    }
}

/* A log that is in no use, of `words` or more. NULL when memory is out. */
static struct store_log *take_spare(tote_store *store, uint32_t words) {
    for (struct store_log **link = &store->spare; *link; link = &(*link)->next) {
        struct store_log *log = *link;
        if (log->capacity >= words) {
            *link = log->next;
            /* A reader that is still in it sees by the epoch that it is no longer what it was. */
            atomic_fetch_add_explicit(&log->epoch, 1, memory_order_relaxed);
            atomic_store_explicit(&log->length, 0, memory_order_release);
            return log;
        }
    }
    struct store_log *log = tote__allocate(log_bytes(words));
    if (log) {
        log->capacity = words;
        atomic_init(&log->epoch, 0);
        atomic_init(&log->length, 0);
    }
    return log;
}

/* Of a store without a parent a deleted key need not be remembered. */
static bool is_live(const tote_store *store, uint32_t flags) {
    return !(flags & RECORD_REPLACED) && (store->parent || !(flags & RECORD_TOMBSTONE));
}

/* Write what is live, but not `replaced`, and `record` into another log, and make that the current one. */
static bool rewrite(tote_store *store, struct store_log *log, const struct record_head *replaced,
                    const struct store_record *record, uint32_t words) {
    uint32_t length = log ? atomic_load_explicit(&log->length, memory_order_relaxed) : 0;
    uint32_t capacity = log ? log->capacity : STORE_FIRST_WORDS;
    uint32_t needed = 2 * (store->live_words + words);
    struct record_head head;
    uint32_t end = 0;
    uint32_t at = 0;

    while (capacity < needed) {
        capacity *= 2;
    }
    struct store_log *fresh = take_spare(store, capacity);
    if (!fresh) {
        return false;
    }
    while (log && tote__log_next(log, length, &at, &head)) {
        if (is_live(store, head.flags) && !(replaced && replaced->at == head.at)) {
            tote__log_copy(fresh, end, log, head.at);
            end += head.words;
        }
    }
    tote__log_write(fresh, end, record);
    store->live_words = end + words;
    atomic_store_explicit(&fresh->length, end + words, memory_order_release);
    atomic_store_explicit(&store->current, fresh, memory_order_release);
    if (log) {
        log->next = store->spare;
        store->spare = log;
    }
    return true;
}

enum outcome { WRITTEN, NO_ROOM, NO_MEMORY };

/* The lock is held. */
static enum outcome write_record(tote_store *store, const struct store_record *record) {
    struct store_log *log = atomic_load_explicit(&store->current, memory_order_relaxed);
    uint32_t length = log ? atomic_load_explicit(&log->length, memory_order_relaxed) : 0;
    uint32_t words = (uint32_t)tote__record_words(record);
    struct record_head old;
    bool has_old = log && tote__log_find(log, length, &record->key, &old);
    uint32_t live = store->live_words - (has_old ? old.words : 0);

    if ((live + words) * sizeof(uint64_t) > TOTE_STORE_MAX_BYTES) {
        return NO_ROOM;
    }
    if (!log || log->capacity - length < words) {
        return rewrite(store, log, has_old ? &old : NULL, record, words) ? WRITTEN : NO_MEMORY;
    }
    tote__log_write(log, length, record);
    atomic_store_explicit(&log->length, length + words, memory_order_release);
    store->live_words = live + words;
    if (has_old) {
        tote__log_mark_replaced(log, &old);
    }
    return WRITTEN;
}

static bool report(enum outcome outcome) {
    if (outcome == NO_ROOM) {
        tote_diagnose(TOTE_LEVEL_WARN, "store",
                      "entry not kept: over the %d bytes that a store holds", TOTE_STORE_MAX_BYTES);
    } else if (outcome == NO_MEMORY) {
        tote_diagnose(TOTE_LEVEL_ERROR, "store", "entry not kept: no memory");
    }
    return outcome == WRITTEN;
}

/* Make the attribute, then write the record. */
static enum outcome put(tote_store *store, struct store_record *record) {
    unsigned char buffer[512];
    struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);
    enum outcome outcome = NO_ROOM;
    size_t size = 0;

    if (!(record->flags & RECORD_TOMBSTONE)) {
        size = tote__attribute_size(record->key.text, record->key.length, record->value,
                                    &tote__wire_no_limits);
    }
    if (size + record->metadata_length + record->key.length <= TOTE_STORE_MAX_BYTES &&
        record->metadata_length <= UINT16_MAX && record->key.length <= UINT16_MAX) {
        uint8_t *attribute = tote__arena_allocate(&arena, size);
        outcome = NO_MEMORY;
        if (attribute) {
            if (size) {
                tote__put_attribute(attribute, TOTE__TAG_SPAN_ATTRIBUTE, record->key.text,
                                    record->key.length, record->value, &tote__wire_no_limits);
            }
            record->attribute = attribute;
            record->attribute_size = size;
            tote__lock_take(&store->lock);
            outcome = write_record(store, record);
            tote__lock_drop(&store->lock);
        }
    }
    tote__arena_clear(&arena);
    return outcome;
}

/* As put(), with a key and metadata that are made UTF-8 where they are not. */
static enum outcome put_repaired(tote_store *store, struct store_record *record) {
    size_t key = tote__utf8_repaired_length(record->key.text, record->key.length);
    size_t metadata = tote__utf8_repaired_length(record->metadata, record->metadata_length);
    struct tote__arena arena = {NULL, NULL, 0};
    char *text = tote__arena_allocate(&arena, key + metadata);
    enum outcome outcome = NO_MEMORY;

    if (text) {
        tote__utf8_repair(text, record->key.text, record->key.length);
        tote__utf8_repair(text + key, record->metadata, record->metadata_length);
        record->key = tote__store_key(text, key);
        record->metadata = text + key;
        record->metadata_length = metadata;
        outcome = put(store, record);
    }
    tote__arena_clear(&arena);
    return outcome;
}

static bool is_utf8(const char *text, size_t length) {
    return tote__utf8_valid_prefix(text, length) == length;
}

/* Every way to write ends here. */
static bool add(tote_store *store, const struct tote__layer_entry *entry, bool is_tombstone) {
    struct store_record record = {
        .key = tote__store_key(entry->key, entry->key_length),
        .flags = is_tombstone ? RECORD_TOMBSTONE : entry->flags,
        .metadata = entry->metadata ? entry->metadata : "",
        .metadata_length = entry->metadata ? entry->metadata_length : 0,
        .value = entry->value,
    };

    if (store->keeps_nothing) {
        return false;
    }
    bool is_valid = is_utf8(record.key.text, record.key.length) &&
                    is_utf8(record.metadata, record.metadata_length);
    return report(is_valid ? put(store, &record) : put_repaired(store, &record));
}

static bool is_open(const tote_store *store) {
    if (atomic_load_explicit(&store->is_sealed, memory_order_acquire)) {
        tote_diagnose(TOTE_LEVEL_WARN, "store",
                      "nothing changed: the store is sealed; open a scope to write in");
        return false;
    }
    return true;
}

bool tote_store_add_as(tote_store *store, const char *key, tote_value value, uint32_t visibility,
                       const char *metadata) {
    if (!store || !key || !*key || !is_open(store)) {
        return false;
    }
    const struct tote__layer_entry entry = {
        .key = key,
        .key_length = strlen(key),
        .value = value,
        .flags = visibility & TOTE_EVERYWHERE,
        .metadata = metadata,
        .metadata_length = metadata ? strlen(metadata) : 0,
    };
    return add(store, &entry, false);
}

bool tote_store_add(tote_store *store, const char *key, tote_value value) {
    if (store != &root) {
        return tote_store_add_as(store, key, value, TOTE_EVERYWHERE, NULL);
    }
    if (atomic_load_explicit(&has_spans, memory_order_relaxed)) {
        tote_diagnose(TOTE_LEVEL_WARN, "store",
                      "'%.64s' added outside any scope: it goes on the spans of the whole process",
                      key ? key : "");
    }
    return tote_store_add_as(store, key, value, TOTE_EXPORT, NULL);
}

size_t tote_store_add_all(tote_store *store, const tote_attribute *entries, size_t count,
                          uint32_t visibility) {
    size_t kept = 0;

    for (size_t i = 0; entries && i < count; i++) {
        kept += tote_store_add_as(store, entries[i].key, entries[i].value, visibility, NULL);
    }
    return kept;
}

bool tote_store_delete(tote_store *store, const char *key) {
    if (!store || !key || !*key || !is_open(store)) {
        return false;
    }
    bool was_visible = tote_store_get(store, key, NULL, 0) >= 0;
    const struct tote__layer_entry entry = {.key = key, .key_length = strlen(key)};

    if (was_visible || store->parent) {
        add(store, &entry, true);
    }
    return was_visible;
}

static bool add_flattened(void *arg, const struct tote__entry *entry) {
    unsigned char buffer[1024];
    struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);
    const struct tote__layer_entry copy = {
        .key = entry->key,
        .key_length = entry->key_length,
        .value = tote__unpack_any_value(entry->value, &arena),
        .flags = entry->flags,
        .metadata = entry->metadata,
        .metadata_length = entry->metadata_length,
    };

    add(arg, &copy, false);
    tote__arena_clear(&arena);
    return true;
}

tote_store *tote__store_new_layer(tote_store *parent, const struct tote__layer_entry *entries,
                                  size_t count) {
    tote_store *store = tote_store_new(parent);

    if (!store) {
        return NULL;
    }
    store->hides_propagating = true;
    for (size_t i = 0; i < count; i++) {
        add(store, &entries[i], false);
    }
    tote_store_seal(store);
    return store;
}
