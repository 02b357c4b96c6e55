/* SPDX-License-Identifier: MIT */
/*
 * encode_metrics.c - encodes an ExportMetricsServiceRequest in protobuf
 *
 * Each level is complete before it is copied into the next one: the request is small and rare.
 *
 * Tests: tests/unit/test_otlp_metrics.c
 */
#include "encode_metrics.h"

#include <string.h>

#include "otlp/encode/metrics_wire.h"

static const char scope_name[] = "tote";

/* Append a field that is length-delimited. */
static bool put(struct tote__buffer *buffer, uint8_t tag, const void *content, size_t size) {
    if (!tote__buffer_reserve(buffer, tote__run_size(size))) {
        return false;
    }
    uint8_t *out = buffer->bytes + buffer->size;
    buffer->size += (size_t)(tote__put_run(out, tag, content, size) - out);
    return true;
}

static bool put_text(struct tote__buffer *buffer, uint8_t tag, const char *text) {
    return !*text || put(buffer, tag, text, strlen(text));
}

static bool put_buffer(struct tote__buffer *buffer, uint8_t tag,
                       const struct tote__buffer *content) {
    return put(buffer, tag, content->bytes, content->size);
}

/* Append a field of eight bytes. */
static bool put_fixed(struct tote__buffer *buffer, uint8_t tag, uint64_t number) {
    enum { SIZE = 1 + sizeof number };

    if (!tote__buffer_reserve(buffer, SIZE)) {
        return false;
    }
    buffer->bytes[buffer->size] = tag;
    tote__put_fixed64(buffer->bytes + buffer->size + 1, number);
    buffer->size += SIZE;
    return true;
}

static bool put_double(struct tote__buffer *buffer, uint8_t tag, double real) {
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    return put_fixed(buffer, tag, bits);
}

static bool put_number(struct tote__buffer *buffer, uint8_t tag, uint8_t number) {
    return tote__buffer_append(buffer, (struct tote__slice){(uint8_t[]){tag, number}, 2});
}

static bool put_attributes(struct tote__buffer *buffer, uint8_t tag,
                           const tote_metric_point *point) {
    bool is_done = true;

    for (size_t i = 0; i < point->attribute_count && is_done; i++) {
        const tote_attribute *attribute = &point->attributes[i];
        size_t length = strlen(attribute->key);
        size_t size =
            tote__attribute_size(attribute->key, length, attribute->value, &tote__wire_no_limits);
        is_done = tote__buffer_reserve(buffer, size);
        if (is_done) {
            tote__put_attribute(buffer->bytes + buffer->size, tag, attribute->key, length,
                                attribute->value, &tote__wire_no_limits);
            buffer->size += size;
        }
    }
    return is_done;
}

static bool put_number_point(struct tote__buffer *buffer, const tote_metric_point *point) {
    return put_fixed(buffer, TOTE__POINT_START_TIME, point->start_time_unix_nano) &&
           put_fixed(buffer, TOTE__POINT_TIME, point->time_unix_nano) &&
           put_fixed(buffer, TOTE__NUMBER_POINT_INT, point->value) &&
           put_attributes(buffer, TOTE__NUMBER_POINT_ATTRIBUTE, point);
}

/* All observations are in one bucket. */
static bool put_histogram_point(struct tote__buffer *buffer, const tote_metric_point *point) {
    uint8_t bucket[sizeof point->value];

    tote__put_fixed64(bucket, point->value);
    return put_fixed(buffer, TOTE__POINT_START_TIME, point->start_time_unix_nano) &&
           put_fixed(buffer, TOTE__POINT_TIME, point->time_unix_nano) &&
           put_fixed(buffer, TOTE__HISTOGRAM_POINT_COUNT, point->value) &&
           put_double(buffer, TOTE__HISTOGRAM_POINT_SUM, point->sum) &&
           put(buffer, TOTE__HISTOGRAM_POINT_BUCKETS, bucket, sizeof bucket) &&
           put_attributes(buffer, TOTE__HISTOGRAM_POINT_ATTRIBUTE, point) &&
           put_double(buffer, TOTE__HISTOGRAM_POINT_MIN, point->min) &&
           put_double(buffer, TOTE__HISTOGRAM_POINT_MAX, point->max);
}

static bool put_metric(struct tote__buffer *metric, struct tote__metrics_encoding *encoding) {
    const tote_metric_point *of = &encoding->current;
    struct tote__buffer *data = &encoding->points;
    bool is_histogram = of->kind == TOTE_METRIC_KIND_HISTOGRAM;

    return put_number(data, TOTE__DATA_TEMPORALITY, TOTE__CUMULATIVE) &&
           (of->kind != TOTE_METRIC_KIND_COUNTER || put_number(data, TOTE__SUM_IS_MONOTONIC, 1)) &&
           put_text(metric, TOTE__METRIC_NAME, of->name) &&
           put_text(metric, TOTE__METRIC_DESCRIPTION, of->description) &&
           put_text(metric, TOTE__METRIC_UNIT, of->unit) &&
           put_buffer(metric, is_histogram ? TOTE__METRIC_HISTOGRAM : TOTE__METRIC_SUM, data);
}

/* Complete the current metric. */
static void end_metric(struct tote__metrics_encoding *encoding) {
    struct tote__buffer metric = {NULL, 0, 0};

    encoding->is_failed |=
        encoding->current.name && (!put_metric(&metric, encoding) ||
                                   !put_buffer(&encoding->metrics, TOTE__SCOPE_METRIC, &metric));
    encoding->points.size = 0;
    tote__buffer_clear(&metric);
}

void tote__metrics_encoding_add(void *self, const tote_metric_point *point) {
    struct tote__metrics_encoding *encoding = self;
    struct tote__buffer bytes = {NULL, 0, 0};

    if (!encoding->current.name || strcmp(encoding->current.name, point->name) != 0) {
        end_metric(encoding);
        encoding->current = *point;
    }
    bool is_put = point->kind == TOTE_METRIC_KIND_HISTOGRAM ? put_histogram_point(&bytes, point)
                                                            : put_number_point(&bytes, point);
    encoding->is_failed |= !is_put || !put_buffer(&encoding->points, TOTE__DATA_POINT, &bytes);
    tote__buffer_clear(&bytes);
}

static bool put_request(struct tote__metrics_encoding *encoding,
                        const struct tote__resource *resource, struct tote__buffer *scope,
                        struct tote__buffer *of_scope, struct tote__buffer *of_resource,
                        struct tote__buffer *request) {
    struct tote__buffer *metrics = &encoding->metrics;

    return put_text(scope, TOTE__SCOPE_NAME, scope_name) &&
           put_text(scope, TOTE__SCOPE_VERSION, TOTE_VERSION) &&
           put_buffer(of_scope, TOTE__SCOPE_METRICS_SCOPE, scope) &&
           tote__buffer_append(of_scope, tote__buffer_slice(metrics)) &&
           put(of_resource, TOTE__RESOURCE_METRICS_RESOURCE, resource->encoded.at,
               resource->encoded.size) &&
           put_buffer(of_resource, TOTE__RESOURCE_METRICS_SCOPE_METRICS, of_scope) &&
           put_text(of_resource, TOTE__METRICS_SCHEMA_URL, resource->resource.schema_url) &&
           put_buffer(request, TOTE__METRICS_REQUEST_RESOURCE, of_resource);
}

bool tote__metrics_encoding_end(struct tote__metrics_encoding *encoding,
                                const struct tote__resource *resource,
                                struct tote__buffer *request) {
    struct tote__buffer scope = {NULL, 0, 0};
    struct tote__buffer of_scope = {NULL, 0, 0};
    struct tote__buffer of_resource = {NULL, 0, 0};

    end_metric(encoding);
    request->size = 0;
    bool is_done = !encoding->is_failed &&
                   put_request(encoding, resource, &scope, &of_scope, &of_resource, request);
    tote__buffer_clear(&scope);
    tote__buffer_clear(&of_scope);
    tote__buffer_clear(&of_resource);
    tote__buffer_clear(&encoding->points);
    tote__buffer_clear(&encoding->metrics);
    *encoding = (struct tote__metrics_encoding){.is_failed = false};
    return is_done;
}
