/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a lock of one word, that survives fork
 *
 * It holds the generation of the process that took it. One that was held while
 * the process forked counts as free in the child; so what it guards must become
 * visible by one release store, and be sound at every moment before.
 */
#ifndef TOTE_INTERNAL_LOCK_H
#define TOTE_INTERNAL_LOCK_H

#include <stdatomic.h>

#include "tote/internal/fork.h"

struct tote__lock {
    _Atomic(uint32_t) holder; /* a generation; 0: free */
};

/* Spin a little, then sleep longer and longer, 1 ms at most. */
TOTE_SHARED void tote__lock_wait(struct tote__lock *lock, uint32_t generation);

/* Take the lock; `generation` is this process's. */
static inline void tote__lock_take_in(struct tote__lock *lock, uint32_t generation) {
    uint32_t seen = 0;

    if (tote__unlikely(!atomic_compare_exchange_strong_explicit(
            &lock->holder, &seen, generation, memory_order_acquire, memory_order_relaxed))) {
        tote__lock_wait(lock, generation);
    }
}

static inline void tote__lock_take(struct tote__lock *lock) {
    tote__lock_take_in(lock, tote__generation());
}

/* Take the lock if that is possible at once. Returns whether it is taken. */
static inline bool tote__lock_try(struct tote__lock *lock) {
    uint32_t generation = tote__generation();
    uint32_t seen = atomic_load_explicit(&lock->holder, memory_order_relaxed);

    return seen != generation &&
           atomic_compare_exchange_strong_explicit(&lock->holder, &seen, generation,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void tote__lock_drop(struct tote__lock *lock) {
    atomic_store_explicit(&lock->holder, 0, memory_order_release);
}

#endif
