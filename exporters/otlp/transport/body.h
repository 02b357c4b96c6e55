/* SPDX-License-Identifier: MIT */
/*
 * body.h - request bodies from protobuf messages, and response bodies of gRPC
 *
 * Spec: grpc/grpc doc/PROTOCOL-HTTP2.md
 */
#ifndef TOTE_OTLP_BODY_H
#define TOTE_OTLP_BODY_H

#include <zlib.h>

#include "otlp/options.h"
#include "otlp/transport/transport.h"
#include "tote/internal/buffer.h"

/* State of the encoder. Initially zero. Memory is kept between requests. */
struct tote__packer {
    struct tote__buffer json;
    struct tote__buffer packed;
    z_stream stream;
    bool has_stream;
};

/*
 * Encode the body of a request: protobuf or JSON, compressed or not, with or without gRPC's prefix.
 * The result is valid until the next call, as long as the message. Returns an empty slice with NULL
 * if out of memory.
 */
struct tote__slice tote__pack(struct tote__packer *packer,
                              const struct tote__otlp_settings *settings,
                              const struct tote__request *request);

void tote__packer_clear(struct tote__packer *packer);

/* Prefix of each gRPC message: a compression flag and the size. */
enum { TOTE__GRPC_HEAD_BYTES = 5 };

void tote__grpc_put_head(uint8_t *out, bool is_compressed, size_t size);

enum tote__grpc_reading { TOTE__GRPC_READ, TOTE__GRPC_UNREADABLE, TOTE__GRPC_TOO_LARGE };

/*
 * Return the message of a body. A compressed message is decompressed into `whole`, which is
 * initially empty and does not grow much beyond `most` bytes. An empty body is an empty message.
 */
enum tote__grpc_reading tote__grpc_read(struct tote__slice body, size_t most,
                                        struct tote__buffer *whole, struct tote__slice *message);

#endif
