/* SPDX-License-Identifier: MIT */
/*
 * encode.h - spans to the bytes of an OTLP request
 *
 * The seam between spans and transports: each encoding is one function of this shape.
 */
#ifndef TOTE_OTLP_ENCODE_H
#define TOTE_OTLP_ENCODE_H

#include "tote/exporters/otlp.h"
#include "tote/internal/span_wire.h"

/*
 * Append an ExportTraceServiceRequest of these spans. Returns: false, and an unchanged size, if
 * out of memory.
 */
bool tote__otlp_encode(tote_otlp_buffer *buffer, const tote_span_data *const *spans, size_t count);

/* The same in JSON, as one object without a line break. Requirement G16 */
bool tote__otlp_encode_json(tote_otlp_buffer *buffer, const tote_span_data *const *spans,
                            size_t count);

/*
 * The fields of one Span: how many bytes, and those. Needs one byte behind them: a trace state is
 * written with a NUL that the next field covers.
 */
size_t tote__otlp_span_size(const struct tote__span_wire *span);
uint8_t *tote__otlp_put_span(uint8_t *out, const struct tote__span_wire *span);

/*
 * Append the fields of ResourceSpans, or of ScopeSpans, but what they hold. Returns: false if
 * out of memory.
 */
bool tote__otlp_encode_resource(tote_otlp_buffer *buffer, uint32_t index);
bool tote__otlp_encode_scope(tote_otlp_buffer *buffer, uint32_t index);

/* Make room for so many bytes behind what there is. Returns: false if out of memory. */
bool tote__otlp_buffer_reserve(tote_otlp_buffer *buffer, size_t more);

#endif
