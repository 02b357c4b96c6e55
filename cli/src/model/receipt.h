/* SPDX-License-Identifier: MIT */
/*
 * receipt.h - the result of a request, and the response that reports it
 */
#ifndef TOTE_CLI_RECEIPT_H
#define TOTE_CLI_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

enum outcome {
    TAKEN,     /* spans may be left out */
    MALFORMED, /* not a request */
    TOO_LARGE, /* over a limit: the request can never succeed */
    BUSY       /* too much is pending: retryable */
};

enum { RETRY_AFTER_SECONDS = 1 };

struct receipt {
    enum outcome outcome;
    size_t invalid_ids;    /* spans rejected: the trace or span id is invalid */
    size_t left_out;       /* spans rejected: too much is pending */
    size_t invalid_values; /* values left out: wrong type or out of range */
};

/* Called by a server after each response. */
typedef void receipt_note(const struct receipt *receipt);

enum { RECEIPT_TEXT_BYTES = 320, RECEIPT_RESPONSE_BYTES = RECEIPT_TEXT_BYTES + 64 };

/* Add the counts of a receipt to others. */
void receipt_add(struct receipt *sum, const struct receipt *receipt);

/* Describe what was rejected or left out, or why the request failed. "": complete success. */
void receipt_describe(const struct receipt *receipt, char text[RECEIPT_TEXT_BYTES]);

/*
 * Write the ExportTraceServiceResponse of a request that was TAKEN, in protobuf. Returns its size,
 * 0 if there is nothing to report. Spec: protocol/otlp.md#partial-success
 */
size_t receipt_to_protobuf(const struct receipt *receipt, uint8_t out[RECEIPT_RESPONSE_BYTES]);

/* Write the same in JSON. Returns its length. */
size_t receipt_to_json(const struct receipt *receipt, char out[RECEIPT_RESPONSE_BYTES]);

/* Write a google.rpc.Status with this message. Returns its size. */
size_t receipt_status_to_protobuf(const char *message, uint8_t out[RECEIPT_RESPONSE_BYTES]);

#endif
