/* SPDX-License-Identifier: MIT */
/*
 * grpc.c - what gRPC puts around a message and behind an answer
 */
#include "grpc.h"

#include <string.h>

#include "gzip.h"
#include "tote/internal/text.h"

enum { MOST_CODE_DIGITS = 2 };

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

/* As gRPC maps them: doc/http-grpc-status-mapping.md */
static unsigned code_of_http(long status) {
    switch (status) {
    case 400:
        return 13;
    case 401:
        return 16;
    case 403:
        return 7;
    case 404:
        return 12;
    case 429:
    case 502:
    case 503:
    case 504:
        return TOTE__GRPC_UNAVAILABLE;
    default:
        return TOTE__GRPC_UNKNOWN;
    }
}

unsigned tote__grpc_code(const char *grpc_status, long http_status) {
    unsigned code = 0;
    int digits = 0;

    for (; grpc_status[digits] >= '0' && grpc_status[digits] <= '9' && digits < MOST_CODE_DIGITS;
         digits++) {
        code = 10 * code + (unsigned)(grpc_status[digits] - '0');
    }
    if (!digits && !*grpc_status) {
        return code_of_http(http_status);
    }
    return digits && !grpc_status[digits] && code < TOTE__GRPC_CODES ? code : TOTE__GRPC_UNKNOWN;
}

const char *tote__grpc_code_name(unsigned code) {
    static const char *const names[TOTE__GRPC_CODES] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };

    return names[code < TOTE__GRPC_CODES ? code : TOTE__GRPC_UNKNOWN];
}

static bool has_words(const char *text, const char *words) {
    size_t length = strlen(words);

    for (size_t left = strlen(text); left >= length; left--, text++) {
        if (tote__equals_ignoring_case(text, length, words, length)) {
            return true;
        }
    }
    return false;
}

bool tote__grpc_says_too_large(unsigned code, bool asks_to_wait, const char *message) {
    static const char *const words[] = {"larger than max", "too large", "exceeds max",
                                        "exceeds the max"};

    if ((code != TOTE__GRPC_RESOURCE_EXHAUSTED && code != TOTE__GRPC_OUT_OF_RANGE) ||
        asks_to_wait) {
        return false;
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(words); i++) {
        if (has_words(message, words[i])) {
            return true;
        }
    }
    return false;
}

bool tote__grpc_is_retryable(unsigned code, bool asks_to_wait) {
    static const uint32_t retryable =
        1U << 1 | 1U << 4 | 1U << 10 | 1U << 11 | 1U << TOTE__GRPC_UNAVAILABLE | 1U << 15;

    return code == TOTE__GRPC_RESOURCE_EXHAUSTED
               ? asks_to_wait
               : code < TOTE__GRPC_CODES && (retryable >> code & 1);
}
