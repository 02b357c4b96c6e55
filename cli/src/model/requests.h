/* SPDX-License-Identifier: MIT */
/*
 * requests.h - the requests that a body or a file contains
 */
#ifndef TOTE_CLI_REQUESTS_H
#define TOTE_CLI_REQUESTS_H

#include <stdbool.h>

#include "receipt.h"

/* Handle a request in protobuf; `arg` is the caller's. */
typedef struct receipt requests_take(void *arg, const uint8_t *bytes, size_t size);

/* Convert a request from JSON to protobuf and call `take`. */
struct receipt requests_from_json(const void *json, size_t size, requests_take *take, void *arg);

/*
 * Call `take` for each request of a file. The format is found by the content: OTLP in protobuf, one
 * request or a sequence in which each has its length before it; or JSON values of OTLP, Jaeger or
 * Zipkin version 2: one per line, indented, or in an array. Other lines, such as a program's own
 * output, are skipped and counted. The file may be compressed with gzip. "-" is standard input.
 *
 * Returns: false, after a message on standard error, if the file cannot be read, contains no
 * request, or contains a damaged one.
 */
bool requests_from_file(const char *path, requests_take *take, void *arg, struct receipt *sum);

/* The same for the content of a file. `name` is for messages; NULL: a few are not written. */
bool requests_from_content(const char *name, const uint8_t *bytes, size_t size, requests_take *take,
                           void *arg, struct receipt *sum);

#endif
