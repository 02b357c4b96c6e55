/* SPDX-License-Identifier: MIT */
/*
 * id_generator.c - id generators of the program, and seeds of the default one
 *
 * The default generator is xoshiro256**. Its state belongs to one thread and one process: a forked
 * child is seeded again, so two processes never generate the same ids.
 *
 * Tests: tests/unit/test_random.c
 */
#include "tote/sdk/id_generator.h"

#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/random.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

tote_id_generator *tote_id_generator_new(const tote_id_generator_ops *ops, void *self) {
    tote_id_generator_ops own = {.struct_size = sizeof own};
    struct tote_id_generator *generator = tote__allocate(sizeof *generator);

    TOTE__COPY_OPTIONS(tote_id_generator_ops, &own, ops);
    if (generator && own.new_trace_id && own.new_span_id) {
        *generator = (struct tote_id_generator){.ops = own, .self = self};
        return generator;
    }
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "id_generator",
                            "no id generator is created: %s; ids will be random",
                            generator ? "new_trace_id or new_span_id is missing" : "out of memory");
    tote__release(generator, sizeof *generator);
    if (own.destroy) {
        own.destroy(self);
    }
    return NULL;
}

void tote_id_generator_free(tote_id_generator *generator) {
    if (!generator) {
        return;
    }
    if (generator->ops.destroy) {
        generator->ops.destroy(generator->self);
    }
    tote__release(generator, sizeof *generator);
}

/* splitmix64: spreads small differences over all bits. */
static uint64_t mix(uint64_t *state) {
    uint64_t bits = *state += 0x9E3779B97F4A7C15;

    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
    return bits ^ bits >> 31;
}

/*
 * Seed from values that differ between threads and processes, if the system has no random numbers.
 */
static void seed_from_circumstances(struct tote__random *random) {
    uint64_t seed = tote__clock_realtime();

    seed = mix(&seed) ^ tote__clock_monotonic();
    seed = mix(&seed) ^ tote__os_process_id();
    seed = mix(&seed) ^ (uint64_t)(uintptr_t)random;
    seed = mix(&seed) ^ (uint64_t)(uintptr_t)&seed;
    for (size_t i = 0; i < TOTE_COUNT_OF(random->state); i++) {
        random->state[i] ^= mix(&seed); /* in a child, combined with the parent's state */
    }
}

void tote__random_seed(struct tote__random *random, uint32_t generation) {
    uint64_t state[TOTE_COUNT_OF(random->state)];

    if (tote__os_random(state, sizeof state)) {
        memcpy(random->state, state, sizeof state);
    } else {
        seed_from_circumstances(random);
    }
    random->state[0] |= !(random->state[0] | random->state[1] | random->state[2] |
                          random->state[3]); /* xoshiro256** stays at all zero */
    random->generation = generation;
}
