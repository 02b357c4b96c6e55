/* SPDX-License-Identifier: MIT */
/*
 * encoding.c - spans to bytes in either encoding
 */
#include "encode.h"

bool tote_otlp_encode(tote_otlp_encoding encoding, const tote_span_data *const *spans, size_t count,
                      tote_otlp_buffer *buffer) {
    if (!buffer || (count && !spans)) {
        return false;
    }
    return encoding == TOTE_OTLP_JSON ? tote__otlp_encode_json(buffer, spans, count)
                                      : tote__otlp_encode(buffer, spans, count);
}
