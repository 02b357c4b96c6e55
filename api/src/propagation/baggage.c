/* SPDX-License-Identifier: MIT */
/*
 * baggage.c - the immutable baggage of OpenTelemetry. Spec: baggage/api.md
 *
 * Every change creates a sealed overlay over the context's store, with a copy of all its baggage.
 */
#include "tote/baggage.h"

#include <string.h>

#include "store/store_node.h"
#include "tote/diagnostics.h"
#include "tote/internal/text.h"

tote_context *tote__context_with_overlay(const tote_context *context, tote_store *overlay) {
    if (overlay) {
        overlay->hides_propagating = true;
        overlay->is_sealed = true;
    }
    tote_context *changed = tote_context_with_store(context, overlay);
    tote_store_unref(overlay);
    return changed;
}

/* The state of a copy of a context's baggage, except one name, to an overlay. */
struct copy {
    tote_store *overlay;
    struct store_key without;
    bool has_failed;
};

static bool copy_entry(void *arg, const struct tote__entry *entry) {
    struct copy *copy = arg;
    bool is_left_out = copy->without.length == entry->key_length &&
                       memcmp(copy->without.text, entry->key, entry->key_length) == 0;

    copy->has_failed = !is_left_out && !tote__store_append_entry(copy->overlay, entry);
    return !copy->has_failed;
}

/* Return the context with its baggage except `name`, and with `added` unless that is NULL. */
static tote_context *change_baggage(const tote_context *context, const char *name,
                                    const struct tote__overlay_entry *added) {
    max_align_t memory[8];
    struct tote__arena arena = tote__arena_over(memory, sizeof memory);
    tote_store *store = tote_context_get_store(context);
    struct copy copy = {.overlay = tote__overlay_begin(store)};

    bool is_copied = copy.overlay && tote__store_key(&copy.without, name, strlen(name), &arena) &&
                     tote__store_visit(store, TOTE_VISIBILITY_BAGGAGE, copy_entry, &copy) &&
                     !copy.has_failed;
    tote__arena_clear(&arena);
    if (copy.overlay && !is_copied) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "baggage",
                                "out of memory: '%.*s' is not %s; the baggage stays as it was",
                                (int)tote__utf8_valid_prefix(name, tote__min(strlen(name), 64)),
                                name, added ? "set" : "removed");
    }
    bool is_changed =
        is_copied && (!added || tote__store_put(copy.overlay, added) == STORE_WRITTEN);
    if (!is_changed) {
        tote_store_unref(copy.overlay);
        return tote_context_ref(context);
    }
    return tote__context_with_overlay(context, copy.overlay);
}

tote_context *tote_context_with_baggage(const tote_context *context, const char *name,
                                        tote_value value, const char *metadata) {
    if (!name || !*name) {
        return tote_context_ref(context);
    }
    const struct tote__overlay_entry added = {
        .key = name,
        .key_length = strlen(name),
        .value = value,
        .flags = TOTE_VISIBILITY_ALL,
        .metadata = metadata,
        .metadata_length = metadata ? strlen(metadata) : 0,
    };
    return change_baggage(context, name, &added);
}

tote_context *tote_context_without_baggage(const tote_context *context, const char *name) {
    return name && *name ? change_baggage(context, name, NULL) : tote_context_ref(context);
}

tote_context *tote_context_with_empty_baggage(const tote_context *context) {
    return tote__context_with_overlay(context,
                                      tote__overlay_begin(tote_context_get_store(context)));
}

ptrdiff_t tote_context_get_baggage(const tote_context *context, const char *name, char *buffer,
                                   size_t size) {
    return tote__store_get(tote_context_get_store(context), name, TOTE_VISIBILITY_BAGGAGE, buffer,
                           size);
}

tote_entries *tote_context_get_all_baggage(const tote_context *context) {
    return tote__entries_new(tote_context_get_store(context), TOTE_VISIBILITY_BAGGAGE);
}
