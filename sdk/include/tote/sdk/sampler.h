/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/sampler.h
 * Sampler: decides as a span starts whether it is recorded. Spec: trace/sdk.md#sampling
 *
 * Threads:  should_sample comes on any thread, at once; no lock is held.
 * Lifetime: sole owner; whoever is given a sampler takes it, always.
 * On failure: a constructor gives a sampler that drops everything, never NULL.
 */
#ifndef TOTE_SDK_SAMPLER_H
#define TOTE_SDK_SAMPLER_H

#include "tote/context.h"

TOTE_BEGIN_DECLS

typedef struct tote_sampler tote_sampler;

typedef enum tote_sampling_decision {
    TOTE_SAMPLING_DECISION_DROP,
    TOTE_SAMPLING_DECISION_RECORD_ONLY,
    TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE
} tote_sampling_decision;

/**
 * Tote makes these, and a sampler that asks another may pass a changed copy; fields are only ever
 * added at the end.
 */
typedef struct tote_sampling_parameters {
    size_t struct_size;
    const tote_context *parent;
    const tote_trace_id *trace_id;
    const char *name;
    tote_span_kind kind;
    const tote_attribute *attributes; /**< the span's own */
    size_t attribute_count;
    const tote_link *links;
    size_t link_count;
} tote_sampling_parameters;

/** What else the span being started gets; starts out with the parent's trace state. */
typedef struct tote_sampling_result tote_sampling_result;

TOTE_API void tote_sampling_result_set_attribute(tote_sampling_result *result, const char *key,
                                                 tote_value value);
TOTE_API void tote_sampling_result_set_trace_state(tote_sampling_result *result,
                                                   const tote_trace_state *trace_state);

typedef struct tote_sampler_ops {
    size_t struct_size;
    tote_sampling_decision (*should_sample)(void *self, const tote_sampling_parameters *parameters,
                                            tote_sampling_result *result);
    /** As snprintf() does: writes at most `size` bytes, returns the whole length. May be NULL. */
    size_t (*get_description)(void *self, char *buffer, size_t size);
    void (*destroy)(void *self); /**< may be NULL */
} tote_sampler_ops;

/** A sampler of your own. Takes `self`, always. */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_new(const tote_sampler_ops *ops, void *self);

TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_on_new(void);
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_off_new(void);

/**
 * This share of all traces, from 0 to 1, decided by the trace id so that all services agree;
 * the parent's decision is not asked. Spec: trace/sdk.md#traceidratiobased, decision as in
 * trace/tracestate-probability-sampling.md
 */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_trace_id_ratio_new(double ratio);

/** What to do for each kind of parent; NULL is the specification's default. All are taken. */
typedef struct tote_parent_based_options {
    size_t struct_size;
    tote_sampler *root;
    tote_sampler *remote_parent_sampled;
    tote_sampler *remote_parent_not_sampled;
    tote_sampler *local_parent_sampled;
    tote_sampler *local_parent_not_sampled;

    /**
     * For a remote parent without a sampling decision, as B3 and X-Ray allow. NULL: `root` decides.
     * With tote_sampler_always_off_new() no decision means not sampled.
     */
    tote_sampler *remote_parent_undecided;
} tote_parent_based_options;

#define TOTE_PARENT_BASED_OPTIONS_INIT                                                             \
    { sizeof(tote_parent_based_options), NULL, NULL, NULL, NULL, NULL, NULL }

TOTE_API TOTE_MUST_USE tote_sampler *
tote_sampler_parent_based_new(const tote_parent_based_options *options);

/** Ask a sampler, as one that wraps others does. */
TOTE_API tote_sampling_decision
tote_sampler_should_sample(tote_sampler *sampler, const tote_sampling_parameters *parameters,
                           tote_sampling_result *result);

/** As snprintf() does: what the sampler is called and set to. Spec: trace/sdk.md#getdescription */
TOTE_API size_t tote_sampler_get_description(const tote_sampler *sampler, char *buffer,
                                             size_t size);

/** Only for one that nothing has taken. */
TOTE_API void tote_sampler_free(tote_sampler *sampler);

TOTE_END_DECLS

#define TOTE__OFF_SDK_SAMPLER
#include "tote/disabled.h"

#endif
