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

bool tote_otlp_encode(tote_otlp_encoding encoding, const tote_span_data *const *spans, size_t count,
                      tote_otlp_buffer *buffer) {
    struct tote__arena arena = {.chunks = NULL};

    if (!buffer || (count && !spans)) {
        return false;
    }
    if (!count) {
        return true;
    }
    const struct tote__span_bytes *bytes = bytes_of(spans, count, &arena);
    bool is_done =
        bytes && (encoding == TOTE_OTLP_JSON ? tote__otlp_encode_json(buffer, bytes, count)
                                             : tote__otlp_encode(buffer, bytes, count));
    tote__arena_clear(&arena);
    return is_done;
}
