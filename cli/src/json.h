/* SPDX-License-Identifier: MIT */
/*
 * json.h - OTLP/JSON to the same request in protobuf
 *
 * Threads: not thread-safe: jansson's allocation functions are the process's.
 */
#ifndef TOTE_CLI_JSON_H
#define TOTE_CLI_JSON_H

#include <stdbool.h>

#include "bytes.h"

/* What a text begins with. */
struct json_request {
    struct bytes protobuf; /* to be cleared by the caller */
    struct receipt receipt;
    size_t length;   /* of the value in the text; 0: not JSON */
    bool has_traces; /* it has the key resourceSpans */
};

/*
 * Convert the JSON value that the text begins with. `is_alone`: nothing but white space may follow.
 *
 * Unknown keys are skipped. Numbers may be texts, enumeration values names, and ids hex or base64.
 * A value of the wrong type or out of range is left out and counted; if an object or a list is
 * something else, the request is malformed. Memory is limited to DECODED_MOST bytes.
 */
struct json_request json_to_request(const char *json, size_t size, bool is_alone);

/*
 * Repair what JSON parsers refuse: bytes that are not UTF-8 and halves of surrogate pairs become
 * U+FFFD. Returns: a copy to be freed, or NULL if no repair is needed or if out of memory.
 */
char *json_repair(const char *json, size_t size, size_t *repaired_size);

#endif
