/* SPDX-License-Identifier: MIT */
/*
 * encode.h - spans to the bytes of an OTLP request
 *
 * The seam between spans and transports: each encoding is one function of this shape.
 */
#ifndef TOTE_OTLP_ENCODE_H
#define TOTE_OTLP_ENCODE_H

#include "tote/sdk/span_data.h"

/* Bytes of a request; memory is kept between batches. All zero at first. */
struct tote__otlp_buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* Append an ExportTraceServiceRequest of these spans. Returns: false, and an unchanged size, when
 * memory is out. */
bool tote__otlp_encode(struct tote__otlp_buffer *buffer, const tote_span_data *const *spans,
                       size_t count);

/* The same in JSON, as one object without a line break. Requirement G16 */
bool tote__otlp_encode_json(struct tote__otlp_buffer *buffer, const tote_span_data *const *spans,
                            size_t count);

/* Make room for so many bytes behind what there is. Returns: false when memory is out. */
bool tote__otlp_buffer_reserve(struct tote__otlp_buffer *buffer, size_t more);

void tote__otlp_buffer_clear(struct tote__otlp_buffer *buffer);

#endif
