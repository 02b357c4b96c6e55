/* SPDX-License-Identifier: MIT */
/*
 * receipt.c - the result of a request, and the response that reports it
 *
 * Tests: tests/unit/test_view_requests.c, tests/cli/test_view.sh
 */
#include "receipt.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "tote/internal/wire.h"

/* Tags of ExportTraceServiceResponse, ExportTracePartialSuccess and google.rpc.Status. */
enum { PARTIAL_SUCCESS = 0x0A, REJECTED_SPANS = 0x08, ERROR_MESSAGE = 0x12, STATUS_MESSAGE = 0x12 };

void receipt_add(struct receipt *sum, const struct receipt *receipt) {
    sum->invalid_ids += receipt->invalid_ids;
    sum->left_out += receipt->left_out;
    sum->invalid_values += receipt->invalid_values;
}

/* Append "3 spans TEXT" to a list. */
static void append_count(char *text, size_t count, const char *noun, const char *what) {
    size_t used = strlen(text);

    if (count) {
        snprintf(text + used, RECEIPT_TEXT_BYTES - used, "%s%zu %s%s %s", used ? "; " : "", count,
                 noun, count == 1 ? "" : "s", what);
    }
}

void receipt_describe(const struct receipt *receipt, char text[RECEIPT_TEXT_BYTES]) {
    *text = '\0';
    switch (receipt->outcome) {
    case TAKEN:
        append_count(text, receipt->invalid_ids, "span",
                     "rejected: the trace id or the span id is missing or invalid");
        append_count(text, receipt->left_out, "span", "rejected: too many spans are pending");
        append_count(text, receipt->invalid_values, "value",
                     "left out: wrong type or out of range");
        break;
    case MALFORMED:
        snprintf(text, RECEIPT_TEXT_BYTES, "the body is not an OTLP trace request");
        break;
    case TOO_LARGE:
        snprintf(text, RECEIPT_TEXT_BYTES,
                 "the request is larger than %d MiB, or decoding it takes more than %d MiB",
                 BYTES_MOST >> 20, DECODED_MOST >> 20);
        break;
    case BUSY:
        snprintf(text, RECEIPT_TEXT_BYTES, "too many spans are pending: retry after %d s",
                 RETRY_AFTER_SECONDS);
        break;
    }
}

static size_t rejected(const struct receipt *receipt) {
    return receipt->invalid_ids + receipt->left_out;
}

size_t receipt_to_protobuf(const struct receipt *receipt, uint8_t out[RECEIPT_RESPONSE_BYTES]) {
    char text[RECEIPT_TEXT_BYTES];
    uint8_t inner[RECEIPT_RESPONSE_BYTES];
    uint8_t *at = inner;

    receipt_describe(receipt, text);
    if (!*text) {
        return 0;
    }
    at = tote__put_number(at, REJECTED_SPANS, rejected(receipt));
    at = tote__put_run(at, ERROR_MESSAGE, text, strlen(text));
    return (size_t)(tote__put_run(out, PARTIAL_SUCCESS, inner, (size_t)(at - inner)) - out);
}

size_t receipt_to_json(const struct receipt *receipt, char out[RECEIPT_RESPONSE_BYTES]) {
    char text[RECEIPT_TEXT_BYTES];

    receipt_describe(receipt, text); /* it contains nothing that JSON escapes */
    int size = *text ? snprintf(out, RECEIPT_RESPONSE_BYTES,
                                "{\"partialSuccess\":{\"rejectedSpans\":\"%zu\","
                                "\"errorMessage\":\"%s\"}}",
                                rejected(receipt), text)
                     : snprintf(out, RECEIPT_RESPONSE_BYTES, "{}");

    return (size_t)size;
}

size_t receipt_status_to_protobuf(const char *message, uint8_t out[RECEIPT_RESPONSE_BYTES]) {
    const size_t length = strnlen(message, RECEIPT_TEXT_BYTES);

    return (size_t)(tote__put_run(out, STATUS_MESSAGE, message, length) - out);
}
