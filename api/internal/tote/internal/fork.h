/* SPDX-License-Identifier: MIT */
/*
 * fork.h - the fork generation of this process
 *
 * The generation is 1 in the first process and greater in each forked child. It is stored in a page
 * that the kernel wipes in a child, so that fork, vfork, _Fork and a raw clone are detected without
 * a call of the host. State that a child must not share (locks, queues, random states) contains the
 * generation in which it was created, and is compared with the current one.
 */
#ifndef TOTE_INTERNAL_FORK_H
#define TOTE_INTERNAL_FORK_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

extern TOTE_SHARED _Atomic(_Atomic(uint32_t) *) tote__generation_word;

/* The slow way: set the page up, or count this process. */
TOTE_SHARED uint32_t tote__generation_renew(void);

/*
 * When a fork made this process, in nanoseconds since the epoch; 0: no pthread_atfork() handler of
 * ours ran in it.
 */
TOTE_SHARED uint64_t tote__fork_time(void);

/* Never 0. */
static inline uint32_t tote__generation(void) {
    _Atomic(uint32_t) *word = atomic_load_explicit(&tote__generation_word, memory_order_acquire);
    uint32_t generation = atomic_load_explicit(word, memory_order_relaxed);

    return tote__unlikely(generation == 0) ? tote__generation_renew() : generation;
}

#endif
