/* SPDX-License-Identifier: MIT */
/*
 * pool.h - memory that is used again: contexts, stores, spans
 *
 * Each thread has a pool of each kind. It takes from its own and gives back to its own without an
 * atomic operation; what another thread gives back goes home through `returned`.
 * So in a steady state nothing is asked of the allocator, and never does one thread free what
 * another allocated. A pool keeps no more than its kind says, and tote__pools_trim() gives back
 * what was of no use for a while.
 */
#ifndef TOTE_INTERNAL_POOL_H
#define TOTE_INTERNAL_POOL_H

#include <stdatomic.h>

#include "tote/internal/context.h"
#include "tote/internal/fork.h"
#include "tote/internal/owned.h"

/*
 * Whether anything is used again: not under AddressSanitizer, which then sees what is used after
 * its end, and not in tests that look at memory. Set before the first use.
 */
extern TOTE_SHARED bool tote__pools_keep;

enum tote__pool_index {
    TOTE__POOL_CONTEXTS,
    TOTE__POOL_STORES,
    TOTE__POOL_SCRATCH,     /* what a walk through stores needs, which is much for a small stack */
    TOTE__POOL_PLAIN_SPANS, /* that only carry a context */
    TOTE__POOL_SPANS,
    TOTE__POOLS
};

struct tote__pool_kind {
    enum tote__pool_index index;
    uint32_t kept;      /* the most that a thread keeps of what it gives back itself ... */
    uint32_t kept_most; /* ... and of what others gave back */
    size_t size;
    void (*clear)(void *object); /* before the memory is released; NULL: nothing to do */
};

/* Ahead of each object. */
struct tote__pooled {
    struct tote__pool *home; /* NULL: none */
    struct tote__pooled *next;
};

struct tote__pool {
    struct tote__pooled *free; /* the owner's */
    uint32_t count;            /* of those */
    uint32_t refills_seen;     /* by the last who trimmed */
    _Atomic(uint32_t) refills; /* how often the owner came for what was returned */
    _Atomic(struct tote__pooled *) returned;
};

struct tote__pools {
    struct tote__owned owned;
    struct tote__pool pools[TOTE__POOLS];
};

/* The slow ways. */
TOTE_SHARED struct tote__pools *tote__pools_find(void);
TOTE_SHARED void *tote__pool_refill(struct tote__pools *pools, const struct tote__pool_kind *kind);
TOTE_SHARED void tote__pool_return(const struct tote__pool_kind *kind, struct tote__pooled *pooled);

/* Release what lay in the pools of this kind since the last call. */
TOTE_SHARED void tote__pools_trim(const struct tote__pool_kind *kind);

/* An object as its last user left it, or a new one that is all zero. NULL if out of memory. */
static inline void *tote__pool_take(const struct tote__pool_kind *kind) {
    struct tote__pools *pools = tote__thread.pools;

    if (tote__unlikely(!pools || pools->owned.generation != tote__generation())) {
        pools = tote__pools_find();
    }
    struct tote__pool *pool = pools ? &pools->pools[kind->index] : NULL;
    if (tote__unlikely(!pool || !pool->free)) {
        return tote__pool_refill(pools, kind);
    }
    struct tote__pooled *pooled = pool->free;
    pool->free = pooled->next;
    pool->count--;
    return pooled + 1;
}

static inline void tote__pool_put(const struct tote__pool_kind *kind, void *object) {
    struct tote__pooled *pooled = (struct tote__pooled *)object - 1;
    struct tote__pools *own = tote__thread.pools;
    struct tote__pool *pool = own ? &own->pools[kind->index] : NULL;

    if (tote__unlikely(!pool || pooled->home != pool || pool->count >= kind->kept)) {
        tote__pool_return(kind, pooled);
        return;
    }
    pooled->next = pool->free;
    pool->free = pooled;
    pool->count++;
}

#endif
