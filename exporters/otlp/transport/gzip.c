/* SPDX-License-Identifier: MIT */
/*
 * gzip.c - requests made smaller, and answers made whole
 */
#include "gzip.h"

#include <limits.h>
#include <string.h>

/* For deflateInit2(): the largest window, with a gzip head and tail. */
enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8, SMALLEST_EXPANSION = 1024 };

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

struct tote__slice tote__gzip_compress(struct tote__gzip *gzip, size_t headroom,
                                       const uint8_t *bytes, size_t size) {
    if (size > UINT_MAX || !begin(gzip)) {
        return (struct tote__slice){NULL, 0};
    }
    size_t bound = deflateBound(&gzip->stream, (uLong)size);
    if (bound > UINT_MAX || !make_room(gzip, headroom + bound)) {
        return (struct tote__slice){NULL, 0};
    }
    gzip->stream.next_in = (z_const Bytef *)(uintptr_t)bytes;
    gzip->stream.avail_in = (uInt)size;
    gzip->stream.next_out = gzip->bytes + headroom;
    gzip->stream.avail_out = (uInt)bound;
    if (deflate(&gzip->stream, Z_FINISH) != Z_STREAM_END) {
        return (struct tote__slice){NULL, 0};
    }
    return (struct tote__slice){gzip->bytes, headroom + bound - gzip->stream.avail_out};
}

/*
 * As much as there is, in pieces that are joined at the end: the size that the text claims is not
 * believed.
 */
static enum tote__gzip_expansion expand(z_stream *stream, size_t most, struct tote__arena *arena,
                                        struct tote__slice *whole) {
    size_t capacity = SMALLEST_EXPANSION;
    uint8_t *bytes = tote__arena_allocate(arena, capacity);
    size_t size = 0;
    int result = bytes ? Z_OK : Z_MEM_ERROR;

    while (result == Z_OK) {
        if (size == capacity) {
            uint8_t *larger = tote__arena_allocate(arena, 2 * capacity);
            if (!larger) {
                return TOTE__GZIP_BROKEN;
            }
            memcpy(larger, bytes, size);
            bytes = larger;
            capacity *= 2;
        }
        stream->next_out = bytes + size;
        stream->avail_out = (uInt)(capacity - size);
        result = inflate(stream, Z_NO_FLUSH);
        size = capacity - stream->avail_out;
        if (size > most) {
            return TOTE__GZIP_TOO_LARGE;
        }
    }
    *whole = (struct tote__slice){bytes, size};
    return result == Z_STREAM_END ? TOTE__GZIP_EXPANDED : TOTE__GZIP_BROKEN;
}

enum tote__gzip_expansion tote__gzip_expand(struct tote__slice packed, size_t most,
                                            struct tote__arena *arena, struct tote__slice *whole) {
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)packed.at,
                       .avail_in = (uInt)packed.size};

    if (packed.size > UINT_MAX || inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
        return TOTE__GZIP_BROKEN;
    }
    enum tote__gzip_expansion expansion = expand(&stream, most, arena, whole);
    inflateEnd(&stream);
    return expansion;
}

void tote__gzip_clear(struct tote__gzip *gzip) {
    if (gzip->is_ready) {
        deflateEnd(&gzip->stream);
    }
    tote__release(gzip->bytes, gzip->capacity);
    *gzip = (struct tote__gzip){.is_ready = false};
}
