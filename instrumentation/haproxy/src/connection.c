/* SPDX-License-Identifier: MIT */
/*
 * connection.c - the handshake and the exchanges of a connection. Spec: SPOE.txt section 3.2.3
 *
 * Tests: tests/unit/test_haproxy_connection.c
 */
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static bool has_room(const struct connection *connection) {
    return CONNECTION_OUTPUT - connection->out_end >= CONNECTION_FRAME;
}

/* Send what is pending. Returns false if the connection is broken. */
static bool flush(struct connection *connection) {
    while (connection->out_start < connection->out_end) {
        ssize_t sent = send(connection->descriptor, connection->out + connection->out_start,
                            connection->out_end - connection->out_start, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        connection->out_start += (size_t)sent;
    }
    connection->out_start = connection->out_end = 0;
    return true;
}

void connection_stop(struct connection *connection, enum spop_status status) {
    if (!connection->is_stopping) {
        connection->is_stopping = true;
        connection->out_end += spop_write_disconnect(
            connection->out + connection->out_end, CONNECTION_OUTPUT - connection->out_end, status);
        flush(connection);
    }
}

static enum spop_status shake_hands(struct connection *connection, struct spop_frame *frame) {
    struct spop_hello hello;
    enum spop_status status =
        frame->type == SPOP_HAPROXY_HELLO ? spop_read_hello(&frame->payload, &hello) : SPOP_INVALID;

    if (status == SPOP_NORMAL) {
        connection->frame_size = hello.frame_size;
        connection->is_stopping = hello.is_health_check;
        connection->out_end += spop_write_hello(connection->out + connection->out_end,
                                                CONNECTION_OUTPUT - connection->out_end, &hello);
    }
    return status;
}

static enum spop_status notify(struct connection *connection, const struct spop_frame *frame,
                               struct requests *requests) {
    struct spop_writer ack;

    if (!frame->id) {
        return SPOP_NO_IDS;
    }
    spop_begin(&ack, connection->out + connection->out_end,
               SPOP_LENGTH_BYTES + connection->frame_size, SPOP_ACK, frame->stream, frame->id);
    if (!requests_notify(requests, frame, &ack)) {
        return SPOP_INVALID;
    }
    connection->out_end += spop_finish(&ack);
    return SPOP_NORMAL;
}

/* Unknown frames are skipped. Spec: SPOE.txt section 3.2.2 */
static void handle(struct connection *connection, size_t size, struct requests *requests) {
    enum { FIRST_UNKNOWN = SPOP_NOTIFY + 1 };
    struct spop_frame frame;
    enum spop_status status = spop_read_frame(connection->in + SPOP_LENGTH_BYTES, size, &frame);

    if (status == SPOP_NORMAL && !connection->frame_size) {
        status = shake_hands(connection, &frame);
    } else if (status == SPOP_NORMAL && frame.type == SPOP_NOTIFY) {
        status = notify(connection, &frame, requests);
    } else if (status == SPOP_NORMAL && frame.type == SPOP_HAPROXY_DISCONNECT) {
        connection_stop(connection, SPOP_NORMAL);
    } else if (status == SPOP_NORMAL && frame.type < FIRST_UNKNOWN) {
        status = SPOP_INVALID; /* a second handshake */
    }
    if (status != SPOP_NORMAL) {
        connection_stop(connection, status);
    }
}

/* Return the length of the frame at the start of the input; 0 if it is not known yet. */
static size_t next_length(const struct connection *connection) {
    size_t length = 0;

    for (size_t i = 0; connection->in_count >= SPOP_LENGTH_BYTES && i < SPOP_LENGTH_BYTES; i++) {
        length = length << 8 | connection->in[i];
    }
    return length;
}

/* Handle the complete frames. Returns whether there was one. */
static bool handle_frames(struct connection *connection, struct requests *requests) {
    bool has_frames = false;

    while (!connection->is_stopping && connection->in_count >= SPOP_LENGTH_BYTES &&
           (has_room(connection) || (flush(connection) && has_room(connection)))) {
        size_t most = connection->frame_size ? connection->frame_size : SPOP_MOST_FRAME;
        size_t length = next_length(connection);
        if (length > most || !length) {
            connection_stop(connection, length ? SPOP_TOO_BIG : SPOP_INVALID);
            break;
        }
        size_t end = SPOP_LENGTH_BYTES + length;
        if (end > connection->in_count) {
            break;
        }
        handle(connection, length, requests);
        connection->in_count -= end;
        memmove(connection->in, connection->in + end, connection->in_count);
        has_frames = true;
    }
    return has_frames;
}

/* Without room, nothing is read. A complete frame is left only if there was no room. */
uint32_t connection_events(const struct connection *connection) {
    size_t length = next_length(connection);
    bool has_frame = length && connection->in_count >= SPOP_LENGTH_BYTES + length;

    return (has_room(connection) && !connection->is_stopping ? (uint32_t)EPOLLIN : 0) |
           (connection->out_end || has_frame ? (uint32_t)EPOLLOUT : 0);
}

bool connection_serve(struct connection *connection, struct requests *requests, bool *has_frames) {
    enum { MOST_READS = 16 }; /* other connections wait meanwhile */

    *has_frames = handle_frames(connection, requests); /* that had no room for their response */
    bool may_have_more = !connection->is_stopping;
    for (int i = 0; i < MOST_READS && may_have_more && has_room(connection); i++) {
        size_t space = sizeof connection->in - connection->in_count;
        ssize_t got = recv(connection->descriptor, connection->in + connection->in_count, space, 0);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
            return false;
        }
        connection->in_count += got > 0 ? (size_t)got : 0;
        *has_frames |= handle_frames(connection, requests);
        may_have_more = got > 0 && (size_t)got == space && !connection->is_stopping;
    }
    return flush(connection) && !(connection->is_stopping && !connection->out_end);
}
