/* SPDX-License-Identifier: MIT */
/*
 * owned.h - what each thread has of its own, adopted by another when its thread has ended
 *
 * So that no cache line is written by two threads. None is ever freed. A forked child starts
 * a list of its own and leaves the inherited one alone.
 */
#ifndef TOTE_INTERNAL_OWNED_H
#define TOTE_INTERNAL_OWNED_H

#include <stdatomic.h>

#include "tote/internal/lock.h"

/* What such a thing begins with. */
struct tote__owned {
    struct tote__owned *next; /* of this process, and in no order */
    uint32_t generation;
    _Atomic(bool) is_owned;
};

/* All things of one kind. All zero at first. */
struct tote__owned_list {
    _Atomic(struct tote__owned_process *) current;
    struct tote__lock lock; /* for making a new one; a thing is pushed without it */
};

/*
 * One that nobody owns, or a new one, all zero behind its head; `size` is with that. NULL if
 * out of memory.
 */
TOTE_SHARED void *tote__owned_claim(struct tote__owned_list *list, size_t size);

/* Release ownership when the thread ends; another thread may claim it. NULL is accepted. */
TOTE_SHARED void tote__owned_leave(struct tote__owned *owned);

/* The first of all in this process, also of those that nobody owns; NULL when there is none. */
TOTE_SHARED struct tote__owned *tote__owned_first(struct tote__owned_list *list);

/* Own it, if nobody does. */
static inline bool tote__owned_try(struct tote__owned *owned) {
    bool is_owned = false;

    return !atomic_load_explicit(&owned->is_owned, memory_order_relaxed) &&
           atomic_compare_exchange_strong_explicit(&owned->is_owned, &is_owned, true,
                                                   memory_order_acquire, memory_order_relaxed);
}

#endif
