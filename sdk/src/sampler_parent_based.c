/* SPDX-License-Identifier: MIT */
/*
 * sampler_parent_based.c - a sampler for each kind of parent
 *
 * Spec: trace/sdk.md#parentbased
 */
#include <stdio.h>

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sdk.h"
#include "tote/internal/span.h"
#include "tote/internal/tracer.h"

enum parent_kind {
    NO_PARENT,
    REMOTE_SAMPLED,
    REMOTE_NOT_SAMPLED,
    LOCAL_SAMPLED,
    LOCAL_NOT_SAMPLED,
    PARENT_KINDS
};

struct parent_based {
    tote_sampler *samplers[PARENT_KINDS];
};

static const char *const names[PARENT_KINDS] = {"root", "remoteParentSampled",
                                                "remoteParentNotSampled", "localParentSampled",
                                                "localParentNotSampled"};

static enum parent_kind kind_of(const tote_context *context) {
    const tote_span_context *parent = tote_context_get_span_context(context);

    if (!tote_span_context_is_valid(parent)) {
        return NO_PARENT;
    }
    bool is_sampled = parent->trace_flags & TOTE_TRACE_FLAG_SAMPLED;
    if (parent->is_remote) {
        return is_sampled ? REMOTE_SAMPLED : REMOTE_NOT_SAMPLED;
    }
    return is_sampled ? LOCAL_SAMPLED : LOCAL_NOT_SAMPLED;
}

static tote_sampling_decision parent_based_should_sample(void *self,
                                                         const tote_sampling_parameters *parameters,
                                                         tote_sampling_result *result) {
    struct parent_based *parent_based = self;

    return tote_sampler_should_sample(parent_based->samplers[kind_of(parameters->parent)],
                                      parameters, result);
}

/* As snprintf(), behind the `length` bytes that there are already. Returns: the length with it. */
static size_t append(char *buffer, size_t size, size_t length, const char *text) {
    bool has_room = buffer && length < size;
    int added =
        snprintf(has_room ? buffer + length : NULL, has_room ? size - length : 0, "%s", text);

    return length + (added < 0 ? 0 : (size_t)added);
}

static size_t parent_based_get_description(void *self, char *buffer, size_t size) {
    const struct parent_based *parent_based = self;
    size_t length = append(buffer, size, 0, "ParentBased{");

    for (size_t i = 0; i < PARENT_KINDS; i++) {
        length = append(buffer, size, length, i ? "," : "");
        length = append(buffer, size, length, names[i]);
        length = append(buffer, size, length, ":");
        bool has_room = buffer && length < size;
        length += tote_sampler_get_description(parent_based->samplers[i],
                                               has_room ? buffer + length : NULL,
                                               has_room ? size - length : 0);
    }
    return append(buffer, size, length, "}");
}

static void free_samplers(struct parent_based *parent_based) {
    for (size_t i = 0; i < PARENT_KINDS; i++) {
        tote_sampler_free(parent_based->samplers[i]);
    }
}

static void parent_based_destroy(void *self) {
    free_samplers(self);
    tote__release(self, sizeof(struct parent_based));
}

static const tote_sampler_ops parent_based_ops = {
    sizeof parent_based_ops, parent_based_should_sample, parent_based_get_description,
    parent_based_destroy};

static tote_sampler *on_unless(tote_sampler *given) {
    return given ? given : tote_sampler_new_always_on();
}

static tote_sampler *off_unless(tote_sampler *given) {
    return given ? given : tote_sampler_new_always_off();
}

tote_sampler *tote_sampler_new_parent_based(const tote_parent_based_options *options) {
    tote_parent_based_options given = TOTE_PARENT_BASED_OPTIONS_INIT;
    struct parent_based *self = tote__allocate(sizeof *self);

    tote__copy_options(&given, sizeof given, options);
    struct parent_based chosen = {{
        [NO_PARENT] = on_unless(given.root),
        [REMOTE_SAMPLED] = on_unless(given.remote_parent_sampled),
        [REMOTE_NOT_SAMPLED] = off_unless(given.remote_parent_not_sampled),
        [LOCAL_SAMPLED] = on_unless(given.local_parent_sampled),
        [LOCAL_NOT_SAMPLED] = off_unless(given.local_parent_not_sampled),
    }};
    if (!self) {
        tote_diagnose(TOTE_LEVEL_ERROR, "sampler",
                      "parent based sampler not made: memory is out; it drops every span");
        free_samplers(&chosen);
        return tote_sampler_new_always_off();
    }
    *self = chosen;
    return tote_sampler_new(&parent_based_ops, self);
}
