/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one kept HTTP connection of libcurl, driven by watched descriptors
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
 * One socket is kept. There are more while several addresses are tried, and those of the resolver.
 */
enum { TOTE__MAX_WATCHES = 16 };

/* A socket of the connection, or another descriptor of curl. */
struct tote__watch {
    _Atomic(int) fd;      /* -1: free entry */
    uint64_t inode;       /* of a socket that is open; 0: opened by curl */
    uint32_t events;      /* events that curl waits for; 0: none */
    uint32_t armed;       /* events armed in epoll, until one occurs; 0: none */
    unsigned idle_writes; /* consecutive writable events without progress */
    uint64_t write_at;    /* not watched for writing until this time; 0: watched */
};

struct tote__connection {
    struct tote__connection *next; /* next abandoned connection */
    const struct tote__otlp_settings *settings;
    uint32_t generation;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    int epoll;         /* the transport's epoll instance, which watches curl's sockets */
    uint64_t timer;    /* when curl's timer is due */
    uint64_t deadline; /* deadline of the request in flight */
    bool is_busy;      /* a request is in flight */
    uint64_t cut_at;   /* end of the transfer after a response; TOTE__NEVER: none */
    struct tote__watch watches[TOTE__MAX_WATCHES];
    struct tote__packer packer;
    struct tote__response_reader incoming;
    bool is_in_timer;    /* curl's timer was run */
    unsigned held_stdio; /* these numbers are occupied meanwhile */
    int socket_error;    /* errno of a socket that could not be created; 0: none */
    char error[CURL_ERROR_SIZE];
    char advice[160];
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
                                              const struct tote__prepared *prepared, int epoll);
void tote__connection_free(struct tote__connection *connection);

/*
 * Return whether its sockets are open. A host may close descriptors that it does not know, and
 * reuse their numbers: libcurl must not be called then.
 */
bool tote__connection_is_open(const struct tote__connection *connection);

/*
 * Watch the kept socket for the response to a new request. A request in flight is not changed.
 * Returns false if there is no socket, or if the epoll instance does not have it: its number was
 * reused. Only for an open connection.
 */
bool tote__connection_watch_response(struct tote__connection *connection);

/* Abandon the connection, in a child or if it is not open: close what it still owns. */
void tote__connection_leave_behind(struct tote__connection *connection);

/* Start a request. Returns false if curl fails; then nothing was started. */
bool tote__connection_begin(struct tote__connection *connection, struct tote__slice request,
                            uint64_t deadline);

/* Continue until the given time. Returns true, and fills `response`, if the request is complete. */
bool tote__connection_step(struct tote__connection *connection, uint64_t until,
                           struct tote__response *response);

/* Return when the next step is due even without an event. */
uint64_t tote__connection_due(const struct tote__connection *connection);

/* Cancel the request. `response` gets what was received; its outcome is not changed. */
void tote__connection_cancel(struct tote__connection *connection, struct tote__response *response);

#endif
