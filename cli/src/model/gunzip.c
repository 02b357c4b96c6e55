/* SPDX-License-Identifier: MIT */
/*
 * gunzip.c - decompress a gzip body
 *
 * Tests: tests/unit/test_view_requests.c
 */
#include "gunzip.h"

#include <stdbool.h>
#include <zlib.h>

enum { PORTION = 16384, GZIP_WINDOW = 15 + 16 /* the largest, with a gzip header */ };

/* Decompress up to the end of the next member. */
static enum outcome expand_member(z_stream *stream, struct bytes *plain) {
    int state = Z_OK;

    while (state == Z_OK) {
        enum outcome outcome = bytes_reserve(plain, 1);
        if (outcome != TAKEN && plain->size == BYTES_MOST) {
            outcome = TAKEN; /* the buffer is full, but the member may be complete */
        }
        if (outcome != TAKEN) {
            return outcome;
        }
        size_t room = plain->capacity - plain->size;
        stream->next_out = plain->at + plain->size;
        stream->avail_out = (uInt)room;
        state = inflate(stream, Z_NO_FLUSH);
        plain->size += room - stream->avail_out;
        if (room == 0 && state != Z_STREAM_END) {
            return TOO_LARGE;
        }
    }
    return state == Z_STREAM_END ? TAKEN : MALFORMED;
}

static bool is_at_end(const z_stream *stream) {
    for (uInt i = 0; i < stream->avail_in; i++) {
        if (stream->next_in[i]) {
            return false;
        }
    }
    return true;
}

/* Spec: RFC 1952 section 2.2: a file is a series of members. */
enum outcome gunzip(const uint8_t *packed, size_t size, struct bytes *plain) {
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)packed, .avail_in = (uInt)size};
    enum outcome outcome;

    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
        return BUSY;
    }
    do {
        outcome = expand_member(&stream, plain);
    } while (outcome == TAKEN && !is_at_end(&stream) && inflateReset(&stream) == Z_OK);
    inflateEnd(&stream);
    return outcome;
}
