/* SPDX-License-Identifier: MIT */
/*
 * json.h - convert a request from OTLP/JSON to protobuf
 *
 * Threads: not thread-safe: jansson's allocation functions are process-wide.
 */
#ifndef TOTE_CLI_JSON_H
#define TOTE_CLI_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "bytes.h"

/* The first value of a text. */
struct json_text {
    json_t *root; /* to be released by json_decref(); NULL on failure */
    size_t length;
    enum outcome outcome;
};

/*
 * Parse the first value of a text. `is_alone`: only white space may follow. `memory` limits what
 * the parser takes: TOO_LARGE. One value at a time: release it before the next call.
 */
struct json_text json_read(const char *json, size_t size, bool is_alone, size_t memory);

/* A value as a request. */
struct json_request {
    struct bytes protobuf; /* the caller clears it */
    struct receipt receipt;
    bool has_traces; /* the value has the key resourceSpans */
};

/*
 * Convert a parsed value.
 *
 * Unknown keys are skipped. Numbers may be strings, enumeration values may be names, and ids may be
 * hex or base64. A value of the wrong type or out of range is left out and counted. If something
 * else is found instead of an object or an array, the request is malformed.
 */
struct json_request json_convert(const json_t *root);

/* The same for a text that is one value. Parsing it takes at most DECODED_MOST bytes of memory. */
struct json_request json_to_request(const char *json, size_t size);

/*
 * Replace bytes that are not UTF-8 and halves of surrogate pairs, which JSON parsers reject, by
 * U+FFFD. Returns a copy to be freed; NULL if no repair is needed or if out of memory.
 */
char *json_repair(const char *json, size_t size, size_t *repaired_size);

#endif
