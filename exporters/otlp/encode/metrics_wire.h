/* SPDX-License-Identifier: MIT */
/*
 * metrics_wire.h - tags of the messages of an ExportMetricsServiceRequest
 *
 * Spec: opentelemetry-proto metrics/v1/metrics.proto
 */
#ifndef TOTE_OTLP_METRICS_WIRE_H
#define TOTE_OTLP_METRICS_WIRE_H

enum {
    TOTE__METRICS_REQUEST_RESOURCE = 0x0A,
    TOTE__RESOURCE_METRICS_RESOURCE = 0x0A,
    TOTE__RESOURCE_METRICS_SCOPE_METRICS = 0x12,
    TOTE__METRICS_SCHEMA_URL = 0x1A, /* of ResourceMetrics and ScopeMetrics */
    TOTE__SCOPE_METRICS_SCOPE = 0x0A,
    TOTE__SCOPE_METRIC = 0x12,
    TOTE__SCOPE_NAME = 0x0A,
    TOTE__SCOPE_VERSION = 0x12,
    TOTE__METRIC_NAME = 0x0A,
    TOTE__METRIC_DESCRIPTION = 0x12,
    TOTE__METRIC_UNIT = 0x1A,
    TOTE__METRIC_SUM = 0x3A,
    TOTE__METRIC_HISTOGRAM = 0x4A,
    TOTE__DATA_POINT = 0x0A, /* of Sum and Histogram */
    TOTE__DATA_TEMPORALITY = 0x10,
    TOTE__SUM_IS_MONOTONIC = 0x18,
    TOTE__POINT_START_TIME = 0x11, /* of both kinds of points */
    TOTE__POINT_TIME = 0x19,
    TOTE__NUMBER_POINT_INT = 0x31,
    TOTE__NUMBER_POINT_ATTRIBUTE = 0x3A,
    TOTE__HISTOGRAM_POINT_COUNT = 0x21,
    TOTE__HISTOGRAM_POINT_SUM = 0x29,
    TOTE__HISTOGRAM_POINT_BUCKETS = 0x32,
    TOTE__HISTOGRAM_POINT_ATTRIBUTE = 0x4A,
    TOTE__HISTOGRAM_POINT_MIN = 0x59,
    TOTE__HISTOGRAM_POINT_MAX = 0x61
};

/* AggregationTemporality */
enum { TOTE__CUMULATIVE = 2 };

#endif
