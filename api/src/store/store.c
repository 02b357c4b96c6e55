/* SPDX-License-Identifier: MIT */
/*
 * store.c - the tree of stores
 *
 * A store is a node with a parent and a log of its own entries. A lock serializes writers; readers
 * take no lock. See store_log.h for the protocol, store_write.c for changes and store_resolve.c for
 * visibility.
 */
#include <string.h>

#include "store_node.h"
#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/references.h"
#include "tote/internal/text.h"

static tote_store root;
static tote_store keeps_nothing = {.keeps_nothing = true};
atomic_bool tote__store_has_spans;

tote_store *tote_store_root(void) {
    return &root;
}

tote_store *tote__store_void(void) {
    return &keeps_nothing;
}

tote_store *tote_store_current(void) {
    return tote_context_get_store(tote_context_current());
}

static tote_store *new_node(tote_store *parent) {
    tote_store *store = tote__pool_take(&tote__store_pool);

    if (!store) {
        return NULL;
    }
    struct store_log *log = tote__store_own_log(store);
    *store = (tote_store){
        .references = 1,
        .depth = parent ? parent->depth + 1 : 0,
        .parent = tote_store_ref(parent),
        .logs = log,
    };
    log->next = NULL;
    log->capacity = STORE_FIRST_WORDS;
    atomic_init(&log->epoch, 0);
    atomic_init(&log->extent, 0);
    return store;
}

bool tote__store_append_entry(void *store, const struct tote__entry *entry) {
    const struct store_record record = {
        .key = {entry->key, entry->key_length, entry->hash},
        .flags = entry->flags,
        .metadata = entry->metadata,
        .metadata_length = entry->metadata_length,
        .attribute = entry->attribute.at,
        .attribute_size = entry->attribute.size,
    };

    return tote__store_append(store, &record);
}

/*
 * Copy the entries of `store` and its ancestors, except the topmost one, to one new node under the
 * topmost one. This bounds the depth of a chain, and so the time of a walk. Later changes of the
 * topmost store stay visible; later changes of the others do not. Returns NULL if out of memory,
 * because an incomplete copy could show deleted entries.
 */
static tote_store *flatten(const tote_store *store) {
    bool hides_propagating = false;
    const tote_store *top = store;

    for (; top->parent; top = top->parent) {
        hides_propagating |= top->hides_propagating;
    }
    tote_store *flat = new_node((tote_store *)top);
    if (!flat) {
        return NULL;
    }
    flat->hides_propagating = hides_propagating;
    if (!tote__store_visit_until(store, top, tote__store_append_entry, flat)) {
        tote_store_unref(flat);
        return NULL;
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
    if (store) {
        tote__references_add(&store->references);
    }
    return store;
}

static void free_node(tote_store *store) {
    struct store_log *log = atomic_load_explicit(&store->logs, memory_order_relaxed);

    while (log) {
        struct store_log *next = log->next;
        if (log != tote__store_own_log(store)) {
            tote__release(log, tote__store_log_bytes(log->capacity));
        }
        log = next;
    }
    tote__pool_put(&tote__store_pool, store);
}

void tote_store_unref(tote_store *store) {
    while (store && tote__references_drop(&store->references)) {
        tote_store *parent = store->parent;
        free_node(store);
        store = parent;
    }
}

void tote_store_seal(tote_store *store) {
    if (store && !store->keeps_nothing) {
        tote__lock_take(&store->lock);
        store->is_sealed = true;
        tote__lock_drop(&store->lock);
    }
}

/* The slow path; a separate function, so the fast path has a small stack frame. */
static __attribute__((noinline)) bool put(tote_store *store, const char *key, size_t length,
                                          tote_value value, uint32_t flags, const char *metadata,
                                          size_t metadata_length) {
    const struct tote__overlay_entry entry = {
        .key = key,
        .key_length = length,
        .value = value,
        .flags = flags,
        .metadata = metadata,
        .metadata_length = metadata_length,
    };
    return tote__store_put(store, &entry) == STORE_WRITTEN;
}

bool tote_store_add_as(tote_store *store, const char *key, tote_value value, uint32_t visibility,
                       const char *metadata) {
    if (!store || store->keeps_nothing || !key || !*key) {
        return false;
    }
    size_t length = strlen(key);
    size_t metadata_length = metadata ? strlen(metadata) : 0;
    uint32_t flags = visibility & TOTE_VISIBILITY_ALL;
    if (!metadata_length && tote__store_put_new(store, key, length, value, flags)) {
        return true;
    }
    return put(store, key, length, value, flags, metadata, metadata_length);
}

/* Adding to the root store after spans were started is usually a mistake. */
static bool add_to_root(const char *key, tote_value value) {
    bool is_added = tote_store_add_as(&root, key, value, TOTE_VISIBILITY_TELEMETRY, NULL);

    if (is_added && atomic_load_explicit(&tote__store_has_spans, memory_order_relaxed)) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "store",
            "'%.*s' added outside any scope: it goes on all spans of the process and to "
            "no other service; open a scope, or add it before the first span",
            (int)tote__utf8_valid_prefix(key, tote__min(strlen(key), 64)), key);
    }
    return is_added;
}

bool tote_store_add(tote_store *store, const char *key, tote_value value) {
    return store == &root ? add_to_root(key, value)
                          : tote_store_add_as(store, key, value, TOTE_VISIBILITY_ALL, NULL);
}

size_t tote_store_add_all(tote_store *store, const tote_attribute *entries, size_t count,
                          uint32_t visibility) {
    size_t kept = 0;

    for (size_t i = 0; entries && i < count; i++) {
        kept += tote_store_add_as(store, entries[i].key, entries[i].value, visibility, NULL);
    }
    return kept;
}

tote_store *tote__overlay_begin(tote_store *parent) {
    tote_store *overlay = tote_store_new(parent);

    if (!overlay) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "store",
                                "baggage stays as it was: out of memory");
    }
    return overlay;
}

bool tote__overlay_put(tote_store *overlay, const struct tote__overlay_entry *entry) {
    return tote__store_put_unshared(overlay, entry) ||
           tote__store_put(overlay, entry) != STORE_NO_MEMORY;
}
