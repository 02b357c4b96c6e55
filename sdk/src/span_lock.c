/* SPDX-License-Identifier: MIT */
/*
 * span_lock.c - a thread comes to the span of another one
 */
#include "span_lock.h"

#include "barrier.h"

bool tote__span_lock_share(struct span_lock *lock, bool may_wait) {
    struct thread_state *owner = atomic_load_explicit(&lock->owner, memory_order_relaxed);

    atomic_store(&lock->is_shared, true);
    atomic_store_explicit(&owner->shares_spans, true, memory_order_relaxed);
    if (!tote__barrier_all_threads()) { /* a filter of system calls forbids it by now */
        atomic_store(&tote__core_needs_fence, true);
        tote__barrier_pause(); /* no store stays unseen for so long */
    }
    while (atomic_load_explicit(&lock->owned_in, memory_order_acquire) == tote__generation()) {
        if (!may_wait) {
            atomic_store(&lock->is_shared, false);
            return false;
        }
        tote__barrier_pause();
    }
    return true;
}

bool tote__span_lock_try(struct span_lock *lock) {
    if (!tote__lock_try(&lock->shared)) {
        return false;
    }
    bool is_taken = tote__span_lock_is_shared(lock) || tote__span_lock_share(lock, false);

    if (!is_taken) {
        tote__lock_drop(&lock->shared);
    }
    return is_taken;
}
