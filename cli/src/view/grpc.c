/* SPDX-License-Identifier: MIT */
/*
 * grpc.c - OTLP/gRPC without TLS, on loopback
 *
 * nghttp2 implements HTTP/2. This file has the sockets and what gRPC adds: a head of five bytes
 * before each message, and the status in trailers. Spec: gRPC over HTTP/2
 *
 * Tests: tests/cli/test_view.sh, tests/fuzz/fuzz_grpc.c
 */
#include "grpc.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli_os.h"
#include "gunzip.h"
#include "listen.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"

enum {
    MOST_CONNECTIONS = 256,
    MOST_STREAMS = 100,
    WINDOW_BYTES = 1 << 20,
    HEAD_BYTES = 5,
    PORTION = 65536,
    MOST_ACCEPTED = 64, /* in a row */
    TICK_MS = 1000,
    MOST_STREAM_MS = 60000 /* from the start of a request to the end of its response */
};

/* Status codes of gRPC. */
enum { OK = 0, INVALID_ARGUMENT = 3, RESOURCE_EXHAUSTED = 8, UNIMPLEMENTED = 12 };

static const char path[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/*
 * A google.rpc.Status in base64 for a retryable RESOURCE_EXHAUSTED: code 8, and the detail
 * "type.googleapis.com/google.rpc.RetryInfo" with a retry_delay of RETRY_AFTER_SECONDS.
 * Spec: protocol/otlp.md#otlpgrpc-throttling
 */
static const char retry_details[] =
    "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ==";

_Static_assert(RETRY_AFTER_SECONDS == 1, "retry_details contains it");

struct stream {
    struct stream *next;
    struct connection *connection;
    int32_t id;
    bool is_known; /* it has the path of this service */
    bool is_gzip;  /* compressed messages use gzip */
    uint64_t start_ms;
    struct bytes body;
    struct receipt receipt;
    char status[4]; /* text, for the trailers */
    char message[RECEIPT_TEXT_BYTES];
    uint8_t response[HEAD_BYTES + RECEIPT_RESPONSE_BYTES]; /* the message to be sent */
    size_t response_size;
    size_t sent; /* how much of it was sent */
};

struct connection {
    int socket;
    nghttp2_session *session;
    struct stream *streams;
    const struct grpc_server *server;
    uint64_t last_active_ms;
};

struct grpc_server {
    int listener;
    int stops[2]; /* a pipe; closed to stop the server */
    unsigned port;
    requests_take *take;
    receipt_note *note;
    pthread_t thread;
    struct connection *connections[MOST_CONNECTIONS];
    size_t connection_count;
};

static uint64_t now_ms(void) {
    return tote__clock_monotonic() / 1000000;
}

static void free_stream(struct stream *stream) {
    bytes_clear(&stream->body);
    free(stream);
}

/* The stream is closed. */
static void remove_stream(struct stream *stream) {
    struct stream **link = &stream->connection->streams;

    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    free_stream(stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg) {
    struct connection *connection = arg;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    stream->connection = connection;
    stream->id = frame->hd.stream_id;
    stream->start_ms = now_ms();
    stream->receipt.outcome = TAKEN;
    stream->next = connection->streams;
    connection->streams = stream;
    return nghttp2_session_set_stream_user_data(session, stream->id, stream);
}

static bool is(const uint8_t *text, size_t length, const char *expected) {
    return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *arg) {
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags, (void)arg;
    if (stream && is(name, name_length, ":path")) {
        stream->is_known = is(value, value_length, path);
    } else if (stream && is(name, name_length, "grpc-encoding")) {
        stream->is_gzip = is(value, value_length, "gzip");
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t size, void *arg) {
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

    (void)flags, (void)arg;
    if (!stream || !stream->is_known || stream->receipt.outcome != TAKEN) {
        return 0; /* the rest is read and ignored: clients handle an early response badly */
    }
    stream->receipt.outcome = bytes_append(&stream->body, bytes, size);
    if (stream->receipt.outcome != TAKEN) {
        bytes_clear(&stream->body);
    }
    return 0;
}

/* Handle the single message of a body. */
static struct receipt take_message(const struct stream *stream) {
    const struct grpc_server *server = stream->connection->server;
    struct receipt receipt = {.outcome = MALFORMED};
    struct bytes plain = {.at = NULL};

    if (stream->receipt.outcome != TAKEN) {
        return stream->receipt;
    }
    if (stream->body.size < HEAD_BYTES) {
        return receipt;
    }
    const uint8_t *head = stream->body.at;
    size_t size = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
    const uint8_t *message = head + HEAD_BYTES;
    if (size != stream->body.size - HEAD_BYTES || head[0] > 1 || (head[0] && !stream->is_gzip)) {
        return receipt;
    }
    if (!head[0]) {
        return server->take(NULL, message, size);
    }
    receipt.outcome = gunzip(message, size, &plain);
    if (receipt.outcome == TAKEN) {
        receipt = server->take(NULL, plain.at, plain.size);
    }
    bytes_clear(&plain);
    return receipt;
}

#define HEADER(name, value)                                                                        \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),  \
            NGHTTP2_NV_FLAG_NONE                                                                   \
    }

/* Send the message, if any, then the trailers. */
static ssize_t read_response(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room,
                             uint32_t *flags, nghttp2_data_source *source, void *arg) {
    struct stream *stream = source->ptr;
    size_t left = stream->response_size - stream->sent;
    size_t size = tote__min(left, room);
    nghttp2_nv trailers[3] = {HEADER("grpc-status", stream->status)};
    size_t count = 1;

    (void)arg;
    memcpy(buffer, stream->response + stream->sent, size);
    stream->sent += size;
    if (size < left) {
        return (ssize_t)size;
    }
    if (*stream->message) {
        trailers[count++] = (nghttp2_nv)HEADER("grpc-message", stream->message);
    }
    if (stream->receipt.outcome == BUSY) {
        trailers[count++] = (nghttp2_nv)HEADER("grpc-status-details-bin", retry_details);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(session, id, trailers, count) == 0 ? (ssize_t)size
                                                                     : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Set the response of a request that was accepted. */
static void set_response(struct stream *stream) {
    size_t size = receipt_to_protobuf(&stream->receipt, stream->response + HEAD_BYTES);

    memset(stream->response, 0, HEAD_BYTES);
    stream->response[HEAD_BYTES - 2] = (uint8_t)(size >> 8);
    stream->response[HEAD_BYTES - 1] = (uint8_t)size;
    stream->response_size = HEAD_BYTES + size;
}

static int respond(nghttp2_session *session, struct stream *stream) {
    static const int statuses[] = {
        [TAKEN] = OK,
        [MALFORMED] = INVALID_ARGUMENT,
        [TOO_LARGE] = RESOURCE_EXHAUSTED,
        [BUSY] = RESOURCE_EXHAUSTED,
    };
    const nghttp2_nv headers[] = {HEADER(":status", "200"),
                                  HEADER("content-type", "application/grpc")};
    const nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_response};
    int status = UNIMPLEMENTED;

    if (stream->is_known) {
        stream->receipt = take_message(stream);
        stream->connection->server->note(&stream->receipt);
        status = statuses[stream->receipt.outcome];
        if (status == OK) {
            set_response(stream);
        } else {
            receipt_describe(&stream->receipt, stream->message);
        }
    }
    bytes_clear(&stream->body);
    snprintf(stream->status, sizeof stream->status, "%d", status);
    return nghttp2_submit_response(session, stream->id, headers, 2, &body) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg) {
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    (void)arg;
    return stream && ends ? respond(session, stream) : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg) {
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

    (void)code, (void)arg;
    if (stream) {
        remove_stream(stream);
    }
    return 0;
}

static void close_connection(struct connection *connection) {
    struct stream *stream = connection->streams;

    nghttp2_session_del(connection->session);
    while (stream) {
        struct stream *next = stream->next;
        free_stream(stream);
        stream = next;
    }
    close(connection->socket);
    free(connection);
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *bytes, size_t size, int flags,
                       void *arg) {
    struct connection *connection = arg;
    ssize_t sent = os_send(connection->socket, bytes, size);

    (void)session, (void)flags;
    if (sent < 0) {
        return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    connection->last_active_ms = now_ms();
    return sent;
}

static bool start_session(struct connection *connection) {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MOST_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    nghttp2_session_callbacks *callbacks = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return false;
    }
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    int result = nghttp2_session_server_new(&connection->session, callbacks, connection);
    nghttp2_session_callbacks_del(callbacks);
    return result == 0 &&
           nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2) == 0 &&
           nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                                 WINDOW_BYTES) == 0;
}

/* Send as much as the socket accepts. Returns false if the connection is closed. */
static bool send_pending(struct connection *connection) {
    return nghttp2_session_send(connection->session) == 0 &&
           (nghttp2_session_want_read(connection->session) ||
            nghttp2_session_want_write(connection->session));
}

static void remove_connection(struct grpc_server *server, size_t index) {
    close_connection(server->connections[index]);
    server->connections[index] = server->connections[--server->connection_count];
}

/* Close the connection that was idle longest, so that idle ones cannot block others. */
static void evict_oldest(struct grpc_server *server) {
    size_t oldest = 0;

    for (size_t i = 1; i < server->connection_count; i++) {
        if (server->connections[i]->last_active_ms < server->connections[oldest]->last_active_ms) {
            oldest = i;
        }
    }
    if (server->connection_count) {
        remove_connection(server, oldest);
    }
}

static void add_connection(struct grpc_server *server, int socket) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        close(socket);
        return;
    }
    connection->socket = socket;
    connection->server = server;
    connection->last_active_ms = now_ms();
    if (!start_session(connection) || !send_pending(connection)) {
        close_connection(connection);
        return;
    }
    if (server->connection_count == MOST_CONNECTIONS) {
        evict_oldest(server);
    }
    server->connections[server->connection_count++] = connection;
}

static void accept_connections(struct grpc_server *server) {
    for (size_t i = 0; i < MOST_ACCEPTED; i++) {
        int socket = os_accept(server->listener);
        if (socket < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                evict_oldest(server);
            }
            return;
        }
        add_connection(server, socket);
    }
}

/* Returns false if the connection is closed. */
static bool serve_connection(struct connection *connection, short events) {
    uint8_t bytes[PORTION];

    if (events & ~POLLOUT) {
        ssize_t size = recv(connection->socket, bytes, sizeof bytes, 0);
        if (size == 0 || (size < 0 && errno != EAGAIN)) {
            return false;
        }
        if (size > 0) {
            connection->last_active_ms = now_ms();
            if (nghttp2_session_mem_recv(connection->session, bytes, (size_t)size) != size) {
                return false;
            }
        }
    }
    return send_pending(connection);
}

/* Whether a request exceeds the time limit. */
static bool is_stuck(const struct connection *connection, uint64_t now) {
    for (const struct stream *stream = connection->streams; stream; stream = stream->next) {
        if (now - stream->start_ms > MOST_STREAM_MS) {
            return true;
        }
    }
    return false;
}

static void serve_ready(struct grpc_server *server, const struct pollfd *fds) {
    for (size_t i = server->connection_count; i-- > 0;) {
        if (fds[i].revents && !serve_connection(server->connections[i], fds[i].revents)) {
            remove_connection(server, i);
        }
    }
}

static void close_stuck(struct grpc_server *server, uint64_t now) {
    for (size_t i = server->connection_count; i-- > 0;) {
        if (is_stuck(server->connections[i], now)) {
            remove_connection(server, i);
        }
    }
}

static void *serve(void *arg) {
    struct grpc_server *server = arg;
    struct pollfd fds[2 + MOST_CONNECTIONS] = {{server->stops[0], POLLIN, 0},
                                               {server->listener, POLLIN, 0}};
    uint64_t checked_ms = now_ms();

    while (!fds[0].revents) {
        for (size_t i = 0; i < server->connection_count; i++) {
            const struct connection *connection = server->connections[i];
            bool has_output = nghttp2_session_want_write(connection->session);
            fds[2 + i] = (struct pollfd){connection->socket,
                                         (short)(has_output ? POLLIN | POLLOUT : POLLIN), 0};
        }
        poll(fds, 2 + server->connection_count, TICK_MS);
        serve_ready(server, fds + 2);
        if (fds[1].revents) {
            accept_connections(server);
        }
        uint64_t now = now_ms();
        if (now - checked_ms >= TICK_MS) {
            close_stuck(server, now);
            checked_ms = now;
        }
    }
    return NULL;
}

struct grpc_server *grpc_start(unsigned port, requests_take *take, receipt_note *note) {
    struct grpc_server *server = calloc(1, sizeof *server);

    if (!server) {
        return NULL;
    }
    server->take = take;
    server->note = note;
    server->listener = listen_on_loopback(port);
    bool has_pipe = server->listener >= 0 && os_pipe(server->stops);
    int error = has_pipe ? pthread_create(&server->thread, NULL, serve, server) : errno;
    if (error) {
        if (has_pipe) {
            close(server->stops[0]);
            close(server->stops[1]);
        }
        close(server->listener);
        free(server);
        errno = error;
        return NULL;
    }
    server->port = listen_port(server->listener);
    return server;
}

unsigned grpc_port(const struct grpc_server *server) {
    return server->port;
}

void grpc_stop(struct grpc_server *server) {
    if (!server) {
        return;
    }
    close(server->stops[1]);
    pthread_join(server->thread, NULL);
    while (server->connection_count) {
        close_connection(server->connections[--server->connection_count]);
    }
    close(server->listener);
    close(server->stops[0]);
    free(server);
}
