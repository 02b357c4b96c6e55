/* SPDX-License-Identifier: MIT */
/*
 * fuzz_http_response.c - a response with its headers, by HTTP and by gRPC, and the export result
 *
 * The input is lines of headers, an empty line, and the body.
 */
#include "fuzz.h"

#include "otlp/transport/export_result.h"
#include "otlp/transport/response_reader.h"
#include "tote/internal/text.h"

enum { MOST_BYTES = 4096 };

static void check(const struct tote__export_result *export_result) {
    const char *message = export_result->export_response.message;

    MUST(export_result->kind >= TOTE__SUCCESS && export_result->kind <= TOTE__PERMANENT_FAILURE);
    MUST(export_result->reason && export_result->detail && export_result->advice);
    MUST(tote__utf8_valid_prefix(message, strlen(message)) == strlen(message));
}

/* Pass the lines to the header reader. Returns the position of the body. */
static const char *take_headers(struct tote__response_reader *incoming, char *text, char *end) {
    while (text < end) {
        char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t size = line_end ? (size_t)(line_end + 1 - text) : (size_t)(end - text);
        MUST(tote__response_reader_take_header(text, 1, size, incoming) == size);
        text += size;
        if (size <= 2) {
            break;
        }
    }
    return text;
}

static void judge(const struct tote__response_reader *incoming, tote_otlp_protocol protocol,
                  long status) {
    const struct tote__otlp_settings settings = {.protocol = protocol,
                                                 .max_response_bytes = MOST_BYTES};
    struct tote__response response = {.outcome = TOTE__RESPONDED, .status = status, .error = ""};
    struct tote__export_result export_result;

    tote__response_reader_read(incoming, &response);
    tote__otlp_judge(&settings, &response, &export_result);
    check(&export_result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const long statuses[] = {200, 204, 400, 429, 500, 503};
    struct tote__response_reader incoming = {.max_size = MOST_BYTES};
    char *text = malloc(size + 1);

    MUST(text);
    if (size) {
        memcpy(text, data, size);
    }
    for (int is_grpc = 0; is_grpc < 2; is_grpc++) {
        tote__response_reader_begin(&incoming);
        incoming.is_grpc = is_grpc;
        const char *body = take_headers(&incoming, text, text + size);
        tote__response_reader_take_body((char *)(uintptr_t)body, 1, (size_t)(text + size - body),
                                        &incoming);
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
            judge(&incoming, is_grpc ? TOTE_OTLP_PROTOCOL_GRPC : TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF,
                  statuses[i]);
        }
    }
    tote__buffer_clear(&incoming.body);
    free(text);
    return 0;
}
