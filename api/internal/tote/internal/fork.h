/* SPDX-License-Identifier: MIT */
/*
 * fork.h - the fork generation of this process
 *
 * The generation is 1 in the first process and greater in each forked child. It is stored in a page
 * that the kernel wipes in a child. Forks by fork, vfork, _Fork and a raw clone are therefore
 * detected without a call by the host. State that a child must not share (locks, queues, random
 * states) contains the generation in which it was created. It is compared with the current one.
 */
#ifndef TOTE_INTERNAL_FORK_H
#define TOTE_INTERNAL_FORK_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

extern TOTE_SHARED _Atomic(_Atomic(uint32_t) *) tote__generation_word;

/* The slow path: set up the page, or assign a generation to this process. */
TOTE_SHARED uint32_t tote__generation_renew(void);

/*
 * Return the time of the fork that created this process, in nanoseconds since the epoch. Returns 0
 * if Tote's pthread_atfork() handler did not run in it.
 */
TOTE_SHARED uint64_t tote__fork_time(void);

/* Return the generation of this process, never 0. */
static inline uint32_t tote__generation(void) {
    _Atomic(uint32_t) *word = atomic_load_explicit(&tote__generation_word, memory_order_acquire);
    uint32_t generation = atomic_load_explicit(word, memory_order_relaxed);

    return tote__unlikely(generation == 0) ? tote__generation_renew() : generation;
}

#endif
