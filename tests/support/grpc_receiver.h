/* SPDX-License-Identifier: MIT */
/*
 * grpc_receiver.h - an OTLP/gRPC receiver over HTTP/2 without TLS, in the test's own process, with
 * the faults of real ones
 *
 * It listens on a free port of the loopback interface and serves one connection after the other.
 */
#ifndef TOTE_TESTS_GRPC_RECEIVER_H
#define TOTE_TESTS_GRPC_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grpc_receiver;

/* All zero: the response to each request is OK. */
struct grpc_manner {
    size_t limit; /* a request with more bytes has its stream reset while it is sent; 0: none */
    bool explains_limit; /* instead of the reset it gets RESOURCE_EXHAUSTED, and is read to its end
                          */
    unsigned resets_first; /* this many of the first streams are reset, whatever their size */
    unsigned
        without_status;  /* this many of the first requests get a response without grpc-status */
    bool responds_early; /* each request gets UNAUTHENTICATED after its head, and a reset */
    bool stalls;         /* the flow-control window is never opened, and no response comes */
};

/* NULL if it cannot listen. */
struct grpc_receiver *grpc_receiver_start(struct grpc_manner manner);

/* "http://127.0.0.1:port" */
const char *grpc_receiver_url(const struct grpc_receiver *receiver);

struct grpc_counts {
    size_t accepted; /* requests that got OK, or a response without a status */
    size_t largest;  /* of these, in bytes without the gRPC head */
    uint64_t spans;  /* in those that got OK */
    size_t resets;   /* streams */
    size_t accepted_before_second_reset;
};
struct grpc_counts grpc_receiver_counts(struct grpc_receiver *receiver);

void grpc_receiver_stop(struct grpc_receiver *receiver);

#endif
