/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_grpc.c - gRPC receivers with the faults of real ones: size limits, resets, lost
 * trailers, stalls
 */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "global_sdk.h"
#include "grpc_receiver.h"
#include "otlp/request.pb-c.h"
#include "otlp/transport/transport.h"
#include "reports.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/os.h"
#include "tote/tote.h"

enum { SPAN_BYTES = 20000, LIMIT = 110000, FLUSH_MS = 30000 };

static tote_sdk *start_sdk(const char *url) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    otlp.delivery = &delivery;
    otlp.ignore_environment = true;
    otlp.endpoint = url;
    otlp.protocol = TOTE_OTLP_PROTOCOL_GRPC;
    delivery.initial_backoff_ms = 5;
    delivery.timeout_ms = FLUSH_MS;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    return sdk;
}

static void make_span(size_t size) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
    char *text = malloc(size);

    memset(text, 'x', size);
    tote_span_set_attribute(span, "text", tote_string_of(text, size));
    tote_span_close(&span);
    free(text);
}

static tote_stats flush(tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;

    tote_sdk_force_flush(sdk, FLUSH_MS);
    assert_true(tote_sdk_get_stats(sdk, &stats));
    return stats;
}

/*
 * A reset stream may mean that the request is too large. It is retried a few times, then split, and
 * no span is lost.
 */
static void a_request_whose_stream_is_reset_repeatedly_is_split(void **state) {
    enum { SPANS = 20, MOST_RESETS = 2 * 3 }; /* of 400 kB and of 200 kB */
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.limit = LIMIT});
    tote_sdk *sdk = start_sdk(grpc_receiver_url(receiver));

    (void)state;
    for (int i = 0; i < SPANS; i++) {
        make_span(SPAN_BYTES);
    }
    tote_stats stats = flush(sdk);
    assert_int_equal(stats.exported, SPANS);
    assert_int_equal(stats.rejected, 0);
    struct grpc_counts counts = grpc_receiver_counts(receiver);
    assert_int_equal(counts.spans, SPANS);
    assert_in_range(counts.resets, 3, MOST_RESETS);

    /* The limit is known from here on: no later request is reset. */
    for (int i = 0; i < SPANS; i++) {
        make_span(SPAN_BYTES);
    }
    assert_int_equal(flush(sdk).exported, 2 * SPANS);
    assert_int_equal(grpc_receiver_counts(receiver).resets, counts.resets);
    tote_sdk_close(&sdk, 0);
    grpc_receiver_stop(receiver);
}

/* libcurl before version 8 loses such a response to a large request, but not to a small one. */
static void a_lost_response_to_a_large_request_is_detected_at_once(void **state) {
    enum { SPANS = 20 };
    struct grpc_receiver *receiver =
        grpc_receiver_start((struct grpc_manner){.responds_early = true});
    tote_sdk *sdk = start_sdk(grpc_receiver_url(receiver));

    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    for (int i = 0; i < SPANS; i++) {
        make_span(SPAN_BYTES);
    }
    flush(sdk);
    assert_int_equal(flush(sdk).rejected, SPANS);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "UNAUTHENTICATED"));
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    tote_sdk_close(&sdk, 0);
    grpc_receiver_stop(receiver);
}

/* Only a single span over the limit is rejected. */
static void a_span_over_the_receivers_limit_is_rejected_alone(void **state) {
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.limit = LIMIT});
    tote_sdk *sdk = start_sdk(grpc_receiver_url(receiver));

    (void)state;
    make_span(100);
    make_span(2 * LIMIT);
    make_span(100);
    tote_stats stats = flush(sdk);
    assert_int_equal(stats.exported, 2);
    assert_int_equal(stats.rejected, 1);
    tote_sdk_close(&sdk, 0);
    grpc_receiver_stop(receiver);
}

/*
 * A response may arrive before the request has ended; the export does not wait until its timeout.
 * Spec: RFC 9113 section 8.1
 */
static void a_response_before_the_end_of_the_request_is_read_at_once(void **state) {
    enum { SPANS = 20 };
    struct grpc_receiver *receiver =
        grpc_receiver_start((struct grpc_manner){.limit = LIMIT, .explains_limit = true});
    tote_sdk *sdk = start_sdk(grpc_receiver_url(receiver));

    (void)state;
    for (int i = 0; i < SPANS; i++) {
        make_span(SPAN_BYTES);
    }
    tote_stats stats = flush(sdk);
    assert_int_equal(stats.exported, SPANS);
    assert_int_equal(grpc_receiver_counts(receiver).spans, SPANS);
    tote_sdk_close(&sdk, 0);
    grpc_receiver_stop(receiver);
}

/* Spans that may have been accepted can be retried. Spec: protocol/otlp.md#failures */
static void a_response_without_grpc_status_is_retried_and_not_counted_as_rejected(void **state) {
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.without_status = 1});
    tote_sdk *sdk = start_sdk(grpc_receiver_url(receiver));

    (void)state;
    make_span(100);
    tote_stats stats = flush(sdk);
    assert_int_equal(stats.exported, 1);
    assert_int_equal(stats.rejected, 0);
    assert_int_equal(grpc_receiver_counts(receiver).accepted, 2);
    tote_sdk_close(&sdk, 0);
    grpc_receiver_stop(receiver);
}

/* Put a request of one span with this much text into the disk queue. */
static void disk_queue_span(struct tote__disk_queue *disk_queue, size_t size) {
    Tote__Otlp__Span span = TOTE__OTLP__SPAN__INIT;
    Tote__Otlp__Span *spans[] = {&span};
    Tote__Otlp__ScopeSpans of_scope = TOTE__OTLP__SCOPE_SPANS__INIT;
    Tote__Otlp__ScopeSpans *scopes[] = {&of_scope};
    Tote__Otlp__ResourceSpans of_resource = TOTE__OTLP__RESOURCE_SPANS__INIT;
    Tote__Otlp__ResourceSpans *resources[] = {&of_resource};
    Tote__Otlp__ExportTraceServiceRequest request = TOTE__OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;

    span.name = calloc(1, size + 1);
    memset(span.name, 'x', size);
    of_scope.spans = spans;
    of_resource.scope_spans = scopes;
    request.resource_spans = resources;
    of_scope.n_spans = of_resource.n_scope_spans = request.n_resource_spans = 1;
    uint8_t *bytes = malloc(size + 1024);
    const struct tote__batch batch = {
        .message = {bytes, tote__otlp__export_trace_service_request__pack(&request, bytes)},
        .span_count = 1,
    };
    assert_true(tote__disk_queue_put(disk_queue, &batch));
    free(bytes);
    free(span.name);
}

/* Deliver files of one span each, with these sizes, from a disk queue. */
static tote_disk_queue_report send_files(struct grpc_receiver *receiver, const size_t *sizes,
                                         size_t count) {
    const struct tote__disk_queue_limits limits = {64 << 20, 100, 3600};
    char directory[] = "/tmp/tote-grpc-XXXXXX";
    char lock[64];
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_disk_queue_report report = {.struct_size = sizeof report};

    options.delivery = &delivery;
    assert_non_null(mkdtemp(directory));
    struct tote__disk_queue *disk_queue = tote__disk_queue_open(directory, &limits);
    for (size_t i = 0; i < count; i++) {
        disk_queue_span(disk_queue, sizes[i]);
    }
    tote__disk_queue_close(disk_queue);

    options.ignore_environment = true;
    options.endpoint = grpc_receiver_url(receiver);
    options.protocol = TOTE_OTLP_PROTOCOL_GRPC;
    delivery.initial_backoff_ms = 5;
    delivery.max_backoff_ms = 20;
    delivery.disk_queue_directory = directory;
    assert_int_equal(tote_otlp_disk_queue_send(&options, FLUSH_MS, &report), TOTE_RESULT_SUCCESS);
    snprintf(lock, sizeof lock, "%s/tote.lock", directory);
    unlink(lock);
    assert_int_equal(rmdir(directory), 0);
    return report;
}

/* While the receiver is reachable, a failed file is retried after all others. */
static void a_file_that_fails_does_not_delay_the_others(void **state) {
    static const size_t sizes[] = {2 * LIMIT, 100, 100, 100, 100, 100};
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.limit = LIMIT});
    tote_disk_queue_report report = send_files(receiver, sizes, TOTE_COUNT_OF(sizes));

    (void)state;
    assert_int_equal(report.delivered, 5);
    assert_int_equal(report.rejected, 1);
    struct grpc_counts counts = grpc_receiver_counts(receiver);
    assert_int_equal(counts.resets, 3);
    assert_int_equal(counts.accepted_before_second_reset, 5);
    grpc_receiver_stop(receiver);
}

/*
 * A proxy without a receiver may reset every stream: no span is dropped for that. Compliance: EX-05
 */
static void an_outage_that_resets_every_stream_loses_no_span(void **state) {
    static const size_t sizes[] = {LIMIT, 100, 2 * LIMIT};
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.resets_first = 12});
    tote_disk_queue_report report = send_files(receiver, sizes, TOTE_COUNT_OF(sizes));

    (void)state;
    assert_int_equal(report.delivered, TOTE_COUNT_OF(sizes));
    assert_int_equal(report.rejected, 0);
    assert_int_equal(grpc_receiver_counts(receiver).accepted, TOTE_COUNT_OF(sizes));
    grpc_receiver_stop(receiver);
}

/* A receiver that accepts a connection and reads nothing from it: the TCP window is full. */
static int listen_without_reading(char *url, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(url, size, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return listener;
}

enum { STALL_MS = 600, TRIES = 8, STALLED_BYTES = 8 << 20, MOST_WAKES = 60 };

/* Return how often a host loop is woken for a request that makes no progress. */
static unsigned wakes_of_host(struct tote__transport *transport, struct tote__response *response) {
    unsigned wakes = 0;

    while (!tote__transport_step(transport, 0, response)) {
        struct pollfd fd = {tote__transport_descriptor(transport), POLLIN, 0};
        poll(&fd, 1, (int)tote__ms_until(tote__transport_due(transport), STALL_MS));
        wakes++;
    }
    return wakes;
}

/* Return the same for a worker that waits in each step. */
static unsigned wakes_of_worker(struct tote__transport *transport,
                                struct tote__response *response) {
    unsigned wakes = 0;

    while (!tote__transport_step(transport, tote__deadline_in(STALL_MS), response)) {
        wakes++;
    }
    return wakes;
}

/*
 * On a busy machine the time may end before the connection is made: then there is nothing to count,
 * and the next try has more time.
 */
static unsigned wakes_of(const struct tote__otlp_settings *settings, bool by_host) {
    static uint8_t bytes[STALLED_BYTES];
    struct tote__response response;
    unsigned wakes = 0;

    for (unsigned i = 1; i <= TRIES && !wakes; i++) {
        struct tote__transport *transport = tote__transport_new(settings);
        const struct tote__request request = {
            {bytes, sizeof bytes}, 1, tote__deadline_in(STALL_MS * i), 0, false};
        assert_true(tote__transport_begin(transport, &request, &response));
        wakes =
            by_host ? wakes_of_host(transport, &response) : wakes_of_worker(transport, &response);
        wakes = response.outcome == TOTE__TIMED_OUT ? wakes : 0;
        tote__transport_free(transport);
    }
    return wakes;
}

static void send_to_stalled(const char *url, tote_otlp_protocol protocol) {
    const tote_otlp_options options = {.struct_size = sizeof options,
                                       .ignore_environment = true,
                                       .endpoint = url,
                                       .protocol = protocol};
    struct tote__otlp_settings settings;

    assert_true(tote__otlp_settings_resolve(&settings, &options, NULL));
    for (int by_host = 0; by_host < 2; by_host++) {
        unsigned wakes = wakes_of(&settings, by_host);
        print_message("%s: %u wake-ups in %d ms\n", by_host ? "host's loop" : "worker", wakes,
                      STALL_MS);
        /* Without a descriptor for all sockets, the host tries again. */
        bool is_polled = by_host && tote__os_unwatched_due() != TOTE__NEVER;
        assert_in_range(wakes, 1, MOST_WAKES + (is_polled ? STALL_MS / 10 : 0));
    }
    tote__otlp_settings_clear(&settings);
}

/* Without progress neither the worker nor the host loop spins. */
static void a_receiver_that_opens_no_window_costs_a_few_wake_ups(void **state) {
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.stalls = true});

    (void)state;
    send_to_stalled(grpc_receiver_url(receiver), TOTE_OTLP_PROTOCOL_GRPC);
    grpc_receiver_stop(receiver);
}

static void a_receiver_that_reads_nothing_costs_a_few_wake_ups(void **state) {
    char url[64];
    int listener = listen_without_reading(url, sizeof url);

    (void)state;
    send_to_stalled(url, TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    send_to_stalled(url, TOTE_OTLP_PROTOCOL_GRPC);
    close(listener);
}

/* An HTTP/1.1 proxy for one connection, which opens a tunnel to the requested port. */
struct proxy {
    int listener;
    char url[64];
    const char *refusal; /* of a tunnel, the status; NULL: none */
    char asked[128];     /* the request line */
    pthread_t thread;
};

static int connect_to(unsigned port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* Read the head of an HTTP/1.1 message to its end, and not beyond it. */
static void read_head(int fd, char *line, size_t size) {
    char head[2048];
    size_t length = 0;

    while (length < sizeof head - 1 && read(fd, head + length, 1) == 1) {
        head[++length] = '\0';
        if (length >= 4 && strcmp(head + length - 4, "\r\n\r\n") == 0) {
            break;
        }
    }
    snprintf(line, size, "%.*s", (int)strcspn(head, "\r"), head);
}

/* Relay bytes in both directions until one side closes. */
static void pass_on(int client, int receiver) {
    struct pollfd ends[] = {{client, POLLIN, 0}, {receiver, POLLIN, 0}};
    char bytes[4096];

    for (;;) {
        poll(ends, 2, -1);
        for (size_t i = 0; i < 2; i++) {
            ssize_t count = ends[i].revents ? read(ends[i].fd, bytes, sizeof bytes) : -1;
            if (ends[i].revents && count <= 0) {
                return;
            }
            if (count > 0 && send(ends[1 - i].fd, bytes, (size_t)count, MSG_NOSIGNAL) < 0) {
                return;
            }
        }
    }
}

static void *serve_proxy(void *arg) {
    static const char consent[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    struct proxy *proxy = arg;
    int client = accept(proxy->listener, NULL, NULL);
    unsigned port = 0;
    char refusal[96];

    snprintf(refusal, sizeof refusal, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
             proxy->refusal ? proxy->refusal : "400 Bad Request");
    read_head(client, proxy->asked, sizeof proxy->asked);
    if (proxy->refusal || sscanf(proxy->asked, "CONNECT 127.0.0.1:%u HTTP/1.1", &port) != 1) {
        send(client, refusal, strlen(refusal), MSG_NOSIGNAL);
    } else {
        int receiver = connect_to(port);
        send(client, consent, sizeof consent - 1, MSG_NOSIGNAL);
        pass_on(client, receiver);
        close(receiver);
    }
    close(client);
    return NULL;
}

/* A transport that is created while http_proxy is set uses the proxy. */
static void start_proxy(struct proxy *proxy) {
    proxy->listener = listen_without_reading(proxy->url, sizeof proxy->url);
    assert_int_equal(pthread_create(&proxy->thread, NULL, serve_proxy, proxy), 0);
    setenv("http_proxy", proxy->url, 1);
}

static void stop_proxy(struct proxy *proxy) {
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    unsetenv("http_proxy");
}

/* A proxy passes requests on as HTTP/1.1. Spec: RFC 9110 section 9.3.6, CONNECT */
static void a_grpc_request_uses_a_tunnel_through_a_proxy(void **state) {
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.limit = 0});
    struct proxy proxy = {.refusal = NULL};
    char expected[96];

    (void)state;
    start_proxy(&proxy);
    tote_sdk *sdk = start_sdk(grpc_receiver_url(receiver));
    make_span(100);
    assert_int_equal(flush(sdk).exported, 1);
    tote_sdk_close(&sdk, 0);
    stop_proxy(&proxy);
    snprintf(expected, sizeof expected, "CONNECT %s HTTP/1.1",
             grpc_receiver_url(receiver) + strlen("http://"));
    assert_string_equal(proxy.asked, expected);
    assert_int_equal(grpc_receiver_counts(receiver).spans, 1);
    grpc_receiver_stop(receiver);
}

/* The status of a proxy that refuses a tunnel, and the cure in the diagnostic. */
static void assert_refused(const char *status, const char *cure) {
    const tote_otlp_options options = {.struct_size = sizeof options,
                                       .ignore_environment = true,
                                       .endpoint = "http://127.0.0.1:1",
                                       .protocol = TOTE_OTLP_PROTOCOL_GRPC};
    const struct tote__request request = {
        {(const uint8_t *)"spans", 5}, 1, tote__deadline_in(FLUSH_MS), 0, false};
    struct proxy proxy = {.refusal = status};
    struct tote__otlp_settings settings;
    struct tote__response response;

    start_proxy(&proxy);
    assert_true(tote__otlp_settings_resolve(&settings, &options, NULL));
    struct tote__transport *transport = tote__transport_new(&settings);
    assert_true(tote__transport_begin(transport, &request, &response));
    while (!tote__transport_step(transport, tote__deadline_in(FLUSH_MS), &response)) {
    }
    assert_int_not_equal(response.outcome, TOTE__RESPONDED);
    assert_non_null(strstr(response.error, "CONNECT"));
    assert_non_null(strstr(response.advice, cure));
    tote__transport_free(transport);
    tote__otlp_settings_clear(&settings);
    stop_proxy(&proxy);
}

static void the_diagnostic_for_a_refused_tunnel_names_the_proxy_variable(void **state) {
    (void)state;
    assert_refused("403 Forbidden", "CONNECT at the proxy in http_proxy");
    assert_refused("407 Proxy Authentication Required",
                   "give the proxy in http_proxy its user and password");
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_request_whose_stream_is_reset_repeatedly_is_split),
        SDK_TEST(a_lost_response_to_a_large_request_is_detected_at_once),
        SDK_TEST(a_span_over_the_receivers_limit_is_rejected_alone),
        SDK_TEST(a_response_before_the_end_of_the_request_is_read_at_once),
        SDK_TEST(a_response_without_grpc_status_is_retried_and_not_counted_as_rejected),
        SDK_TEST(a_file_that_fails_does_not_delay_the_others),
        SDK_TEST(an_outage_that_resets_every_stream_loses_no_span),
        SDK_TEST(a_grpc_request_uses_a_tunnel_through_a_proxy),
        SDK_TEST(the_diagnostic_for_a_refused_tunnel_names_the_proxy_variable),
        SDK_TEST(a_receiver_that_opens_no_window_costs_a_few_wake_ups),
        SDK_TEST(a_receiver_that_reads_nothing_costs_a_few_wake_ups),
    };
    unsetenv("http_proxy");
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_INFO, NULL);
    return RUN_TESTS(tests, argc, argv);
}
