/* SPDX-License-Identifier: MIT */
/*
 * grpc.c - OTLP/gRPC without TLS, on loopback
 *
 * nghttp2 speaks HTTP/2; here are the sockets, and what gRPC adds: a head of five bytes before a message, and the status in
 * trailers. Spec: gRPC over HTTP/2
 */
#include "grpc.h"

#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gunzip.h"

enum {
    MOST_CONNECTIONS = 64,
    MOST_STREAMS = 100,
    MOST_MESSAGE_BYTES = 64 << 20,
    WINDOW_BYTES = 1 << 20,
    HEAD_BYTES = 5,
    PORTION = 16384
};

/* Of gRPC. */
enum { OK = 0, INVALID_ARGUMENT = 3, RESOURCE_EXHAUSTED = 8, UNIMPLEMENTED = 12 };

static const char path[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct stream {
    struct stream *next;
    struct connection *connection;
    int32_t id;
    bool is_known; /* its path is ours */
    bool is_gzip;  /* what is compressed, is so */
    bool is_too_large;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    char status[4]; /* as text, for the trailers */
    bool has_body;  /* the answer's head of an empty message is still to be sent */
};

struct connection {
    int socket;
    nghttp2_session *session;
    struct stream *streams;
    requests_take *take;
};

struct grpc_server {
    int listener;
    int stops; /* an event descriptor */
    unsigned port;
    requests_take *take;
    pthread_t thread;
    struct connection *connections[MOST_CONNECTIONS];
    size_t connection_count;
};

/* It is closed. */
static void free_stream(struct stream *stream) {
    struct stream **link = &stream->connection->streams;

    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    free(stream->bytes);
    free(stream);
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
    if (!stream || stream->is_too_large) {
        return 0;
    }
    if (size > MOST_MESSAGE_BYTES - stream->size) {
        stream->is_too_large = true;
        return 0;
    }
    if (stream->capacity - stream->size < size) {
        size_t capacity = 2 * stream->capacity + size;
        uint8_t *larger = realloc(stream->bytes, capacity);
        if (!larger) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        stream->bytes = larger;
        stream->capacity = capacity;
    }
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
    return 0;
}

/* Returns: a status of gRPC. */
static int take_message(const struct stream *stream) {
    if (stream->is_too_large) {
        return RESOURCE_EXHAUSTED;
    }
    if (stream->size < HEAD_BYTES) {
        return INVALID_ARGUMENT;
    }
    const uint8_t *head = stream->bytes;
    size_t size = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
    const uint8_t *message = head + HEAD_BYTES;
    if (size != stream->size - HEAD_BYTES || head[0] > 1 || (head[0] && !stream->is_gzip)) {
        return INVALID_ARGUMENT;
    }
    if (!head[0]) {
        return stream->connection->take(NULL, message, size) ? OK : INVALID_ARGUMENT;
    }
    struct gunzipped plain = gunzip(message, size, MOST_MESSAGE_BYTES);
    bool is_taken = plain.bytes && stream->connection->take(NULL, plain.bytes, plain.size);
    free(plain.bytes);
    return plain.is_too_large ? RESOURCE_EXHAUSTED : is_taken ? OK : INVALID_ARGUMENT;
}

#define HEADER(name, value)                                                                        \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),  \
            NGHTTP2_NV_FLAG_NONE                                                                   \
    }

/* An empty message, then the trailers. */
static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *arg) {
    struct stream *stream = source->ptr;
    const nghttp2_nv trailers[] = {HEADER("grpc-status", stream->status)};
    size_t size = stream->has_body && room >= HEAD_BYTES ? HEAD_BYTES : 0;

    (void)arg;
    memset(buffer, 0, size);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(session, id, trailers, 1) == 0 ? (ssize_t)size
                                                                 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int answer(nghttp2_session *session, struct stream *stream) {
    const nghttp2_nv headers[] = {HEADER(":status", "200"),
                                  HEADER("content-type", "application/grpc")};
    int status = stream->is_known ? take_message(stream) : UNIMPLEMENTED;
    const nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_answer};

    snprintf(stream->status, sizeof stream->status, "%d", status);
    stream->has_body = status == OK;
    return nghttp2_submit_response(session, stream->id, headers, 2, &body) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg) {
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    (void)arg;
    return stream && ends ? answer(session, stream) : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg) {
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

    (void)code, (void)arg;
    if (stream) {
        free_stream(stream);
    }
    return 0;
}

static void close_connection(struct connection *connection) {
    struct stream *stream = connection->streams;

    nghttp2_session_del(connection->session);
    while (stream) {
        struct stream *next = stream->next;
        free(stream->bytes);
        free(stream);
        stream = next;
    }
    close(connection->socket);
    free(connection);
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

/* The kernel takes what few bytes there are of ours. Returns: false when the connection is over. */
static bool send_all(struct connection *connection) {
    const uint8_t *bytes;
    ssize_t size;

    while ((size = nghttp2_session_mem_send(connection->session, &bytes)) > 0) {
        if (send(connection->socket, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
            return false;
        }
    }
    return size == 0 && (nghttp2_session_want_read(connection->session) ||
                         nghttp2_session_want_write(connection->session));
}

static void accept_connection(struct grpc_server *server) {
    int socket = accept(server->listener, NULL, NULL);
    struct connection *connection = socket < 0 ? NULL : calloc(1, sizeof *connection);

    if (!connection || server->connection_count == MOST_CONNECTIONS) {
        free(connection);
        if (socket >= 0) {
            close(socket);
        }
        return;
    }
    const struct timeval patience = {.tv_sec = 1};
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    connection->socket = socket;
    connection->take = server->take;
    if (start_session(connection) && send_all(connection)) {
        server->connections[server->connection_count++] = connection;
    } else {
        close_connection(connection);
    }
}

static bool serve_connection(struct connection *connection) {
    uint8_t bytes[PORTION];
    ssize_t size = recv(connection->socket, bytes, sizeof bytes, 0);

    return size > 0 && nghttp2_session_mem_recv(connection->session, bytes, (size_t)size) == size &&
           send_all(connection);
}

static void *serve(void *arg) {
    struct grpc_server *server = arg;
    struct pollfd fds[2 + MOST_CONNECTIONS] = {{server->stops, POLLIN, 0},
                                               {server->listener, POLLIN, 0}};

    while (!fds[0].revents) {
        for (size_t i = 0; i < server->connection_count; i++) {
            fds[2 + i] = (struct pollfd){server->connections[i]->socket, POLLIN, 0};
        }
        poll(fds, 2 + server->connection_count, -1);
        for (size_t i = server->connection_count; i-- > 0;) {
            if (fds[2 + i].revents && !serve_connection(server->connections[i])) {
                close_connection(server->connections[i]);
                server->connections[i] = server->connections[--server->connection_count];
            }
        }
        if (fds[1].revents) {
            accept_connection(server);
        }
    }
    return NULL;
}

static int listen_on(unsigned port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, SOMAXCONN) != 0) {
        int error = errno;
        close(listener);
        errno = error;
        return -1;
    }
    return listener;
}

struct grpc_server *grpc_start(unsigned port, requests_take *take) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    struct grpc_server *server = calloc(1, sizeof *server);

    if (!server) {
        return NULL;
    }
    server->take = take;
    server->stops = eventfd(0, EFD_CLOEXEC);
    server->listener = listen_on(port);
    if (server->stops < 0 || server->listener < 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&server->thread, NULL, serve, server) != 0) {
        int error = errno;
        close(server->stops);
        close(server->listener);
        free(server);
        errno = error;
        return NULL;
    }
    server->port = ntohs(address.sin_port);
    return server;
}

unsigned grpc_port(const struct grpc_server *server) {
    return server->port;
}

void grpc_stop(struct grpc_server *server) {
    if (!server) {
        return;
    }
    eventfd_write(server->stops, 1);
    pthread_join(server->thread, NULL);
    while (server->connection_count) {
        close_connection(server->connections[--server->connection_count]);
    }
    close(server->listener);
    close(server->stops);
    free(server);
}
