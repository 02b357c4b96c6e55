/* SPDX-License-Identifier: MIT */
/* spop_frames.h - frames as HAProxy sends them, written without the code under test */
#ifndef TOTE_TESTS_SPOP_FRAMES_H
#define TOTE_TESTS_SPOP_FRAMES_H

#include <stdint.h>
#include <string.h>

#include "spop.h"

/* Bytes that are appended to. What does not fit is an error of the test. */
struct frames {
    unsigned char bytes[65536];
    size_t size;
    size_t start; /* of the frame that is open */
};

static inline void put_byte(struct frames *frames, unsigned byte) {
    frames->bytes[frames->size++] = (unsigned char)byte;
}

/* Spec: SPOE.txt section 3.1 */
static inline void put_number(struct frames *frames, uint64_t number) {
    if (number < 240) {
        put_byte(frames, (unsigned)number);
        return;
    }
    put_byte(frames, 240 | (unsigned)(number % 16));
    number = (number - 240) / 16;
    while (number >= 128) {
        put_byte(frames, 128 | (unsigned)(number % 128));
        number = (number - 128) / 128;
    }
    put_byte(frames, (unsigned)number);
}

static inline void put_bytes(struct frames *frames, const void *bytes, size_t size) {
    put_number(frames, size);
    memcpy(frames->bytes + frames->size, bytes, size);
    frames->size += size;
}

static inline void put_text(struct frames *frames, const char *text) {
    put_bytes(frames, text, strlen(text));
}

static inline void put_pair(struct frames *frames, const char *name, const char *value) {
    put_text(frames, name);
    put_byte(frames, SPOP_STRING);
    put_text(frames, value);
}

static inline void put_pair_number(struct frames *frames, const char *name, uint64_t value) {
    put_text(frames, name);
    put_byte(frames, SPOP_UINT32);
    put_number(frames, value);
}

static inline void open_frame(struct frames *frames, unsigned type, uint64_t stream, uint64_t id) {
    frames->start = frames->size;
    frames->size += SPOP_LENGTH_BYTES;
    put_byte(frames, type);
    for (int i = 0; i < 4; i++) {
        put_byte(frames, i == 3);
    }
    put_number(frames, stream);
    put_number(frames, id);
}

static inline void close_frame(struct frames *frames) {
    size_t length = frames->size - frames->start - SPOP_LENGTH_BYTES;

    for (int i = 0; i < SPOP_LENGTH_BYTES; i++) {
        frames->bytes[frames->start + (size_t)i] = (unsigned char)(length >> (24 - 8 * i));
    }
}

static inline void put_hello(struct frames *frames, uint64_t frame_size, bool is_health_check) {
    open_frame(frames, SPOP_HAPROXY_HELLO, 0, 0);
    put_pair(frames, "supported-versions", "2.0");
    put_pair_number(frames, "max-frame-size", frame_size);
    put_pair(frames, "capabilities", "pipelining,async");
    put_text(frames, "healthcheck");
    put_byte(frames, is_health_check ? SPOP_BOOL | 16 : SPOP_BOOL);
    put_pair(frames, "engine-id", "e847b8a5");
    close_frame(frames);
}

/* A request. `headers` is a list of names and values that NULL ends. */
static inline void put_notify(struct frames *frames, uint64_t stream, unsigned port,
                              const char *method, const char *target, const char *const *headers) {
    static struct frames block;

    block.size = 0;
    for (; headers && *headers; headers++) {
        put_text(&block, *headers);
    }
    put_byte(&block, 0);
    put_byte(&block, 0);
    open_frame(frames, SPOP_NOTIFY, stream, 1);
    put_text(frames, "tote-request");
    put_byte(frames, 6);
    put_pair(frames, "method", method);
    put_pair(frames, "path", target);
    put_pair(frames, "http", "1.1");
    put_text(frames, "headers");
    put_byte(frames, SPOP_BINARY);
    put_bytes(frames, block.bytes, block.size);
    put_text(frames, "ip");
    put_byte(frames, SPOP_IPV4);
    for (unsigned i = 1; i <= 4; i++) {
        put_byte(frames, i);
    }
    put_pair_number(frames, "port", port);
    close_frame(frames);
}

#endif
