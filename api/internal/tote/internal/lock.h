/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a lock of one word that survives fork
 *
 * The lock contains the generation of the process that holds it. A lock that was held during a fork
 * counts as free in the child. Each change of the guarded data must therefore become visible by one
 * release store, and the data must be consistent at every moment before.
 */
#ifndef TOTE_INTERNAL_LOCK_H
#define TOTE_INTERNAL_LOCK_H

#include <stdatomic.h>

#include "tote/internal/fork.h"

struct tote__lock {
    _Atomic(uint32_t) holder; /* generation of the holder; 0: free */
};

/* Wait for the lock: spin briefly, then sleep for increasing times, at most 1 ms each. */
TOTE_SHARED void tote__lock_wait(struct tote__lock *lock, uint32_t generation);

/* Take the lock; `generation` is that of this process. */
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

/* Take the lock if it is free. Returns whether it was taken. */
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
