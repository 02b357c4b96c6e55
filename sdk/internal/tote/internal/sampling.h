/* SPDX-License-Identifier: MIT */
/*
 * sampling.h - what a sampler says beside its decision, as the SDK reads it
 *
 * Costs nothing until a sampler sets something: no memory is asked for before that.
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
    size_t dropped_attribute_count; /* without a key, or for want of memory */
};

/* `trace_state` is the parent's, borrowed. Clear the result when the span has been made. */
static inline void tote__sampling_result_init(struct tote_sampling_result *result,
                                              const tote_trace_state *trace_state) {
    *result = (struct tote_sampling_result){.trace_state = tote_trace_state_ref(trace_state)};
}

/* Who keeps the trace state sets the pointer to NULL before. */
static inline void tote__sampling_result_clear(struct tote_sampling_result *result) {
    tote_trace_state_unref(result->trace_state);
    tote__arena_clear(&result->attributes.memory);
}

/* As get_description of a sampler: copy the text, as far as it fits. Returns: its whole length. */
size_t tote__put_description(const char *text, char *buffer, size_t size);

/* The kind of a parent. A decision without a remote span counts as that of a remote parent. */
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
 * The rejection threshold of a ratio: a trace is sampled when its 56 bits of randomness are this or
 * more; 2^56 is never. Rounded as all SDKs do, to 4 hexadecimal digits behind leading f's. A ratio
 * out of range counts as the nearest in it. Spec: trace/tracestate-probability-sampling.md
 */
uint64_t tote__sampling_threshold(double ratio);

#endif
