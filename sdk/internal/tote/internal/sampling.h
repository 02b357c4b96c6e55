/* SPDX-License-Identifier: MIT */
/*
 * sampling.h - results of samplers, as the SDK reads them
 *
 * No memory is allocated until a sampler sets something.
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

/* Copy a description like get_description: as far as it fits. Returns its whole length. */
size_t tote__put_description(const char *text, char *buffer, size_t size);

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

/*
 * Return the rejection threshold of a ratio: a trace is sampled if its 56 bits of randomness are at
 * least this; 2^56 is never. It is rounded like in all SDKs, to 4 hexadecimal digits after leading
 * f's. A ratio out of range counts as the nearest valid one. Spec:
 * trace/tracestate-probability-sampling.md
 */
uint64_t tote__sampling_threshold(double ratio);

#endif
