/* SPDX-License-Identifier: MIT */
/*
 * sampler_always_record.c - records the spans that another sampler drops
 *
 * Spec: trace/sdk.md#alwaysrecord
 *
 * Tests: tests/unit/test_sampler_probability.c
 */
#include "tote/diagnostics.h"
#include "tote/internal/sampling.h"

static tote_sampling_decision record(tote_sampling_decision decision) {
    return decision == TOTE_SAMPLING_DECISION_DROP ? TOTE_SAMPLING_DECISION_RECORD_ONLY : decision;
}

static tote_sampling_decision
always_record_should_sample(void *self, const tote_sampling_parameters *parameters,
                            tote_sampling_result *result) {
    return record(tote_sampler_should_sample(self, parameters, result));
}

static size_t always_record_get_description(void *self, char *buffer, size_t size) {
    struct tote__description description = {buffer, size, 0};

    tote__describe(&description, "AlwaysRecordSampler{");
    tote__describe_sampler(&description, self);
    tote__describe(&description, "}");
    return description.length;
}

static void always_record_destroy(void *self) {
    tote_sampler_free(self);
}

static tote_result always_record_shutdown(void *self, uint32_t timeout_ms) {
    return tote_sampler_shutdown(self, timeout_ms);
}

static const tote_sampler_ops always_record_ops = {
    sizeof always_record_ops, always_record_should_sample, always_record_get_description,
    always_record_destroy, always_record_shutdown};

tote_sampler *tote_sampler_always_record_new(tote_sampler *root) {
    if (!root) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "sampler",
            "no sampler that always records is created: its root is NULL; all spans are dropped");
        return tote_sampler_always_off_new();
    }
    tote_sampler *sampler = tote_sampler_new(&always_record_ops, root);
    if (sampler->self == root) {
        for (size_t i = 0; i < TOTE__PARENT_KINDS; i++) {
            if (root->known[i] != TOTE__ASK_SAMPLER) {
                sampler->known[i] = (int)record((tote_sampling_decision)root->known[i]);
            }
        }
        sampler->follows_parent = root->follows_parent;
        sampler->ignores_attributes = root->ignores_attributes;
    }
    return sampler;
}
