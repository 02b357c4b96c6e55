/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/id_generator.h
 * IdGenerator: generates trace ids and span ids. Spec: trace/sdk.md#id-generators
 *
 * The default generator is xoshiro256**, with one state per thread. It is seeded by the operating
 * system, and seeded again in a forked child.
 *
 * Threads:  callbacks may run on any thread, concurrently. No lock is held.
 * Lifetime: one owner. A function or option that is given a generator takes ownership, also on
 *           failure.
 */
#ifndef TOTE_SDK_ID_GENERATOR_H
#define TOTE_SDK_ID_GENERATOR_H

#include "tote/span_context.h"

TOTE_BEGIN_DECLS

/** Generates ids. One owner. */
typedef struct tote_id_generator tote_id_generator;

/** The functions of an id generator. */
typedef struct tote_id_generator_ops {
    size_t struct_size;

    /**
     * Whether the right-most 56 bits of trace ids are random. Root spans then get
     * TOTE_TRACE_FLAG_RANDOM.
     */
    bool is_random;

    /**
     * Write a new id. Called while a span starts, on its thread; new_trace_id only for root spans.
     * The call delays the span, so it should not block. It must not start spans.
     *
     * `id` is all zero before the call. If it still is after 8 calls, a random id is used.
     */
    void (*new_trace_id)(void *self, tote_trace_id *id);
    void (*new_span_id)(void *self, tote_span_id *id);

    /** Release `self`. Called once, after all other calls have returned. May be NULL. */
    void (*destroy)(void *self);
} tote_id_generator_ops;

/**
 * Create an id generator. Takes ownership of `self`, also on failure: `destroy` is called then.
 * Returns NULL, with a diagnostic, if a function is missing or out of memory.
 */
TOTE_API TOTE_MUST_USE tote_id_generator *tote_id_generator_new(const tote_id_generator_ops *ops,
                                                                void *self);

/** Free a generator that was given to no other function or option. */
TOTE_API void tote_id_generator_free(tote_id_generator *generator);

TOTE_END_DECLS
#endif
