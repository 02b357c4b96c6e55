/* SPDX-License-Identifier: MIT */
/*
 * test_haproxy_connection.c - a connection of HAProxy, and of peers that are not HAProxy
 * Spec: SPOE.txt section 3.2.3
 */
#include "support.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "spop_frames.h"

/* Both ends of a connection; no SDK runs, so no request is kept. */
struct pair {
    struct connection *connection;
    struct requests *requests;
    int peer;
    struct frames received;
    size_t read_to; /* in `received` */
};

static int set_up(void **state) {
    struct pair *pair = calloc(1, sizeof *pair);
    int sockets[2];

    assert_non_null(pair);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets),
                     0);
    pair->connection = calloc(1, sizeof *pair->connection);
    assert_non_null(pair->connection);
    pair->connection->descriptor = sockets[0];
    pair->peer = sockets[1];
    pair->requests = requests_new(TRUST_CONTINUE, 4, 1000000000);
    *state = pair;
    return 0;
}

static int tear_down(void **state) {
    struct pair *pair = *state;

    requests_free(pair->requests, NULL);
    close(pair->connection->descriptor);
    close(pair->peer);
    free(pair->connection);
    free(pair);
    return 0;
}

static bool serve(struct pair *pair) {
    bool has_frames;

    return connection_serve(pair->connection, pair->requests, &has_frames);
}

static void send_bytes(struct pair *pair, const void *bytes, size_t size) {
    assert_int_equal(send(pair->peer, bytes, size, 0), size);
}

/* Return the type of the next frame that was received, or 0. */
static unsigned next_frame(struct pair *pair, struct spop_frame *frame) {
    struct frames *received = &pair->received;
    ssize_t got = recv(pair->peer, received->bytes + received->size,
                       sizeof received->bytes - received->size, 0);
    const unsigned char *at = received->bytes + pair->read_to;

    received->size += got > 0 ? (size_t)got : 0;
    if (received->size - pair->read_to < SPOP_LENGTH_BYTES) {
        return 0;
    }
    size_t length = (size_t)at[2] << 8 | at[3];
    assert_int_equal(spop_read_frame(at + SPOP_LENGTH_BYTES, length, frame), SPOP_NORMAL);
    pair->read_to += SPOP_LENGTH_BYTES + length;
    return frame->type;
}

/* Return the status of a disconnection. */
static uint64_t status_of(struct spop_frame frame) {
    struct spop_text name;
    struct spop_value value;

    assert_true(spop_next_pair(&frame.payload, &name, &value) && spop_is(name, "status-code"));
    return value.number;
}

/* Return the response. */
static struct spop_frame shake_hands(struct pair *pair) {
    struct frames frames = {.size = 0};
    struct spop_frame frame;

    put_hello(&frames, 4096, false);
    send_bytes(pair, frames.bytes, frames.size);
    assert_true(serve(pair));
    assert_int_equal(next_frame(pair, &frame), SPOP_AGENT_HELLO);
    return frame;
}

static void a_handshake_announces_the_version_the_size_and_pipelining(void **state) {
    struct spop_frame frame = shake_hands(*state);
    struct spop_text name;
    struct spop_value value;

    assert_true(frame.stream == 0 && frame.id == 0);
    assert_true(spop_next_pair(&frame.payload, &name, &value));
    assert_true(spop_is(name, "version") && spop_is(value.text, "2.0"));
    assert_true(spop_next_pair(&frame.payload, &name, &value));
    assert_true(spop_is(name, "max-frame-size") && value.number == 4096);
    assert_true(spop_next_pair(&frame.payload, &name, &value));
    assert_true(spop_is(name, "capabilities") && spop_is(value.text, "pipelining"));
    assert_false(spop_next_pair(&frame.payload, &name, &value));
}

static void a_health_check_is_over_after_the_handshake(void **state) {
    struct pair *pair = *state;
    struct frames frames = {.size = 0};
    struct spop_frame frame;

    put_hello(&frames, 4096, true);
    send_bytes(pair, frames.bytes, frames.size);
    assert_false(serve(pair));
    assert_int_equal(next_frame(pair, &frame), SPOP_AGENT_HELLO);
    assert_int_equal(next_frame(pair, &frame), 0);
}

static void each_message_is_acknowledged_with_its_ids(void **state) {
    struct pair *pair = *state;
    struct frames *frames = calloc(1, sizeof *frames);
    struct spop_frame frame;

    shake_hands(pair);
    for (unsigned i = 0; i < 20; i++) { /* pipelined */
        put_notify(frames, 1000 + i, 4000, "GET", "/", NULL);
    }
    send_bytes(pair, frames->bytes, frames->size);
    assert_true(serve(pair));
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(next_frame(pair, &frame), SPOP_ACK);
        assert_true(frame.stream == 1000 + i && frame.id == 1);
    }
    free(frames);
}

static void frames_that_arrive_byte_by_byte_are_read(void **state) {
    struct pair *pair = *state;
    struct frames *frames = calloc(1, sizeof *frames);
    struct spop_frame frame;

    put_hello(frames, 4096, false);
    put_notify(frames, 7, 4000, "GET", "/", NULL);
    for (size_t i = 0; i < frames->size; i++) {
        assert_int_equal(pair->read_to, 0);
        send_bytes(pair, frames->bytes + i, 1);
        assert_true(serve(pair));
    }
    assert_int_equal(next_frame(pair, &frame), SPOP_AGENT_HELLO);
    assert_int_equal(next_frame(pair, &frame), SPOP_ACK);
    free(frames);
}

static void a_disconnection_is_answered_and_ends_the_connection(void **state) {
    struct pair *pair = *state;
    struct frames frames = {.size = 0};
    struct spop_frame frame;

    shake_hands(pair);
    open_frame(&frames, SPOP_HAPROXY_DISCONNECT, 0, 0);
    put_pair_number(&frames, "status-code", 0);
    put_pair(&frames, "message", "normal");
    close_frame(&frames);
    send_bytes(pair, frames.bytes, frames.size);
    assert_false(serve(pair));
    assert_int_equal(next_frame(pair, &frame), SPOP_AGENT_DISCONNECT);
    assert_int_equal(status_of(frame), SPOP_NORMAL);
}

static void unknown_frames_are_skipped(void **state) {
    struct pair *pair = *state;
    struct frames frames = {.size = 0};
    struct spop_frame frame;

    shake_hands(pair);
    open_frame(&frames, 77, 1, 1);
    close_frame(&frames);
    put_notify(&frames, 7, 4000, "GET", "/", NULL);
    send_bytes(pair, frames.bytes, frames.size);
    assert_true(serve(pair));
    assert_int_equal(next_frame(pair, &frame), SPOP_ACK);
}

/* Send bytes that are no conversation. Returns the status of the disconnection. */
static uint64_t refused(struct pair *pair, const void *bytes, size_t size) {
    struct spop_frame frame;

    send_bytes(pair, bytes, size);
    assert_false(serve(pair));
    assert_int_equal(next_frame(pair, &frame), SPOP_AGENT_DISCONNECT);
    return status_of(frame);
}

static void other_protocols_are_refused(void **state) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    assert_int_equal(refused(*state, request, sizeof request - 1), SPOP_TOO_BIG);
}

static void a_frame_without_bytes_is_refused(void **state) {
    assert_int_equal(refused(*state, "\0\0\0\0", 4), SPOP_INVALID);
}

static void a_message_before_the_handshake_is_refused(void **state) {
    struct frames frames = {.size = 0};

    put_notify(&frames, 7, 4000, "GET", "/", NULL);
    assert_int_equal(refused(*state, frames.bytes, frames.size), SPOP_INVALID);
}

static void a_second_handshake_is_refused(void **state) {
    struct frames frames = {.size = 0};

    shake_hands(*state);
    put_hello(&frames, 4096, false);
    assert_int_equal(refused(*state, frames.bytes, frames.size), SPOP_INVALID);
}

static void a_frame_above_the_agreed_size_is_refused_by_its_length(void **state) {
    shake_hands(*state);
    assert_int_equal(refused(*state, "\0\0\x10\1", 4), SPOP_TOO_BIG);
}

static void a_message_without_a_frame_id_is_refused(void **state) {
    struct frames frames = {.size = 0};

    shake_hands(*state);
    open_frame(&frames, SPOP_NOTIFY, 7, 0);
    close_frame(&frames);
    assert_int_equal(refused(*state, frames.bytes, frames.size), SPOP_NO_IDS);
}

static void a_message_whose_arguments_are_cut_is_refused(void **state) {
    struct frames frames = {.size = 0};

    shake_hands(*state);
    open_frame(&frames, SPOP_NOTIFY, 7, 1);
    put_text(&frames, "tote-request");
    put_byte(&frames, 2);
    put_pair(&frames, "method", "GET");
    close_frame(&frames);
    assert_int_equal(refused(*state, frames.bytes, frames.size), SPOP_INVALID);
}

/* Discard what was received. Returns its size. */
static size_t drain(struct pair *pair) {
    size_t total = 0;
    ssize_t got;

    while ((got = recv(pair->peer, pair->received.bytes, sizeof pair->received.bytes, 0)) > 0) {
        total += (size_t)got;
    }
    return total;
}

static void nothing_is_read_while_the_peer_does_not_read(void **state) {
    enum { MOST = 100000 };
    struct pair *pair = *state;
    struct frames *frames = calloc(1, sizeof *frames);
    const int small = 4096;
    size_t sent = 0;
    size_t received = 0;

    shake_hands(pair);
    setsockopt(pair->connection->descriptor, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    put_notify(frames, 7, 4000, "GET", "/", NULL);
    send_bytes(pair, frames->bytes, frames->size);
    assert_true(serve(pair));
    size_t one = drain(pair);
    for (int i = 0; i < MOST && connection_events(pair->connection) & EPOLLIN; i++) {
        sent += send(pair->peer, frames->bytes, frames->size, 0) == (ssize_t)frames->size;
        assert_true(serve(pair));
    }
    assert_int_equal(connection_events(pair->connection), EPOLLOUT);
    for (int i = 0; i < MOST && received < sent * one; i++) { /* each has its response */
        received += drain(pair);
        assert_true(serve(pair));
    }
    assert_int_equal(received, sent * one);
    assert_int_equal(connection_events(pair->connection), EPOLLIN);
    free(frames);
}

static void a_peer_that_closes_ends_the_connection(void **state) {
    struct pair *pair = *state;

    shake_hands(pair);
    shutdown(pair->peer, SHUT_RDWR);
    assert_false(serve(pair));
}

#define CONNECTION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CONNECTION_TEST(a_handshake_announces_the_version_the_size_and_pipelining),
        CONNECTION_TEST(a_health_check_is_over_after_the_handshake),
        CONNECTION_TEST(each_message_is_acknowledged_with_its_ids),
        CONNECTION_TEST(frames_that_arrive_byte_by_byte_are_read),
        CONNECTION_TEST(a_disconnection_is_answered_and_ends_the_connection),
        CONNECTION_TEST(unknown_frames_are_skipped),
        CONNECTION_TEST(other_protocols_are_refused),
        CONNECTION_TEST(a_frame_without_bytes_is_refused),
        CONNECTION_TEST(a_message_before_the_handshake_is_refused),
        CONNECTION_TEST(a_second_handshake_is_refused),
        CONNECTION_TEST(a_frame_above_the_agreed_size_is_refused_by_its_length),
        CONNECTION_TEST(a_message_without_a_frame_id_is_refused),
        CONNECTION_TEST(a_message_whose_arguments_are_cut_is_refused),
        CONNECTION_TEST(nothing_is_read_while_the_peer_does_not_read),
        CONNECTION_TEST(a_peer_that_closes_ends_the_connection),
    };

    return RUN_TESTS(tests, argc, argv);
}
