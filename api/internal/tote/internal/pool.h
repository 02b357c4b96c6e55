/* SPDX-License-Identifier: MIT */
/*
 * pool.h - per-thread object pools for contexts, stores and spans
 *
 * Each thread has one pool per kind. It allocates from its own pool and returns to its own pool
 * without an atomic operation. Another thread returns an object through `returned` of the pool
 * that the object belongs to.
 * In a steady state the pools call no allocator. A pooled object is returned to its pool, not freed
 * by another thread. The limits of the kind bound each pool. tote__pools_trim() frees objects that
 * were unused for a while.
 */
#ifndef TOTE_INTERNAL_POOL_H
#define TOTE_INTERNAL_POOL_H

#include <stdatomic.h>
#include <stddef.h>

#include "tote/internal/context.h"
#include "tote/internal/fork.h"
#include "tote/internal/owned.h"

/*
 * Whether objects are reused. False under AddressSanitizer, so that it detects use after free, and
 * in tests that inspect memory. Set before the first use.
 */
extern TOTE_SHARED bool tote__pools_keep;

enum tote__pool_index {
    TOTE__POOL_CONTEXTS,
    TOTE__POOL_STORES,
    TOTE__POOL_SCRATCH, /* scratch memory of a walk through stores: too large for a small stack */
    TOTE__POOL_PLAIN_SPANS, /* spans that only carry a span context */
    TOTE__POOL_SPANS,
    TOTE__POOLS
};

struct tote__pool_kind {
    enum tote__pool_index index;
    uint32_t kept;      /* limit of free objects when the owner returns one */
    uint32_t kept_most; /* limit of free objects when the owner fetches `returned` */
    size_t size;
    void (*clear)(void *object); /* called before the memory is freed; may be NULL */
};

/* The header before each object, which is aligned for any type. */
struct tote__pooled {
    _Alignas(max_align_t) struct tote__pool *home; /* the pool it belongs to; NULL: none */
    struct tote__pooled *next;
};

struct tote__pool {
    struct tote__pooled *free;               /* accessed only by the owner */
    uint32_t count;                          /* number of objects in `free` */
    uint32_t refills_seen;                   /* value of `refills` at the last trim */
    _Atomic(uint32_t) refills;               /* number of times the owner fetched `returned` */
    _Atomic(struct tote__pooled *) returned; /* objects returned by other threads */
};

struct tote__pools {
    struct tote__owned owned;
    struct tote__pool pools[TOTE__POOLS];
};

/* The slow paths. */
TOTE_SHARED struct tote__pools *tote__pools_find(void);
TOTE_SHARED void *tote__pool_refill(struct tote__pools *pools, const struct tote__pool_kind *kind);
TOTE_SHARED void tote__pool_return(const struct tote__pool_kind *kind, struct tote__pooled *pooled);

/* Free objects of this kind that were unused since the last call. */
TOTE_SHARED void tote__pools_trim(const struct tote__pool_kind *kind);

/*
 * Return an object: a reused one with its old contents, or a new one that is all zero. Returns NULL
 * if out of memory.
 */
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
