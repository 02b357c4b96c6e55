/* SPDX-License-Identifier: MIT */
/*
 * baggage.c - baggage as OpenTelemetry has it: contexts that do not change. Spec: baggage/api.md
 *
 * Every change makes a sealed layer over the context's store, with its own copy of all baggage.
 */
#include "tote/baggage.h"

#include <string.h>

#include "store/store_node.h"
#include "tote/diagnostics.h"
#include "tote/internal/text.h"

tote_context *tote__context_with_layer(const tote_context *context, tote_store *layer) {
    tote_context *changed = tote_context_with_store(context, layer);

    tote_store_unref(layer);
    return changed;
}

/* The baggage of a context, but for one name, on its way into a layer. */
struct copy {
    struct store_key without;
    struct tote__arena arena;
    struct tote__layer_entry *entries;
    size_t count;
    size_t capacity;
    bool has_failed;
};

static bool make_room(struct copy *copy) {
    if (copy->count < copy->capacity) {
        return true;
    }
    size_t capacity = copy->capacity ? copy->capacity * 2 : 16;
    struct tote__layer_entry *entries =
        tote__arena_allocate(&copy->arena, capacity * sizeof *entries);
    if (!entries) {
        return false;
    }
    if (copy->count) {
        memcpy(entries, copy->entries, copy->count * sizeof *entries);
    }
    copy->entries = entries;
    copy->capacity = capacity;
    return true;
}

static bool copy_entry(void *arg, const struct tote__entry *entry) {
    struct copy *copy = arg;

    if (copy->without.length == entry->key_length &&
        memcmp(copy->without.text, entry->key, entry->key_length) == 0) {
        return true;
    }
    const char *key = tote__arena_text(&copy->arena, entry->key, entry->key_length);
    const char *metadata = tote__arena_text(&copy->arena, entry->metadata, entry->metadata_length);
    tote_value value = tote__unpack_any_value(entry->value, &copy->arena);
    bool is_lost = value.type == TOTE_TYPE_EMPTY && entry->value.size;
    if (!key || !metadata || is_lost || !make_room(copy)) {
        copy->has_failed = true;
        return false;
    }
    copy->entries[copy->count++] = (struct tote__layer_entry){
        .key = key,
        .key_length = entry->key_length,
        .value = value,
        .flags = entry->flags,
        .metadata = metadata,
        .metadata_length = entry->metadata_length,
    };
    return true;
}

/*
 * The context with its baggage but `name`, and `added` if not NULL. What is taken away has to go,
 * also when the rest, from several stores, is too large for one; what is added is not worth that.
 */
static tote_context *change(const tote_context *context, const char *name,
                            const struct tote__layer_entry *added) {
    max_align_t memory[8];
    struct copy copy = {.arena = tote__arena_over(memory, sizeof memory)};
    tote_store *store = tote_context_get_store(context);
    tote_store *layer = NULL;

    if (tote__store_key(&copy.without, name, strlen(name), &copy.arena) &&
        tote__store_visit(store, TOTE_PROPAGATE, copy_entry, &copy) && !copy.has_failed &&
        make_room(&copy)) {
        if (added) {
            copy.entries[copy.count++] = *added;
        }
        layer = tote__store_new_layer_of(store, copy.entries, copy.count, added != NULL);
    } else {
        tote_diagnose(TOTE_LEVEL_ERROR, "baggage",
                      "out of memory: '%.*s' is not %s; the baggage stays as it was",
                      (int)tote__utf8_valid_prefix(name, tote__min(strlen(name), 64)), name,
                      added ? "set" : "removed");
    }
    tote__arena_clear(&copy.arena);
    return tote__context_with_layer(context, layer);
}

tote_context *tote_context_with_baggage(const tote_context *context, const char *name,
                                        tote_value value, const char *metadata) {
    if (!name || !*name) {
        return tote_context_ref(context);
    }
    const struct tote__layer_entry added = {
        .key = name,
        .key_length = strlen(name),
        .value = value,
        .flags = TOTE_EVERYWHERE,
        .metadata = metadata,
        .metadata_length = metadata ? strlen(metadata) : 0,
    };
    return change(context, name, &added);
}

tote_context *tote_context_without_baggage(const tote_context *context, const char *name) {
    return name && *name ? change(context, name, NULL) : tote_context_ref(context);
}

tote_context *tote_context_with_empty_baggage(const tote_context *context) {
    tote_store *layer = tote__store_new_layer(tote_context_get_store(context), NULL, 0);

    return tote__context_with_layer(context, layer);
}

ptrdiff_t tote_context_get_baggage(const tote_context *context, const char *name, char *buffer,
                                   size_t size) {
    return tote__store_get(tote_context_get_store(context), name, TOTE_PROPAGATE, buffer, size);
}

tote_entries *tote_context_get_all_baggage(const tote_context *context) {
    return tote__entries_new(tote_context_get_store(context), TOTE_PROPAGATE);
}
