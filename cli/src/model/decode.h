/* SPDX-License-Identifier: MIT */
/*
 * decode.h - decode an OTLP request into spans
 */
#ifndef TOTE_CLI_DECODE_H
#define TOTE_CLI_DECODE_H

#include "receipt.h"
#include "trace.h"

/*
 * Return an empty span of the trace with this id, and the arena for its content, which will take
 * about `bytes`. NULL: leave the span out.
 */
typedef struct trace_span *(*decode_place)(void *arg, const uint8_t trace_id[16],
                                           uint64_t start_unix_nano, size_t bytes,
                                           struct tote__arena **arena);

/*
 * Decode a request; `place` is called for each span with valid ids. Sets the receipt: MALFORMED if
 * the bytes are not a request or it is nested too deeply, TOO_LARGE if it takes more than
 * DECODED_MOST bytes.
 */
void decode_request(const uint8_t *bytes, size_t size, decode_place place, void *arg,
                    struct receipt *receipt);

#endif
