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
#include "tote/internal/hex.h"
#include "tote/internal/sampling.h"

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

/* Write 56 bits as digits. Returns their number without trailing zeros, at least 1. */
static size_t write_digits(uint64_t bits, char digits[HEX_DIGITS + 1]) {
    uint8_t bytes[RANDOM_BYTES];
    size_t count = HEX_DIGITS;

    for (size_t i = RANDOM_BYTES; i-- > 0; bits >>= 8) {
        bytes[i] = (uint8_t)bits;
    }
    tote__hex_encode(digits, bytes, RANDOM_BYTES);
    digits[HEX_DIGITS] = '\0';
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    return count;
}

/* Read a valid sub-key, padded with zeros at its end. Returns false if there is none. */
static bool read_sub_key(const tote_trace_state *state, const char *key, uint64_t *bits) {
    char digits[HEX_DIGITS];
    uint8_t bytes[RANDOM_BYTES];
    size_t length = 0;
    const char *value = state ? tote_trace_state_get_ot(state, key, &length) : NULL;

    if (!value) {
        return false;
    }
    memset(digits, '0', sizeof digits);
    memcpy(digits, value, length);
    tote__hex_decode(bytes, digits, RANDOM_BYTES);
    *bits = read_bits(bytes);
    return true;
}

/* Return the randomness of a trace: its `rv`, else the end of its id. */
static uint64_t randomness_of(const tote_trace_state *state, const tote_trace_id *trace_id) {
    uint64_t randomness;

    return read_sub_key(state, "rv", &randomness)
               ? randomness
               : read_bits(trace_id->bytes + sizeof trace_id->bytes - RANDOM_BYTES);
}

bool tote__sampling_parent_threshold(const tote_span_context *parent, uint64_t *threshold) {
    return tote__span_context_is_valid(parent) && (parent->trace_flags & TOTE_TRACE_FLAG_SAMPLED) &&
           read_sub_key(parent->trace_state, "th", threshold) &&
           randomness_of(parent->trace_state, &parent->trace_id) >= *threshold;
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

    draw.is_explicit = read_sub_key(state, "rv", &draw.randomness);
    draw.is_new = !draw.is_explicit && has_flag && parameters->has_nonrandom_trace_id;
    if (draw.is_new) {
        draw.randomness = tote__sampling_random();
    } else if (!draw.is_explicit && parameters->trace_id) {
        draw.randomness = randomness_of(NULL, parameters->trace_id);
    }
    return draw;
}

/* Replace the trace state by one with this sub-key. Returns false if it could not be set. */
static bool set_sub_key(tote_sampling_result *result, const char *key, const char *value) {
    tote_trace_state *state = tote_trace_state_with_ot(result->trace_state, key, value);
    bool is_set = state != result->trace_state;

    tote_trace_state_unref(result->trace_state);
    result->trace_state = state;
    return is_set;
}

static bool set_threshold(tote_sampling_result *result, uint64_t threshold) {
    char digits[HEX_DIGITS + 1];

    digits[write_digits(threshold, digits)] = '\0';
    return set_sub_key(result, "th", digits);
}

void tote__sampling_write(tote_sampling_result *result, const tote_trace_state *state,
                          uint64_t threshold, struct tote__sampling_draw draw) {
    char digits[HEX_DIGITS + 1];

    if (!result) {
        return;
    }
    if (result->trace_state != state) {
        tote_sampling_result_set_trace_state(result, state);
    }
    if (draw.is_new) {
        write_digits(draw.randomness, digits);
        set_sub_key(result, "rv", digits);
    }
    result->has_threshold = threshold < never && set_threshold(result, threshold);
}

void tote__sampling_raise(tote_sampling_result *result, const tote_span_context *parent) {
    uint64_t own;
    uint64_t least;

    if (!tote__sampling_parent_threshold(parent, &least) ||
        !read_sub_key(result->trace_state, "th", &own)) {
        result->has_threshold = false;
    } else if (result->has_threshold && own < least) {
        result->has_threshold = set_threshold(result, least);
    }
}

tote_trace_state *tote__sampling_settle(const tote_trace_state *state,
                                        const tote_trace_id *trace_id, bool keeps) {
    uint64_t threshold;

    if (!read_sub_key(state, "th", &threshold) ||
        (keeps && randomness_of(state, trace_id) >= threshold)) {
        return tote_trace_state_ref(state);
    }
    tote_trace_state *settled = tote_trace_state_without_ot(state, "th");
    if (settled == state) { /* out of memory: a wrong `th` is worse than no trace state */
        tote_trace_state_unref(settled);
        settled = NULL;
    }
    return settled;
}
