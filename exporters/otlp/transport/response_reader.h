/* SPDX-License-Identifier: MIT */
/*
 * response_reader.h - reads a response in the pieces that curl delivers
 *
 * Only headers that are used are kept, and the body up to a limit.
 */
#ifndef TOTE_OTLP_RESPONSE_READER_H
#define TOTE_OTLP_RESPONSE_READER_H

#include <curl/curl.h>

#include "tote/internal/buffer.h"
#include "transport.h"

/* Headers and trailers; long values are truncated. */
struct tote__response_reader_headers {
    char content_type[128];
    char retry_after[64];
    char grpc_status[16];
    char grpc_message[TOTE_HAS_GRPC ? 1024 : 1];
    char grpc_details[TOTE_HAS_GRPC ? 8192 : 1];
    bool have_ended; /* the empty line after the headers was received */
};

struct tote__response_reader {
    struct tote__response_reader_headers headers;
    struct tote__buffer body;
    size_t max_size; /* of the body */
    bool is_too_large;
    bool is_grpc;
};

void tote__response_reader_begin(struct tote__response_reader *incoming);

/* For CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION. */
size_t tote__response_reader_take_header(char *line, size_t one, size_t size, void *incoming);
size_t tote__response_reader_take_body(char *bytes, size_t one, size_t size, void *incoming);

/* Fill a response with what was received, except the status. */
void tote__response_reader_read(const struct tote__response_reader *incoming,
                                struct tote__response *response);

/*
 * Return whether a response was received, even if the transfer fails afterwards. It needs a final
 * status (not an interim 1xx) and all headers; only the body may be truncated. Spec: RFC 9110
 * section 15.2, RFC 9112 section 8
 */
bool tote__response_reader_is_response(const struct tote__response_reader *incoming, long status);

/* Return the outcome of a completed transfer. */
enum tote__outcome tote__response_reader_outcome(const struct tote__response_reader *incoming,
                                                 CURL *easy, CURLcode result);

/* Return the advice for a failed transfer with curl's error text: "; " and the cure, or "". */
const char *tote__response_reader_advice(CURLcode result, const char *error);

#endif
