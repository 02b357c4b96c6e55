/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one kept HTTP connection of curl's, driven by whoever has its descriptors watched
 *
 * A connection belongs to one generation of the process. A forked child touches the inherited one
 * no more: it closes the sockets it knows of, so that no goodbye spoils the parent's TLS session,
 * leaves the rest where it is, and makes its own. The requests' bytes are borrowed until the end.
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
 * One socket is kept, there are some more while connecting to several addresses, and what looks
 * names up.
 */
enum { TOTE__MAX_WATCHES = 16 };

/* A socket of the connection, or something else that curl waits for. */
struct tote__watch {
    _Atomic(int) fd;      /* -1: nothing */
    uint64_t inode;       /* of a socket, until it is closed; 0: curl opened it */
    uint32_t events;      /* 0: curl does not wait for it */
    uint32_t armed;       /* as epoll has it, until there is an event; 0: not */
    unsigned idle_writes; /* in a row: it was writable, and curl wrote nothing */
    uint64_t write_at;    /* not watched for writing before; 0: watched */
};

struct tote__connection {
    struct tote__connection *next; /* among those left behind */
    const struct tote__otlp_settings *settings;
    uint32_t generation;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    int epoll;         /* the transport's, in which curl's sockets are watched */
    uint64_t timer;    /* when curl wants to be called, whatever the sockets do */
    uint64_t deadline; /* of the request that is under way, ... */
    bool is_busy;      /* ... if one is */
    uint64_t cut_at;   /* a response is here, and curl goes on; TOTE__NEVER: there is none */
    struct tote__watch watches[TOTE__MAX_WATCHES];
    struct tote__packer packer;
    struct tote__response_reader incoming;
    bool is_in_timer;    /* curl was called for its timer, and ... */
    unsigned held_stdio; /* ... these numbers are taken meanwhile */
    int socket_error;    /* the errno of a socket that could not be made; 0: none */
    char error[CURL_ERROR_SIZE];
    char advice[160];
};

/* What tells a socket from another one that gets its number later; 0 for all else. */
uint64_t tote__socket_inode(int fd);

/* If this errno means that no descriptor is free, say so in `answer`, and what to do about it. */
bool tote__describe_descriptors(int error, char *text, size_t size,
                                struct tote__response *response);

/*
 * Opens nothing. The settings stay as long, and `prepared`, which may be NULL. NULL if out of
 * memory.
 */
struct tote__connection *tote__connection_new(const struct tote__otlp_settings *settings,
                                              const struct tote__prepared *prepared, int epoll);
void tote__connection_free(struct tote__connection *connection);

/*
 * Return whether its sockets are open. A host may close descriptors that it does not know, and give
 * the numbers to files of its own: libcurl must not be called then.
 */
bool tote__connection_is_open(const struct tote__connection *connection);

/*
 * Watch the kept socket for the response to a request that begins now; a request that is under way
 * stays as it is. Returns: false if there is none, or if the epoll instance does not have it: the
 * number is another file's then. Only for a connection that is open.
 */
bool tote__connection_watch_response(struct tote__connection *connection);

/* In a child, or if the connection is not open: close what is still its own, and forget the rest.
 */
void tote__connection_leave_behind(struct tote__connection *connection);

/* Returns: false when curl refuses; then nothing has begun. */
bool tote__connection_begin(struct tote__connection *connection, struct tote__slice request,
                            uint64_t deadline);

/* Do what can be done until then. Returns: whether the request is over, and `answer` is filled. */
bool tote__connection_step(struct tote__connection *connection, uint64_t until,
                           struct tote__response *response);

/* When the next step has something to do even without an event. */
uint64_t tote__connection_due(const struct tote__connection *connection);

/* Give the request up. `answer` gets what came; its outcome is as it was before. */
void tote__connection_cancel(struct tote__connection *connection, struct tote__response *response);

#endif
