/* SPDX-License-Identifier: MIT */
/*
 * request.h - OTLP ExportTraceServiceRequests in protobuf
 *
 * Spans are stored and sent in this form, in memory and on disk.
 */
#ifndef TOTE_INTERNAL_REQUEST_H
#define TOTE_INTERNAL_REQUEST_H

#include "tote/internal/record.h"
#include "tote/sdk/span_exporter.h"

/*
 * Append a request with these spans. Returns false, leaving the size unchanged, if out of memory.
 * The second function encodes the spans first.
 */
bool tote__request_encode(struct tote__buffer *buffer, const struct tote__span_bytes *spans,
                          size_t count);
bool tote__request_of_spans(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count);

/* A range of spans, by their index in the request. */
struct tote__range {
    size_t from;
    size_t to;
};

/*
 * Append a request with the spans of the range and their resources and scopes. The request was
 * encoded by Tote. Returns false, leaving the size unchanged, if out of memory or if the request is
 * damaged.
 */
bool tote__request_cut(struct tote__slice request, struct tote__range range,
                       struct tote__buffer *out);

/* Spans that were decoded from a request, with their resources and scopes. */
struct tote__request_spans;

/*
 * Decode a request, which must outlive the spans. Returns NULL if out of memory, or if it is
 * damaged.
 */
struct tote__request_spans *tote__request_read(struct tote__slice request);
void tote__request_spans_free(struct tote__request_spans *spans);
const tote_span_data *const *tote__request_spans_get(const struct tote__request_spans *spans,
                                                     size_t *count);

/*
 * Decode the fields of a ResourceSpans or ScopeSpans, without the spans, into the arena, which must
 * outlive the result. Returns NULL if out of memory.
 */
const struct tote__resource *tote__read_resource(struct tote__slice fields,
                                                 struct tote__arena *arena);
const tote_instrumentation_scope *tote__read_scope(struct tote__slice fields,
                                                   struct tote__arena *arena);

/*
 * A batch has spans or a request; the other form is created on demand. It borrows what it was
 * created from.
 */
struct tote_span_batch {
    size_t count;
    const tote_span_data *const *spans; /* NULL: not decoded yet */
    struct tote__slice request;         /* size 0: not encoded yet */
    struct tote__request_spans *read;   /* owns `spans` if they were decoded */
    struct tote__buffer encoded;        /* memory of `request` if it was encoded */
    uint64_t deadline;                  /* of the attempt in flight; 0: that of the step */
};

static inline tote_span_batch tote__batch_of_spans(const tote_span_data *const *spans,
                                                   size_t count) {
    return (tote_span_batch){.count = count, .spans = spans};
}

static inline tote_span_batch tote__batch_of_request(struct tote__slice request, size_t count) {
    return (tote_span_batch){.count = count, .request = request};
}

/* Release the form that was created on demand. */
void tote__span_batch_clear(tote_span_batch *batch);

#endif
