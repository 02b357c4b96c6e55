/* SPDX-License-Identifier: MIT */
/*
 * encode.h - OTLP requests as JSON
 *
 * Requests are protobuf internally. A transport converts them to JSON when it sends them.
 */
#ifndef TOTE_OTLP_ENCODE_H
#define TOTE_OTLP_ENCODE_H

#include "tote/exporters/otlp.h"
#include "tote/internal/buffer.h"
#include "tote/internal/request.h"

/*
 * Append a request that Tote encoded as one JSON object without line breaks. Returns false, leaving
 * the size unchanged, if out of memory. Spec: protocol/otlp.md#json-protobuf-encoding
 */
bool tote__otlp_json_of(struct tote__buffer *buffer, struct tote__slice request);

/* The same for a request of encode_metrics.h. */
bool tote__otlp_json_of_metrics(struct tote__buffer *buffer, struct tote__slice request);

/* The same for spans. */
bool tote__otlp_encode_json(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count);

#endif
