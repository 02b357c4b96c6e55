/* SPDX-License-Identifier: MIT */
/*
 * encode_metrics.h - an ExportMetricsServiceRequest in protobuf
 *
 * Only for the metrics of the SDK about itself. All are cumulative. Spec: opentelemetry-proto
 * collector/metrics/v1/metrics_service.proto
 */
#ifndef TOTE_OTLP_ENCODE_METRICS_H
#define TOTE_OTLP_ENCODE_METRICS_H

#include "tote/internal/buffer.h"
#include "tote/internal/sdk.h"

/* An encoding in progress. Initially zero. */
struct tote__metrics_encoding {
    struct tote__buffer points;  /* of the current metric */
    struct tote__buffer metrics; /* complete metrics */
    tote_metric_point current;   /* name, unit, description and kind of the current metric */
    bool is_failed;              /* out of memory */
};

/* Add a point: a visitor of tote_sdk_read_metrics(). */
void tote__metrics_encoding_add(void *encoding, const tote_metric_point *point);

/*
 * Write the request into the buffer, which is overwritten, and clear the encoding. Returns false if
 * out of memory.
 */
bool tote__metrics_encoding_end(struct tote__metrics_encoding *encoding,
                                const struct tote__resource *resource,
                                struct tote__buffer *request);

#endif
