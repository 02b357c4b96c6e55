/* SPDX-License-Identifier: MIT */
/*
 * composable_sampler.h - what a composable sampler proposes, as the composite sampler reads it
 */
#ifndef TOTE_SDK_COMPOSABLE_SAMPLER_H
#define TOTE_SDK_COMPOSABLE_SAMPLER_H

#include "tote/sdk/sampler.h"

enum { MOST_PROVIDERS = 16 };

struct intent_provider {
    const tote_sampling_provider *ops; /* borrowed */
    void *user_data;
};

struct tote_sampling_intent {
    uint64_t threshold;
    bool is_reliable;
    size_t provider_count;
    struct intent_provider providers[MOST_PROVIDERS]; /* only the first ones are initialized */
};

#endif
