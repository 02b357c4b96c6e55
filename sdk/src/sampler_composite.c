/* SPDX-License-Identifier: MIT */
/*
 * sampler_composite.c - decides by the proposal of a composable sampler
 *
 * Spec: trace/sdk.md#compositesampler
 *
 * Tests: tests/unit/test_sampler_composite.c
 */
#include <string.h>

#include "composable_sampler.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"

/* Return `state` with the member `ot` of `parent`. Takes over and returns a reference. */
static tote_trace_state *restore_ot(tote_trace_state *state, const tote_trace_state *parent) {
    const char *ot = tote_trace_state_get(state, "ot");
    const char *kept = tote_trace_state_get(parent, "ot");

    if (ot == kept || (ot && kept && strcmp(ot, kept) == 0)) {
        return state;
    }
    tote_trace_state *restored =
        kept ? tote_trace_state_with(state, "ot", kept) : tote_trace_state_without(state, "ot");
    tote_trace_state_unref(state);
    return restored;
}

/* Call the providers of trace state. Returns a reference. */
static tote_trace_state *provide_trace_state(const tote_sampling_intent *intent,
                                             const tote_trace_state *parent,
                                             tote_sampling_decision decision) {
    tote_trace_state *state = tote_trace_state_ref(parent);

    for (size_t i = 0; i < intent->provider_count; i++) {
        const struct intent_provider *provider = &intent->providers[i];
        if (provider->ops->get_trace_state) {
            tote_trace_state *before = state;
            state = provider->ops->get_trace_state(provider->user_data, before, decision);
            tote_trace_state_unref(before);
        }
    }
    return restore_ot(state, parent);
}

static void provide_attributes(const tote_sampling_intent *intent,
                               const tote_sampling_parameters *parameters,
                               tote_sampling_result *result) {
    for (size_t i = 0; i < intent->provider_count; i++) {
        const struct intent_provider *provider = &intent->providers[i];
        if (provider->ops->add_attributes) {
            provider->ops->add_attributes(provider->user_data, parameters, result);
        }
    }
}

static tote_sampling_decision composite_should_sample(void *self,
                                                      const tote_sampling_parameters *parameters,
                                                      tote_sampling_result *result) {
    tote_sampling_parameters visible = {.struct_size = sizeof visible};
    tote_sampling_intent intent;

    if (!parameters->trace_id) {
        return TOTE_SAMPLING_DECISION_DROP;
    }
    memcpy(&visible, parameters, tote__min(parameters->struct_size, sizeof visible));
    visible.struct_size = sizeof visible;
    visible.trace_id = NULL;
    intent.provider_count = 0;
    tote_composable_sampler_get_sampling_intent(self, &visible, &intent);

    struct tote__sampling_draw draw = tote__sampling_draw(parameters);
    uint64_t randomness = intent.is_reliable ? draw.randomness : tote__sampling_random();
    bool is_sampled = randomness >= intent.threshold; /* 2^56 is more than any */
    tote_sampling_decision decision =
        is_sampled ? TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE : TOTE_SAMPLING_DECISION_DROP;
    const tote_trace_state *parent = tote__sampling_parent_state(parameters);
    tote_trace_state *state = provide_trace_state(&intent, parent, decision);
    tote__sampling_write(
        result, state,
        is_sampled && intent.is_reliable ? intent.threshold : TOTE_SAMPLING_THRESHOLD_NONE, draw);
    tote_trace_state_unref(state);
    if (is_sampled) {
        provide_attributes(&intent, parameters, result);
    }
    return decision;
}

static size_t composite_get_description(void *self, char *buffer, size_t size) {
    struct tote__description description = {buffer, size, 0};

    tote__describe(&description, "CompositeSampler{");
    tote__describe_composable(&description, self);
    tote__describe(&description, "}");
    return description.length;
}

static void composite_destroy(void *self) {
    tote_composable_sampler_free(self);
}

static tote_result composite_shutdown(void *self, uint32_t timeout_ms) {
    return tote_composable_sampler_shutdown(self, timeout_ms);
}

static const tote_sampler_ops composite_ops = {sizeof composite_ops, composite_should_sample,
                                               composite_get_description, composite_destroy,
                                               composite_shutdown};

tote_sampler *tote_sampler_composite_new(tote_composable_sampler *root) {
    if (!root) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "sampler",
            "no composite sampler is created: its root is NULL; all spans are dropped");
        return tote_sampler_always_off_new();
    }
    return tote_sampler_new(&composite_ops, root);
}
