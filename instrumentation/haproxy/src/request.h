/* SPDX-License-Identifier: MIT */
/*
 * request.h - the spans of the requests that HAProxy serves
 *
 * A server span and a client span begin with the message that HAProxy sends when it has the headers
 * of a request. They end with the line that HAProxy logs when the request is over.
 * Spec: semantic-conventions http-spans.md
 */
#ifndef TOTE_HAPROXY_REQUEST_H
#define TOTE_HAPROXY_REQUEST_H

#include "log_line.h"
#include "spop.h"

/* What becomes of the trace context and the baggage that a client sends. */
enum trust { TRUST_CONTINUE, TRUST_LINK, TRUST_IGNORE };

struct requests;

/*
 * Create the table of up to `capacity` requests. A request that is `timeout_ns` old ends with the
 * error "unfinished". Returns NULL if out of memory.
 */
struct requests *requests_new(enum trust trust, size_t capacity, uint64_t timeout_ns);

/* End all requests with an error of this type, and free the table. NULL is allowed. */
void requests_free(struct requests *requests, const char *error_type);

/* Return the number of requests that have begun and not ended. */
size_t requests_pending(const struct requests *requests);

/*
 * Handle the messages of a NOTIFY: begin its request, and write variables to the ACK. Returns false
 * if a message is not valid.
 */
bool requests_notify(struct requests *requests, const struct spop_frame *frame,
                     struct spop_writer *ack);

/* End the request of a line of the log. Texts that are no such line are ignored. */
void requests_log(struct requests *requests, const char *bytes, size_t size);

/* End requests that are too old. Returns the milliseconds to the next one, at most `most`. */
int requests_expire(struct requests *requests, int most);

#endif
