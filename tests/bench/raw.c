/* SPDX-License-Identifier: MIT */
/* raw.c - the same bytes as a request of Tote, by hand */
#include "raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"
#include "tote/exporters/otlp.h"

static struct {
    void *body;
    size_t size;
} request;

static void keep_first(void *self, const tote_otlp_request *sent, tote_otlp_response *response) {
    (void)self;
    if (!request.body) {
        request.body = malloc(sent->body_size);
        request.size = sent->body_size;
        memcpy(request.body, sent->body, sent->body_size);
    }
    response->status = 200;
}

bool raw_encode(size_t spans) {
    tote_otlp_transport transport = {.struct_size = sizeof transport, .send = keep_first};
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = bench_options();

    if (request.body) {
        return true;
    }
    otlp.ignore_environment = true;
    otlp.transport = &transport;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    bench_start(&options);
    bench_record(spans);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    bench_stop();
    return request.body != NULL;
}

static int connect_to(unsigned port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static bool send_all(int fd, char *head, size_t head_size) {
    struct iovec parts[] = {{head, head_size}, {request.body, request.size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    size_t left = head_size + request.size;

    for (;;) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            return false;
        }
        left -= (size_t)sent;
        if (!left) {
            return true;
        }
        while ((size_t)sent >= message.msg_iov->iov_len) {
            sent -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
        message.msg_iov->iov_len -= (size_t)sent;
    }
}

/* The response has no body. */
static bool read_response(int fd) {
    char text[1024];
    size_t size = 0;

    for (;;) {
        ssize_t got = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        text[size] = '\0';
        if (strstr(text, "\r\n\r\n")) {
            return strncmp(text, "HTTP/1.1 200", 12) == 0;
        }
    }
}

bool raw_post(const char *url, size_t count) {
    char head[256];
    const char *colon = strrchr(url, ':');
    int fd = connect_to((unsigned)strtoul(colon + 1, NULL, 10));
    int length = snprintf(head, sizeof head,
                          "POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                          "application/x-protobuf\r\nContent-Length: %zu\r\n\r\n",
                          url + sizeof "http://" - 1, request.size);
    bool is_sent = fd >= 0;

    for (size_t i = 0; i < count && is_sent; i++) {
        is_sent = send_all(fd, head, (size_t)length) && read_response(fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return is_sent;
}
