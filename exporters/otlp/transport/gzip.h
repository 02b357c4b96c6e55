/* SPDX-License-Identifier: MIT */
/*
 * gzip.h - requests made smaller, and answers made whole
 */
#ifndef TOTE_OTLP_GZIP_H
#define TOTE_OTLP_GZIP_H

#include <zlib.h>

#include "tote/internal/memory.h"
#include "tote/internal/wire.h"

/* All zero at first; memory is kept between requests. */
struct tote__gzip {
    z_stream stream;
    bool is_ready;
    uint8_t *bytes;
    size_t capacity;
};

/*
 * Compress, behind `headroom` bytes that are left to the caller. Returns: both, good until the next
 * call; NULL and 0 if out of memory.
 */
struct tote__slice tote__gzip_compress(struct tote__gzip *gzip, size_t headroom,
                                       const uint8_t *bytes, size_t size);

enum tote__gzip_expansion { TOTE__GZIP_EXPANDED, TOTE__GZIP_BROKEN, TOTE__GZIP_TOO_LARGE };

/* Expand into the arena, to `most` bytes at most. */
enum tote__gzip_expansion tote__gzip_expand(struct tote__slice packed, size_t most,
                                            struct tote__arena *arena, struct tote__slice *whole);

void tote__gzip_clear(struct tote__gzip *gzip);

#endif
