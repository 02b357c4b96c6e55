/* SPDX-License-Identifier: MIT */
/*
 * response.h - reads the body of a response
 */
#ifndef TOTE_OTLP_RESPONSE_H
#define TOTE_OTLP_RESPONSE_H

#include "tote/internal/wire.h"

enum { TOTE__MESSAGE_SIZE = 256 };

/* the receiver's message: valid UTF-8, one line, truncated; "" if there is none */
struct tote__export_response {
    uint64_t rejected;       /* rejected spans of a partial success */
    bool asks_to_wait;       /* an error has a retry time */
    bool has_retry_after;    /* the receiver asks for a wait */
    uint64_t retry_after_ms; /* milliseconds to wait; 0: retry immediately */
    char message[TOTE__MESSAGE_SIZE];
};

/* Read the body of a success. Returns false if it is not readable. */
bool tote__otlp_read_response(struct tote__slice body, const char *content_type,
                              struct tote__export_response *export_response);

/*
 * Read the body of an error as far as possible. Text is used regardless of the content type. Spec:
 * protocol/otlp.md#failures
 */
void tote__otlp_read_error(struct tote__slice body, const char *content_type,
                           struct tote__export_response *export_response);

/*
 * Read a gRPC error: `message` is percent-encoded, `details` is a google.rpc.Status in base64. Both
 * may be "".
 */
void tote__otlp_read_grpc_error(const char *message, const char *details,
                                struct tote__export_response *export_response);

#endif
