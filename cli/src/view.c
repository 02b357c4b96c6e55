/* SPDX-License-Identifier: MIT */
/*
 * view.c - OTLP/HTTP and OTLP/gRPC on loopback
 *
 * libmicrohttpd's thread and that of gRPC take requests in, the main thread draws; `lock` guards the collector.
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

#include "collector.h"
#include "grpc.h"
#include "gunzip.h"
#include "requests.h"
#include "terminal.h"
#include "waterfall.h"

enum { MOST_BODY_BYTES = 64 << 20, FIRST_BODY_BYTES = 16384, TICK_MS = 50 };
static const unsigned most_connections = 256;
static const unsigned idle_seconds = 60;

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

static const char protobuf[] = "application/x-protobuf";
static const char json[] = "application/json";

/* Whether a header is this word, perhaps with parameters behind it. */
static bool is_header(struct MHD_Connection *connection, const char *name, const char *word) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    size_t length = strlen(word);

    return value && strncasecmp(value, word, length) == 0 &&
           (!value[length] || strchr("; \t", value[length]));
}

static bool is_json(struct MHD_Connection *connection) {
    return is_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE, json);
}

/* An empty message, in the encoding of the request. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status) {
    static char nothing[] = "{}";
    size_t size = is_json(connection) ? sizeof nothing - 1 : 0;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, nothing, MHD_RESPMEM_PERSISTENT);

    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, size ? json : protobuf);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* A requests_take. */
static bool collect(void *arg, const uint8_t *bytes, size_t size) {
    (void)arg;
    pthread_mutex_lock(&lock);
    bool is_taken = collector_take(&collector, bytes, size, now_ms());
    pthread_mutex_unlock(&lock);
    return is_taken;
}

static unsigned take_plain(struct MHD_Connection *connection, const uint8_t *bytes, size_t size) {
    bool is_taken = is_json(connection) ? requests_from_json(bytes, size, collect, NULL)
                                        : collect(NULL, bytes, size);

    return is_taken ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST;
}

static unsigned take(struct MHD_Connection *connection, const struct body *body) {
    if (!is_header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip")) {
        return take_plain(connection, body->bytes, body->size);
    }
    struct gunzipped plain = gunzip(body->bytes, body->size, MOST_BODY_BYTES);
    if (plain.is_too_large) {
        return MHD_HTTP_CONTENT_TOO_LARGE;
    }
    if (!plain.bytes) {
        return plain.is_out_of_memory ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_BAD_REQUEST;
    }
    unsigned status = take_plain(connection, plain.bytes, plain.size);
    free(plain.bytes);
    return status;
}

/* Whether the body comes as it is, or in the one encoding that we know. */
static bool has_known_encoding(struct MHD_Connection *connection) {
    const char *name = MHD_HTTP_HEADER_CONTENT_ENCODING;

    return !MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) ||
           is_header(connection, name, "gzip") || is_header(connection, name, "identity");
}

/* What is wrong with a request whose headers are here; 0: nothing. */
static unsigned check(struct MHD_Connection *connection, const char *url, const char *method) {
    if (strcmp(url, "/v1/traces") != 0) {
        return MHD_HTTP_NOT_FOUND;
    }
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0) {
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (!(is_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE, protobuf) || is_json(connection)) ||
        !has_known_encoding(connection)) {
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

    while (drawn < most && !ferror(stdout) && (trace = next_trace(all))) {
        struct terminal terminal = terminal_of(stdout); /* it may have been resized */
        fputc('\n', stdout);
        waterfall_draw(&terminal, trace);
        trace_free(trace);
        drawn++;
    }
    return drawn;
}

/* Say it when spans were left out since it was last said. */
static void report_left_out(void) {
    static size_t reported;

    pthread_mutex_lock(&lock);
    size_t left_out = collector.left_out;
    pthread_mutex_unlock(&lock);
    if (left_out != reported) {
        fprintf(stderr, "tote: %zu spans were left out: more came than can be held and drawn\n",
                left_out - reported);
        reported = left_out;
    }
}

/* No MHD_OPTION_LISTENING_ADDRESS_REUSE: with it, two viewers would share a port and its traces. */
static struct MHD_Daemon *listen_on(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, port, NULL, NULL, on_request, NULL,
                            MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, most_connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_END);
}

/*
 * Draw what comes until a signal, the count, or an output that takes no more. Returns: whether it
 * was a signal.
 */
static bool draw_until_end(const sigset_t *signals, unsigned count) {
    const struct timespec tick = {0, TICK_MS * 1000000L};
    unsigned left = count ? count : UINT_MAX;
    bool is_signalled = false;

    while (!is_signalled && left && !ferror(stdout)) {
        is_signalled = sigtimedwait(signals, NULL, &tick) > 0;
        unsigned drawn = draw_due(false, left);
        left -= count ? drawn : 0;
        report_left_out();
    }
    return is_signalled;
}

/* Who receives. */
struct receivers {
    struct MHD_Daemon *http;
    struct grpc_server *grpc;
};

static void say_cannot_listen(unsigned port, const char *option) {
    fprintf(stderr, "tote: cannot listen on 127.0.0.1:%u: %s%s%s%s\n", port,
            errno ? strerror(errno) : "no reason given", errno == EADDRINUSE ? "; " : "",
            errno == EADDRINUSE ? option : "", errno == EADDRINUSE ? " 0 takes a free port" : "");
}

static void stop(struct receivers *receivers) {
    if (receivers->http) {
        MHD_stop_daemon(receivers->http);
    }
    grpc_stop(receivers->grpc);
}

static bool start(struct receivers *receivers, const struct view_options *options) {
    errno = 0;
    receivers->http = listen_on((uint16_t)options->port);
    if (!receivers->http) {
        say_cannot_listen(options->port, "--port");
        return false;
    }
    receivers->grpc = grpc_start(options->grpc_port, collect);
    if (!receivers->grpc) {
        say_cannot_listen(options->grpc_port, "--grpc-port");
        stop(receivers);
        return false;
    }
    printf("listening on http://127.0.0.1:%u\nlistening on grpc://127.0.0.1:%u\n",
           MHD_get_daemon_info(receivers->http, MHD_DAEMON_INFO_BIND_PORT)->port,
           grpc_port(receivers->grpc));
    fflush(stdout);
    return true;
}

int view_files(const struct view_options *options, char *const *files, size_t count) {
    bool are_read = true;

    collector.quiet_ms = options->quiet_ms;
    for (size_t i = 0; i < count; i++) {
        are_read &= requests_from_file(files[i], collect, NULL);
    }
    draw_due(true, options->count ? options->count : UINT_MAX);
    report_left_out();
    return are_read && !ferror(stdout) ? 0 : 1;
}

int view_run(const struct view_options *options) {
    struct receivers receivers = {NULL, NULL};
    struct trace *rest;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* taken by sigtimedwait() */
    signal(SIGPIPE, SIG_IGN);

    collector.quiet_ms = options->quiet_ms;
    if (!start(&receivers, options)) {
        return 1;
    }
    bool is_signalled = draw_until_end(&signals, options->count);
    stop(&receivers);
    if (is_signalled) {
        draw_due(true, UINT_MAX);
    }
    while ((rest = next_trace(true))) {
        trace_free(rest);
    }
    return ferror(stdout) ? 1 : 0;
}
