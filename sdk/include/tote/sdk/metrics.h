/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/metrics.h
 * The SDK's metrics about itself, in the shape of the semantic conventions for SDK metrics:
 * otel.sdk.span.*, otel.sdk.processor.span.* and otel.sdk.exporter.*. docs/metrics.md lists them.
 * tote_sdk_get_stats() has the totals. Spec: semantic-conventions docs/otel/sdk-metrics.md
 *
 * Spans write only counters of their own thread. They are added up when the metrics are read.
 *
 * Threads:  thread-safe. Not async-signal-safe.
 * Lifetime: a point and what it refers to are valid during the call of `visit` only.
 * Units:    times are nanoseconds since 1970; other values have the unit of their metric.
 * Fork:     a child counts from zero. Its start time is that of its first span or first reading.
 */
#ifndef TOTE_SDK_METRICS_H
#define TOTE_SDK_METRICS_H

#include "tote/sdk.h"
#include "tote/value.h"

TOTE_BEGIN_DECLS

/** How the values of a metric change. */
typedef enum tote_metric_kind {
    TOTE_METRIC_KIND_COUNTER,         /**< A sum that only rises */
    TOTE_METRIC_KIND_UP_DOWN_COUNTER, /**< A sum that rises and falls */
    TOTE_METRIC_KIND_HISTOGRAM        /**< One bucket: count, sum, min and max */
} tote_metric_kind;

/** One value of a metric, with its attributes. The points of a metric are adjacent. */
typedef struct tote_metric_point {
    size_t struct_size;
    const char *name;        /**< For example "otel.sdk.span.started" */
    const char *unit;        /**< UCUM: "{span}" or "s" */
    const char *description; /**< One sentence */
    uint32_t kind;           /**< A tote_metric_kind */
    const tote_attribute *attributes;
    size_t attribute_count;
    uint64_t start_time_unix_nano; /**< The value covers the time since then */
    uint64_t time_unix_nano;       /**< When it was read */
    uint64_t value;                /**< Of a counter; for a histogram the number of observations */
    double sum;                    /**< Of a histogram, in its unit; also `min` and `max` */
    double min;
    double max;
} tote_metric_point;

/**
 * Read the metrics: call `visit` for each point, on the calling thread. No lock is held during
 * `visit`. It may use the SDK, except to close or release it. Blocks only for short locks.
 *
 * Returns TOTE_RESULT_FAILURE if out of memory, or if `visit` is NULL. Without an SDK, and for a
 * disabled one, there are no points.
 */
TOTE_API tote_result tote_sdk_read_metrics(
    tote_sdk *sdk, void (*visit)(void *data, const tote_metric_point *point), void *data);

TOTE_END_DECLS

#define TOTE__OFF_SDK_METRICS
#include "tote/disabled.h"

#endif
