/* SPDX-License-Identifier: MIT */
/*
 * receiver.h - an HTTP receiver in the test's own process, with responses that tests control
 *
 * It listens on a free port of the loopback interface, or on a Unix socket, and keeps all requests.
 * One response applies at a time, to all requests.
 */
#ifndef TOTE_TESTS_RECEIVER_H
#define TOTE_TESTS_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>

struct receiver;

enum receiver_manner {
    RECEIVER_RESPONSES,     /* at once */
    RECEIVER_HANGS,         /* never, until it is stopped */
    RECEIVER_CLOSES,        /* without a response */
    RECEIVER_CLOSES_MIDWAY, /* after half of the body */
    RECEIVER_DRIPS          /* a byte of the body now and then */
};

struct receiver_response {
    enum receiver_manner manner;
    unsigned status;        /* 0: 200 */
    const char *headers[5]; /* "name: value"; ends with NULL */
    const void *body;       /* NULL: `body_size` times 'x' */
    size_t body_size;
    unsigned delay_ms;
};

struct received {
    const char *method;
    const char *path; /* with the query */
    const char *body;
    size_t body_size;
    bool is_taken; /* the response began with a status from 200 to 299 */
};

/* NULL if it cannot listen. */
struct receiver *receiver_start(void);
struct receiver *receiver_start_unix(const char *path);

/* With TLS; PEM texts that are valid as long as the receiver. */
struct receiver *receiver_start_tls(const char *certificate, const char *key);

/* "http://127.0.0.1:port", without a path; "https:" with TLS. */
const char *receiver_url(const struct receiver *receiver);

/* From the next request on. What the response points to must be valid until then. */
void receiver_set_response(struct receiver *receiver, struct receiver_response response);

/* Wait until this many whole requests have arrived, at most a minute. Returns how many have. */
size_t receiver_wait(struct receiver *receiver, size_t count);

/* Borrowed until the receiver stops; all zero if there is no such request. */
struct received receiver_request(struct receiver *receiver, size_t index);

/* The value of a header of that request, NULL if it has none. Borrowed likewise. */
const char *receiver_header(struct receiver *receiver, size_t index, const char *name);

/* How many connections were opened so far. */
size_t receiver_connection_count(struct receiver *receiver);

void receiver_stop(struct receiver *receiver);

#endif
