/* SPDX-License-Identifier: MIT */
/*
 * view.c - OTLP/HTTP on loopback
 *
 * libmicrohttpd's thread takes requests in, the main thread draws; `lock` guards the collector.
 */
#include "view.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <zlib.h>

#include "collector.h"
#include "terminal.h"
#include "waterfall.h"

enum { MOST_BODY_BYTES = 64 << 20, FIRST_BODY_BYTES = 16384, TICK_MS = 50 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct collector collector;

static uint64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Bytes that grow, up to the most that a body may have. */
struct body {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    unsigned status; /* what is wrong with the request already; 0: nothing */
};

static bool reserve(struct body *body, size_t more) {
    size_t capacity = body->capacity ? body->capacity : FIRST_BODY_BYTES;

    if (more > MOST_BODY_BYTES - body->size) {
        return false;
    }
    while (capacity - body->size < more) {
        capacity *= 2;
    }
    if (capacity == body->capacity) {
        return true;
    }
    uint8_t *bytes = realloc(body->bytes, capacity);
    if (!bytes) {
        return false;
    }
    body->bytes = bytes;
    body->capacity = capacity;
    return true;
}

/* Returns: false when it is not gzip, or too much. */
static bool inflate_body(const struct body *body, struct body *inflated) {
    z_stream stream = {.next_in = body->bytes, .avail_in = (uInt)body->size};
    int result = Z_OK;

    if (inflateInit2(&stream, 15 + 16) != Z_OK) {
        return false;
    }
    while (result == Z_OK && reserve(inflated, FIRST_BODY_BYTES)) {
        stream.next_out = inflated->bytes + inflated->size;
        stream.avail_out = (uInt)(inflated->capacity - inflated->size);
        result = inflate(&stream, Z_NO_FLUSH);
        inflated->size = inflated->capacity - stream.avail_out;
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END;
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status) {
    static char nothing[1];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);

    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-protobuf");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Whether a header is this word, perhaps with parameters behind it. */
static bool is_header(struct MHD_Connection *connection, const char *name, const char *word) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    size_t length = strlen(word);

    return value && strncasecmp(value, word, length) == 0 &&
           (!value[length] || strchr("; \t", value[length]));
}

static unsigned take(struct MHD_Connection *connection, const struct body *body) {
    bool is_gzip = is_header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    struct body inflated = {NULL, 0, 0, 0};
    bool is_good = !is_gzip || inflate_body(body, &inflated);

    if (is_good) {
        const struct body *plain = is_gzip ? &inflated : body;
        pthread_mutex_lock(&lock);
        is_good = collector_take(&collector, plain->bytes, plain->size, now_ms());
        pthread_mutex_unlock(&lock);
    }
    free(inflated.bytes);
    return is_good ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST;
}

/* What is wrong with a request whose headers are here; 0: nothing. */
static unsigned check(struct MHD_Connection *connection, const char *url, const char *method) {
    if (strcmp(url, "/v1/traces") != 0) {
        return MHD_HTTP_NOT_FOUND;
    }
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0) {
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (!is_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-protobuf")) {
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    return 0;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *size, void **state) {
    struct body *body = *state;

    (void)cls, (void)version;
    if (!body) {
        body = calloc(1, sizeof *body);
        if (!body) {
            return MHD_NO;
        }
        body->status = check(connection, url, method);
        *state = body;
        return MHD_YES;
    }
    if (*size) {
        if (!body->status && !reserve(body, *size)) {
            body->status = MHD_HTTP_CONTENT_TOO_LARGE;
        }
        if (!body->status) {
            memcpy(body->bytes + body->size, bytes, *size);
            body->size += *size;
        }
        *size = 0;
        return MHD_YES;
    }
    return reply(connection, body->status ? body->status : take(connection, body));
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    struct body *body = *state;

    (void)cls, (void)connection, (void)code;
    if (body) {
        free(body->bytes);
        free(body);
    }
}

static struct trace *next_trace(bool all) {
    pthread_mutex_lock(&lock);
    struct trace *trace = collector_next(&collector, now_ms(), all);
    pthread_mutex_unlock(&lock);
    return trace;
}

/* Draw what is due. Returns: how many traces that was, `most` at most. */
static unsigned draw_due(bool all, unsigned most) {
    struct trace *trace;
    unsigned drawn = 0;

    while (drawn < most && (trace = next_trace(all))) {
        struct terminal terminal = terminal_of(stdout); /* it may have been resized */
        fputc('\n', stdout);
        waterfall_draw(&terminal, trace);
        trace_free(trace);
        drawn++;
    }
    return drawn;
}

static struct MHD_Daemon *listen_on(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, NULL, NULL, on_request, NULL,
                            MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, NULL, MHD_OPTION_END);
}

int view_run(const struct view_options *options) {
    const struct timespec tick = {0, TICK_MS * 1000000L};
    unsigned left = options->count;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* taken by sigtimedwait() below */
    signal(SIGPIPE, SIG_IGN);

    collector.quiet_ms = options->quiet_ms;
    errno = 0;
    struct MHD_Daemon *daemon = listen_on((uint16_t)options->port);
    if (!daemon) {
        fprintf(stderr, "tote: cannot listen on 127.0.0.1:%u: %s\n", options->port,
                errno ? strerror(errno) : "no reason given");
        return 1;
    }
    printf("listening on http://127.0.0.1:%u\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    bool is_signalled = false;
    while (!is_signalled && (!options->count || left)) {
        is_signalled = sigtimedwait(&signals, NULL, &tick) > 0;
        unsigned drawn = draw_due(false, options->count ? left : UINT_MAX);
        left -= options->count ? drawn : 0;
    }
    MHD_stop_daemon(daemon);
    if (is_signalled) {
        draw_due(true, UINT_MAX);
    }
    struct trace *rest;
    while ((rest = next_trace(true))) {
        trace_free(rest);
    }
    return 0;
}
