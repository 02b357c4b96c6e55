/* SPDX-License-Identifier: MIT */
/*
 * encoding.c - the public encoder
 *
 * Tests: tests/unit/test_otlp_encode.c, tests/unit/test_otlp_json.c
 */
#include "encode.h"
#include "tote/diagnostics.h"
#include "tote/internal/left_out.h"
#include "tote/internal/memory.h"

bool tote__otlp_encode_json(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count) {
    struct tote__buffer request = {NULL, 0, 0};
    bool is_done = tote__request_of_spans(&request, spans, count) &&
                   tote__otlp_json_of(buffer, tote__buffer_slice(&request));

    tote__buffer_clear(&request);
    return is_done;
}

bool tote_otlp_encode(tote_otlp_encoding encoding, const tote_span_data *const *spans, size_t count,
                      tote_otlp_buffer *buffer) {
    if (!buffer || (count && !spans)) {
        return false;
    }
    if (!TOTE_HAS_JSON && encoding == TOTE_OTLP_ENCODING_JSON) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp", "spans are not encoded: %s",
                                TOTE__LEFT_OUT("JSON", "TOTE_WITH_JSON"));
        return false;
    }
    if (!count) {
        return true;
    }
    struct tote__buffer own = {buffer->bytes, buffer->size, buffer->capacity};
    bool is_done = TOTE_HAS_JSON && encoding == TOTE_OTLP_ENCODING_JSON
                       ? tote__otlp_encode_json(&own, spans, count)
                       : tote__request_of_spans(&own, spans, count);
    *buffer = (tote_otlp_buffer){own.bytes, own.size, own.capacity};
    return is_done;
}

void tote_otlp_buffer_clear(tote_otlp_buffer *buffer) {
    if (buffer) {
        tote__release(buffer->bytes, buffer->capacity);
        *buffer = (tote_otlp_buffer){NULL, 0, 0};
    }
}
