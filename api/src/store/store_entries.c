/* SPDX-License-Identifier: MIT */
/*
 * store_entries.c - snapshots of the visible entries of a store
 *
 * A snapshot is one arena. The entries are linked while they are visited, then copied to an array.
 *
 * Tests: tests/unit/test_store.c, tests/unit/test_store_model.c
 */
#include <string.h>

#include "store_node.h"

struct tote_entries {
    struct tote__arena arena;
    tote_entry *entries;
    size_t count;
};

/* A linked entry of a snapshot that is being built. */
struct link {
    struct link *next;
    tote_entry entry;
};

struct collection {
    tote_entries *entries;
    struct link *last; /* newest first */
    bool has_failed;
};

static bool collect(void *arg, const struct tote__entry *entry) {
    struct collection *collection = arg;
    struct tote__arena *arena = &collection->entries->arena;
    struct link *link = tote__arena_allocate(arena, sizeof *link);
    const char *key = tote__arena_text(arena, entry->key, entry->key_length);
    const char *metadata = tote__arena_text(arena, entry->metadata, entry->metadata_length);
    tote_value value = tote__unpack_any_value(entry->value, arena);
    bool is_lost = value.type == TOTE_VALUE_TYPE_EMPTY && entry->value.size;

    if (!link || !key || !metadata || is_lost) {
        collection->has_failed = true;
        return false;
    }
    link->entry = (tote_entry){
        .key = key,
        .value = value,
        .visibility = entry->flags & TOTE_VISIBILITY_ALL,
        .metadata = metadata,
    };
    link->next = collection->last;
    collection->last = link;
    collection->entries->count++;
    return true;
}

tote_entries *tote__entries_new(const tote_store *store, uint32_t visibility) {
    tote_entries *entries = tote__allocate_zeroed(sizeof *entries);
    struct collection collection = {.entries = entries};

    if (!entries || !store) {
        tote_entries_free(entries);
        return NULL;
    }
    if (tote__store_visit(store, visibility, collect, &collection) && !collection.has_failed) {
        entries->entries =
            tote__arena_allocate(&entries->arena, (entries->count + 1) * sizeof(tote_entry));
    }
    if (!entries->entries) {
        tote_entries_free(entries);
        return NULL;
    }
    size_t i = entries->count;
    for (struct link *link = collection.last; link; link = link->next) {
        entries->entries[--i] = link->entry;
    }
    return entries;
}

tote_entries *tote_store_get_all(const tote_store *store) {
    return tote__entries_new(store, UINT32_MAX);
}

size_t tote_entries_get_count(const tote_entries *entries) {
    return entries ? entries->count : 0;
}

const tote_entry *tote_entries_get_at(const tote_entries *entries, size_t index) {
    return entries && index < entries->count ? &entries->entries[index] : NULL;
}

const tote_entry *tote_entries_find(const tote_entries *entries, const char *key) {
    for (size_t i = 0; entries && key && i < entries->count; i++) {
        if (strcmp(entries->entries[i].key, key) == 0) {
            return &entries->entries[i];
        }
    }
    return NULL;
}

void tote_entries_free(tote_entries *entries) {
    if (entries) {
        tote__arena_clear(&entries->arena);
        tote__release(entries, sizeof *entries);
    }
}
