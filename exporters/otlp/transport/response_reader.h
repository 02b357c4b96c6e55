/* SPDX-License-Identifier: MIT */
/*
 * response_reader.h - an answer, as curl brings it piece by piece
 *
 * Only what is looked at is kept, and no more of the body than the limit says.
 */
#ifndef TOTE_OTLP_RESPONSE_READER_H
#define TOTE_OTLP_RESPONSE_READER_H

#include <curl/curl.h>

#include "tote/internal/buffer.h"
#include "transport.h"

/* Headers and trailers; what is too long is cut. */
struct tote__response_reader_headers {
    char content_type[128];
    char retry_after[64];
    char grpc_status[16];
    char grpc_message[1024];
    char grpc_details[8192];
    bool have_ended; /* the empty line after them came */
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

/* What came by now, but for the status. */
void tote__response_reader_read(const struct tote__response_reader *incoming,
                                struct tote__response *response);

/*
 * Return whether what came by now is a response, even if the transfer fails afterwards. It needs a
 * final status (an interim 1xx is none) and all headers: the response may be cut off only in its
 * body. Spec: RFC 9110 section 15.2, RFC 9112 section 8
 */
bool tote__response_reader_is_response(const struct tote__response_reader *incoming, long status);

/* What the end of a transfer means. */
enum tote__outcome tote__response_reader_outcome(const struct tote__response_reader *incoming,
                                                 CURL *easy, CURLcode result);

/* What to do about a transfer that ended so, and with curl's text about it, with a leading "; ";
 * "": nothing special. */
const char *tote__response_reader_advice(CURLcode result, const char *error);

#endif
