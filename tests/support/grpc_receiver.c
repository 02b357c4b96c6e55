/* SPDX-License-Identifier: MIT */
/*
 * grpc_receiver.c - as much of HTTP/2 as a receiver of one request at a time needs. Spec: RFC 9113
 *
 * `lock` guards the counts; everything else belongs to the serving thread.
 */
#include "grpc_receiver.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otlp/request.pb-c.h"

enum {
    PREFACE_BYTES = 24,
    HEAD_BYTES = 9,
    GRPC_HEAD_BYTES = 5,
    LARGEST_FRAME = 1 << 20,
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    WINDOW_UPDATE = 8,
    END_STREAM = 1, /* of DATA and HEADERS; for SETTINGS and PING it means an acknowledgement */
    END_HEADERS = 4,
    INTERNAL_ERROR = 2
};

struct grpc_receiver {
    struct grpc_manner manner;
    int listener;
    int stops; /* an event descriptor, readable when the thread must end */
    pthread_t thread;
    bool has_thread;
    char url[64];
    uint8_t *body; /* of the request that is received */
    size_t body_size;
    bool is_reset; /* its stream was */
    pthread_mutex_t lock;
    struct grpc_counts counts;
};

static void put_32(uint8_t *out, uint32_t number) {
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

static bool send_frame(int fd, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                       size_t size) {
    uint8_t frame[HEAD_BYTES + 64] = {0, 0, (uint8_t)size, type, flags};

    put_32(frame + 5, stream);
    if (size) {
        memcpy(frame + HEAD_BYTES, payload, size);
    }
    size += HEAD_BYTES;
    return send(fd, frame, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Returns false at the end of the connection, or if the receiver is to stop. */
static bool receive(const struct grpc_receiver *receiver, int fd, uint8_t *out, size_t size) {
    while (size) {
        struct pollfd fds[] = {{fd, POLLIN, 0}, {receiver->stops, POLLIN, 0}};
        poll(fds, 2, -1);
        ssize_t count = fds[1].revents ? 0 : recv(fd, out, size, 0);
        if (count <= 0) {
            return false;
        }
        out += count;
        size -= (size_t)count;
    }
    return true;
}

static bool open_window(const struct grpc_receiver *receiver, int fd, uint32_t stream,
                        size_t size) {
    uint8_t increment[4];

    if (receiver->manner.stalls || !size) {
        return true;
    }
    put_32(increment, (uint32_t)size);
    return send_frame(fd, WINDOW_UPDATE, 0, 0, increment, sizeof increment) &&
           send_frame(fd, WINDOW_UPDATE, 0, stream, increment, sizeof increment);
}

static uint64_t count_spans(const uint8_t *message, size_t size) {
    Tote__Otlp__ExportTraceServiceRequest *request =
        tote__otlp__export_trace_service_request__unpack(NULL, size, message);
    uint64_t spans = 0;

    for (size_t i = 0; request && i < request->n_resource_spans; i++) {
        for (size_t j = 0; j < request->resource_spans[i]->n_scope_spans; j++) {
            spans += request->resource_spans[i]->scope_spans[j]->n_spans;
        }
    }
    if (request) {
        tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    }
    return spans;
}

/* ":status: 200", and "grpc-status: 0" unless that is left out. Spec: RFC 7541 */
static bool respond(struct grpc_receiver *receiver, int fd, uint32_t stream) {
    static const uint8_t headers[] = "\x88\x00\x0bgrpc-status\x01"
                                     "0";
    size_t size = receiver->body_size - GRPC_HEAD_BYTES;
    bool has_status = receiver->counts.accepted >= receiver->manner.without_status;

    pthread_mutex_lock(&receiver->lock);
    struct grpc_counts *counts = &receiver->counts;
    counts->accepted++;
    counts->largest = size > counts->largest ? size : counts->largest;
    counts->spans += has_status ? count_spans(receiver->body + GRPC_HEAD_BYTES, size) : 0;
    pthread_mutex_unlock(&receiver->lock);
    return send_frame(fd, HEADERS, END_STREAM | END_HEADERS, stream, headers,
                      has_status ? sizeof headers - 1 : 1);
}

/* "grpc-status: 8", and the message of most servers */
static bool refuse(struct grpc_receiver *receiver, int fd, uint32_t stream) {
    static const uint8_t headers[] = "\x88\x00\x0bgrpc-status\x01"
                                     "8\x00\x0cgrpc-message\x0flarger than max";

    receiver->is_reset = true;
    return send_frame(fd, HEADERS, END_STREAM | END_HEADERS, stream, headers, sizeof headers - 1);
}

/* "grpc-status: 16", and RST_STREAM with NO_ERROR. Spec: RFC 9113 section 8.1 */
static bool respond_early(int fd, uint32_t stream) {
    static const uint8_t headers[] = "\x88\x00\x0bgrpc-status\x02"
                                     "16";
    static const uint8_t no_error[4] = {0};

    return send_frame(fd, HEADERS, END_STREAM | END_HEADERS, stream, headers, sizeof headers - 1) &&
           send_frame(fd, RST_STREAM, 0, stream, no_error, sizeof no_error);
}

static bool reset(struct grpc_receiver *receiver, int fd, uint32_t stream) {
    uint8_t code[4];

    put_32(code, INTERNAL_ERROR);
    receiver->is_reset = true;
    pthread_mutex_lock(&receiver->lock);
    struct grpc_counts *counts = &receiver->counts;
    if (++counts->resets == 2) {
        counts->accepted_before_second_reset = counts->accepted;
    }
    pthread_mutex_unlock(&receiver->lock);
    return send_frame(fd, RST_STREAM, 0, stream, code, sizeof code);
}

static bool take_data(struct grpc_receiver *receiver, int fd, uint32_t stream, size_t size,
                      bool is_last) {
    const size_t limit = receiver->manner.limit;

    receiver->body_size += size;
    if (!open_window(receiver, fd, stream, size)) {
        return false;
    }
    if (receiver->is_reset || receiver->manner.stalls) {
        return true;
    }
    if (receiver->counts.resets < receiver->manner.resets_first) {
        return reset(receiver, fd, stream);
    }
    if (limit && receiver->body_size > limit + GRPC_HEAD_BYTES) {
        return receiver->manner.explains_limit ? refuse(receiver, fd, stream)
                                               : reset(receiver, fd, stream);
    }
    return !is_last || respond(receiver, fd, stream);
}

/* Returns false when the connection has ended. */
static bool serve_frame(struct grpc_receiver *receiver, int fd) {
    uint8_t head[HEAD_BYTES];

    if (!receive(receiver, fd, head, sizeof head)) {
        return false;
    }
    size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    uint32_t stream =
        (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];
    uint8_t *body =
        size > LARGEST_FRAME ? NULL : realloc(receiver->body, receiver->body_size + size + 1);
    receiver->body = body ? body : receiver->body;
    if (!body || !receive(receiver, fd, body + receiver->body_size, size)) {
        return false;
    }
    switch (head[3]) {
    case DATA:
        return take_data(receiver, fd, stream, size, head[4] & END_STREAM);
    case HEADERS:
        receiver->body_size = 0;
        receiver->is_reset = receiver->manner.responds_early;
        return !receiver->manner.responds_early || respond_early(fd, stream);
    case SETTINGS:
        return head[4] & END_STREAM || send_frame(fd, SETTINGS, END_STREAM, 0, NULL, 0);
    case PING:
        return head[4] & END_STREAM ||
               send_frame(fd, PING, END_STREAM, 0, body + receiver->body_size, size);
    default:
        return true;
    }
}

static void *serve(void *arg) {
    struct grpc_receiver *receiver = arg;
    uint8_t preface[PREFACE_BYTES];

    for (;;) {
        struct pollfd fds[] = {{receiver->listener, POLLIN, 0}, {receiver->stops, POLLIN, 0}};
        poll(fds, 2, -1);
        if (fds[1].revents) {
            return NULL;
        }
        int fd = accept(receiver->listener, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        if (receive(receiver, fd, preface, sizeof preface) &&
            send_frame(fd, SETTINGS, 0, 0, NULL, 0)) {
            while (serve_frame(receiver, fd)) {
            }
        }
        close(fd);
    }
}

struct grpc_receiver *grpc_receiver_start(struct grpc_manner manner) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct grpc_receiver *receiver = calloc(1, sizeof *receiver);

    if (!receiver) {
        return NULL;
    }
    receiver->manner = manner;
    pthread_mutex_init(&receiver->lock, NULL);
    receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    receiver->stops = eventfd(0, EFD_CLOEXEC);
    receiver->has_thread =
        receiver->stops >= 0 &&
        bind(receiver->listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(receiver->listener, 16) == 0 &&
        getsockname(receiver->listener, (struct sockaddr *)&address, &size) == 0 &&
        pthread_create(&receiver->thread, NULL, serve, receiver) == 0;
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%u",
             (unsigned)ntohs(address.sin_port));
    if (!receiver->has_thread) {
        grpc_receiver_stop(receiver);
        return NULL;
    }
    return receiver;
}

const char *grpc_receiver_url(const struct grpc_receiver *receiver) {
    return receiver->url;
}

struct grpc_counts grpc_receiver_counts(struct grpc_receiver *receiver) {
    pthread_mutex_lock(&receiver->lock);
    struct grpc_counts counts = receiver->counts;
    pthread_mutex_unlock(&receiver->lock);
    return counts;
}

void grpc_receiver_stop(struct grpc_receiver *receiver) {
    if (receiver->has_thread) {
        eventfd_write(receiver->stops, 1);
        pthread_join(receiver->thread, NULL);
    }
    close(receiver->listener);
    close(receiver->stops);
    free(receiver->body);
    pthread_mutex_destroy(&receiver->lock);
    free(receiver);
}
