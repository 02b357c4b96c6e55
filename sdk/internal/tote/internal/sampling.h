/* SPDX-License-Identifier: MIT */
/*
 * sampling.h - results of samplers, as the SDK reads them; sampling by probability
 *
 * No memory is allocated until a sampler sets something.
 *
 * A trace has 56 bits of randomness. A sampler has a rejection threshold, from 0 (all) to 2^56
 * (none): it samples a trace whose randomness is not less. The sub-key `th` states the threshold.
 * Invariant: the trace state of a new span has a `th` only if the span is sampled, its randomness
 * reaches the threshold, and the sampler answers for it. Spec:
 * trace/tracestate-probability-sampling.md
 */
#ifndef TOTE_INTERNAL_SAMPLING_H
#define TOTE_INTERNAL_SAMPLING_H

#include "tote/internal/attribute_list.h"
#include "tote/internal/sdk.h"
#include "tote/internal/span.h"
#include "tote/sdk/sampler.h"

struct tote_sampling_result {
    tote_trace_state *trace_state; /* one reference */
    struct tote__attribute_list attributes;
    size_t dropped_attribute_count; /* without a key, or out of memory */
    bool has_threshold; /* the `th` of the trace state, if any, is that of this decision */
};

/* Initialize a result with the parent's trace state. Clear it after the span was created. */
static inline void tote__sampling_result_init(struct tote_sampling_result *result,
                                              const tote_trace_state *trace_state) {
    *result = (struct tote_sampling_result){.trace_state = tote_trace_state_ref(trace_state)};
}

/* To keep the trace state, set the pointer to NULL first. */
static inline void tote__sampling_result_clear(struct tote_sampling_result *result) {
    tote_trace_state_unref(result->trace_state);
    tote__arena_clear(&result->attributes.memory);
}

/* A description while it is written, like snprintf() does. */
struct tote__description {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text */
};

void tote__describe(struct tote__description *description, const char *text);
void tote__describe_sampler(struct tote__description *description, const tote_sampler *sampler);
void tote__describe_composable(struct tote__description *description,
                               const tote_composable_sampler *sampler);

/* Copy a description like get_description: as far as it fits. Returns its whole length. */
size_t tote__put_description(const char *text, char *buffer, size_t size);

/* Write NAME{RATIO}. `text` has TOTE__RATIO_TEXT bytes. */
enum { TOTE__RATIO_TEXT = 128 };
void tote__describe_ratio(char *text, const char *name, double ratio);

/* Add an attribute whose key and value are borrowed until the span has started. */
void tote__sampling_result_add_borrowed(tote_sampling_result *result, tote_attribute attribute);

/* Copy an attribute with all values into `memory`. Returns false if unusable or out of memory. */
bool tote__sampling_copy_attribute(struct tote__arena *memory, tote_attribute attribute,
                                   tote_attribute *copy);

/*
 * Return the kind of a parent. A sampling decision without a remote span counts as a remote parent.
 */
static inline enum tote__parent_kind tote__parent_kind_of(const tote_span_context *parent) {
    bool is_partial = parent->hints & TOTE__PARTIAL;
    bool is_sampled = parent->trace_flags & TOTE_TRACE_FLAG_SAMPLED;
    if (!is_partial && !tote__span_context_is_valid(parent)) {
        return TOTE__NO_PARENT;
    }
    if (parent->is_remote && (parent->hints & TOTE__DEFERRED)) {
        return is_partial ? TOTE__NO_PARENT : TOTE__REMOTE_UNDECIDED;
    }
    if (parent->is_remote) {
        return is_sampled ? TOTE__REMOTE_SAMPLED : TOTE__REMOTE_NOT_SAMPLED;
    }
    return is_sampled ? TOTE__LOCAL_SAMPLED : TOTE__LOCAL_NOT_SAMPLED;
}

/* Return the span context of the parent, which may be invalid. */
static inline const tote_span_context *
tote__sampling_parent(const tote_sampling_parameters *parameters) {
    return tote_span_get_context(tote_context_get_span(parameters->parent));
}

/* Return the trace state of a valid parent; NULL for a root span. */
static inline const tote_trace_state *
tote__sampling_parent_state(const tote_sampling_parameters *parameters) {
    const tote_span_context *parent = tote__sampling_parent(parameters);

    return tote__span_context_is_valid(parent) ? parent->trace_state : NULL;
}

/*
 * Return the rejection threshold of a ratio. It is rounded like in all SDKs, to 4 hexadecimal
 * digits after leading f's. A ratio out of range counts as the nearest valid one. Spec:
 * trace/tracestate-probability-sampling.md
 */
uint64_t tote__sampling_threshold(double ratio);

/*
 * Read the threshold of a parent that was sampled accordingly. Returns false if it has none, or an
 * inconsistent one.
 */
bool tote__sampling_parent_threshold(const tote_span_context *parent, uint64_t *threshold);

/* The randomness that decides about a span. */
struct tote__sampling_draw {
    uint64_t randomness;
    bool is_explicit; /* it is `rv` of the parent */
    bool is_new;      /* it must be set as `rv`: the root span's trace id is not random */
};

struct tote__sampling_draw tote__sampling_draw(const tote_sampling_parameters *parameters);

/* Return 56 random bits that do not depend on the trace. */
uint64_t tote__sampling_random(void);

/*
 * Set the trace state of the result to `state` with the threshold of a sampled span, or without
 * `th` if it is TOTE_SAMPLING_THRESHOLD_NONE; and with the `rv` of a new draw.
 */
void tote__sampling_write(tote_sampling_result *result, const tote_trace_state *state,
                          uint64_t threshold, struct tote__sampling_draw draw);

/* Raise the threshold of a result to that of the sampled parent, without which there is none. */
void tote__sampling_raise(tote_sampling_result *result, const tote_span_context *parent);

/*
 * Return the trace state for a new span: a reference to `state`, which is not NULL, or to a copy
 * without `th`. `keeps` is false if there must be no `th`.
 */
tote_trace_state *tote__sampling_settle(const tote_trace_state *state,
                                        const tote_trace_id *trace_id, bool keeps);

#endif
