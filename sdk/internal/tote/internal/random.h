/* SPDX-License-Identifier: MIT */
/*
 * random.h - random ids, from a generator that its user owns
 *
 * xoshiro256**, seeded by the system, and again in a forked child.
 */
#ifndef TOTE_INTERNAL_RANDOM_H
#define TOTE_INTERNAL_RANDOM_H

#include <string.h>

#include "tote/internal/fork.h"
#include "tote/span_context.h"

/* Initially zero. Threads: not thread-safe. */
struct tote__random {
    uint64_t state[4];
    uint32_t generation;
};

void tote__random_seed(struct tote__random *random, uint32_t generation);

static inline void tote__random_keep_seeded(struct tote__random *random) {
    uint32_t generation = tote__generation();

    if (tote__unlikely(random->generation != generation)) {
        tote__random_seed(random, generation);
    }
}

static inline uint64_t tote__random_rotate(uint64_t bits, unsigned count) {
    return bits << count | bits >> (64 - count);
}

/* Return the next number. The generator must be seeded. */
static inline uint64_t tote__random_next(struct tote__random *random) {
    uint64_t *state = random->state;
    uint64_t result = tote__random_rotate(state[1] * 5, 7) * 9;
    uint64_t third = state[2] ^ state[0];
    uint64_t fourth = state[3] ^ state[1];

    state[2] = third ^ state[1] << 17;
    state[1] ^= third;
    state[0] ^= fourth;
    state[3] = tote__random_rotate(fourth, 45);
    return result;
}

/* Write a random id that is not all zero. */
static inline void tote__random_span_id(struct tote__random *random, tote_span_id *id) {
    uint64_t bits;

    tote__random_keep_seeded(random);
    do {
        bits = tote__random_next(random);
    } while (tote__unlikely(!bits));
    memcpy(id->bytes, &bits, sizeof id->bytes);
}

static inline void tote__random_trace_id(struct tote__random *random, tote_trace_id *id) {
    uint64_t halves[2];

    tote__random_keep_seeded(random);
    do {
        halves[0] = tote__random_next(random);
        halves[1] = tote__random_next(random);
    } while (tote__unlikely(!(halves[0] | halves[1])));
    memcpy(id->bytes, halves, sizeof id->bytes);
}

#endif
