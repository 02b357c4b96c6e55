/* SPDX-License-Identifier: MIT */
/*
 * gzip.c - requests made smaller
 */
#include "gzip.h"

#include <limits.h>

/* For deflateInit2(): the largest window, with a gzip head and tail. */
enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8 };

static bool begin(struct tote__gzip *gzip) {
    if (gzip->is_ready) {
        return deflateReset(&gzip->stream) == Z_OK;
    }
    gzip->is_ready = deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                  GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    return gzip->is_ready;
}

static bool make_room(struct tote__gzip *gzip, size_t capacity) {
    if (gzip->capacity >= capacity) {
        return true;
    }
    tote__release(gzip->bytes, gzip->capacity);
    gzip->bytes = tote__allocate(capacity);
    gzip->capacity = gzip->bytes ? capacity : 0;
    return gzip->bytes;
}

struct tote__slice tote__gzip_compress(struct tote__gzip *gzip, const uint8_t *bytes, size_t size) {
    if (size > UINT_MAX || !begin(gzip)) {
        return (struct tote__slice){NULL, 0};
    }
    size_t bound = deflateBound(&gzip->stream, (uLong)size);
    if (bound > UINT_MAX || !make_room(gzip, bound)) {
        return (struct tote__slice){NULL, 0};
    }
    gzip->stream.next_in = (z_const Bytef *)(uintptr_t)bytes;
    gzip->stream.avail_in = (uInt)size;
    gzip->stream.next_out = gzip->bytes;
    gzip->stream.avail_out = (uInt)bound;
    if (deflate(&gzip->stream, Z_FINISH) != Z_STREAM_END) {
        return (struct tote__slice){NULL, 0};
    }
    return (struct tote__slice){gzip->bytes, bound - gzip->stream.avail_out};
}

void tote__gzip_clear(struct tote__gzip *gzip) {
    if (gzip->is_ready) {
        deflateEnd(&gzip->stream);
    }
    tote__release(gzip->bytes, gzip->capacity);
    *gzip = (struct tote__gzip){.is_ready = false};
}
