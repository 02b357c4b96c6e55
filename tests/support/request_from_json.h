/* SPDX-License-Identifier: MIT */
/*
 * request_from_json.h - OTLP/JSON to the message that protobuf-c packs: the oracle for JSON writers
 */
#ifndef TOTE_TESTS_REQUEST_FROM_JSON_H
#define TOTE_TESTS_REQUEST_FROM_JSON_H

#include <stddef.h>

#include "otlp/request.pb-c.h"
#include "tote/internal/memory.h"

/*
 * Read a request. Strict where the encoder decides: an unknown or repeated key, upper-case hex, a
 * number that must be a string and a default that is written are surprises. Returns the message, in
 * the arena; or NULL, and the first surprise in `*surprise`.
 */
Tote__Otlp__ExportTraceServiceRequest *
request_from_json(const void *json, size_t size, struct tote__arena *arena, const char **surprise);

#endif
