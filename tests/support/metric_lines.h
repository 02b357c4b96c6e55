/* SPDX-License-Identifier: MIT */
/* metric_lines.h - metrics as text, one point a line */
#ifndef TOTE_TESTS_METRIC_LINES_H
#define TOTE_TESTS_METRIC_LINES_H

#include "support.h"

#include "tote/sdk/metrics.h"

/* "otel.sdk.span.started{otel.span.parent.origin=none,...} 3"; a histogram shows its count. */
struct metric_lines {
    size_t size;
    char text[32768];
    double longest; /* largest `max` of a histogram */
    uint64_t start, time;
};

/* Write the metrics of the SDK. */
void metric_lines_read(struct metric_lines *lines, tote_sdk *sdk);

/* The visitor. */
void metric_lines_add(void *lines, const tote_metric_point *point);

/* The value of the only point with this name and these attributes; -1 if there is none. */
long long metric_lines_get(const struct metric_lines *lines, const char *name_and_attributes);

/* Read the metrics of the SDK, and return that value. */
long long metric_of(tote_sdk *sdk, const char *name_and_attributes);

#endif
