/* SPDX-License-Identifier: MIT */
/*
 * json_writer.h - writes JSON into a buffer
 *
 * Each value, object and array is followed by a comma, which the end of its container removes. If
 * out of memory nothing more is written, and tote__json_finish() returns false.
 */
#ifndef TOTE_OTLP_JSON_WRITER_H
#define TOTE_OTLP_JSON_WRITER_H

#include <string.h>

#include "encode.h"
#include "tote/internal/wire.h"

struct tote__json {
    struct tote__buffer *buffer; /* its size is not updated until the end */
    uint8_t *at;
    uint8_t *end;
    bool is_failed;
};

/* Start to write behind the content of the buffer. */
struct tote__json tote__json_start(struct tote__buffer *buffer);

/* Remove the last comma. Returns false, leaving the size unchanged, if out of memory. */
bool tote__json_finish(struct tote__json *json);

bool tote__json_grow(struct tote__json *json, size_t size);

/* Reserve memory: each function does so before it writes. */
static inline bool tote__json_has_room(struct tote__json *json, size_t size) {
    return (size_t)(json->end - json->at) >= size || tote__json_grow(json, size);
}

/* Write text that is already JSON, at least one character. */
static inline void tote__json_put(struct tote__json *json, const char *text) {
    size_t length = strlen(text); /* usually a constant */

    if (tote__json_has_room(json, length)) {
        memcpy(json->at, text, length);
        json->at += length;
    }
}

/* End an object or array with its bracket. */
static inline void tote__json_end(struct tote__json *json, char bracket) {
    if (tote__json_has_room(json, 2)) {
        json->at -= json->at[-1] == ',';
        *json->at++ = (uint8_t)bracket;
        *json->at++ = ',';
    }
}

/* Write a string. Invalid UTF-8 becomes U+FFFD. */
void tote__json_text(struct tote__json *json, struct tote__slice text);

/* Write bytes as a string. */
void tote__json_hex(struct tote__json *json, const void *bytes, size_t size);
void tote__json_base64(struct tote__json *json, struct tote__slice bytes);

/* Write numbers; 64-bit ones are strings. */
void tote__json_number(struct tote__json *json, uint32_t number);
void tote__json_unsigned(struct tote__json *json, uint64_t number);
void tote__json_signed(struct tote__json *json, int64_t number);

/* Write a double so that it is read as the same value. NaN and infinities are strings. */
void tote__json_double(struct tote__json *json, double real);

#endif
