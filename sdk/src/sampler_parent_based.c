/* SPDX-License-Identifier: MIT */
/*
 * sampler_parent_based.c - delegates to a sampler for each kind of parent
 *
 * Spec: trace/sdk.md#parentbased
 *
 * Tests: tests/unit/test_sampler.c
 */
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"
#include "tote/internal/sdk.h"
#include "tote/internal/span.h"
#include "tote/internal/tracer.h"
#include "wait.h"

struct parent_based {
    tote_sampler *samplers[TOTE__PARENT_KINDS];
    bool has_undecided; /* otherwise the root sampler is used for them */
};

static const char *const names[TOTE__PARENT_KINDS] = {"root",
                                                      "remoteParentSampled",
                                                      "remoteParentNotSampled",
                                                      "localParentSampled",
                                                      "localParentNotSampled",
                                                      "remoteParentUndecided"};

/*
 * State the probability of a span that is sampled like its parent, or only if its parent is, by a
 * sampler of its own. Spec: trace/tracestate-probability-sampling.md#parent-based-threshold
 */
static void follow_parent(const struct parent_based *parent_based, enum tote__parent_kind kind,
                          const tote_span_context *parent, tote_sampling_result *result) {
    enum tote__parent_kind opposite =
        kind == TOTE__REMOTE_SAMPLED ? TOTE__REMOTE_NOT_SAMPLED : TOTE__LOCAL_NOT_SAMPLED;

    if (parent_based->samplers[kind]->known[kind] != TOTE__ASK_SAMPLER) {
        result->has_threshold = true;
    } else if (parent_based->samplers[opposite]->known[opposite] == TOTE_SAMPLING_DECISION_DROP) {
        tote__sampling_raise(result, parent);
    }
}

static tote_sampling_decision parent_based_should_sample(void *self,
                                                         const tote_sampling_parameters *parameters,
                                                         tote_sampling_result *result) {
    struct parent_based *parent_based = self;
    const tote_span_context *parent = tote__sampling_parent(parameters);
    enum tote__parent_kind kind = tote__parent_kind_of(parent);
    tote_sampling_decision decision =
        tote_sampler_should_sample(parent_based->samplers[kind], parameters, result);

    if (result && decision == TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE &&
        (kind == TOTE__REMOTE_SAMPLED || kind == TOTE__LOCAL_SAMPLED)) {
        follow_parent(parent_based, kind, parent, result);
    }
    return decision;
}

/* Return the number of different samplers. */
static size_t own_count(const struct parent_based *parent_based) {
    return parent_based->has_undecided ? TOTE__PARENT_KINDS : TOTE__REMOTE_UNDECIDED;
}

static size_t parent_based_get_description(void *self, char *buffer, size_t size) {
    const struct parent_based *parent_based = self;
    struct tote__description description = {buffer, size, 0};

    tote__describe(&description, "ParentBased{");
    for (size_t i = 0; i < own_count(parent_based); i++) {
        tote__describe(&description, i ? "," : "");
        tote__describe(&description, names[i]);
        tote__describe(&description, ":");
        tote__describe_sampler(&description, parent_based->samplers[i]);
    }
    tote__describe(&description, "}");
    return description.length;
}

static tote_result parent_based_shutdown(void *self, uint32_t timeout_ms) {
    const struct parent_based *parent_based = self;
    uint64_t deadline = tote__deadline_in(timeout_ms);
    tote_result result = TOTE_RESULT_SUCCESS;

    for (size_t i = 0; i < own_count(parent_based); i++) {
        result = tote__worse(result, tote_sampler_shutdown(parent_based->samplers[i],
                                                           tote__deadline_left_ms(deadline)));
    }
    return result;
}

static void free_samplers(struct parent_based *parent_based) {
    for (size_t i = 0; i < own_count(parent_based); i++) {
        tote_sampler_free(parent_based->samplers[i]);
    }
}

static void parent_based_destroy(void *self) {
    free_samplers(self);
    tote__release(self, sizeof(struct parent_based));
}

static const tote_sampler_ops parent_based_ops = {
    sizeof parent_based_ops, parent_based_should_sample, parent_based_get_description,
    parent_based_destroy, parent_based_shutdown};

static tote_sampler *on_unless(tote_sampler *given) {
    return given ? given : tote_sampler_always_on_new();
}

static tote_sampler *off_unless(tote_sampler *given) {
    return given ? given : tote_sampler_always_off_new();
}

tote_sampler *tote_sampler_parent_based_new(const tote_parent_based_options *options) {
    tote_parent_based_options given = TOTE_PARENT_BASED_OPTIONS_INIT;
    struct parent_based *self = tote__allocate(sizeof *self);

    TOTE__COPY_OPTIONS(tote_parent_based_options, &given, options);
    struct parent_based chosen = {
        .samplers =
            {
                [TOTE__NO_PARENT] = on_unless(given.root),
                [TOTE__REMOTE_SAMPLED] = on_unless(given.remote_parent_sampled),
                [TOTE__REMOTE_NOT_SAMPLED] = off_unless(given.remote_parent_not_sampled),
                [TOTE__LOCAL_SAMPLED] = on_unless(given.local_parent_sampled),
                [TOTE__LOCAL_NOT_SAMPLED] = off_unless(given.local_parent_not_sampled),
                [TOTE__REMOTE_UNDECIDED] = given.remote_parent_undecided,
            },
        .has_undecided = given.remote_parent_undecided != NULL};
    if (!chosen.has_undecided) {
        chosen.samplers[TOTE__REMOTE_UNDECIDED] = chosen.samplers[TOTE__NO_PARENT];
    }
    if (!self) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "sampler",
            "no parent based sampler is created: out of memory; all spans are dropped");
        free_samplers(&chosen);
        return tote_sampler_always_off_new();
    }
    *self = chosen;
    tote_sampler *sampler = tote_sampler_new(&parent_based_ops, self);
    if (sampler->self == self) {
        sampler->ignores_attributes = true;
        for (size_t i = 0; i < TOTE__PARENT_KINDS; i++) {
            sampler->known[i] = chosen.samplers[i]->known[i];
            sampler->ignores_attributes &= chosen.samplers[i]->ignores_attributes;
        }
        sampler->follows_parent = true;
    }
    return sampler;
}
