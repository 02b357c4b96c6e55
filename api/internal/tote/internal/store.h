/* SPDX-License-Identifier: MIT */
/*
 * store.h - private access to a store for the rest of Tote
 */
#ifndef TOTE_INTERNAL_STORE_H
#define TOTE_INTERNAL_STORE_H

#include <stdatomic.h>

#include "tote/context.h"
#include "tote/internal/wire.h"

/* A flag in addition to the public visibilities: the entry was extracted from a message. */
enum { TOTE__REMOTE = 1 << 2 };

/* A visible entry. */
struct tote__entry {
    const char *key; /* ends with NUL */
    size_t key_length;
    uint32_t hash;                /* the low half of the key's tote__hash() */
    uint32_t flags;               /* visibility, TOTE__REMOTE */
    struct tote__slice attribute; /* as a span attribute: tag, length, KeyValue */
    struct tote__slice value;     /* AnyValue */
    const char *metadata;         /* ends with NUL; "" when none */
    size_t metadata_length;
};

/*
 * A visitor of entries. Returns false to stop the visit. The data of the entry is valid until the
 * visit returns.
 */
typedef bool (*tote__entry_visitor)(void *arg, const struct tote__entry *entry);

/* Return whether neither the store nor any ancestor has ever been written to. */
TOTE_SHARED bool tote__store_is_bare(const tote_store *store);

/*
 * Visit the visible entries that have any flag of `visibility` (UINT32_MAX: all), nearest store
 * first. Only the nearest entry or tombstone of each key counts. No lock is held during a visit.
 * Returns false if out of memory; entries are then missing.
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
 * An overlay over `parent` hides all propagating entries of its ancestors and contains its own
 * entries instead. Begin returns NULL and reports if out of memory. Put returns false if out of
 * memory and drops entries that are too large; it reports both. Then make a context of the overlay.
 */
TOTE_SHARED tote_store *tote__overlay_begin(tote_store *parent);
TOTE_SHARED bool tote__overlay_put(tote_store *overlay, const struct tote__overlay_entry *entry);

/*
 * Seal the overlay and return a copy of `context` with it as the store; never NULL. Takes ownership
 * of the overlay. If `overlay` is NULL or if out of memory, returns a reference to `context`.
 */
TOTE_SHARED tote_context *tote__context_with_overlay(const tote_context *context,
                                                     tote_store *overlay);

/* Set when a span was started; adding an entry to the root store is then reported. */
extern atomic_bool tote__store_has_spans;
static inline void tote__store_note_span(void) {
    if (!atomic_load_explicit(&tote__store_has_spans, memory_order_relaxed)) {
        atomic_store_explicit(&tote__store_has_spans, true, memory_order_relaxed);
    }
}

/* Return the static store that keeps nothing, for a scope that could not be allocated. */
TOTE_SHARED tote_store *tote__store_void(void);

#endif
