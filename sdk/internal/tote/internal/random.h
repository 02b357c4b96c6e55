/* SPDX-License-Identifier: MIT */
/*
 * random.h - random ids, from a generator that its user owns
 *
 * xoshiro256**, seeded by the system, and again in a forked child: its generation differs.
 */
#ifndef TOTE_INTERNAL_RANDOM_H
#define TOTE_INTERNAL_RANDOM_H

#include "tote/span_context.h"

/* All zero at first. Threads: one at a time. */
struct tote__random {
    uint64_t state[4];
    uint32_t generation;
};

/* Never all zero. */
void tote__random_trace_id(struct tote__random *random, tote_trace_id *id);
void tote__random_span_id(struct tote__random *random, tote_span_id *id);

#endif
