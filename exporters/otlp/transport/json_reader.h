/* SPDX-License-Identifier: MIT */
/*
 * json_reader.h - a JSON text in one pass: what is wanted is read, all else is skipped
 *
 * For what a receiver answers: it takes no memory, opens nothing, and nests TOTE__JSON_DEPTH deep
 * at most. Once something is wrong, nothing more is read and `is_broken` says so.
 */
#ifndef TOTE_OTLP_JSON_READER_H
#define TOTE_OTLP_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOTE__JSON_DEPTH = 64 };

struct tote__json_source {
    const char *at;
    const char *end;
    unsigned depth;
    bool is_broken;
    bool is_first; /* of the members of the object or array that was entered last */
};

struct tote__json_source tote__json_source_of(const void *text, size_t size);

/* Go into an object. Returns: false, and it is skipped, when the value is something else. */
bool tote__json_enter(struct tote__json_source *json);

/*
 * The next member's key, cut to what fits with its NUL; then its value is to be read, entered or
 * skipped. Returns: false when the object has ended, or is broken.
 */
bool tote__json_next(struct tote__json_source *json, char *key, size_t size);

/* Go into an array. Returns: false, and it is skipped, when the value is something else. */
bool tote__json_enter_array(struct tote__json_source *json);

/*
 * Go to the next item, which is to be read, entered or skipped. Returns: false at the end of the
 * array, or when it is broken.
 */
bool tote__json_next_item(struct tote__json_source *json);

void tote__json_skip(struct tote__json_source *json);

/* Skip a null, which is a field that is not set. Returns: false when it is something else. */
bool tote__json_skip_null(struct tote__json_source *json);

/*
 * A string's start, cut to what fits, at a byte. Returns: its length so cut; 0, and it is skipped,
 * when the value is something else.
 */
size_t tote__json_read_text(struct tote__json_source *json, char *out, size_t size);

/* An integer, as a number or as text. Returns: false when it is none. */
bool tote__json_read_integer(struct tote__json_source *json, int64_t *integer);

/* Returns: whether all was read and is JSON. */
bool tote__json_is_over(struct tote__json_source *json);

#endif
