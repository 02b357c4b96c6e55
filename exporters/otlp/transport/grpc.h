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

/* Ahead of each message: whether it is compressed, and its size. */
enum { TOTE__GRPC_HEAD_BYTES = 5 };

void tote__grpc_put_head(uint8_t *out, bool is_compressed, size_t size);

enum tote__grpc_reading { TOTE__GRPC_READ, TOTE__GRPC_UNREADABLE, TOTE__GRPC_TOO_LARGE };

/*
 * The one message of a body; what was compressed is in the arena, `most` bytes large at most. An
 * empty body is an empty message.
 */
enum tote__grpc_reading tote__grpc_read(struct tote__slice body, size_t most,
                                        struct tote__arena *arena, struct tote__slice *message);

#endif
