/* SPDX-License-Identifier: MIT */
/*
 * sampling.c - the randomness and the threshold of a trace
 *
 * Spec: trace/tracestate-handling.md, trace/tracestate-probability-sampling.md
 *
 * Tests: tests/unit/test_sampler_probability.c
 */
#include <string.h>

#include "thread_state.h"
#include "tote/internal/sampling.h"
#include "tote/internal/trace_state.h"

enum { RANDOM_BYTES = 7, HEX_DIGITS = 2 * RANDOM_BYTES, PRECISION = 4 };

static const uint64_t never = TOTE_SAMPLING_THRESHOLD_NONE;

uint64_t tote__sampling_threshold(double ratio) {
    if (!(ratio > 0)) {
        return never;
    }
    if (ratio >= 1) {
        return 0;
    }
    double scaled = ratio * (double)never;
    uint64_t share = (uint64_t)scaled;
    share += scaled - (double)share >= 0.5;
    uint64_t threshold = never - share;

    unsigned digits = PRECISION;
    for (unsigned shift = 52; digits < HEX_DIGITS && (threshold >> shift & 0xF) == 0xF;
         shift -= 4) {
        digits++;
    }
    if (threshold == never || digits >= HEX_DIGITS) {
        return threshold;
    }
    unsigned shift = 4 * (HEX_DIGITS - digits);
    return (threshold + ((uint64_t)1 << (shift - 1))) >> shift << shift;
}

/* Read 56 bits. */
static uint64_t read_bits(const uint8_t *bytes) {
    uint64_t bits = 0;

    for (size_t i = 0; i < RANDOM_BYTES; i++) {
        bits = bits << 8 | bytes[i];
    }
    return bits;
}

/* Return the randomness of a trace: its `rv`, else the end of its id. */
static uint64_t randomness_of(const tote_trace_state *state, const tote_trace_id *trace_id) {
    return state && state->randomness != TOTE__NO_SUB_KEY
               ? state->randomness
               : read_bits(trace_id->bytes + sizeof trace_id->bytes - RANDOM_BYTES);
}

bool tote__sampling_parent_threshold(const tote_span_context *parent, uint64_t *threshold) {
    const tote_trace_state *state = parent->trace_state;

    *threshold = state ? state->threshold : TOTE__NO_SUB_KEY;
    return *threshold != TOTE__NO_SUB_KEY && tote__span_context_is_valid(parent) &&
           (parent->trace_flags & TOTE_TRACE_FLAG_SAMPLED) &&
           randomness_of(state, &parent->trace_id) >= *threshold;
}

uint64_t tote__sampling_random(void) {
    struct thread_state *thread = tote__thread_state();

    if (!thread) {
        return 0; /* out of memory */
    }
    tote__random_keep_seeded(&thread->random);
    return tote__random_next(&thread->random) >> (64 - 8 * RANDOM_BYTES);
}

struct tote__sampling_draw tote__sampling_draw(const tote_sampling_parameters *parameters) {
    const tote_trace_state *state = tote__sampling_parent_state(parameters);
    struct tote__sampling_draw draw = {0, false, false};
    bool has_flag = parameters->struct_size >= sizeof *parameters; /* or it is an older struct */

    draw.is_explicit = state && state->randomness != TOTE__NO_SUB_KEY;
    draw.is_new = !draw.is_explicit && has_flag && parameters->has_nonrandom_trace_id;
    if (draw.is_new) {
        draw.randomness = tote__sampling_random();
    } else if (parameters->trace_id) {
        draw.randomness = randomness_of(state, parameters->trace_id);
    }
    return draw;
}

/* Replace the trace state of the result, which takes over the reference. */
static void replace_state(tote_sampling_result *result, tote_trace_state *state,
                          uint64_t threshold) {
    tote_trace_state_unref(result->trace_state);
    result->trace_state = state;
    result->has_threshold = state && state->threshold == threshold;
}

void tote__sampling_write(tote_sampling_result *result, const tote_trace_state *state,
                          uint64_t threshold, struct tote__sampling_draw draw) {
    bool has_randomness = draw.is_explicit || draw.is_new;

    if (result) {
        replace_state(
            result,
            tote__trace_state_with_sampling(state, threshold < never ? threshold : TOTE__NO_SUB_KEY,
                                            has_randomness ? draw.randomness : TOTE__NO_SUB_KEY),
            threshold);
    }
}

void tote__sampling_raise(tote_sampling_result *result, const tote_span_context *parent) {
    const tote_trace_state *state = result->trace_state;
    uint64_t least;

    if (!state || !tote__sampling_parent_threshold(parent, &least)) {
        result->has_threshold = false;
    } else if (result->has_threshold && state->threshold < least) {
        replace_state(result, tote__trace_state_with_sampling(state, least, state->randomness),
                      least);
    }
}

tote_trace_state *tote__sampling_settle(const tote_trace_state *state,
                                        const tote_trace_id *trace_id, bool keeps) {
    return state->threshold == TOTE__NO_SUB_KEY ||
                   (keeps && randomness_of(state, trace_id) >= state->threshold)
               ? tote_trace_state_ref(state)
               : tote__trace_state_with_sampling(state, TOTE__NO_SUB_KEY, state->randomness);
}
