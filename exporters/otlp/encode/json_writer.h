/* SPDX-License-Identifier: MIT */
/*
 * json_writer.h - JSON, straight into the bytes of a request
 *
 * Behind each value, object and array stands a comma, which the end of what it is in takes back:
 * nobody has to know what is the first or the last. If out of memory nothing more is written, and
 * tote__json_finish() tells.
 */
#ifndef TOTE_OTLP_JSON_WRITER_H
#define TOTE_OTLP_JSON_WRITER_H

#include <string.h>

#include "encode.h"
#include "tote/internal/wire.h"

struct tote__json {
    struct tote__buffer *buffer; /* its size is that of before */
    uint8_t *at;
    uint8_t *end;
    bool is_failed;
};

/* Write behind what there is in the buffer. */
struct tote__json tote__json_start(struct tote__buffer *buffer);

/* The last comma is dropped. Returns: false if out of memory; the size is as before then. */
bool tote__json_finish(struct tote__json *json);

bool tote__json_grow(struct tote__json *json, size_t size);

/* Every function asks before it writes, for as much as it may write. */
static inline bool tote__json_has_room(struct tote__json *json, size_t size) {
    return (size_t)(json->end - json->at) >= size || tote__json_grow(json, size);
}

/* Text that is JSON already, one character or more. */
static inline void tote__json_put(struct tote__json *json, const char *text) {
    size_t length = strlen(text); /* mostly of a literal, and so known when this is compiled */

    if (tote__json_has_room(json, length)) {
        memcpy(json->at, text, length);
        json->at += length;
    }
}

/* End an object or an array with its bracket. */
static inline void tote__json_end(struct tote__json *json, char bracket) {
    if (tote__json_has_room(json, 2)) {
        json->at -= json->at[-1] == ',';
        *json->at++ = (uint8_t)bracket;
        *json->at++ = ',';
    }
}

/* A string; what is not UTF-8 becomes U+FFFD. */
void tote__json_text(struct tote__json *json, struct tote__slice text);

/* Strings of bytes. */
void tote__json_hex(struct tote__json *json, const void *bytes, size_t size);
void tote__json_base64(struct tote__json *json, struct tote__slice bytes);

/* Numbers, and those of 64 bits, which are strings. */
void tote__json_number(struct tote__json *json, uint32_t number);
void tote__json_unsigned(struct tote__json *json, uint64_t number);
void tote__json_signed(struct tote__json *json, int64_t number);

/* A number that is read as the same again; what is none is a string. */
void tote__json_double(struct tote__json *json, double real);

#endif
