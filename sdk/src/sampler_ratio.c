/* SPDX-License-Identifier: MIT */
/*
 * sampler_ratio.c - samples a share of all traces, by the trace's randomness
 *
 * A trace is sampled if its 56 bits of randomness reach the threshold. All samplers agree about
 * that, and a higher ratio samples all traces that a lower one samples. Spec:
 * trace/sdk.md#traceidratiobased, trace/tracestate-probability-sampling.md
 *
 * Tests: tests/unit/test_sampler.c
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/hex.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"
#include "tote/sdk/sampler.h"

enum { RANDOM_BYTES = 7, HEX_DIGITS = 14, PRECISION = 4, FEWEST_DECIMALS = 6, MOST_DECIMALS = 64 };

#define NEVER ((uint64_t)1 << 56)

enum { WARNED_CHILD = 1 << 0, WARNED_TRACE_STATE = 1 << 1 };

struct ratio {
    uint64_t threshold;
    _Atomic(uint32_t) warned; /* each warning once per sampler, because this runs for each span */
    char description[32 + MOST_DECIMALS];
};

uint64_t tote__sampling_threshold(double ratio) {
    if (!(ratio > 0)) {
        return NEVER;
    }
    if (ratio >= 1) {
        return 0;
    }
    double scaled = ratio * (double)NEVER;
    uint64_t share = (uint64_t)scaled;
    share += scaled - (double)share >= 0.5;
    uint64_t threshold = NEVER - share;

    unsigned digits = PRECISION;
    for (unsigned shift = 52; digits < HEX_DIGITS && (threshold >> shift & 0xF) == 0xF;
         shift -= 4) {
        digits++;
    }
    if (threshold == NEVER || digits >= HEX_DIGITS) {
        return threshold;
    }
    unsigned shift = 4 * (HEX_DIGITS - digits);
    return (threshold + ((uint64_t)1 << (shift - 1))) >> shift << shift;
}

/*
 * Return the value of a sub-key of an `ot` member: `rv` in "th:c;rv:123". Returns NULL if there is
 * none.
 */
static const char *find_sub_key(const char *member, const char *name, size_t *length) {
    size_t name_length = strlen(name);

    while (member) {
        const char *end = strchr(member, ';');
        size_t size = end ? (size_t)(end - member) : strlen(member);
        if (size > name_length && memcmp(member, name, name_length) == 0 &&
            member[name_length] == ':') {
            *length = size - name_length - 1;
            return member + name_length + 1;
        }
        member = end ? end + 1 : NULL;
    }
    return NULL;
}

/* Read 56 bits. */
static uint64_t read_randomness(const uint8_t *bytes) {
    uint64_t randomness = 0;

    for (size_t i = 0; i < RANDOM_BYTES; i++) {
        randomness = randomness << 8 | bytes[i];
    }
    return randomness;
}

static bool is_first_warning(struct ratio *ratio, uint32_t warning) {
    return !(atomic_load_explicit(&ratio->warned, memory_order_relaxed) & warning) &&
           !(atomic_fetch_or_explicit(&ratio->warned, warning, memory_order_relaxed) & warning);
}

static void warn_of_parent(struct ratio *ratio, const char *member) {
    size_t length;
    bool has_threshold = find_sub_key(member, "th", &length) || find_sub_key(member, "rv", &length);

    if (has_threshold && is_first_warning(ratio, WARNED_TRACE_STATE)) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "sampler",
            "%s ignores the decision of a parent that was sampled by probability, and keeps its "
            "tracestate ('ot=%s'): traces may lack spans, and counts that are scaled up from it "
            "are wrong; make it the root of a parent based sampler",
            ratio->description, member);
    } else if (!has_threshold && is_first_warning(ratio, WARNED_CHILD)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "sampler",
                                "%s ignores the decision of the span's parent: traces may lack "
                                "spans; make it the root of a parent based sampler",
                                ratio->description);
    }
}

static tote_sampling_decision ratio_should_sample(void *self,
                                                  const tote_sampling_parameters *parameters,
                                                  tote_sampling_result *result) {
    struct ratio *ratio = self;
    const tote_span_context *parent =
        tote_span_get_context(tote_context_get_span(parameters->parent));
    uint8_t bytes[RANDOM_BYTES];

    (void)result;
    if (!parameters->trace_id) {
        return TOTE_SAMPLING_DECISION_DROP;
    }
    uint64_t randomness =
        read_randomness(parameters->trace_id->bytes + sizeof(tote_trace_id) - RANDOM_BYTES);
    if (tote_span_context_is_valid(parent)) {
        const char *member = tote_trace_state_get(tote_span_context_get_trace_state(parent), "ot");
        size_t length = 0;
        const char *given = find_sub_key(member, "rv", &length);
        if (given && length == HEX_DIGITS && tote__hex_decode(bytes, given, RANDOM_BYTES)) {
            randomness = read_randomness(bytes);
        }
        if (tote__parent_kind_of(parent) != TOTE__REMOTE_UNDECIDED) {
            warn_of_parent(ratio, member);
        }
    }
    return randomness >= ratio->threshold ? TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE
                                          : TOTE_SAMPLING_DECISION_DROP;
}

static size_t ratio_get_description(void *self, char *buffer, size_t size) {
    return tote__put_description(((const struct ratio *)self)->description, buffer, size);
}

static void ratio_destroy(void *self) {
    tote__release(self, sizeof(struct ratio));
}

/*
 * Write six decimals, or as many as identify the ratio. The locale may have another decimal point,
 * so the digits after it are taken from the end.
 */
static void describe(struct ratio *ratio, double value) {
    char text[MOST_DECIMALS + 32];
    int decimals = FEWEST_DECIMALS;
    int error = errno;

    int length = snprintf(text, sizeof text, "%.*f", decimals, value);
    while (decimals < MOST_DECIMALS && strtod(text, NULL) != value) {
        length = snprintf(text, sizeof text, "%.*f", ++decimals, value);
    }
    errno = error;
    snprintf(ratio->description, sizeof ratio->description, "TraceIdRatioBased{%c.%s}", text[0],
             length > decimals ? text + length - decimals : "0");
}

static const tote_sampler_ops ratio_ops = {sizeof ratio_ops, ratio_should_sample,
                                           ratio_get_description, ratio_destroy};

tote_sampler *tote_sampler_trace_id_ratio_new(double ratio) {
    struct ratio *self = tote__allocate(sizeof *self);

    if (!self || !(ratio >= 0 && ratio <= 1)) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "sampler",
            "no sampler with the ratio %g is created: %s; all spans are dropped", ratio,
            self ? "a ratio must be from 0 to 1" : "out of memory");
        tote__release(self, sizeof *self);
        return tote_sampler_always_off_new();
    }
    *self = (struct ratio){.threshold = tote__sampling_threshold(ratio)};
    describe(self, ratio == 0 ? 0 : ratio);
    return tote_sampler_new(&ratio_ops, self);
}
