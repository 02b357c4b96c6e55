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
    size_t length;   /* of the value in the text; 0: not JSON */
    bool has_traces; /* the value has the key resourceSpans */
};

/*
 * Convert the first JSON value of the text. `is_alone`: only white space may follow.
 *
 * Unknown keys are skipped. Numbers may be strings, enumeration values may be names, and ids may be
 * hex or base64. A value of the wrong type or out of range is left out and counted. If something
 * else is found instead of an object or an array, the request is malformed. Memory is limited to
 * DECODED_MOST bytes.
 */
struct json_request json_to_request(const char *json, size_t size, bool is_alone);

/* The same for a value that is parsed. Sets all fields except the length. */
void json_convert(struct json_request *request, const json_t *root);

/*
 * Replace bytes that are not UTF-8 and halves of surrogate pairs, which JSON parsers reject, by
 * U+FFFD. Returns a copy to be freed; NULL if no repair is needed or if out of memory.
 */
char *json_repair(const char *json, size_t size, size_t *repaired_size);

#endif
