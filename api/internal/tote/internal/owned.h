/* SPDX-License-Identifier: MIT */
/*
 * owned.h - per-thread objects, which another thread may adopt after their thread has ended
 *
 * No two threads write to the same cache line. Objects are never freed. A forked child starts its
 * own list and does not access the inherited one.
 */
#ifndef TOTE_INTERNAL_OWNED_H
#define TOTE_INTERNAL_OWNED_H

#include <stdatomic.h>

#include "tote/internal/lock.h"

/* The head of a per-thread object. */
struct tote__owned {
    struct tote__owned *next; /* in the list of this process, unordered */
    uint32_t generation;
    _Atomic(bool) is_owned;
};

/* All objects of one kind. All zero at first. */
struct tote__owned_list {
    _Atomic(struct tote__owned_process *) current;
    struct tote__lock lock; /* for creating a process's list; pushing needs no lock */
};

/*
 * Claim an object without an owner, or create one that is all zero after its head. `size` includes
 * the head. Returns NULL if out of memory.
 */
TOTE_SHARED void *tote__owned_claim(struct tote__owned_list *list, size_t size);

/* Release ownership when the thread ends; another thread may claim it. NULL is accepted. */
TOTE_SHARED void tote__owned_leave(struct tote__owned *owned);

/* Return the first object of this process, with or without an owner; NULL if there is none. */
TOTE_SHARED struct tote__owned *tote__owned_first(struct tote__owned_list *list);

/* Claim the object if it has no owner. Returns whether it was claimed. */
static inline bool tote__owned_try(struct tote__owned *owned) {
    bool is_owned = false;

    return !atomic_load_explicit(&owned->is_owned, memory_order_relaxed) &&
           atomic_compare_exchange_strong_explicit(&owned->is_owned, &is_owned, true,
                                                   memory_order_acquire, memory_order_relaxed);
}

#endif
