/* SPDX-License-Identifier: MIT */
/*
 * fuzz_grpc.c - the requests of a client to the gRPC server of tote view, up to the drawing
 *
 * An even first byte: the rest is HTTP/2 frames. An odd one: the rest is the body of a call.
 */
#include "fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grpc.h"
#include "waterfall.h"

enum { FRAME_HEAD = 9, DATA = 0, HEADERS = 1, SETTINGS = 4, END_STREAM = 1, END_HEADERS = 4 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* Draw the accepted spans, so that all code that a client can reach is covered. */
static struct receipt take(void *arg, const uint8_t *bytes, size_t size) {
    static struct terminal terminal = {.width = 80, .is_utf8 = true};
    struct model *model = model_new(NULL);

    (void)arg;
    MUST(model);
    struct receipt receipt = model_take(model, bytes, size, 0);
    terminal.out = terminal.out ? terminal.out : fopen("/dev/null", "w");
    MUST(terminal.out);
    for (struct trace *trace = model_newest(model); trace; trace = trace->older) {
        waterfall_draw(&terminal, model, trace);
    }
    model_clear(model);
    MUST(model_counts(model).spans == 0 && model_counts(model).traces == 0);
    model_free(model);
    return receipt;
}

static void note(const struct receipt *receipt) {
    char text[RECEIPT_TEXT_BYTES];

    receipt_describe(receipt, text);
    MUST(strlen(text) < sizeof text - 1);
}

/*
 * Returns -1 while all ports are in TIME_WAIT of past connections, or collide with one, and if
 * libFuzzer's timer interrupts the connect.
 */
static int connect_to(unsigned port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        bool is_usual =
            errno == EADDRNOTAVAIL || errno == ECONNRESET || errno == ETIMEDOUT || errno == EINTR;
        if (!is_usual) {
            perror("connect");
        }
        MUST(is_usual);
        close(fd);
        return -1;
    }
    return fd;
}

/* The server may close the connection during a send. */
static void send_bytes(int fd, const void *bytes, size_t size) {
    if (size) {
        (void)!send(fd, bytes, size, MSG_NOSIGNAL);
    }
}

static void send_frame(int fd, uint8_t type, uint8_t flags, uint8_t stream, const void *bytes,
                       size_t size) {
    const uint8_t head[FRAME_HEAD] = {
        (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type, flags, [8] = stream};

    send_bytes(fd, head, sizeof head);
    send_bytes(fd, bytes, size);
}

/* HPACK without a table: each name and value is a literal. */
static void send_headers(int fd) {
    static const char *const headers[][2] = {
        {":method", "POST"},
        {":scheme", "http"},
        {":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
        {":authority", "localhost"},
        {"content-type", "application/grpc"},
        {"te", "trailers"},
        {"grpc-encoding", "gzip"},
    };
    uint8_t block[512];
    uint8_t *at = block;

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        *at++ = 0;
        for (size_t part = 0; part < 2; part++) {
            size_t length = strlen(headers[i][part]);
            *at++ = (uint8_t)length;
            memcpy(at, headers[i][part], length);
            at += length;
        }
    }
    send_frame(fd, HEADERS, END_HEADERS, 1, block, (size_t)(at - block));
}

/* A message with this content, not compressed, or a body of any bytes. */
static void send_call(int fd, const uint8_t *data, size_t size, bool is_message) {
    enum { HEAD = 5 };
    uint8_t head[HEAD] = {0, 0, 0, (uint8_t)(size >> 8), (uint8_t)size};

    send_headers(fd);
    if (is_message) {
        send_frame(fd, DATA, 0, 1, head, sizeof head);
    }
    send_frame(fd, DATA, END_STREAM, 1, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct grpc_server *server;
    char response[4096];

    server = server ? server : grpc_start(0, take, note);
    MUST(server);
    if (!size || size > 8192) {
        return 0;
    }
    int fd = connect_to(grpc_port(server));
    if (fd < 0) {
        return 0;
    }
    send_bytes(fd, preface, sizeof preface - 1);
    if (data[0] % 2 == 0) {
        send_bytes(fd, data + 1, size - 1);
    } else {
        send_frame(fd, SETTINGS, 0, 0, NULL, 0);
        send_call(fd, data + 1, size - 1, data[0] % 4 == 1);
    }
    shutdown(fd, SHUT_WR);
    while (recv(fd, response, sizeof response, 0) > 0) {
    }
    close(fd);
    return 0;
}
