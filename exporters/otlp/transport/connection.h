/* SPDX-License-Identifier: MIT */
/*
 * connection.h - kept connections of libcurl to one receiver, driven by watched descriptors
 *
 * Each request in flight has a stream. All streams share one multi handle: over HTTP/2 they share a
 * connection, over HTTP/1.1 each has its own one, which is kept.
 *
 * A connection belongs to one process. A forked child does not use the inherited one: it closes the
 * known sockets, so that no TLS shutdown reaches the parent's session, abandons the rest, and
 * creates its own. Request bytes are borrowed until the end of the request.
 */
#ifndef TOTE_OTLP_CONNECTION_H
#define TOTE_OTLP_CONNECTION_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "body.h"
#include "prepare.h"
#include "response_reader.h"
#include "transport.h"

/*
 * Descriptors for each stream, while several addresses are tried, and for all streams: those of the
 * resolver.
 */
enum { TOTE__STREAM_WATCHES = 2, TOTE__SHARED_WATCHES = 14 };

/* With all streams that the options allow, and one for metrics. */
enum {
    TOTE__MOST_WATCHES =
        TOTE__SHARED_WATCHES + (TOTE__MOST_CONCURRENT_REQUESTS + 1) * TOTE__STREAM_WATCHES
};

/* A socket of the connection, or another descriptor of curl. */
struct tote__watch {
    _Atomic(int) fd;      /* -1: free entry */
    uint64_t inode;       /* of a socket that is open; 0: opened by curl */
    uint32_t events;      /* events that curl waits for; 0: none */
    uint32_t armed;       /* events that the poller watches, until one occurs; 0: none */
    unsigned idle_writes; /* consecutive writable events without progress */
    uint64_t write_at;    /* not watched for writing until this time; 0: watched */
};

struct tote__connection;

/* A request in flight, or memory for one. */
struct tote__stream {
    struct tote__connection *connection;
    CURL *easy;
    bool is_busy;      /* a request is in flight */
    uint64_t deadline; /* of the request */
    uint64_t cut_at;   /* end of the transfer after a response; TOTE__NEVER: none */
    struct tote__packer packer;
    struct tote__response_reader incoming;
    int socket_error; /* errno of a socket that could not be created; 0: none */
    char error[CURL_ERROR_SIZE];
    char advice[160];
};

struct tote__connection {
    struct tote__connection *next; /* next abandoned connection */
    const struct tote__otlp_settings *settings;
    const struct tote__prepared *prepared; /* NULL: none */
    uint32_t generation;
    CURLM *multi;
    struct curl_slist *headers;
    int poller;                    /* the transport's poller, which watches curl's sockets */
    uint64_t timer;                /* when curl's timer is due */
    struct tote__stream **streams; /* by lane; NULL until the first request */
    size_t stream_count;
    size_t busy; /* requests in flight */
    struct tote__watch *watches;
    size_t watch_count;
    bool has_done;      /* curl has more results of complete transfers */
    bool is_lost;       /* the host has closed its descriptors: curl is not called any more */
    bool has_unwatched; /* curl has stopped to watch a socket */
    bool is_in_timer;   /* curl's timer was run */
    bool holds_stdio;   /* 0, 1 and 2 are occupied meanwhile */
};

/*
 * Return the inode of a socket, which distinguishes it from a later one with the same number; 0 for
 * other descriptors.
 */
uint64_t tote__socket_inode(int fd);

/* If this errno means that no descriptor is free, set the error and advice of `response`. */
bool tote__describe_descriptors(int error, char *text, size_t size,
                                struct tote__response *response);

/*
 * Create a connection; it opens nothing. The settings and `prepared`, which may be NULL, must
 * outlive it. Returns NULL if out of memory.
 */
struct tote__connection *tote__connection_new(const struct tote__otlp_settings *settings,
                                              const struct tote__prepared *prepared, int poller);
void tote__connection_free(struct tote__connection *connection);

/*
 * Return whether its sockets are open. A host may close descriptors that it does not know, and
 * reuse their numbers: libcurl must not be called then.
 */
bool tote__connection_is_open(const struct tote__connection *connection);

/*
 * Watch a kept socket for the response to a new request. A request in flight is not changed.
 * Returns false if there is no socket, or if the poller does not have it: its number was reused.
 * Only for an open connection.
 */
bool tote__connection_watch_response(struct tote__connection *connection);

/* Abandon the connection, in a child or if it is not open: close what it still owns. */
void tote__connection_leave_behind(struct tote__connection *connection);

/* Return the stream of a lane; create it if necessary. Returns NULL if out of memory. */
struct tote__stream *tote__connection_stream(struct tote__connection *connection, size_t lane);

/* Start a request. Returns false if curl fails; then nothing was started. */
bool tote__connection_begin(struct tote__stream *stream, const char *url,
                            struct tote__slice request, uint64_t deadline);

/*
 * Continue until the given time. Returns true, and fills `response`, if a request is complete:
 * response->lane.
 */
bool tote__connection_step(struct tote__connection *connection, uint64_t until,
                           struct tote__response *response);

/* Return when the next step is due even without an event. */
uint64_t tote__connection_due(const struct tote__connection *connection);

/*
 * Cancel a request in flight; there is one. `response` gets what was received; its outcome is not
 * changed. Curl is not called for a lost connection.
 */
void tote__connection_cancel(struct tote__connection *connection, struct tote__response *response);

#endif
