/* SPDX-License-Identifier: MIT */
/*
 * request.h - spans as an OTLP ExportTraceServiceRequest in protobuf, and back
 *
 * Everything on the way to a receiver, in memory and on disk, is such a request.
 */
#ifndef TOTE_INTERNAL_REQUEST_H
#define TOTE_INTERNAL_REQUEST_H

#include "tote/internal/record.h"
#include "tote/sdk/span_exporter.h"

/*
 * Append a request with these spans. Returns false, and an unchanged size, if out of memory. The
 * second asks the spans for their bytes.
 */
bool tote__request_encode(struct tote__buffer *buffer, const struct tote__span_bytes *spans,
                          size_t count);
bool tote__request_of_spans(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count);

/* The spans with these indexes, in the order of the request. */
struct tote__range {
    size_t from;
    size_t to;
};

/*
 * Append a request with the spans of the range, each with its resource and its scope. The request
 * is one of our own encoder. Returns false, and an unchanged size, if out of memory or if the
 * request is damaged.
 */
bool tote__request_cut(struct tote__slice request, struct tote__range range,
                       struct tote__buffer *out);

/* Spans that were read from a request, with their resources and scopes. */
struct tote__request_spans;

/* Read a request, which has to outlive them. Returns NULL if out of memory, or if it is damaged. */
struct tote__request_spans *tote__request_read(struct tote__slice request);
void tote__request_spans_free(struct tote__request_spans *spans);
const tote_span_data *const *tote__request_spans_get(const struct tote__request_spans *spans,
                                                     size_t *count);

/*
 * Read the fields of a ResourceSpans, or of a ScopeSpans, but what they hold, into the arena, which
 * has to outlive what is returned. NULL if out of memory.
 */
const struct tote__resource *tote__read_resource(struct tote__slice fields,
                                                 struct tote__arena *arena);
const tote_instrumentation_scope *tote__read_scope(struct tote__slice fields,
                                                   struct tote__arena *arena);

/*
 * A batch is made of spans, or of a request; the other is made when somebody asks for it. It
 * borrows what it is made of.
 */
struct tote_span_batch {
    size_t count;
    const tote_span_data *const *spans; /* NULL: not read yet */
    struct tote__slice request;         /* size 0: not encoded yet */
    struct tote__request_spans *read;   /* what `spans` are, if they were read */
    struct tote__buffer encoded;        /* what `request` is, if it was encoded */
};

static inline tote_span_batch tote__batch_of_spans(const tote_span_data *const *spans,
                                                   size_t count) {
    return (tote_span_batch){.count = count, .spans = spans};
}

static inline tote_span_batch tote__batch_of_request(struct tote__slice request, size_t count) {
    return (tote_span_batch){.count = count, .request = request};
}

/* Release what was made of it. */
void tote__span_batch_clear(tote_span_batch *batch);

#endif
