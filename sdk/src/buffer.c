/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - a growing buffer
 *
 * Tests: tests/unit/test_json_writer.c, tests/unit/test_request_cut.c
 */
#include "tote/internal/buffer.h"

#include <string.h>

#include "tote/internal/memory.h"

bool tote__buffer_reserve(struct tote__buffer *buffer, size_t more) {
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

bool tote__buffer_append(struct tote__buffer *buffer, struct tote__slice bytes) {
    if (!tote__buffer_reserve(buffer, bytes.size)) {
        return false;
    }
    if (bytes.size) {
        memcpy(buffer->bytes + buffer->size, bytes.at, bytes.size);
        buffer->size += bytes.size;
    }
    return true;
}

void tote__buffer_clear(struct tote__buffer *buffer) {
    tote__release(buffer->bytes, buffer->capacity);
    *buffer = (struct tote__buffer){NULL, 0, 0};
}
