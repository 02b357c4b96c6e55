/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - buffers for what is received, within limits
 *
 * All buffers together have a limit. A buffer may grow only to half of what the others leave, so
 * that a few large bodies that never end cannot keep small ones out.
 *
 * Threads: buffers of different threads are independent.
 */
#ifndef TOTE_CLI_BYTES_H
#define TOTE_CLI_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "receipt.h"

enum {
    BYTES_MOST = 64 << 20,         /* in one buffer */
    BYTES_MOST_IN_ALL = 256 << 20, /* in all buffers */
    DECODED_MOST = 256 << 20       /* what decoding one request may take beyond its bytes */
};

/* Starts out all zero. */
struct bytes {
    uint8_t *at;
    size_t size;
    size_t capacity;
};

/* Make room for `more` bytes behind the size. Returns TAKEN, TOO_LARGE or BUSY. */
enum outcome bytes_reserve(struct bytes *bytes, size_t more);

/* Returns: the same. */
enum outcome bytes_append(struct bytes *bytes, const void *more, size_t size);

void bytes_clear(struct bytes *bytes);

#endif
