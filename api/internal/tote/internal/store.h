/* SPDX-License-Identifier: MIT */
/*
 * store.h - how the rest of Tote reads a store
 */
#ifndef TOTE_INTERNAL_STORE_H
#define TOTE_INTERNAL_STORE_H

#include <stdatomic.h>

#include "tote/context.h"
#include "tote/internal/wire.h"

/* Beside the public visibilities: the entry came in with a message. */
enum { TOTE__REMOTE = 1 << 2 };

/* A visible entry. */
struct tote__entry {
    const char *key; /* ends with NUL */
    size_t key_length;
    uint32_t hash;                /* the low half of the key's tote__hash() */
    uint32_t flags;               /* visibility, TOTE__REMOTE */
    struct tote__slice attribute; /* as a span attribute: tag, length, KeyValue */
    struct tote__slice value;     /* its AnyValue */
    const char *metadata;         /* ends with NUL; "" when none */
    size_t metadata_length;
};

/*
 * Return false when no more are wanted. What the entry points to lives until the visit returns.
 */
typedef bool (*tote__entry_visitor)(void *arg, const struct tote__entry *entry);

/* Return whether neither the store nor one above it has ever been written to. */
TOTE_SHARED bool tote__store_is_bare(const tote_store *store);

/*
 * Visit what is visible and has any of `visibility` (all when that is UINT32_MAX), nearest store
 * first: for each key the nearest entry or tombstone decides alone. No lock is held during a visit.
 * Returns false when memory ran out and entries are missing.
 */
TOTE_SHARED bool tote__store_visit(const tote_store *store, uint32_t visibility,
                                   tote__entry_visitor visit, void *arg);

/* An entry for an overlay. */
struct tote__overlay_entry {
    const char *key;
    size_t key_length;
    tote_value value;
    uint32_t flags;
    const char *metadata; /* or NULL */
    size_t metadata_length;
};

/*
 * An overlay over `parent`: hides all entries above that propagate, and holds its own instead.
 * Begin (NULL if out of memory; reports that), put (false if out of memory; what is too large is
 * left out; reports both), and make a context of it.
 */
TOTE_SHARED tote_store *tote__overlay_begin(tote_store *parent);
TOTE_SHARED bool tote__overlay_put(tote_store *overlay, const struct tote__overlay_entry *entry);

/*
 * The context `context` over the overlay, which is complete and sealed now; NULL: over its store.
 * What extract and with_baggage return. Takes the overlay. Never NULL.
 */
TOTE_SHARED tote_context *tote__context_with_overlay(const tote_context *context,
                                                     tote_store *overlay);

/* Spans are being made from here on: a plain add to the root store now is worth a diagnostic. */
extern atomic_bool tote__store_has_spans;
static inline void tote__store_note_span(void) {
    if (!atomic_load_explicit(&tote__store_has_spans, memory_order_relaxed)) {
        atomic_store_explicit(&tote__store_has_spans, true, memory_order_relaxed);
    }
}

/* A store that keeps nothing, for a scope that memory was out for. Static. */
TOTE_SHARED tote_store *tote__store_void(void);

#endif
