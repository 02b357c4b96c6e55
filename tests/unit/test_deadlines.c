/* SPDX-License-Identifier: MIT */
/*
 * test_deadlines.c - flush and shutdown return by their deadline, whatever the peer does
 *
 * On a busy machine a single try may be late, so there are several. A deadline that is not observed
 * is missed in all of them.
 */
#include "support.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "global_sdk.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/tote.h"

/* On a busy machine some tries are late; a deadline that does not hold is missed in all of them. */
enum { TIMEOUT_MS = 150, TRIES = 20, SPANS = 3, MOST_FILLERS = 8 };
/* With a sanitizer or in an emulator, reading the system's certificates takes long. */
enum { IS_SLOW = HAS_ADDRESS_SANITIZER || HAS_THREAD_SANITIZER || TOTE_TEST_IS_EMULATED };
enum { GRACE_MS = IS_SLOW ? 500 : 50 };

static const char hanging_name[] = "name.that.hangs.test";

/* The peer. */
struct peer {
    int listener;
    int fillers[MOST_FILLERS]; /* connections that are never accepted, so that no other one succeeds
                                */
    pthread_t thread;
    bool has_thread;
    bool drips;
    _Atomic(bool) stops;
};

static _Atomic(bool) lets_names_go;
static _Atomic(unsigned) hanging_lookups;

/* Replaces the system's function, for libcurl and for Tote. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **result) {
    typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    lookup original = NULL;

    hanging_lookups += name && strcmp(name, hanging_name) == 0;
    while (name && strcmp(name, hanging_name) == 0) {
        if (lets_names_go) {
            return EAI_NONAME;
        }
        usleep(1000);
    }
    *(void **)&original = dlsym(RTLD_NEXT, "getaddrinfo");
    return original(name, service, hints, result);
}

static int listen_on_loopback(int backlog) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, backlog), 0);
    return listener;
}

static struct sockaddr_in address_of(int listener) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    getsockname(listener, (struct sockaddr *)&address, &size);
    return address;
}

/* Open connections until one does not succeed. */
static void fill_backlog(struct peer *peer) {
    const struct sockaddr_in address = address_of(peer->listener);

    for (int i = 0; i < MOST_FILLERS; i++) {
        peer->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(peer->fillers[i], (const struct sockaddr *)&address, sizeof address);
    }
    usleep(20000);
}

/* The head and a part of the body of a response; then nothing, or a byte per second. */
static void response_slowly(struct peer *peer, int connection) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
    char request[4096];

    if (recv(connection, request, sizeof request, 0) <= 0) {
        return;
    }
    send(connection, head, sizeof head - 1, MSG_NOSIGNAL);
    for (int i = 1; !peer->stops; i++) {
        usleep(10000);
        if (peer->drips && i % 100 == 0) {
            send(connection, "x", 1, MSG_NOSIGNAL);
        }
    }
}

static void *serve(void *arg) {
    struct peer *peer = arg;

    while (!peer->stops) {
        struct pollfd fd = {peer->listener, POLLIN, 0};
        int connection = poll(&fd, 1, 10) == 1 ? accept(peer->listener, NULL, NULL) : -1;
        if (connection >= 0) {
            response_slowly(peer, connection);
            close(connection);
        }
    }
    return NULL;
}

enum manner { NAME_HANGS, CONNECT_HANGS, TLS_HANGS, RESPONSE_HANGS, RESPONSE_DRIPS };

/* Return the URL. */
static const char *peer_start(struct peer *peer, enum manner manner) {
    static char url[64];

    memset(peer, 0, sizeof *peer);
    memset(peer->fillers, -1, sizeof peer->fillers);
    lets_names_go = false;
    peer->listener = listen_on_loopback(manner == CONNECT_HANGS ? 0 : 8);
    if (manner == CONNECT_HANGS) {
        fill_backlog(peer);
    }
    if (manner == RESPONSE_HANGS || manner == RESPONSE_DRIPS) {
        peer->drips = manner == RESPONSE_DRIPS;
        peer->has_thread = true;
        assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
    }
    snprintf(url, sizeof url, "%s://%s:%u", manner == TLS_HANGS ? "https" : "http",
             manner == NAME_HANGS ? hanging_name : "127.0.0.1",
             (unsigned)ntohs(address_of(peer->listener).sin_port));
    return url;
}

static void peer_stop(struct peer *peer) {
    peer->stops = true;
    lets_names_go = true;
    if (peer->has_thread) {
        pthread_join(peer->thread, NULL);
    }
    close(peer->listener);
    for (int i = 0; i < MOST_FILLERS; i++) {
        if (peer->fillers[i] >= 0) {
            close(peer->fillers[i]);
        }
    }
}

/* How an SDK exports to it. */
struct setting {
    enum manner manner;
    tote_export_mode mode;
    tote_otlp_protocol protocol;
    uint32_t request_timeout_ms; /* 0: the default */
};

static tote_sdk *start(const char *url, const struct setting *setting) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    otlp.delivery = &delivery;
    otlp.ignore_environment = true;
    otlp.endpoint = url;
    otlp.protocol = setting->protocol;
    delivery.timeout_ms = setting->request_timeout_ms;
    batch.mode = setting->mode;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    for (int i = 0; i < SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
        tote_span_close(&span);
    }
    return sdk;
}

/* How long this thread was ready to run without a CPU, in ms; 0 if unknown. */
static uint64_t cpu_delay(void) {
    unsigned long long used = 0;
    unsigned long long delay = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");

    if (file) {
        delay = fscanf(file, "%llu %llu", &used, &delay) == 2 ? delay : 0;
        fclose(file);
    }
    return delay / 1000000;
}

struct begin {
    uint64_t time;
    uint64_t cpu_delay;
};

static struct begin begin(void) {
    return (struct begin){tote__clock_monotonic(), cpu_delay()};
}

/*
 * Return by how much it was late, in ms, without the time that other programs of the machine used.
 */
static uint64_t lateness(struct begin started) {
    uint64_t ms = (tote__clock_monotonic() - started.time) / 1000000;
    uint64_t allowed = TIMEOUT_MS + cpu_delay() - started.cpu_delay;

    return ms > allowed ? ms - allowed : 0;
}

/* A worker that was late on a busy machine still settles its batch. */
static tote_stats settled_stats(tote_sdk *sdk) {
    uint64_t end = tote__deadline_in(30000);
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(sdk, &stats));
    while (stats.in_flight && tote__clock_monotonic() < end) {
        usleep(1000);
        assert_true(tote_sdk_get_stats(sdk, &stats));
    }
    return stats;
}

static uint64_t flush_and_shut_down(const struct setting *setting) {
    struct peer peer;
    tote_sdk *sdk = start(peer_start(&peer, setting->manner), setting);

    struct begin started = begin();
    assert_int_equal(tote_sdk_force_flush(sdk, TIMEOUT_MS), TOTE_RESULT_TIMEOUT);
    uint64_t late = lateness(started);
    started = begin();
    assert_int_equal(tote_sdk_shutdown(sdk, TIMEOUT_MS), TOTE_RESULT_TIMEOUT);
    uint64_t late_again = lateness(started);

    tote_stats stats = settled_stats(sdk);
    assert_int_equal(stats.ended, SPANS);
    assert_int_equal(stats.dropped_shutdown, SPANS);
    started = begin();
    tote_sdk_close(&sdk, TIMEOUT_MS); /* some versions of libcurl wait for their resolver threads */
    uint64_t late_at_last = lateness(started);
    peer_stop(&peer);
    late = late > late_again ? late : late_again;
    return late > late_at_last ? late : late_at_last;
}

static void check_deadlines(enum manner manner) {
    static const tote_export_mode modes[] = {TOTE_EXPORT_MODE_WORKER, TOTE_EXPORT_MODE_HOST_DRIVEN};
    static const tote_otlp_protocol protocols[] = {TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF,
                                                   TOTE_OTLP_PROTOCOL_GRPC};

    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    for (size_t i = 0; i < 4; i++) {
        const struct setting setting = {manner, modes[i / 2], protocols[i % 2], 0};
        uint64_t least = UINT64_MAX;
        for (int j = 0; j < TRIES && least > GRACE_MS; j++) {
            unsigned lookups = hanging_lookups;
            uint64_t late = flush_and_shut_down(&setting);
            bool has_hung = manner != NAME_HANGS || hanging_lookups != lookups; /* in time */
            least = has_hung && late < least ? late : least;
        }
        print_message("%s, %s: at most %llu ms late\n", i / 2 ? "host's loop" : "worker",
                      i % 2 ? "gRPC" : "HTTP", (unsigned long long)least);
        assert_in_range(least, 0, GRACE_MS);
    }
}

/* Deadlines hold against a collector that hangs ... Spec: trace/sdk.md#forceflush-1, #shutdown-1 */
static void during_name_resolution(void **state) {
    (void)state;
    check_deadlines(NAME_HANGS);
}

static void during_connect(void **state) {
    (void)state;
    check_deadlines(CONNECT_HANGS);
}

static void during_the_tls_handshake(void **state) {
    (void)state;
    check_deadlines(TLS_HANGS);
}

static void in_the_middle_of_a_response(void **state) {
    (void)state;
    check_deadlines(RESPONSE_HANGS);
}

/* ... or sends its response slowly */
static void with_a_response_of_a_byte_per_second(void **state) {
    (void)state;
    check_deadlines(RESPONSE_DRIPS);
}

/* The receiver is the cause of a loss if it does not respond within the timeout of the request. */
static void
spans_of_a_request_that_times_out_during_a_shutdown_count_as_retries_exhausted(void **state) {
    static const tote_export_mode modes[] = {TOTE_EXPORT_MODE_WORKER, TOTE_EXPORT_MODE_HOST_DRIVEN};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(modes); i++) {
        const struct setting setting = {RESPONSE_HANGS, modes[i], TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF,
                                        100};
        struct peer peer;
        tote_sdk *sdk = start(peer_start(&peer, setting.manner), &setting);

        assert_int_equal(tote_sdk_shutdown(sdk, 60000), TOTE_RESULT_FAILURE);
        tote_stats stats = settled_stats(sdk);
        assert_int_equal(stats.dropped_retries_exhausted, SPANS);
        assert_int_equal(stats.dropped_shutdown, 0);
        tote_sdk_close(&sdk, TIMEOUT_MS);
        peer_stop(&peer);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(during_name_resolution),
        SDK_TEST(during_connect),
        SDK_TEST(during_the_tls_handshake),
        SDK_TEST(in_the_middle_of_a_response),
        SDK_TEST(with_a_response_of_a_byte_per_second),
        SDK_TEST(spans_of_a_request_that_times_out_during_a_shutdown_count_as_retries_exhausted),
    };
    return RUN_TESTS(tests, argc, argv);
}
