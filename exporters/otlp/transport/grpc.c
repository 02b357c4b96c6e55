/* SPDX-License-Identifier: MIT */
/*
 * grpc.c - what gRPC puts around a message and behind an answer
 */
#include "grpc.h"

#include "gzip.h"

void tote__grpc_put_head(uint8_t *out, bool is_compressed, size_t size) {
    out[0] = is_compressed;
    for (unsigned i = 0; i < 4; i++) {
        out[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    }
}

enum tote__grpc_reading tote__grpc_read(struct tote__slice body, size_t most,
                                        struct tote__arena *arena, struct tote__slice *message) {
    size_t size = 0;

    *message = (struct tote__slice){NULL, 0};
    if (!body.size) {
        return TOTE__GRPC_READ;
    }
    for (unsigned i = 1; i < TOTE__GRPC_HEAD_BYTES && i < body.size; i++) {
        size = size << 8 | body.at[i];
    }
    if (body.size < TOTE__GRPC_HEAD_BYTES || body.size - TOTE__GRPC_HEAD_BYTES != size ||
        body.at[0] > 1) {
        return TOTE__GRPC_UNREADABLE;
    }
    *message = (struct tote__slice){body.at + TOTE__GRPC_HEAD_BYTES, size};
    if (!body.at[0]) {
        return TOTE__GRPC_READ;
    }
    switch (tote__gzip_expand(*message, most, arena, message)) {
    case TOTE__GZIP_EXPANDED:
        return TOTE__GRPC_READ;
    case TOTE__GZIP_TOO_LARGE:
        return TOTE__GRPC_TOO_LARGE;
    default:
        return TOTE__GRPC_UNREADABLE;
    }
}
