/* SPDX-License-Identifier: MIT */
/*
 * span_lock.h - the lock of a span, nearly free for the thread that started it
 *
 * The owner is the thread that started the span. It takes the lock by a plain store to `owned_in`,
 * and reads `sharing` of its state afterwards. The first other thread that accesses one of its
 * spans takes `shared`, sets the owner's `sharing` to SPANS_BEING_SHARED, runs membarrier(2), and
 * sets it to SPANS_SHARED. Then it waits until `owned_in` is 0: one of the two threads sees the
 * other's store. From then on the owner takes `shared` for all of its spans, so a program that
 * passes spans between threads pays for one barrier per thread.
 */
#ifndef TOTE_SDK_SPAN_LOCK_H
#define TOTE_SDK_SPAN_LOCK_H

#include "thread_state.h"
#include "tote/internal/lock.h"

struct span_lock {
    struct tote__lock shared;
    /* The process in which the owner holds the lock without `shared`; 0: not held. */
    _Atomic(uint32_t) owned_in;
    _Atomic(struct thread_state *) owner;
};

static inline struct thread_state *tote__span_lock_owner(const struct span_lock *lock) {
    return atomic_load_explicit(&lock->owner, memory_order_relaxed);
}

/*
 * Initialize the lock of a new span. A reader of open spans' names may still hold `shared` from the
 * block's previous use.
 */
static inline void tote__span_lock_begin(struct span_lock *lock, struct thread_state *owner) {
    if (tote__unlikely(atomic_load_explicit(&tote__core_needs_fence, memory_order_relaxed))) {
        atomic_store_explicit(&owner->sharing, SPANS_SHARED, memory_order_release);
    }
    atomic_store_explicit(&lock->owner, owner, memory_order_relaxed);
}

/* Return whether the owner respects `shared`. */
static inline bool tote__span_lock_is_shared(const struct span_lock *lock) {
    return atomic_load_explicit(&tote__span_lock_owner(lock)->sharing, memory_order_acquire) ==
               SPANS_SHARED &&
           atomic_load_explicit(&lock->owned_in, memory_order_acquire) != tote__generation();
}

/* Make the owner respect `shared`, which is held, and wait until it does. */
void tote__span_lock_wait(struct span_lock *lock);

/* `generation` is that of this process. */
tote__always_inline void tote__span_lock_take(struct span_lock *lock, uint32_t generation) {
    struct thread_state *owner = tote__span_lock_owner(lock);
    bool is_mine = owner == tote__thread.sdk;

    if (is_mine && atomic_load_explicit(&owner->sharing, memory_order_relaxed) == SPANS_OWN) {
        atomic_store_explicit(&lock->owned_in, generation, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst); /* paired with the barrier of the other thread */
        if (!tote__unlikely(atomic_load_explicit(&owner->sharing, memory_order_acquire) !=
                            SPANS_OWN)) {
            return;
        }
        atomic_store_explicit(&lock->owned_in, 0, memory_order_release);
    }
    tote__lock_take_in(&lock->shared, generation);
    if (!is_mine && tote__unlikely(!tote__span_lock_is_shared(lock))) {
        tote__span_lock_wait(lock);
    }
}

tote__always_inline void tote__span_lock_drop(struct span_lock *lock) {
    if (tote__span_lock_owner(lock) == tote__thread.sdk &&
        atomic_load_explicit(&lock->owned_in, memory_order_relaxed)) {
        atomic_store_explicit(&lock->owned_in, 0, memory_order_release);
    } else {
        tote__lock_drop(&lock->shared);
    }
}

/*
 * Try to take `shared` of a span that may end and be reused meanwhile. If it is open and shared
 * afterwards, the lock is that of the open span. Returns whether it is taken.
 */
bool tote__span_lock_try(struct span_lock *lock);

#endif
