/* SPDX-License-Identifier: MIT */
/*
 * sampler.c - samplers in general, always on and always off
 *
 * Always on and always off are static, so they cannot fail. A constructor that fails returns always
 * off.
 *
 * Tests: tests/unit/test_sampler.c
 */
#include "tote/sdk/sampler.h"

#include <stdio.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

size_t tote__put_description(const char *text, char *buffer, size_t size) {
    int length = snprintf(buffer, buffer ? size : 0, "%s", text);

    return length < 0 ? 0 : (size_t)length;
}

/* Return the part of the buffer that is left; NULL if there is none. */
static char *rest(const struct tote__description *description, size_t *size) {
    bool has_rest = description->buffer && description->length < description->size;

    *size = has_rest ? description->size - description->length : 0;
    return has_rest ? description->buffer + description->length : NULL;
}

void tote__describe(struct tote__description *description, const char *text) {
    size_t size;
    char *at = rest(description, &size);

    description->length += tote__put_description(text, at, size);
}

void tote__describe_sampler(struct tote__description *description, const tote_sampler *sampler) {
    size_t size;
    char *at = rest(description, &size);

    description->length += tote_sampler_get_description(sampler, at, size);
}

void tote__describe_composable(struct tote__description *description,
                               const tote_composable_sampler *sampler) {
    size_t size;
    char *at = rest(description, &size);

    description->length += tote_composable_sampler_get_description(sampler, at, size);
}

static tote_sampling_decision sample(void *self, const tote_sampling_parameters *parameters,
                                     tote_sampling_result *result) {
    (void)parameters, (void)result;
    return self ? TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE : TOTE_SAMPLING_DECISION_DROP;
}

/* Spec: trace/sdk.md#alwayson, #alwaysoff */
static size_t describe(void *self, char *buffer, size_t size) {
    return tote__put_description(self ? "AlwaysOnSampler" : "AlwaysOffSampler", buffer, size);
}

static struct tote_sampler always_on = {
    .ops = {sizeof(tote_sampler_ops), sample, describe, NULL, NULL},
    .self = &always_on,
    .known = {TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE, TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE,
              TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE, TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE,
              TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE, TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE},
    .ignores_attributes = true};
static struct tote_sampler always_off = {
    .ops = {sizeof(tote_sampler_ops), sample, describe, NULL, NULL},
    .known = {TOTE_SAMPLING_DECISION_DROP, TOTE_SAMPLING_DECISION_DROP, TOTE_SAMPLING_DECISION_DROP,
              TOTE_SAMPLING_DECISION_DROP, TOTE_SAMPLING_DECISION_DROP,
              TOTE_SAMPLING_DECISION_DROP},
    .ignores_attributes = true};

tote_sampler *tote_sampler_always_on_new(void) {
    return &always_on;
}

tote_sampler *tote_sampler_always_off_new(void) {
    return &always_off;
}

tote_sampler *tote_sampler_new(const tote_sampler_ops *ops, void *self) {
    tote_sampler_ops own = {.struct_size = sizeof own};
    struct tote_sampler *sampler = tote__allocate(sizeof *sampler);

    TOTE__COPY_OPTIONS(tote_sampler_ops, &own, ops);
    if (sampler && own.should_sample) {
        *sampler = (struct tote_sampler){.ops = own, .self = self};
        memset(sampler->known, TOTE__ASK_SAMPLER, sizeof sampler->known);
        return sampler;
    }
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "sampler",
                            "no sampler is created: %s; all spans are dropped",
                            sampler ? "it has no should_sample function" : "out of memory");
    tote__release(sampler, sizeof *sampler);
    if (own.destroy) {
        own.destroy(self);
    }
    return &always_off;
}

void tote_sampler_free(tote_sampler *sampler) {
    if (!sampler || sampler == &always_on || sampler == &always_off) {
        return;
    }
    if (sampler->ops.destroy) {
        sampler->ops.destroy(sampler->self);
    }
    tote__release(sampler, sizeof *sampler);
}

tote_sampling_decision tote_sampler_should_sample(tote_sampler *sampler,
                                                  const tote_sampling_parameters *parameters,
                                                  tote_sampling_result *result) {
    if (!sampler || !parameters) {
        return TOTE_SAMPLING_DECISION_DROP;
    }
    tote_sampling_decision decision = sampler->ops.should_sample(sampler->self, parameters, result);
    return decision == TOTE_SAMPLING_DECISION_RECORD_ONLY ||
                   decision == TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE
               ? decision
               : TOTE_SAMPLING_DECISION_DROP;
}

size_t tote_sampler_get_description(const tote_sampler *sampler, char *buffer, size_t size) {
    if (!sampler || !sampler->ops.get_description) {
        return tote__put_description(sampler ? "Sampler" : "", buffer, size);
    }
    return sampler->ops.get_description(sampler->self, buffer, size);
}

tote_result tote_sampler_shutdown(tote_sampler *sampler, uint32_t timeout_ms) {
    return sampler && sampler->ops.shutdown ? sampler->ops.shutdown(sampler->self, timeout_ms)
                                            : TOTE_RESULT_SUCCESS;
}

/* By encoding and decoding it. */
bool tote__sampling_copy_attribute(struct tote__arena *memory, tote_attribute attribute,
                                   tote_attribute *copy) {
    struct tote__slice fields;
    tote_attribute *unpacked = NULL;
    size_t count = 0;
    bool is_copied =
        attribute.key && *attribute.key &&
        tote__encode_attributes(memory, TOTE__TAG_RESOURCE_ATTRIBUTE, &attribute, 1, &fields) &&
        tote__unpack_attributes(fields, TOTE__TAG_RESOURCE_ATTRIBUTE >> 3, memory, &unpacked,
                                &count) &&
        count;

    if (is_copied) {
        *copy = unpacked[0];
    }
    return is_copied;
}

void tote_sampling_result_set_attribute(tote_sampling_result *result, const char *key,
                                        tote_value value) {
    tote_attribute copy;

    if (!result) {
        return;
    }
    if (tote__sampling_copy_attribute(&result->attributes.memory, (tote_attribute){key, value},
                                      &copy)) {
        tote__sampling_result_add_borrowed(result, copy);
    } else {
        result->dropped_attribute_count++;
    }
}

void tote__sampling_result_add_borrowed(tote_sampling_result *result, tote_attribute attribute) {
    if (result && !tote__attribute_list_set(&result->attributes, attribute)) {
        result->dropped_attribute_count++;
    }
}

void tote_sampling_result_set_trace_state(tote_sampling_result *result,
                                          const tote_trace_state *trace_state) {
    if (!result) {
        return;
    }
    tote_trace_state *replaced = result->trace_state;
    result->trace_state = tote_trace_state_ref(trace_state);
    result->has_threshold = true;
    tote_trace_state_unref(replaced);
}
