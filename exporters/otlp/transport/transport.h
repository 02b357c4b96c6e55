/* SPDX-License-Identifier: MIT */
/*
 * transport.h - sends requests to one receiver, over HTTP or gRPC
 *
 * Up to max_concurrent_requests are in flight, each in its lane.
 *
 * Threads: not called concurrently, except that interrupt, descriptor and prepare are thread-safe.
 * The settings must outlive the transport.
 */
#ifndef TOTE_OTLP_TRANSPORT_H
#define TOTE_OTLP_TRANSPORT_H

#include "otlp/options.h"
#include "tote/internal/wire.h"

struct tote__transport;

/*
 * A lower status is an interim response, which does not complete the request. Spec: RFC 9110 15.2
 */
enum { TOTE__FIRST_FINAL_STATUS = 200 };

enum tote__outcome {
    TOTE__RESPONDED,     /* any final status */
    TOTE__NOT_CONNECTED, /* nothing was sent */
    TOTE__NO_RESPONSE,   /* the connection ended without a response */
    TOTE__STREAM_RESET,  /* the receiver reset the stream without a response, but not the connection
                          */
    TOTE__TIMED_OUT,     /* the deadline passed */
    TOTE__INTERRUPTED,
    TOTE__TLS_FAILED,
    TOTE__RESPONSE_TOO_LARGE, /* not read to its end */
    TOTE__NOT_HTTP2,          /* gRPC needs HTTP/2 */
    TOTE__NOT_SENT            /* out of memory, or a setting that curl rejects */
};

/* How far a request got: microseconds since it began, 0 if a step was not reached. For tote check.
 */
struct tote__course {
    int curl_code; /* 0: the transfer did not fail */
    uint64_t looked_up_us;
    uint64_t connected_us;
    uint64_t secured_us;   /* the TLS handshake */
    uint64_t responded_us; /* the first byte of the response */
    uint64_t ended_us;
    char address[48]; /* of the peer; "" if none or a Unix socket */
};

/* Pointers are valid until the next request of its lane begins. */
struct tote__response {
    enum tote__outcome outcome;
    size_t lane;              /* of the request */
    long status;              /* 0: none received */
    struct tote__slice body;  /* received part */
    const char *content_type; /* "" if none; also the following ones */
    const char *retry_after;
    const char *grpc_status;
    const char *grpc_message; /* percent-encoded */
    const char *grpc_details; /* base64 */
    const char *error;        /* curl's error text, without credentials */
    const char *advice;       /* the cure, after "; "; "" or NULL: none */
    struct tote__course course;
};

/* Create a transport; it does not connect. Returns NULL if out of memory. */
struct tote__transport *tote__transport_new(const struct tote__otlp_settings *settings);

/* A request before encoding; borrowed until the request is complete. */
struct tote__request {
    struct tote__slice message;
    size_t span_count;
    uint64_t deadline; /* monotonic clock; UINT64_MAX: none */
    size_t lane;       /* each has one request in flight; see tote__transport_metrics_lane() */
    bool is_metrics;   /* instead of spans */
};

/* Return the lane for metrics. Those below it are for spans. */
static inline size_t tote__transport_metrics_lane(const struct tote__otlp_settings *settings) {
    return settings->delivery.max_concurrent_requests;
}

/*
 * Send requests: begin each, and step until all are complete, in any order. A step returns true
 * with the response to one request. It blocks until `until` of the monotonic clock at most. Begin
 * returns false if the request is complete at once. Both preserve errno.
 */
bool tote__transport_begin(struct tote__transport *transport, const struct tote__request *request,
                           struct tote__response *response);
bool tote__transport_step(struct tote__transport *transport, uint64_t until,
                          struct tote__response *response);

/* Cancel all requests in flight, and a pending interrupt. */
void tote__transport_cancel(struct tote__transport *transport);

/*
 * Return a descriptor that is readable when a step has work, the same for the life of this process.
 * Returns -1 if none is available.
 */
int tote__transport_descriptor(struct tote__transport *transport);

/*
 * Stop what keeps the descriptor readable, for example a connection that the receiver closed. Only
 * while no request is in flight.
 */
void tote__transport_drain(struct tote__transport *transport);

/*
 * Return when the next step is due even without an event; TOTE__NEVER if no request is in flight.
 */
uint64_t tote__transport_due(const struct tote__transport *transport);

/*
 * Resolve names and read files now; they are not looked up again until the next call. If it fails,
 * the result of an earlier call stays in use. Thread-safe, also during a send.
 */
tote_result tote__transport_prepare(struct tote__transport *transport, uint64_t deadline,
                                    bool may_make_thread);

/* Interrupt a send in progress and all later ones. */
void tote__transport_interrupt(struct tote__transport *transport);

void tote__transport_free(struct tote__transport *transport);

#endif
