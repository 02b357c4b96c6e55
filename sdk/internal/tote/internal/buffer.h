/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes that grow
 */
#ifndef TOTE_INTERNAL_BUFFER_H
#define TOTE_INTERNAL_BUFFER_H

#include "tote/internal/wire.h"

/* All zero at first. Memory is kept until it is cleared. */
struct tote__buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* Make room for so many bytes behind what there is. Returns: false if out of memory. */
bool tote__buffer_reserve(struct tote__buffer *buffer, size_t more);

/* Returns: false, and nothing is appended, if out of memory. */
bool tote__buffer_append(struct tote__buffer *buffer, struct tote__slice bytes);

void tote__buffer_clear(struct tote__buffer *buffer);

static inline struct tote__slice tote__buffer_slice(const struct tote__buffer *buffer) {
    return (struct tote__slice){buffer->bytes, buffer->size};
}

#endif
