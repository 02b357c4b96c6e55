/* SPDX-License-Identifier: MIT */
/*
 * encode.h - an OTLP request as JSON
 *
 * Everything on the way to a receiver is protobuf. A transport makes JSON of it as it sends.
 */
#ifndef TOTE_OTLP_ENCODE_H
#define TOTE_OTLP_ENCODE_H

#include "tote/exporters/otlp.h"
#include "tote/internal/buffer.h"
#include "tote/internal/request.h"

/*
 * Append a request of ours as JSON, one object without a line break. Returns: false, and an
 * unchanged size, if out of memory. Spec: protocol/otlp.md#json-protobuf-encoding
 */
bool tote__otlp_json_of(struct tote__buffer *buffer, struct tote__slice request);

/* The same of spans. Returns false likewise. */
bool tote__otlp_encode_json(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count);

#endif
