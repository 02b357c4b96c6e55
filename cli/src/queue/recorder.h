/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - an SDK that hands over each ended span as an OTLP request
 */
#ifndef TOTE_CLI_RECORDER_H
#define TOTE_CLI_RECORDER_H

#include "tote/internal/sdk.h"

struct recorder {
    /* Receives a request with one span. The request is borrowed for the call. */
    bool (*take)(void *self, struct tote__slice request);
    void *self;
    tote_trace_id trace_id; /* of root spans; zero: random */
    tote_span_id span_id;   /* of spans; zero: random */
    bool is_random;         /* new trace ids are random: TOTE_TRACE_FLAG_RANDOM */
};

/*
 * Start an SDK with these settings, except their id generator and processors. The recorder is
 * borrowed until the SDK is released. Takes ownership of the sampler, also on failure. Returns
 * NULL, with a diagnostic, on failure.
 */
tote_sdk *recorder_start(struct recorder *recorder, struct tote__sdk_settings settings);

#endif
