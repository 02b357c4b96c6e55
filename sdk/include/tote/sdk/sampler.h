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
 *
 * Sampling by probability: the sub-key `th` of the trace state's member `ot` states the probability
 * of a span, so that receivers can estimate how many spans there were. Samplers of this header that
 * decide by probability set it. Tote removes a `th` that does not match the decision.
 * Spec: trace/tracestate-probability-sampling.md
 */
#ifndef TOTE_SDK_SAMPLER_H
#define TOTE_SDK_SAMPLER_H

#include "tote/context.h"

TOTE_BEGIN_DECLS

/** A sampler. One owner. */
typedef struct tote_sampler tote_sampler;

/** What is done with a span. Spec: trace/sdk.md#shouldsample */
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

    /** The trace id is new, and the id generator does not make random ids. */
    bool has_nonrandom_trace_id;
} tote_sampling_parameters;

/**
 * What a sampler adds to the span. Its trace state is the parent's until it is set, without `th`.
 */
typedef struct tote_sampling_result tote_sampling_result;

/** Add an attribute to the span, or replace one. The arguments are copied. */
TOTE_API void tote_sampling_result_set_attribute(tote_sampling_result *result, const char *key,
                                                 tote_value value);

/**
 * Set the trace state of the span. NULL removes it. Adds a reference. A `th` in it states the
 * probability of this decision. It is removed if the span is not sampled, and if the randomness of
 * the trace is less than it.
 */
TOTE_API void tote_sampling_result_set_trace_state(tote_sampling_result *result,
                                                   const tote_trace_state *trace_state);

/** The functions of a sampler. */
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

    /**
     * Stop background work, within `timeout_ms`. Called once by tote_sdk_shutdown(), after the
     * processors. Spans may still be started meanwhile on other threads. May be NULL.
     */
    tote_result (*shutdown)(void *self, uint32_t timeout_ms);
} tote_sampler_ops;

/** Create a sampler. Takes ownership of `self`, also on failure: `destroy` is called then. */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_new(const tote_sampler_ops *ops, void *self);

/** Create a sampler that samples all spans, or none. Spec: trace/sdk.md#built-in-samplers */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_on_new(void);
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_off_new(void);

/**
 * Create a sampler for a share of all traces, from 0 to 1. The randomness of the trace decides: the
 * sub-key `rv`, else the trace id. So all services with the same ratio agree. The parent's decision
 * is ignored: use it as the root of a parent based sampler. Sets `th`. Sets `rv` for a root span
 * whose trace id is not random. Spec: trace/sdk.md#probabilitysampler
 */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_probability_new(double ratio);

/**
 * Create the deprecated form of tote_sampler_probability_new(). It decides alike, has another
 * description, and also warns if it is not the root of a parent based sampler. Spec:
 * trace/sdk.md#traceidratiobased
 */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_trace_id_ratio_new(double ratio);

/**
 * Create a sampler that records the spans that `root` drops: processors get them, exporters do not.
 * Takes ownership of `root`. Spec: trace/sdk.md#alwaysrecord
 */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_always_record_new(tote_sampler *root);

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

/** Call the function `shutdown` of a sampler, for example of one that yours wraps. */
TOTE_API tote_result tote_sampler_shutdown(tote_sampler *sampler, uint32_t timeout_ms);

/** Free a sampler that was given to no other function or option. */
TOTE_API void tote_sampler_free(tote_sampler *sampler);

/**
 * ComposableSampler: a part of a composite sampler. It proposes a threshold, and the composite
 * sampler decides. Threads, lifetime and errors are those of samplers. Spec:
 * trace/sdk.md#composablesampler
 */
typedef struct tote_composable_sampler tote_composable_sampler;

/** The threshold that samples all spans, and the one that samples none. */
#define TOTE_SAMPLING_THRESHOLD_ALL UINT64_C(0)
#define TOTE_SAMPLING_THRESHOLD_NONE (UINT64_C(1) << 56)

/** What a composable sampler proposes for a span. Initially TOTE_SAMPLING_THRESHOLD_NONE. */
typedef struct tote_sampling_intent tote_sampling_intent;

/**
 * Set the rejection threshold. A span is sampled with a probability of 1 - threshold / 2^56.
 * `is_reliable`: the probability is known, and `th` states it. Otherwise the decision is random for
 * each span, independent of the trace. Spec: trace/sdk.md#getsamplingintent
 */
TOTE_API void tote_sampling_intent_set_threshold(tote_sampling_intent *intent, uint64_t threshold,
                                                 bool is_reliable);
TOTE_API uint64_t tote_sampling_intent_get_threshold(const tote_sampling_intent *intent);
TOTE_API bool tote_sampling_intent_is_reliable(const tote_sampling_intent *intent);

/**
 * Functions that complete the result for a composable sampler. Each may be NULL. `user_data` is
 * that of tote_sampling_intent_add_provider().
 */
typedef struct tote_sampling_provider {
    size_t struct_size;

    /** Called if the span is sampled: add attributes to the result. */
    void (*add_attributes)(void *user_data, const tote_sampling_parameters *parameters,
                           tote_sampling_result *result);

    /**
     * Return the trace state of the span: a new reference, to `parent` or to a changed list. NULL
     * is the empty list. A change of the member `ot` has no effect.
     */
    tote_trace_state *(*get_trace_state)(void *user_data, const tote_trace_state *parent,
                                         tote_sampling_decision decision);
} tote_sampling_provider;

/**
 * Add a provider. Several are called in the order in which they were added. `provider` and
 * `user_data` are borrowed until the composite sampler has decided. At most 16 are called.
 */
TOTE_API void tote_sampling_intent_add_provider(tote_sampling_intent *intent,
                                                const tote_sampling_provider *provider,
                                                void *user_data);

/** The functions of a composable sampler. */
typedef struct tote_composable_sampler_ops {
    size_t struct_size;

    /**
     * Propose a threshold. Called while a span starts, on its thread, like should_sample of a
     * sampler. `parameters->trace_id` is NULL: the proposal must not depend on the randomness of
     * the trace. Required.
     */
    void (*get_sampling_intent)(void *self, const tote_sampling_parameters *parameters,
                                tote_sampling_intent *intent);

    /** Like those of tote_sampler_ops. May be NULL. */
    size_t (*get_description)(void *self, char *buffer, size_t size);
    void (*destroy)(void *self);
    tote_result (*shutdown)(void *self, uint32_t timeout_ms);
} tote_composable_sampler_ops;

/**
 * Create a composable sampler. Takes ownership of `self`, also on failure: `destroy` is called
 * then.
 */
TOTE_API TOTE_MUST_USE tote_composable_sampler *
tote_composable_sampler_new(const tote_composable_sampler_ops *ops, void *self);

/** Create a composable sampler that samples all spans. Spec: trace/sdk.md#composablealwayson */
TOTE_API TOTE_MUST_USE tote_composable_sampler *tote_composable_sampler_always_on_new(void);

/** Create a composable sampler that samples no span. Spec: trace/sdk.md#composablealwaysoff */
TOTE_API TOTE_MUST_USE tote_composable_sampler *tote_composable_sampler_always_off_new(void);

/** Sample a share of all traces, from 0 to 1. Spec: trace/sdk.md#composableprobability */
TOTE_API TOTE_MUST_USE tote_composable_sampler *
tote_composable_sampler_probability_new(double ratio);

/**
 * Sample a span with a parent as its parent was, and a root span as `root` proposes. A remote
 * parent without a sampling decision counts as none. Takes ownership of `root`. Spec:
 * trace/sdk.md#composableparentthreshold
 */
TOTE_API TOTE_MUST_USE tote_composable_sampler *
tote_composable_sampler_parent_threshold_new(tote_composable_sampler *root);

/** The parents that a span may have, for tote_sampling_rule. Flags. */
typedef enum tote_sampling_parent {
    TOTE_SAMPLING_PARENT_NONE = 1 << 0,
    TOTE_SAMPLING_PARENT_REMOTE = 1 << 1,
    TOTE_SAMPLING_PARENT_LOCAL = 1 << 2
} tote_sampling_parent;

/**
 * A rule of a rule based sampler. It matches a span if all its conditions do. A condition that is 0
 * or NULL matches each span. All is copied, except `sampler` and `user_data`.
 *
 * The conditions on attributes see those the span starts with. They compare the text that
 * tote_value_to_text() writes. An array matches if one of its elements does. A missing attribute
 * does not match.
 */
typedef struct tote_sampling_rule {
    size_t struct_size;
    tote_composable_sampler *sampler; /**< For spans that match. Required. Takes ownership */

    const char *values_key; /**< This attribute has one of `values` */
    const char *const *values;
    size_t value_count;

    /**
     * This attribute matches one of the `included` patterns (if there are none: any value does) and
     * none of the `excluded` ones. In a pattern, `*` is any text and `?` is one character.
     */
    const char *patterns_key;
    const char *const *included;
    size_t included_count;
    const char *const *excluded;
    size_t excluded_count;

    uint32_t span_kinds; /**< The sum of 1 << tote_span_kind for each kind that matches */
    uint32_t parents;    /**< The sum of the tote_sampling_parent that match */

    /** The span matches if this returns true. It must not depend on the trace id. */
    bool (*matches)(void *user_data, const tote_sampling_parameters *parameters);
    void *user_data; /**< Borrowed until the sampler is freed */
} tote_sampling_rule;

#define TOTE_SAMPLING_RULE_INIT                                                                    \
    { sizeof(tote_sampling_rule), NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, 0, 0, NULL, NULL }

/**
 * Propose what the sampler of the first rule that matches does. A span without such a rule is not
 * sampled. `rules` are pointers to `rule_count` rules. Spec: trace/sdk.md#composablerulebased
 */
TOTE_API TOTE_MUST_USE tote_composable_sampler *
tote_composable_sampler_rule_based_new(const tote_sampling_rule *const *rules, size_t rule_count);

/**
 * Propose what `delegate` does, and add attributes to sampled spans. Copies the attributes, and
 * takes ownership of `delegate`. Spec: trace/sdk.md#composableannotating
 */
TOTE_API TOTE_MUST_USE tote_composable_sampler *
tote_composable_sampler_annotating_new(const tote_attribute *attributes, size_t attribute_count,
                                       tote_composable_sampler *delegate);

/** Ask a composable sampler, for example one that yours wraps. Replaces the threshold. */
TOTE_API void
tote_composable_sampler_get_sampling_intent(tote_composable_sampler *sampler,
                                            const tote_sampling_parameters *parameters,
                                            tote_sampling_intent *intent);

/**
 * Do for a composable sampler what tote_sampler_get_description(), tote_sampler_shutdown() and
 * tote_sampler_free() do for a sampler.
 */
TOTE_API size_t tote_composable_sampler_get_description(const tote_composable_sampler *sampler,
                                                        char *buffer, size_t size);
TOTE_API tote_result tote_composable_sampler_shutdown(tote_composable_sampler *sampler,
                                                      uint32_t timeout_ms);
TOTE_API void tote_composable_sampler_free(tote_composable_sampler *sampler);

/**
 * Create the sampler that decides by the proposal of `root`. Takes ownership of `root`. Spec:
 * trace/sdk.md#compositesampler
 */
TOTE_API TOTE_MUST_USE tote_sampler *tote_sampler_composite_new(tote_composable_sampler *root);

TOTE_END_DECLS

#define TOTE__OFF_SDK_SAMPLER
#include "tote/disabled.h"

#endif
