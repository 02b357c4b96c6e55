/* SPDX-License-Identifier: MIT */
/*
 * body.h - the body of a request, from the message in protobuf, and gRPC's body of a response
 *
 * Spec: grpc/grpc doc/PROTOCOL-HTTP2.md
 */
#ifndef TOTE_OTLP_BODY_H
#define TOTE_OTLP_BODY_H

#include <zlib.h>

#include "otlp/options.h"
#include "tote/internal/buffer.h"

/* What packs bodies; all zero at first. Memory is kept between requests. */
struct tote__packer {
    struct tote__buffer json;
    struct tote__buffer packed;
    z_stream stream;
    bool has_stream;
};

/*
 * Make the body of a request: protobuf or JSON, compressed or not, with gRPC's head or none.
 * Returns: what is good until the next call, and as long as the message; NULL and 0 if out of
 * memory.
 */
struct tote__slice tote__pack(struct tote__packer *packer,
                              const struct tote__otlp_settings *settings,
                              struct tote__slice message);

void tote__packer_clear(struct tote__packer *packer);

/* Ahead of each message of gRPC: whether it is compressed, and its size. */
enum { TOTE__GRPC_HEAD_BYTES = 5 };

void tote__grpc_put_head(uint8_t *out, bool is_compressed, size_t size);

enum tote__grpc_reading { TOTE__GRPC_READ, TOTE__GRPC_UNREADABLE, TOTE__GRPC_TOO_LARGE };

/*
 * The one message of a body. If it was compressed it is in `whole`, which is empty before and gets
 * little more than `most` bytes large. An empty body is an empty message.
 */
enum tote__grpc_reading tote__grpc_read(struct tote__slice body, size_t most,
                                        struct tote__buffer *whole, struct tote__slice *message);

#endif
