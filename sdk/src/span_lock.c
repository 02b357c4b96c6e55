/* SPDX-License-Identifier: MIT */
/*
 * span_lock.c - access to a span from another thread
 *
 * Tests: tests/unit/test_sdk.c, tests/schedule/test_schedule_core.c
 */
#include "span_lock.h"

#include "barrier.h"

static void share(struct thread_state *owner) {
    if (atomic_load_explicit(&owner->sharing, memory_order_acquire) == SPANS_SHARED) {
        return;
    }
    atomic_store(&owner->sharing, SPANS_BEING_SHARED);
    if (!tote__barrier_all_threads()) { /* a seccomp filter may forbid it by now */
        atomic_store(&tote__core_needs_fence, true);
        tote__barrier_pause(); /* all stores are visible after this time */
    }
    atomic_store_explicit(&owner->sharing, SPANS_SHARED, memory_order_release);
}

void tote__span_lock_wait(struct span_lock *lock) {
    share(tote__span_lock_owner(lock));
    while (!tote__span_lock_is_shared(lock)) {
        tote__barrier_pause();
    }
}

bool tote__span_lock_try(struct span_lock *lock) {
    if (!tote__lock_try(&lock->shared)) {
        return false;
    }
    share(tote__span_lock_owner(lock));
    bool is_taken = tote__span_lock_is_shared(lock);
    if (!is_taken) {
        tote__lock_drop(&lock->shared);
    }
    return is_taken;
}
