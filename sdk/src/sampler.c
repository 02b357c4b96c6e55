/* SPDX-License-Identifier: MIT */
/*
 * sampler.c - samplers in general, and those that always say the same
 *
 * Those that always say the same are static: they cost no memory, and the one that drops
 * everything is also what a constructor gives that cannot do better.
 */
#include "tote/sdk/sampler.h"

#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

enum { FEWEST_ATTRIBUTES = 4 };

static size_t copy_description(const char *text, char *buffer, size_t size) {
    size_t length = strlen(text);

    if (buffer && size) {
        size_t copied = tote__min(length, size - 1);
        memcpy(buffer, text, copied);
        buffer[copied] = '\0';
    }
    return length;
}

static tote_sampling_decision sample(void *self, const tote_sampling_parameters *parameters,
                                     tote_sampling_result *result) {
    (void)self, (void)parameters, (void)result;
    return TOTE_SAMPLING_RECORD_AND_SAMPLE;
}

static tote_sampling_decision drop(void *self, const tote_sampling_parameters *parameters,
                                   tote_sampling_result *result) {
    (void)self, (void)parameters, (void)result;
    return TOTE_SAMPLING_DROP;
}

/* Spec: trace/sdk.md#alwayson */
static size_t describe_always_on(void *self, char *buffer, size_t size) {
    (void)self;
    return copy_description("AlwaysOnSampler", buffer, size);
}

/* Spec: trace/sdk.md#alwaysoff */
static size_t describe_always_off(void *self, char *buffer, size_t size) {
    (void)self;
    return copy_description("AlwaysOffSampler", buffer, size);
}

static struct tote_sampler always_on = {
    .ops = {sizeof(tote_sampler_ops), sample, describe_always_on, NULL},
    .known = {TOTE_SAMPLING_RECORD_AND_SAMPLE, TOTE_SAMPLING_RECORD_AND_SAMPLE,
              TOTE_SAMPLING_RECORD_AND_SAMPLE, TOTE_SAMPLING_RECORD_AND_SAMPLE,
              TOTE_SAMPLING_RECORD_AND_SAMPLE, TOTE_SAMPLING_RECORD_AND_SAMPLE}};
static struct tote_sampler always_off = {
    .ops = {sizeof(tote_sampler_ops), drop, describe_always_off, NULL},
    .known = {TOTE_SAMPLING_DROP, TOTE_SAMPLING_DROP, TOTE_SAMPLING_DROP, TOTE_SAMPLING_DROP,
              TOTE_SAMPLING_DROP, TOTE_SAMPLING_DROP}};

tote_sampler *tote_sampler_new_always_on(void) {
    return &always_on;
}

tote_sampler *tote_sampler_new_always_off(void) {
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
    tote_diagnose(TOTE_LEVEL_ERROR, "sampler", "sampler not made: %s; it drops every span",
                  sampler ? "it has no should_sample function" : "memory is out");
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
        return TOTE_SAMPLING_DROP;
    }
    tote_sampling_decision decision = sampler->ops.should_sample(sampler->self, parameters, result);
    return decision == TOTE_SAMPLING_RECORD_ONLY || decision == TOTE_SAMPLING_RECORD_AND_SAMPLE
               ? decision
               : TOTE_SAMPLING_DROP;
}

size_t tote_sampler_get_description(const tote_sampler *sampler, char *buffer, size_t size) {
    if (!sampler || !sampler->ops.get_description) {
        return copy_description(sampler ? "Sampler" : "", buffer, size);
    }
    return sampler->ops.get_description(sampler->self, buffer, size);
}

/* The place of `key`: its own when it was set before, else a new one. NULL if out of memory. */
static tote_attribute *find_place(struct tote_sampling_result *result, const char *key) {
    for (size_t i = 0; i < result->attribute_count; i++) {
        if (strcmp(result->attributes[i].key, key) == 0) {
            return &result->attributes[i];
        }
    }
    if (result->attribute_count == result->attribute_capacity) {
        size_t capacity =
            result->attribute_capacity ? 2 * result->attribute_capacity : FEWEST_ATTRIBUTES;
        tote_attribute *grown =
            tote__arena_allocate(&result->memory, capacity * sizeof *result->attributes);
        if (!grown) {
            return NULL;
        }
        if (result->attribute_count) {
            memcpy(grown, result->attributes, result->attribute_count * sizeof *grown);
        }
        result->attributes = grown;
        result->attribute_capacity = capacity;
    }
    return &result->attributes[result->attribute_count];
}

/* A copy of the attribute with all that it points to, by way of its wire form. */
static bool copy_attribute(struct tote__arena *memory, const char *key, tote_value value,
                           tote_attribute *copy) {
    size_t key_length = strlen(key);
    size_t size = tote__attribute_size(key, key_length, value, &tote__wire_no_limits);
    uint8_t *bytes = tote__arena_allocate(memory, size);
    tote_attribute *unpacked = NULL;
    size_t count = 0;

    if (!bytes) {
        return false;
    }
    tote__put_attribute(bytes, TOTE__TAG_RESOURCE_ATTRIBUTE, key, key_length, value,
                        &tote__wire_no_limits);
    struct tote__slice fields = {bytes, size};
    if (!tote__unpack_attributes(fields, TOTE__TAG_RESOURCE_ATTRIBUTE >> 3, memory, &unpacked,
                                 &count) ||
        !count) {
        return false;
    }
    *copy = unpacked[0];
    return true;
}

void tote_sampling_result_set_attribute(tote_sampling_result *result, const char *key,
                                        tote_value value) {
    tote_attribute copy;

    if (!result) {
        return;
    }
    bool is_usable = key && *key && copy_attribute(&result->memory, key, value, &copy);
    tote_attribute *place = is_usable ? find_place(result, copy.key) : NULL;
    if (!place) {
        result->dropped_attribute_count++;
        return;
    }
    result->attribute_count += place == &result->attributes[result->attribute_count];
    *place = copy;
}

void tote_sampling_result_set_trace_state(tote_sampling_result *result,
                                          const tote_trace_state *trace_state) {
    if (!result) {
        return;
    }
    tote_trace_state *replaced = result->trace_state;
    result->trace_state = tote_trace_state_ref(trace_state);
    tote_trace_state_unref(replaced);
}
