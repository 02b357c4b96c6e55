/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - a growing buffer
 */
#ifndef TOTE_INTERNAL_BUFFER_H
#define TOTE_INTERNAL_BUFFER_H

#include "tote/internal/wire.h"

/* Initially zero. Freed by tote__buffer_clear(). */
struct tote__buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* Reserve that many bytes behind the content. Returns false if out of memory. */
bool tote__buffer_reserve(struct tote__buffer *buffer, size_t more);

/* Append bytes. Returns false, without appending anything, if out of memory. */
bool tote__buffer_append(struct tote__buffer *buffer, struct tote__slice bytes);

void tote__buffer_clear(struct tote__buffer *buffer);

static inline struct tote__slice tote__buffer_slice(const struct tote__buffer *buffer) {
    return (struct tote__slice){buffer->bytes, buffer->size};
}

#endif
