/* SPDX-License-Identifier: MIT */
/*
 * sampler_probability.c - samples a share of all traces, by the trace's randomness
 *
 * All samplers agree about a trace, and a higher ratio samples all traces that a lower one samples.
 * TraceIdRatioBased is the deprecated form, which differs in its description and warnings. Spec:
 * trace/sdk.md#probabilitysampler, #traceidratiobased
 *
 * Tests: tests/unit/test_sampler.c, tests/unit/test_sampler_probability.c
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"

enum { FEWEST_DECIMALS = 6, MOST_DECIMALS = 64 };

struct probability {
    uint64_t threshold;
    bool is_trace_id_ratio;   /* the deprecated form */
    _Atomic(bool) has_warned; /* once per sampler, because this runs for each span */
    char description[TOTE__RATIO_TEXT];
};

/* Warn about a span with a parent. */
static void warn_of_parent(struct probability *probability, const tote_span_context *parent,
                           struct tote__sampling_draw draw) {
    bool is_assumed = !draw.is_explicit && !(parent->trace_flags & TOTE_TRACE_FLAG_RANDOM);

    if (!(probability->is_trace_id_ratio || is_assumed) ||
        atomic_load_explicit(&probability->has_warned, memory_order_relaxed) ||
        atomic_exchange_explicit(&probability->has_warned, true, memory_order_relaxed)) {
        return;
    }
    if (!probability->is_trace_id_ratio) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "sampler",
            "%s assumes that trace ids are random, but a caller does not set the random flag: if "
            "they are not, the share of sampled traces is wrong; let callers use W3C Trace Context "
            "Level 2",
            probability->description);
        return;
    }
    bool has_ot = tote_trace_state_get_ot(parent->trace_state, "th", NULL) ||
                  tote_trace_state_get_ot(parent->trace_state, "rv", NULL);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "sampler",
                            "%s ignores the decision of the span's parent: traces may lack spans; "
                            "make it the root of a parent based sampler%s",
                            probability->description,
                            has_ot ? ", or use ProbabilitySampler like the parent" : "");
}

static tote_sampling_decision probability_should_sample(void *self,
                                                        const tote_sampling_parameters *parameters,
                                                        tote_sampling_result *result) {
    struct probability *probability = self;
    const tote_span_context *parent = tote__sampling_parent(parameters);

    if (!parameters->trace_id) {
        return TOTE_SAMPLING_DECISION_DROP;
    }
    struct tote__sampling_draw draw = tote__sampling_draw(parameters);
    bool is_sampled = draw.randomness >= probability->threshold;
    if (tote__span_context_is_valid(parent) &&
        tote__parent_kind_of(parent) != TOTE__REMOTE_UNDECIDED) {
        warn_of_parent(probability, parent, draw);
    }
    if (is_sampled || draw.is_new) {
        tote__sampling_write(result, tote__sampling_parent_state(parameters),
                             is_sampled ? probability->threshold : TOTE_SAMPLING_THRESHOLD_NONE,
                             draw);
    }
    return is_sampled ? TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE : TOTE_SAMPLING_DECISION_DROP;
}

static size_t probability_get_description(void *self, char *buffer, size_t size) {
    return tote__put_description(((const struct probability *)self)->description, buffer, size);
}

static void probability_destroy(void *self) {
    tote__release(self, sizeof(struct probability));
}

/*
 * Write six decimals, or as many as identify the ratio. The locale may have another decimal point,
 * so the digits after it are taken from the end.
 */
void tote__describe_ratio(char *text, const char *name, double ratio) {
    char digits[MOST_DECIMALS + 32];
    int decimals = FEWEST_DECIMALS;
    int error = errno;
    double value = ratio == 0 ? 0 : ratio; /* not -0 */

    int length = snprintf(digits, sizeof digits, "%.*f", decimals, value);
    while (decimals < MOST_DECIMALS && strtod(digits, NULL) != value) {
        length = snprintf(digits, sizeof digits, "%.*f", ++decimals, value);
    }
    errno = error;
    snprintf(text, TOTE__RATIO_TEXT, "%s{%c.%s}", name, digits[0],
             length > decimals ? digits + length - decimals : "0");
}

static const tote_sampler_ops probability_ops = {
    .struct_size = sizeof probability_ops,
    .should_sample = probability_should_sample,
    .get_description = probability_get_description,
    .destroy = probability_destroy,
};

static tote_sampler *make(double ratio, bool is_trace_id_ratio) {
    struct probability *self = tote__allocate(sizeof *self);

    if (!self || !(ratio >= 0 && ratio <= 1)) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "sampler",
            "no sampler with the ratio %g is created: %s; all spans are dropped", ratio,
            self ? "a ratio must be from 0 to 1" : "out of memory");
        tote__release(self, sizeof *self);
        return tote_sampler_always_off_new();
    }
    *self = (struct probability){.threshold = tote__sampling_threshold(ratio),
                                 .is_trace_id_ratio = is_trace_id_ratio};
    tote__describe_ratio(self->description,
                         is_trace_id_ratio ? "TraceIdRatioBased" : "ProbabilitySampler", ratio);
    tote_sampler *sampler = tote_sampler_new(&probability_ops, self);
    if (sampler->self == self) {
        sampler->ignores_attributes = true;
    }
    return sampler;
}

tote_sampler *tote_sampler_probability_new(double ratio) {
    return make(ratio, false);
}

tote_sampler *tote_sampler_trace_id_ratio_new(double ratio) {
    return make(ratio, true);
}
