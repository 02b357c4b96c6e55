/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/sampler.h
 * Sampler: decides whether a new span is recorded. Spec: trace/sdk.md#sampling
 *
 * Threads:  callbacks may run on any thread, concurrently. No lock is held.
 * Lifetime: one owner. A function or option that is given a sampler takes ownership, also on
 *           failure.
 * Errors:   a constructor that fails returns a sampler that drops all spans, never NULL, and
 *           reports a diagnostic.
 */
#ifndef TOTE_SDK_SAMPLER_H
#define TOTE_SDK_SAMPLER_H

#include "tote/context.h"

TOTE_BEGIN_DECLS

typedef struct tote_sampler tote_sampler;

typedef enum tote_sampling_decision {
    TOTE_SAMPLING_DECISION_DROP,
    TOTE_SAMPLING_DECISION_RECORD_ONLY, /**< Processors get the span; it is not exported */
    TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE
} tote_sampling_decision;

/**
 * The span that is about to start. Filled by Tote and valid for the call. A sampler may pass a
 * changed copy to another sampler, with `struct_size` set to the size of the copy.
 */
typedef struct tote_sampling_parameters {
    size_t struct_size;
    const tote_context *parent; /**< Without a span for a root span */
    const tote_trace_id *trace_id;
    const char *name;
    uint32_t kind;                    /**< A tote_span_kind */
    const tote_attribute *attributes; /**< Those the span starts with */
    size_t attribute_count;
    const tote_link *links;
    size_t link_count;
} tote_sampling_parameters;

/** What a sampler adds to the span. Its trace state is the parent's until it is set. */
typedef struct tote_sampling_result tote_sampling_result;

/** Add an attribute to the span, or replace one. The arguments are copied. */
TOTE_API void tote_sampling_result_set_attribute(tote_sampling_result *result, const char *key,
                                                 tote_value value);

/** Set the trace state of the span. NULL removes it. Adds a reference. */
TOTE_API void tote_sampling_result_set_trace_state(tote_sampling_result *result,
                                                   const tote_trace_state *trace_state);

typedef struct tote_sampler_ops {
    size_t struct_size;

    /**
     * Decide. Called while a span starts, on its thread. The call delays the span, so it should not
     * block. It must not start spans. An unknown return value means
     * TOTE_SAMPLING_DECISION_DROP. Required.
     */
    tote_sampling_decision (*should_sample)(void *self, const tote_sampling_parameters *parameters,
                                            tote_sampling_result *result);

    /**
     * Write a description like snprintf(): at most `size` bytes with the NUL. Return the length of
     * the whole text. May be NULL.
     */
    size_t (*get_description)(void *self, char *buffer, size_t size);

    /** Release `self`. Called once, after all other calls have returned. May be NULL. */
    void (*destroy)(void *self);
} tote_sampler_ops;

/** Create a sampler. Takes ownership of `self`, also on failure: `destroy` is called then. */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_new(const tote_sampler_ops *ops, void *self);

TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_on_new(void);
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_off_new(void);

/**
 * Create a sampler for a share of all traces, from 0 to 1. The trace id decides, so all services
 * with the same ratio agree. The parent's decision is ignored: use it as the root of a parent based
 * sampler. Spec: trace/sdk.md#traceidratiobased, trace/tracestate-probability-sampling.md
 */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_trace_id_ratio_new(double ratio);

/** The samplers of a parent based sampler, which takes ownership of them. */
typedef struct tote_parent_based_options {
    size_t struct_size;
    tote_sampler *root;                      /**< Default: always on */
    tote_sampler *remote_parent_sampled;     /**< Default: always on */
    tote_sampler *remote_parent_not_sampled; /**< Default: always off */
    tote_sampler *local_parent_sampled;      /**< Default: always on */
    tote_sampler *local_parent_not_sampled;  /**< Default: always off */

    /**
     * For a remote parent without a sampling decision (possible with B3 and X-Ray). Default: the
     * root sampler decides.
     */
    tote_sampler *remote_parent_undecided;
} tote_parent_based_options;

#define TOTE_PARENT_BASED_OPTIONS_INIT                                                             \
    { sizeof(tote_parent_based_options), NULL, NULL, NULL, NULL, NULL, NULL }

/** Create a sampler that delegates by the kind of the parent. Spec: trace/sdk.md#parentbased */
TOTE_API TOTE_MUST_USE tote_sampler *
tote_sampler_parent_based_new(const tote_parent_based_options *options);

/** Ask a sampler, for example one that yours wraps. Returns TOTE_SAMPLING_DECISION_DROP for NULL.
 */
TOTE_API tote_sampling_decision
tote_sampler_should_sample(tote_sampler *sampler, const tote_sampling_parameters *parameters,
                           tote_sampling_result *result);

/**
 * Write the name and configuration of a sampler like snprintf(). Returns the length of the whole
 * text. Spec: trace/sdk.md#getdescription
 */
TOTE_API size_t tote_sampler_get_description(const tote_sampler *sampler, char *buffer,
                                             size_t size);

/** Free a sampler that was given to no other function or option. */
TOTE_API void tote_sampler_free(tote_sampler *sampler);

TOTE_END_DECLS

#define TOTE__OFF_SDK_SAMPLER
#include "tote/disabled.h"

#endif
