/* SPDX-License-Identifier: MIT */
/*
 * response.h - what a receiver has to say about a request
 */
#ifndef TOTE_OTLP_RESPONSE_H
#define TOTE_OTLP_RESPONSE_H

#include "tote/internal/wire.h"

enum { TOTE__MESSAGE_SIZE = 256 };

/* The receiver's own words: UTF-8, one line, cut, "" when there are none. */
struct tote__export_response {
    uint64_t rejected;       /* spans; of a partial success */
    bool asks_to_wait;       /* an error says when to try again: ... */
    bool has_retry_after;    /* ... it says how long to wait: */
    uint64_t retry_after_ms; /* ... as long as this; 0 is at once */
    char message[TOTE__MESSAGE_SIZE];
};

/* Read the body of a success. Returns: false, and nothing said, when that is not readable. */
bool tote__otlp_read_response(struct tote__slice body, const char *content_type,
                              struct tote__export_response *export_response);

/*
 * Read the body of an error, as far as it can be read; text is shown whatever the content type
 * says. Spec: protocol/otlp.md#failures
 */
void tote__otlp_read_error(struct tote__slice body, const char *content_type,
                           struct tote__export_response *export_response);

/*
 * Read what gRPC says of an error: `message` is percent-encoded, `details` a google.rpc.Status in
 * base64; both may be "".
 */
void tote__otlp_read_grpc_error(const char *message, const char *details,
                                struct tote__export_response *export_response);

#endif
