/* SPDX-License-Identifier: MIT */
/*
 * block.c - pools of span blocks
 */
#include "block.h"

#include "span.h"
#include "thread_state.h"
#include "tote/internal/context.h"
#include "tote/internal/memory.h"

enum {
    BLOCK_BYTES = 1024,
    BLOCKS_PER_SLAB = 16,
    CACHE_LINE = 64,
    KEPT_OVERFLOW_BYTES = 16384 /* what a block may keep for its next use */
};

_Static_assert(sizeof(struct span) <= BLOCK_BYTES - 512, "a block has room for a usual span");

struct block_slab {
    struct block_slab *next;
    unsigned char memory[];
};

/* The block at `index`, on a cache line of its own. */
static struct span *block_at(struct block_slab *slab, size_t index) {
    uintptr_t start = ((uintptr_t)slab->memory + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);

    return (struct span *)(start + index * BLOCK_BYTES);
}

/* Cut a new slab into free blocks. */
static bool grow(struct block_pool *pool) {
    struct block_slab *slab =
        tote__allocate(sizeof *slab + CACHE_LINE + BLOCKS_PER_SLAB * BLOCK_BYTES);

    if (!slab) {
        return false;
    }
    slab->next = pool->slabs;
    pool->slabs = slab;
    for (size_t i = BLOCKS_PER_SLAB; i-- > 0;) {
        struct span *span = block_at(slab, i);
        atomic_init(&span->state, SPAN_FREE);
        span->home = pool;
        span->store = NULL;
        span->view = NULL;
        span->base.context.trace_state = span->parent.trace_state = NULL;
        span->overflow = NULL;
        span->overflow_size = 0;
        span->room_size = BLOCK_BYTES - sizeof *span;
        span->next = pool->free;
        pool->free = span;
    }
    return true;
}

struct span *tote__block_take(struct block_pool *pool) {
    if (!pool->free) {
        pool->free = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    }
    if (!pool->free && !grow(pool)) {
        return NULL;
    }
    struct span *span = pool->free;
    pool->free = span->next;
    return span;
}

/* Here, not when it is taken again: many large ones would lie in the pool, perhaps for ever. */
static void trim_overflow(struct span *span) {
    if (tote__unlikely(span->overflow_size > KEPT_OVERFLOW_BYTES)) {
        tote__release(span->overflow, span->overflow_size);
        span->overflow = NULL;
        span->overflow_size = 0;
    }
}

/* Spans from `first` to `last` of one pool. */
static void give_back(struct block_pool *pool, struct span *first, struct span *last) {
    struct thread_state *state = tote__thread.sdk;

    if (state && pool == &state->pool) {
        last->next = pool->free;
        pool->free = first;
        return;
    }
    struct span *head = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do {
        last->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &head, first,
                                                    memory_order_release, memory_order_relaxed));
}

void tote__block_put(struct span *span) {
    trim_overflow(span);
    give_back(span->home, span, span);
}

void tote__block_give_back(struct block_return *gathered, struct span *span) {
    trim_overflow(span);
    if (gathered->pool != span->home) {
        tote__block_flush(gathered);
        gathered->pool = span->home;
        gathered->last = span;
    }
    span->next = gathered->first;
    gathered->first = span;
}

void tote__block_flush(struct block_return *gathered) {
    if (gathered->pool) {
        give_back(gathered->pool, gathered->first, gathered->last);
        *gathered = (struct block_return){NULL, NULL, NULL};
    }
}
