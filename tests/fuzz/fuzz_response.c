/* SPDX-License-Identifier: MIT */
/*
 * fuzz_response.c - what a receiver may answer
 */
#include "fuzz.h"
#include "otlp/transport/response.h"
#include "tote/internal/text.h"

static void check(const struct tote__response *response) {
    size_t length = strnlen(response->remark, sizeof response->remark);

    MUST(length < sizeof response->remark);
    MUST(tote__utf8_valid_prefix(response->remark, length) == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const types[] = {"application/x-protobuf", "application/json", "text/plain",
                                        ""};
    struct tote__slice body = {data, size};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct tote__response success = {0}, error = {0};

        tote__otlp_read_response(body, types[i], &success);
        tote__otlp_read_error(body, types[i], &error);
        check(&success);
        check(&error);
    }
    return 0;
}
