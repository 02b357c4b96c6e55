/* SPDX-License-Identifier: MIT */
/*
 * layer.h - a layer of entries, as extract makes it, for tests
 */
#ifndef TOTE_TESTS_LAYER_H
#define TOTE_TESTS_LAYER_H

#include "tote/internal/store.h"

static inline tote_context *
context_over_layer(tote_store *parent, const struct tote__layer_entry *entries, size_t count) {
    tote_store *layer = tote__layer_begin(parent);

    for (size_t i = 0; i < count; i++) {
        (void)tote__layer_put(layer, &entries[i]);
    }
    return tote__context_with_layer(tote_context_root(), layer);
}

/* The same alone. */
static inline tote_store *new_layer(tote_store *parent, const struct tote__layer_entry *entries,
                                    size_t count) {
    tote_context *context = context_over_layer(parent, entries, count);
    tote_store *layer = tote_store_ref(tote_context_get_store(context));

    tote_context_unref(context);
    return layer;
}

#endif
