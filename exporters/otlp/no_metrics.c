/* SPDX-License-Identifier: MIT */
/*
 * no_metrics.c - replaces the export of metrics in a build without it
 *
 * None of these functions is called: without optimization, callers that are never reached refer to
 * them.
 *
 * Tests: tests/unit/test_parts.c
 */
#include "metrics.h"

bool tote__otlp_metrics_start(struct tote__otlp_metrics *metrics,
                              const struct tote__metric_source *source) {
    (void)metrics, (void)source;
    return false;
}

uint64_t tote__otlp_metrics_due(const struct tote__otlp_metrics *metrics) {
    (void)metrics;
    return UINT64_MAX;
}

bool tote__otlp_metrics_step(struct tote__otlp_metrics *metrics, bool is_alone, uint64_t until) {
    (void)metrics, (void)is_alone, (void)until;
    return false;
}

void tote__otlp_metrics_end(struct tote__otlp_metrics *metrics,
                            const struct tote__response *response) {
    (void)metrics, (void)response;
}

void tote__otlp_metrics_finish(struct tote__otlp_metrics *metrics, uint64_t deadline) {
    (void)metrics, (void)deadline;
}
