/* SPDX-License-Identifier: MIT */
/*
 * grpc.h - what gRPC puts around a message and behind an answer
 *
 * Spec: grpc/grpc doc/PROTOCOL-HTTP2.md
 */
#ifndef TOTE_OTLP_GRPC_H
#define TOTE_OTLP_GRPC_H

#include "tote/internal/memory.h"
#include "tote/internal/wire.h"

enum {
    TOTE__GRPC_HEAD_BYTES = 5, /* ahead of each message: whether it is compressed, and its size */
    TOTE__GRPC_OK = 0,
    TOTE__GRPC_UNKNOWN = 2,
    TOTE__GRPC_PERMISSION_DENIED = 7,
    TOTE__GRPC_RESOURCE_EXHAUSTED = 8,
    TOTE__GRPC_OUT_OF_RANGE = 11,
    TOTE__GRPC_UNIMPLEMENTED = 12,
    TOTE__GRPC_UNAVAILABLE = 14,
    TOTE__GRPC_UNAUTHENTICATED = 16,
    TOTE__GRPC_CODES = 17
};

void tote__grpc_put_head(uint8_t *out, bool is_compressed, size_t size);

enum tote__grpc_reading { TOTE__GRPC_READ, TOTE__GRPC_UNREADABLE, TOTE__GRPC_TOO_LARGE };

/*
 * The one message of a body; what was compressed is in the arena, `most` bytes large at most. An
 * empty body is an empty message.
 */
enum tote__grpc_reading tote__grpc_read(struct tote__slice body, size_t most,
                                        struct tote__arena *arena, struct tote__slice *message);

/* The code of a grpc-status; without one ("") what the HTTP status stands for. */
unsigned tote__grpc_code(const char *grpc_status, long http_status);

/* "UNAVAILABLE"; of UNKNOWN for a code that is none. */
const char *tote__grpc_code_name(unsigned code);

/*
 * Whether an error means that the request is larger than the receiver accepts. gRPC has no code for
 * it: servers send RESOURCE_EXHAUSTED or OUT_OF_RANGE, and name the cause in the message.
 */
bool tote__grpc_says_too_large(unsigned code, bool asks_to_wait, const char *message);

/* Requirement G8; for RESOURCE_EXHAUSTED the receiver has to ask for it. */
bool tote__grpc_is_retryable(unsigned code, bool asks_to_wait);

#endif
