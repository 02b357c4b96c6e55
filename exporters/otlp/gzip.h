/* SPDX-License-Identifier: MIT */
/*
 * gzip.h - requests made smaller
 */
#ifndef TOTE_OTLP_GZIP_H
#define TOTE_OTLP_GZIP_H

#include <zlib.h>

#include "tote/internal/wire.h"

/* All zero at first; memory is kept between requests. */
struct tote__gzip {
    z_stream stream;
    bool is_ready;
    uint8_t *bytes;
    size_t capacity;
};

/* Compress. Returns: what is good until the next call; NULL and 0 when memory is out. */
struct tote__slice tote__gzip_compress(struct tote__gzip *gzip, const uint8_t *bytes, size_t size);

void tote__gzip_clear(struct tote__gzip *gzip);

#endif
