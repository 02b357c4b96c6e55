/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - buffers for received bytes, with limits
 *
 * All buffers together have a limit. A buffer may grow to half of what the others leave, so that a
 * few large bodies that never end cannot block small ones.
 *
 * Threads: each buffer belongs to one thread; different threads may use different buffers.
 */
#ifndef TOTE_CLI_BYTES_H
#define TOTE_CLI_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "receipt.h"

enum {
    BYTES_MOST = 64 << 20,         /* in one buffer */
    BYTES_MOST_IN_ALL = 256 << 20, /* in all buffers */
    DECODED_MOST = 256 << 20       /* memory to decode one request, in addition to its bytes */
};

/* Begins as all zero. */
struct bytes {
    uint8_t *at;
    size_t size;
    size_t capacity;
};

/* Reserve `more` bytes after `size`. Returns TAKEN, TOO_LARGE or BUSY. */
enum outcome bytes_reserve(struct bytes *bytes, size_t more);

/* Append bytes. Returns TAKEN, TOO_LARGE or BUSY. */
enum outcome bytes_append(struct bytes *bytes, const void *more, size_t size);

void bytes_clear(struct bytes *bytes);

#endif
