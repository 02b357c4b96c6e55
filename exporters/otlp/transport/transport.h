/* SPDX-License-Identifier: MIT */
/*
 * transport.h - bytes to one receiver, over HTTP or gRPC, and what it answers
 *
 * Sends and free come from one thread at a time, interrupt from any. The
 * settings are borrowed for the transport's life.
 */
#ifndef TOTE_OTLP_TRANSPORT_H
#define TOTE_OTLP_TRANSPORT_H

#include "otlp/options.h"
#include "tote/internal/wire.h"

struct tote__transport;

/* A lower one is of an interim response: it does not end the request. Spec: RFC 9110 15.2 */
enum { TOTE__FIRST_FINAL_STATUS = 200 };

enum tote__outcome {
    TOTE__RESPONDED,     /* with a final status, whichever */
    TOTE__NOT_CONNECTED, /* the receiver got nothing */
    TOTE__NO_RESPONSE,   /* the connection ended without one */
    TOTE__STREAM_RESET,  /* the receiver ended the stream, but not the connection, without one */
    TOTE__TIMED_OUT,     /* the deadline came first */
    TOTE__INTERRUPTED,
    TOTE__TLS_FAILED,
    TOTE__RESPONSE_TOO_LARGE, /* it was not read to its end */
    TOTE__NOT_HTTP2,          /* which gRPC needs */
    TOTE__NOT_SENT            /* memory, or a setting that curl refuses */
};

/* What is pointed to lives until the next request begins. */
struct tote__response {
    enum tote__outcome outcome;
    long status;              /* 0: none came */
    struct tote__slice body;  /* as far as it came */
    const char *content_type; /* "" when none; so are all of the next */
    const char *retry_after;
    const char *grpc_status;
    const char *grpc_message; /* percent-encoded */
    const char *grpc_details; /* base64 */
    const char *error;        /* what curl has to say; it contains no credentials */
    const char *advice;       /* what to do about it, behind a "; "; "" or NULL: nothing */
};

/* Opens no connection. NULL if out of memory. */
struct tote__transport *tote__transport_new(const struct tote__otlp_settings *settings);

/* What is to be posted, before it is packed; borrowed until the request is over. */
struct tote__request {
    struct tote__slice message;
    size_t span_count;
    uint64_t deadline; /* of the monotonic clock; UINT64_MAX is none */
};

/*
 * Send without waiting, or until some time of the monotonic clock: begin, and step until it is
 * over. Begin returns false when it is over at once. Both keep errno.
 */
bool tote__transport_begin(struct tote__transport *transport, const struct tote__request *request,
                           struct tote__response *response);
bool tote__transport_step(struct tote__transport *transport, uint64_t until,
                          struct tote__response *response);

/*
 * Forget about a request that is under way, if one is, and about an interrupt that is not heard
 * yet.
 */
void tote__transport_cancel(struct tote__transport *transport);

/*
 * Readable when a step has something to do; of this process, and the same for its life. -1: none to
 * be had.
 */
int tote__transport_descriptor(struct tote__transport *transport);

/*
 * Forget what made it readable: a kept connection that the receiver closed. For when nothing is
 * under way.
 */
void tote__transport_drain(struct tote__transport *transport);

/* When the next step has something to do even so; TOTE__NEVER when nothing is under way. */
uint64_t tote__transport_due(const struct tote__transport *transport);

/*
 * Take what is needed from outside now: addresses and files; later ones are of no interest until
 * this is called again. From the next send on the connection needs neither. What an earlier call
 * took stays in use if this fails. From any thread, also during a send.
 */
tote_result tote__transport_prepare(struct tote__transport *transport, uint64_t deadline,
                                    bool may_make_thread);

/* Make a running send, and each later one, return at once. */
void tote__transport_interrupt(struct tote__transport *transport);

void tote__transport_free(struct tote__transport *transport);

#endif
