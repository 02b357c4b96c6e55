/* SPDX-License-Identifier: MIT */
/*
 * encoding.c - spans to bytes in either encoding
 */
#include "encode.h"

/* Get the bytes of each. Returns: NULL if out of memory. */
static const struct tote__span_bytes *bytes_of(const tote_span_data *const *spans, size_t count,
                                               struct tote__arena *arena) {
    struct tote__span_bytes *bytes = tote__arena_allocate(arena, count * sizeof *bytes);

    for (size_t i = 0; bytes && i < count; i++) {
        if (!tote__span_data_bytes(spans[i], arena, &bytes[i])) {
            return NULL;
        }
    }
    return bytes;
}

bool tote__otlp_encode_spans(tote_otlp_buffer *buffer, const tote_span_data *const *spans,
                             size_t count) {
    struct tote__arena arena = {.chunks = NULL};
    const struct tote__span_bytes *bytes = bytes_of(spans, count, &arena);
    bool is_done = bytes && tote__otlp_encode(buffer, bytes, count);

    tote__arena_clear(&arena);
    return is_done;
}

static bool encode_json(tote_otlp_buffer *buffer, const tote_span_data *const *spans,
                        size_t count) {
    tote_otlp_buffer request = {NULL, 0, 0};
    bool is_done = tote__otlp_encode_spans(&request, spans, count) &&
                   tote__otlp_json_of(buffer, (struct tote__slice){request.bytes, request.size});

    tote_otlp_buffer_clear(&request);
    return is_done;
}

bool tote_otlp_encode(tote_otlp_encoding encoding, const tote_span_data *const *spans, size_t count,
                      tote_otlp_buffer *buffer) {
    if (!buffer || (count && !spans)) {
        return false;
    }
    if (!count) {
        return true;
    }
    return encoding == TOTE_OTLP_JSON ? encode_json(buffer, spans, count)
                                      : tote__otlp_encode_spans(buffer, spans, count);
}
