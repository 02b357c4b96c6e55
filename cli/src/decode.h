/* SPDX-License-Identifier: MIT */
/*
 * decode.h - an OTLP request to spans
 */
#ifndef TOTE_CLI_DECODE_H
#define TOTE_CLI_DECODE_H

#include "trace.h"

/*
 * Give the arena that the span with this trace id, of so many bytes on the wire, is to lie in, and
 * an empty span there; NULL: leave it out.
 */
typedef struct trace_span *(*decode_place)(void *arg, const uint8_t trace_id[16],
                                           uint64_t start_unix_nano, size_t bytes,
                                           struct tote__arena **arena);

/*
 * Decode a request; `place` is asked for each span. Returns: false when the bytes are no request,
 * or one that is too deep or too much to be unpacked.
 */
bool decode_request(const uint8_t *bytes, size_t size, decode_place place, void *arg);

#endif
