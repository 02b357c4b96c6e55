/* SPDX-License-Identifier: MIT */
/* overlay.h - for tests: an overlay of entries, as extract creates it */
#ifndef TOTE_TESTS_OVERLAY_H
#define TOTE_TESTS_OVERLAY_H

#include "tote/internal/store.h"

static inline tote_context *
context_over_overlay(tote_store *parent, const struct tote__overlay_entry *entries, size_t count) {
    tote_store *overlay = tote__overlay_begin(parent);

    for (size_t i = 0; i < count; i++) {
        (void)tote__overlay_put(overlay, &entries[i]);
    }
    return tote__context_with_overlay(tote_context_root(), overlay);
}

/* The same without entries of the context. */
static inline tote_store *new_overlay(tote_store *parent, const struct tote__overlay_entry *entries,
                                      size_t count) {
    tote_context *context = context_over_overlay(parent, entries, count);
    tote_store *overlay = tote_store_ref(tote_context_get_store(context));

    tote_context_unref(context);
    return overlay;
}

#endif
