/* SPDX-License-Identifier: MIT */
/*
 * gunzip.c - what gzip made small
 */
#include "gunzip.h"

#include <stdlib.h>
#include <zlib.h>

enum { FIRST_BYTES = 16384, GZIP_WINDOW = 15 + 16 /* the largest one, and gzip's head */ };

/* Twice the room, up to `most`. */
static bool grow(struct gunzipped *result, size_t *capacity, size_t most) {
    size_t larger = *capacity ? 2 * *capacity : FIRST_BYTES;

    if (*capacity >= most) {
        result->is_too_large = true;
        return false;
    }
    larger = larger < most ? larger : most;
    uint8_t *bytes = realloc(result->bytes, larger);
    if (!bytes) {
        result->is_out_of_memory = true;
        return false;
    }
    result->bytes = bytes;
    *capacity = larger;
    return true;
}

struct gunzipped gunzip(const uint8_t *bytes, size_t size, size_t most) {
    struct gunzipped result = {.bytes = NULL};
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)bytes, .avail_in = (uInt)size};
    size_t capacity = 0;
    int state = Z_OK;

    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
        result.is_out_of_memory = true;
        return result;
    }
    while (state == Z_OK && (result.size < capacity || grow(&result, &capacity, most))) {
        stream.next_out = result.bytes + result.size;
        stream.avail_out = (uInt)(capacity - result.size);
        state = inflate(&stream, Z_NO_FLUSH);
        result.size = capacity - stream.avail_out;
    }
    inflateEnd(&stream);
    if (state != Z_STREAM_END) {
        free(result.bytes);
        result.bytes = NULL;
    }
    return result;
}
