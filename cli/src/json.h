/* SPDX-License-Identifier: MIT */
/*
 * json.h - OTLP/JSON to the same request in protobuf
 */
#ifndef TOTE_CLI_JSON_H
#define TOTE_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * As receivers read it: unknown keys are skipped, 64 bits may be a number or text, ids are hex in either case.
 * Returns: the bytes, to be freed; NULL when the text is no such request, or memory is out.
 */
uint8_t *json_to_request(const void *json, size_t size, size_t *request_size);

#endif
