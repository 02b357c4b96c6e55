/* SPDX-License-Identifier: MIT */
/* fuzz_response.c - bodies that a receiver may respond with */
#include "fuzz.h"
#include "otlp/transport/response.h"
#include "tote/internal/text.h"

static void check(const struct tote__export_response *export_response) {
    size_t length = strnlen(export_response->message, sizeof export_response->message);

    MUST(length < sizeof export_response->message);
    MUST(tote__utf8_valid_prefix(export_response->message, length) == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const types[] = {"application/x-protobuf", "application/json", "text/plain",
                                        ""};
    struct tote__slice body = {data, size};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct tote__export_response success = {0}, error = {0};

        tote__otlp_read_response(body, types[i], &success);
        tote__otlp_read_error(body, types[i], &error);
        check(&success);
        check(&error);
    }
    return 0;
}
