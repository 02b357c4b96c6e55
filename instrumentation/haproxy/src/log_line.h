/* SPDX-License-Identifier: MIT */
/*
 * log_line.h - the end of a request, as HAProxy logs it: structured data of RFC 5424
 *
 * HAProxy writes one line for each request, also for one that is refused, aborted or too slow. The
 * line has an element [tote@32473 NAME="VALUE" ...], which `log-format-sd` describes.
 */
#ifndef TOTE_HAPROXY_LOG_LINE_H
#define TOTE_HAPROXY_LOG_LINE_H

#include "spop.h"

struct log_line {
    uint64_t stream; /* the counter that is also the stream id of SPOP */
    uint64_t port;   /* of the client */
    uint64_t status; /* 0: no response */
    uint64_t server_port;
    uint64_t retries;
    uint64_t queue_ms; /* UINT64_MAX: that phase was not reached, as for the others */
    uint64_t connect_ms;
    uint64_t response_ms;
    bool is_redispatched;
    struct spop_text state;    /* the termination state, such as "sH--" */
    struct spop_text method;   /* "<BADREQ>": no valid request was received */
    struct spop_text frontend; /* its name */
    struct spop_text backend;  /* its name */
    struct spop_text server;   /* its name; in angle brackets: none was chosen */
    struct spop_text address;  /* of the server */
};

/* Read a line. The texts point into it. Returns false if it is no line of a request. */
bool log_line_read(const char *bytes, size_t size, struct log_line *line);

#endif
