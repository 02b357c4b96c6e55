/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - bytes that grow
 */
#include "encode.h"
#include "tote/internal/memory.h"

bool tote__otlp_buffer_reserve(tote_otlp_buffer *buffer, size_t more) {
    if (buffer->capacity - buffer->size >= more) {
        return true;
    }
    size_t capacity = buffer->capacity * 2;
    if (capacity < buffer->size + more) {
        capacity = buffer->size + more;
    }
    uint8_t *bytes = tote__reallocate(buffer->bytes, buffer->capacity, capacity);
    if (!bytes) {
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

void tote_otlp_buffer_clear(tote_otlp_buffer *buffer) {
    if (buffer) {
        tote__release(buffer->bytes, buffer->capacity);
        *buffer = (tote_otlp_buffer){NULL, 0, 0};
    }
}
