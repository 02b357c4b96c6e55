/* SPDX-License-Identifier: MIT */
/*
 * pool.c - slow paths of the object pools
 */
#include "tote/internal/pool.h"

#include "tote/internal/memory.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER
#endif

#ifdef HAS_ADDRESS_SANITIZER
bool tote__pools_keep = false;
#else
bool tote__pools_keep = true;
#endif

static struct tote__owned_list all_pools;

struct tote__pools *tote__pools_find(void) {
    if (!tote__pools_keep) {
        return NULL;
    }
    struct tote__pools *pools = tote__owned_claim(&all_pools, sizeof *pools);
    tote__thread.pools = pools;
    if (pools) {
        tote__thread_watch_end();
    }
    return pools;
}

static void release(const struct tote__pool_kind *kind, struct tote__pooled *pooled) {
    if (kind->clear) {
        kind->clear(pooled + 1);
    }
    tote__release(pooled, sizeof *pooled + kind->size);
}

/* Release all from `pooled` on. */
static void release_all(const struct tote__pool_kind *kind, struct tote__pooled *pooled) {
    while (pooled) {
        struct tote__pooled *next = pooled->next;
        release(kind, pooled);
        pooled = next;
    }
}

/* Release all objects after the first `most`. Returns the number of objects left. */
static uint32_t cut(const struct tote__pool_kind *kind, struct tote__pooled *first, uint32_t most) {
    struct tote__pooled *last = first;
    uint32_t count = 1;

    while (count < most && last->next) {
        last = last->next;
        count++;
    }
    release_all(kind, last->next);
    last->next = NULL;
    return count;
}

static struct tote__pooled *take_returned(struct tote__pool *pool) {
    return atomic_load_explicit(&pool->returned, memory_order_relaxed)
               ? atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire)
               : NULL;
}

void *tote__pool_refill(struct tote__pools *pools, const struct tote__pool_kind *kind) {
    struct tote__pool *pool = pools ? &pools->pools[kind->index] : NULL;
    struct tote__pooled *pooled = pool ? take_returned(pool) : NULL;

    if (pooled) {
        uint32_t refills = atomic_load_explicit(&pool->refills, memory_order_relaxed);
        atomic_store_explicit(&pool->refills, refills + 1, memory_order_relaxed);
        pool->count = cut(kind, pooled, kind->kept_most) - 1;
        pool->free = pooled->next;
        return pooled + 1;
    }
    pooled = tote__allocate_zeroed(sizeof *pooled + kind->size);
    if (!pooled) {
        return NULL;
    }
    pooled->home = pool;
    return pooled + 1;
}

/* Return the objects `first` to `last` to the pool they belong to. */
static void send_home(struct tote__pool *home, struct tote__pooled *first,
                      struct tote__pooled *last) {
    struct tote__pooled *head = atomic_load_explicit(&home->returned, memory_order_relaxed);

    do {
        last->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&home->returned, &head, first,
                                                    memory_order_release, memory_order_relaxed));
}

/* The pool is full, the object belongs to no pool, or it belongs to another thread's pool. */
void tote__pool_return(const struct tote__pool_kind *kind, struct tote__pooled *pooled) {
    const struct tote__pools *own = tote__thread.pools;
    struct tote__pool *home = pooled->home;

    if (!home || (own && home == &own->pools[kind->index])) {
        release(kind, pooled);
    } else {
        send_home(home, pooled, pooled);
    }
}

/*
 * Release half of the returned objects if the owner did not fetch any since the last call. Release
 * all of them if the owner thread has ended.
 */
static void trim_returned(const struct tote__pool_kind *kind, struct tote__pool *pool,
                          bool is_owned) {
    uint32_t refills = atomic_load_explicit(&pool->refills, memory_order_relaxed);
    bool was_of_use = refills != pool->refills_seen;

    pool->refills_seen = refills;
    struct tote__pooled *first = is_owned && was_of_use ? NULL : take_returned(pool);
    if (!first || !is_owned) {
        release_all(kind, first);
        return;
    }
    struct tote__pooled *middle = first;
    struct tote__pooled *last = NULL; /* before the middle */
    for (struct tote__pooled *at = first; at && at->next; at = at->next->next) {
        last = middle;
        middle = middle->next;
    }
    release_all(kind, middle);
    if (last) {
        send_home(pool, first, last);
    }
}

void tote__pools_trim(const struct tote__pool_kind *kind) {
    static struct tote__lock lock; /* guards refills_seen */

    tote__lock_take(&lock);
    for (struct tote__owned *at = tote__owned_first(&all_pools); at; at = at->next) {
        struct tote__pool *pool = &((struct tote__pools *)at)->pools[kind->index];
        bool is_ours = tote__owned_try(at); /* its thread has ended */
        trim_returned(kind, pool, !is_ours);
        if (is_ours) {
            release_all(kind, pool->free);
            pool->free = NULL;
            pool->count = 0;
            tote__owned_leave(at);
        }
    }
    tote__lock_drop(&lock);
}
