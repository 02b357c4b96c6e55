/* SPDX-License-Identifier: MIT */
/*
 * json_reader.h - values of a JSON text, found by the keys of the objects around them
 *
 * For what a receiver answers: it takes no memory, and nests TOTE__JSON_DEPTH deep at most.
 */
#ifndef TOTE_OTLP_JSON_READER_H
#define TOTE_OTLP_JSON_READER_H

#include "tote/internal/wire.h"

enum { TOTE__JSON_DEPTH = 64 };

struct tote__json_wanted {
    const char *path;         /* the keys, each behind a '.', at most 48 bytes */
    struct tote__slice value; /* as it is in the text; no address: not found */
};

/*
 * Find the values, which have no address before. Of several with one path the last is found.
 * Returns: whether the text is one object of JSON and nothing else; what is ahead of an error is
 * found.
 */
bool tote__json_find(struct tote__slice text, struct tote__json_wanted *wanted, size_t count);

/* Decode a value that is a string, cut to what fits. Returns: its length so cut; 0 for others. */
size_t tote__json_string(struct tote__slice value, char *out, size_t size);

/* Read an integer, as a number or as a string. Returns: false if it is none. */
bool tote__json_integer(struct tote__slice value, int64_t *integer);

#endif
