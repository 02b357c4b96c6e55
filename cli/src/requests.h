/* SPDX-License-Identifier: MIT */
/*
 * requests.h - the requests that a file holds
 */
#ifndef TOTE_CLI_REQUESTS_H
#define TOTE_CLI_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A request in protobuf; `arg` is the caller's. Returns: false when it is none. */
typedef bool requests_take(void *arg, const uint8_t *bytes, size_t size);

/* A request in JSON, as `take` is given it in protobuf. Returns: false when it is none. */
bool requests_from_json(const void *json, size_t size, requests_take *take, void *arg);

/*
 * The lines of JSON of a file, or the one request in protobuf that it is; "-" is the standard input. Returns: false, having said why, when it
 * cannot be read or holds something else.
 */
bool requests_from_file(const char *path, requests_take *take, void *arg);

#endif
