/* SPDX-License-Identifier: MIT */
/*
 * json_reader.h - finds values of a JSON text by the keys around them
 *
 * For responses of a receiver: allocates no memory, and accepts a nesting of TOTE__JSON_DEPTH.
 */
#ifndef TOTE_OTLP_JSON_READER_H
#define TOTE_OTLP_JSON_READER_H

#include "tote/internal/wire.h"

enum { TOTE__JSON_DEPTH = 64 };

struct tote__json_wanted {
    const char *path;         /* the keys, each after a '.', at most 48 bytes */
    struct tote__slice value; /* the encoded value; NULL: not found */
};

/*
 * Find the values, which are initially NULL. Of several with one path the last one is found.
 * Returns whether the text is one valid JSON object; values before an error are found.
 */
bool tote__json_find(struct tote__slice text, struct tote__json_wanted *wanted, size_t count);

/* Decode a string, truncated to the buffer. Returns its truncated length; 0 for other values. */
size_t tote__json_string(struct tote__slice value, char *out, size_t size);

/* Read an integer from a number or string. Returns false if it is neither. */
bool tote__json_integer(struct tote__slice value, int64_t *integer);

#endif
