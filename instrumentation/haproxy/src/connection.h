/* SPDX-License-Identifier: MIT */
/*
 * connection.h - a connection of HAProxy: frames in, frames out
 *
 * The peer may be hostile: buffers have a fixed size, and nothing more is read while the peer does
 * not read what it has been sent.
 */
#ifndef TOTE_HAPROXY_CONNECTION_H
#define TOTE_HAPROXY_CONNECTION_H

#include "request.h"

enum {
    CONNECTION_FRAME = SPOP_LENGTH_BYTES + SPOP_MOST_FRAME,
    CONNECTION_OUTPUT = 4 * CONNECTION_FRAME
};

struct connection {
    int descriptor;
    uint32_t events;   /* of epoll */
    bool is_stopping;  /* is closed when the output is sent */
    size_t frame_size; /* 0: before the handshake */
    size_t in_count;
    size_t out_start;
    size_t out_end;
    struct connection *older; /* by the last use: a list of the agent */
    struct connection *newer;
    unsigned char in[CONNECTION_FRAME];
    unsigned char out[CONNECTION_OUTPUT];
};

/*
 * Read what is there, handle complete frames and send responses, without blocking. Returns false if
 * the connection is over. `has_frames` is set if a frame was handled.
 */
bool connection_serve(struct connection *connection, struct requests *requests, bool *has_frames);

/* Return the events of epoll to wait for. */
uint32_t connection_events(const struct connection *connection);

/* Announce the end to the peer; the connection is over when that is sent. */
void connection_stop(struct connection *connection, enum spop_status status);

#endif
