/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/id_generator.h
 * IdGenerator: makes the ids of traces and spans. Spec: trace/sdk.md#id-generators
 *
 * The built-in one draws from a generator per thread, seeded by the system, and again after fork.
 *
 * Threads:  callbacks come on any thread, at once.
 * Lifetime: sole owner; whoever is given a generator takes it, always.
 */
#ifndef TOTE_SDK_ID_GENERATOR_H
#define TOTE_SDK_ID_GENERATOR_H

#include "tote/span_context.h"

TOTE_BEGIN_DECLS

typedef struct tote_id_generator tote_id_generator;

typedef struct tote_id_generator_ops {
    size_t struct_size;

    /** The right-most 56 bits of trace ids are random: root spans get the random flag. */
    bool is_random;

    /** Both are asked again, at most 8 times, when they leave an all-zero id. */
    void (*new_trace_id)(void *self, tote_trace_id *id);
    void (*new_span_id)(void *self, tote_span_id *id);
    void (*destroy)(void *self); /**< may be NULL */
} tote_id_generator_ops;

/** A generator of your own. Takes `self`, always. NULL on failure. */
TOTE_API TOTE_MUST_USE tote_id_generator *tote_id_generator_new(const tote_id_generator_ops *ops,
                                                                void *self);

/** Only for one that nothing has taken. */
TOTE_API void tote_id_generator_free(tote_id_generator *generator);

TOTE_END_DECLS
#endif
