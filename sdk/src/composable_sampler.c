/* SPDX-License-Identifier: MIT */
/*
 * composable_sampler.c - composable samplers, except the rule based one
 *
 * Always on and always off are static, so they cannot fail. A constructor that fails returns always
 * off. Spec: trace/sdk.md#built-in-composablesamplers
 *
 * Tests: tests/unit/test_sampler_composite.c
 */
#include "composable_sampler.h"

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"
#include "tote/internal/tracer.h"

void tote_sampling_intent_set_threshold(tote_sampling_intent *intent, uint64_t threshold,
                                        bool is_reliable) {
    if (intent) {
        bool is_some = threshold < TOTE_SAMPLING_THRESHOLD_NONE;
        intent->threshold = is_some ? threshold : TOTE_SAMPLING_THRESHOLD_NONE;
        intent->is_reliable = is_some && is_reliable;
    }
}

uint64_t tote_sampling_intent_get_threshold(const tote_sampling_intent *intent) {
    return intent ? intent->threshold : TOTE_SAMPLING_THRESHOLD_NONE;
}

bool tote_sampling_intent_is_reliable(const tote_sampling_intent *intent) {
    return intent && intent->is_reliable;
}

void tote_sampling_intent_add_provider(tote_sampling_intent *intent,
                                       const tote_sampling_provider *provider, void *user_data) {
    if (!intent || !provider) {
        return;
    }
    if (intent->provider_count == MOST_PROVIDERS) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "sampler",
                                "composable samplers add more than %d providers: the others are "
                                "not called; nest fewer samplers",
                                MOST_PROVIDERS);
        return;
    }
    intent->providers[intent->provider_count++] = (struct intent_provider){provider, user_data};
}

static void propose_constant(void *self, const tote_sampling_parameters *parameters,
                             tote_sampling_intent *intent) {
    (void)parameters;
    if (self) {
        tote_sampling_intent_set_threshold(intent, TOTE_SAMPLING_THRESHOLD_ALL, true);
    }
}

static size_t describe_constant(void *self, char *buffer, size_t size) {
    return tote__put_description(self ? "ComposableAlwaysOn" : "ComposableAlwaysOff", buffer, size);
}

static struct tote_composable_sampler always_on = {
    {sizeof(tote_composable_sampler_ops), propose_constant, describe_constant, NULL, NULL},
    &always_on};
static struct tote_composable_sampler always_off = {
    {sizeof(tote_composable_sampler_ops), propose_constant, describe_constant, NULL, NULL}, NULL};

tote_composable_sampler *tote_composable_sampler_always_on_new(void) {
    return &always_on;
}

tote_composable_sampler *tote_composable_sampler_always_off_new(void) {
    return &always_off;
}

static void report_failure(const char *name, const char *reason) {
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "sampler",
                            "no composable sampler%s%s is created: %s; it proposes no span",
                            *name ? " " : "", name, reason);
}

tote_composable_sampler *tote_composable_sampler_new(const tote_composable_sampler_ops *ops,
                                                     void *self) {
    tote_composable_sampler_ops own = {.struct_size = sizeof own};
    struct tote_composable_sampler *sampler = tote__allocate(sizeof *sampler);

    TOTE__COPY_OPTIONS(tote_composable_sampler_ops, &own, ops);
    if (sampler && own.get_sampling_intent) {
        *sampler = (struct tote_composable_sampler){own, self};
        return sampler;
    }
    report_failure("", sampler ? "it has no get_sampling_intent function" : "out of memory");
    tote__release(sampler, sizeof *sampler);
    if (own.destroy) {
        own.destroy(self);
    }
    return &always_off;
}

void tote_composable_sampler_free(tote_composable_sampler *sampler) {
    if (!sampler || sampler == &always_on || sampler == &always_off) {
        return;
    }
    if (sampler->ops.destroy) {
        sampler->ops.destroy(sampler->self);
    }
    tote__release(sampler, sizeof *sampler);
}

void tote_composable_sampler_get_sampling_intent(tote_composable_sampler *sampler,
                                                 const tote_sampling_parameters *parameters,
                                                 tote_sampling_intent *intent) {
    tote_sampling_intent_set_threshold(intent, TOTE_SAMPLING_THRESHOLD_NONE, false);
    if (sampler && parameters && intent) {
        sampler->ops.get_sampling_intent(sampler->self, parameters, intent);
    }
}

size_t tote_composable_sampler_get_description(const tote_composable_sampler *sampler, char *buffer,
                                               size_t size) {
    if (!sampler || !sampler->ops.get_description) {
        return tote__put_description(sampler ? "ComposableSampler" : "", buffer, size);
    }
    return sampler->ops.get_description(sampler->self, buffer, size);
}

tote_result tote_composable_sampler_shutdown(tote_composable_sampler *sampler,
                                             uint32_t timeout_ms) {
    return sampler && sampler->ops.shutdown ? sampler->ops.shutdown(sampler->self, timeout_ms)
                                            : TOTE_RESULT_SUCCESS;
}

struct probability {
    uint64_t threshold;
    char description[TOTE__RATIO_TEXT];
};

static void propose_probability(void *self, const tote_sampling_parameters *parameters,
                                tote_sampling_intent *intent) {
    (void)parameters;
    tote_sampling_intent_set_threshold(intent, ((const struct probability *)self)->threshold, true);
}

static size_t describe_probability(void *self, char *buffer, size_t size) {
    return tote__put_description(((const struct probability *)self)->description, buffer, size);
}

static void destroy_probability(void *self) {
    tote__release(self, sizeof(struct probability));
}

tote_composable_sampler *tote_composable_sampler_probability_new(double ratio) {
    static const tote_composable_sampler_ops ops = {
        sizeof ops, propose_probability, describe_probability, destroy_probability, NULL};
    uint64_t threshold = tote__sampling_threshold(ratio);
    bool is_valid = ratio >= 0 && ratio <= 1;

    if (is_valid && threshold == TOTE_SAMPLING_THRESHOLD_NONE) {
        return &always_off; /* Spec: trace/sdk.md#composableprobability */
    }
    struct probability *self = is_valid ? tote__allocate(sizeof *self) : NULL;
    if (!self) {
        report_failure("by probability",
                       is_valid ? "out of memory" : "a ratio must be from 0 to 1");
        return &always_off;
    }
    self->threshold = threshold;
    tote__describe_ratio(self->description, "ComposableProbability", ratio);
    return tote_composable_sampler_new(&ops, self);
}

static void propose_parent_threshold(void *self, const tote_sampling_parameters *parameters,
                                     tote_sampling_intent *intent) {
    const tote_span_context *parent = tote__sampling_parent(parameters);
    enum tote__parent_kind kind = tote__parent_kind_of(parent);
    uint64_t threshold;

    if (!tote__span_context_is_valid(parent) || kind == TOTE__REMOTE_UNDECIDED) {
        tote_composable_sampler_get_sampling_intent(self, parameters, intent);
    } else if (tote__sampling_parent_threshold(parent, &threshold)) {
        tote_sampling_intent_set_threshold(intent, threshold, true);
    } else if (parent->trace_flags & TOTE_TRACE_FLAG_SAMPLED) {
        tote_sampling_intent_set_threshold(intent, TOTE_SAMPLING_THRESHOLD_ALL, false);
    }
}

static size_t describe_parent_threshold(void *self, char *buffer, size_t size) {
    struct tote__description description = {buffer, size, 0};

    tote__describe(&description, "ComposableParentThreshold{root:");
    tote__describe_composable(&description, self);
    tote__describe(&description, "}");
    return description.length;
}

static void destroy_delegate(void *self) {
    tote_composable_sampler_free(self);
}

static tote_result shutdown_delegate(void *self, uint32_t timeout_ms) {
    return tote_composable_sampler_shutdown(self, timeout_ms);
}

tote_composable_sampler *
tote_composable_sampler_parent_threshold_new(tote_composable_sampler *root) {
    static const tote_composable_sampler_ops ops = {sizeof ops, propose_parent_threshold,
                                                    describe_parent_threshold, destroy_delegate,
                                                    shutdown_delegate};

    if (!root) {
        report_failure("by the parent's threshold", "its root is NULL");
        return &always_off;
    }
    return tote_composable_sampler_new(&ops, root);
}

struct annotating {
    tote_composable_sampler *delegate;
    struct tote__attribute_list attributes;
};

static void add_annotations(void *user_data, const tote_sampling_parameters *parameters,
                            tote_sampling_result *result) {
    const struct annotating *self = user_data;

    (void)parameters;
    for (size_t i = 0; i < self->attributes.count; i++) {
        tote__sampling_result_add_borrowed(result, self->attributes.items[i]);
    }
}

static void propose_annotating(void *self, const tote_sampling_parameters *parameters,
                               tote_sampling_intent *intent) {
    static const tote_sampling_provider provider = {sizeof provider, add_annotations, NULL};
    struct annotating *annotating = self;

    tote_composable_sampler_get_sampling_intent(annotating->delegate, parameters, intent);
    tote_sampling_intent_add_provider(intent, &provider, annotating);
}

static size_t describe_annotating(void *self, char *buffer, size_t size) {
    struct tote__description description = {buffer, size, 0};

    tote__describe(&description, "ComposableAnnotating{");
    tote__describe_composable(&description, ((const struct annotating *)self)->delegate);
    tote__describe(&description, "}");
    return description.length;
}

static void destroy_annotating(void *self) {
    struct annotating *annotating = self;

    tote_composable_sampler_free(annotating->delegate);
    tote__arena_clear(&annotating->attributes.memory);
    tote__release(annotating, sizeof *annotating);
}

static tote_result shutdown_annotating(void *self, uint32_t timeout_ms) {
    return tote_composable_sampler_shutdown(((const struct annotating *)self)->delegate,
                                            timeout_ms);
}

/* Returns false if an attribute is unusable, or out of memory. */
static bool copy_attributes(struct tote__attribute_list *list, const tote_attribute *attributes,
                            size_t count) {
    bool is_complete = true;

    for (size_t i = 0; attributes && i < count; i++) {
        tote_attribute copy;
        is_complete &= tote__sampling_copy_attribute(&list->memory, attributes[i], &copy) &&
                       tote__attribute_list_set(list, copy);
    }
    return is_complete;
}

tote_composable_sampler *tote_composable_sampler_annotating_new(const tote_attribute *attributes,
                                                                size_t attribute_count,
                                                                tote_composable_sampler *delegate) {
    static const tote_composable_sampler_ops ops = {sizeof ops, propose_annotating,
                                                    describe_annotating, destroy_annotating,
                                                    shutdown_annotating};
    struct annotating *self = delegate ? tote__allocate_zeroed(sizeof *self) : NULL;

    if (!self) {
        report_failure("with attributes", delegate ? "out of memory" : "its delegate is NULL");
        tote_composable_sampler_free(delegate);
        return &always_off;
    }
    self->delegate = delegate;
    if (!copy_attributes(&self->attributes, attributes, attribute_count)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "sampler",
                                "attributes of a composable sampler are lost: they have no key, or "
                                "out of memory");
    }
    return tote_composable_sampler_new(&ops, self);
}
