/* SPDX-License-Identifier: MIT */
/*
 * body.c - request bodies, and response bodies of gRPC
 *
 * Tests: tests/unit/test_otlp_grpc.c, tests/unit/test_otlp_export_result.c
 */
#include "body.h"

#include <limits.h>

#include "otlp/encode/encode.h"

/* For deflateInit2(): the largest window, with a gzip head and trailer. */
enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8, SMALLEST_EXPANSION = 1024 };

/* Compress the rest of the input. Returns false if out of memory. */
static bool compress_message(struct tote__packer *packer, struct tote__slice message) {
    struct tote__buffer *packed = &packer->packed;
    z_stream *stream = &packer->stream;
    int result = packer->has_stream
                     ? deflateReset(stream)
                     : deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS,
                                    MEMORY_LEVEL, Z_DEFAULT_STRATEGY);

    packer->has_stream |= result == Z_OK;
    size_t bound = result == Z_OK ? deflateBound(stream, (uLong)message.size) : 0;
    if (!bound || bound > UINT_MAX || !tote__buffer_reserve(packed, bound)) {
        return false;
    }
    stream->next_in = (z_const Bytef *)(uintptr_t)message.at;
    stream->avail_in = (uInt)message.size;
    stream->next_out = packed->bytes + packed->size;
    stream->avail_out = (uInt)bound;
    result = deflate(stream, Z_FINISH);
    packed->size += bound - stream->avail_out;
    return result == Z_STREAM_END;
}

struct tote__slice tote__pack(struct tote__packer *packer,
                              const struct tote__otlp_settings *settings,
                              const struct tote__request *request) {
    struct tote__slice message = request->message;
    bool is_grpc = tote__otlp_is_grpc(settings);
    struct tote__buffer *packed = &packer->packed;
    bool is_packed = true;

    message.at = message.size ? message.at : (const uint8_t *)"";
    packer->json.size = packed->size = 0;
    if (tote__otlp_is_json(settings)) {
        is_packed = request->is_metrics ? tote__otlp_json_of_metrics(&packer->json, message)
                                        : tote__otlp_json_of(&packer->json, message);
        message = tote__buffer_slice(&packer->json);
    }
    if (is_packed && is_grpc) {
        is_packed = tote__buffer_reserve(packed, TOTE__GRPC_HEAD_BYTES + message.size);
        packed->size = is_packed ? TOTE__GRPC_HEAD_BYTES : 0;
    }
    if (is_packed && (is_grpc || settings->is_gzip)) {
        is_packed = settings->is_gzip ? compress_message(packer, message)
                                      : tote__buffer_append(packed, message);
        message = tote__buffer_slice(packed);
    }
    if (is_packed && is_grpc) {
        tote__grpc_put_head(packed->bytes, settings->is_gzip, packed->size - TOTE__GRPC_HEAD_BYTES);
    }
    return is_packed ? message : (struct tote__slice){NULL, 0};
}

void tote__packer_clear(struct tote__packer *packer) {
    if (packer->has_stream) {
        deflateEnd(&packer->stream);
    }
    tote__buffer_clear(&packer->json);
    tote__buffer_clear(&packer->packed);
}

void tote__grpc_put_head(uint8_t *out, bool is_compressed, size_t size) {
    out[0] = is_compressed;
    for (unsigned i = 0; i < 4; i++) {
        out[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    }
}

/* Decompress to the end of the input, regardless of the size that it declares. */
static enum tote__grpc_reading expand(struct tote__slice packed, size_t most,
                                      struct tote__buffer *whole) {
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)packed.at,
                       .avail_in = (uInt)packed.size};
    int result = packed.size > UINT_MAX ? Z_DATA_ERROR : inflateInit2(&stream, GZIP_WINDOW_BITS);

    while (result == Z_OK && whole->size <= most) {
        if (!tote__buffer_reserve(whole, SMALLEST_EXPANSION)) {
            break;
        }
        size_t room = tote__min(whole->capacity - whole->size, UINT_MAX);
        stream.next_out = whole->bytes + whole->size;
        stream.avail_out = (uInt)room;
        result = inflate(&stream, Z_NO_FLUSH);
        whole->size += room - stream.avail_out;
    }
    inflateEnd(&stream);
    return whole->size > most       ? TOTE__GRPC_TOO_LARGE
           : result == Z_STREAM_END ? TOTE__GRPC_READ
                                    : TOTE__GRPC_UNREADABLE;
}

enum tote__grpc_reading tote__grpc_read(struct tote__slice body, size_t most,
                                        struct tote__buffer *whole, struct tote__slice *message) {
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
    enum tote__grpc_reading reading = expand(*message, most, whole);
    *message = tote__buffer_slice(whole);
    return reading;
}
