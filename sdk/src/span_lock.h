/* SPDX-License-Identifier: MIT */
/*
 * span_lock.h - the lock of a span, which costs the thread that started the span next to nothing
 *
 * The owner is the thread that started the span. It takes the lock by a plain store to `owned_in`,
 * and reads `is_shared` afterwards. Another thread takes `shared`, sets `is_shared`, runs
 * membarrier(2), and waits until `owned_in` is 0: one of the two sees what the other stored. From
 * then on the owner takes `shared`, too. A thread of which a span was shared starts the next ones
 * shared, so that a program which hands its spans on pays for one barrier a thread.
 */
#ifndef TOTE_SDK_SPAN_LOCK_H
#define TOTE_SDK_SPAN_LOCK_H

#include "thread_state.h"
#include "tote/internal/lock.h"

struct span_lock {
    struct tote__lock shared;
    /* The generation of the process in which the owner has the lock of a span that is not shared;
     * 0: it has not. */
    _Atomic(uint32_t) owned_in;
    _Atomic(bool) is_shared; /* changed by the holder of `shared`, and by the owner at both ends */
    _Atomic(struct thread_state *) owner;
};

/* A span starts. Who reads the names of open spans may still have `shared` from its last use. */
static inline void tote__span_lock_begin(struct span_lock *lock, struct thread_state *owner) {
    bool is_shared = atomic_load_explicit(&owner->shares_spans, memory_order_relaxed) ||
                     atomic_load_explicit(&tote__core_needs_fence, memory_order_relaxed);

    atomic_store_explicit(&lock->is_shared, is_shared, memory_order_relaxed);
    atomic_store_explicit(&lock->owner, owner, memory_order_relaxed);
}

/* The span has ended: who reads it later needs no barrier. The caller has had the lock. */
static inline void tote__span_lock_end(struct span_lock *lock) {
    atomic_store_explicit(&lock->is_shared, true, memory_order_release);
}

static inline bool tote__span_lock_is_shared(const struct span_lock *lock) {
    return atomic_load_explicit(&lock->is_shared, memory_order_acquire);
}

static inline bool tote__span_lock_is_mine(const struct span_lock *lock) {
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == tote__thread.sdk;
}

/*
 * Have the owner take `shared`, which is held. Returns: false, and nothing has changed, if the
 * owner has the lock and `may_wait` is false.
 */
bool tote__span_lock_share(struct span_lock *lock, bool may_wait);

/* `generation` is this process's. */
tote__always_inline void tote__span_lock_take(struct span_lock *lock, uint32_t generation) {
    if (tote__span_lock_is_mine(lock) && !tote__span_lock_is_shared(lock)) {
        atomic_store_explicit(&lock->owned_in, generation, memory_order_relaxed);
        atomic_signal_fence(
            memory_order_seq_cst); /* the barrier of the other thread does the rest */
        if (!tote__unlikely(tote__span_lock_is_shared(lock))) {
            return;
        }
        atomic_store_explicit(&lock->owned_in, 0, memory_order_release);
    }
    tote__lock_take_in(&lock->shared, generation);
    if (tote__unlikely(!tote__span_lock_is_shared(lock))) {
        tote__span_lock_share(lock, true);
    }
}

tote__always_inline void tote__span_lock_drop(struct span_lock *lock) {
    if (tote__span_lock_is_mine(lock) &&
        atomic_load_explicit(&lock->owned_in, memory_order_relaxed)) {
        atomic_store_explicit(&lock->owned_in, 0, memory_order_release);
    } else {
        tote__lock_drop(&lock->shared);
    }
}

/*
 * Take the lock, if that is possible at once, of a span that may end and start anew meanwhile: if
 * it is open and shared afterwards, the lock is that of the open span. Returns: whether it is
 * taken.
 */
bool tote__span_lock_try(struct span_lock *lock);

#endif
