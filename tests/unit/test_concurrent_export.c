/* SPDX-License-Identifier: MIT */
/* Several requests in flight at once, to a receiver with a thread for each connection. */
#include "support.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "global_sdk.h"
#include "grpc_receiver.h"
#include "otlp/request.pb-c.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/sdk/metrics.h"
#include "tote/tote.h"
#include "tree.h"

enum { BATCH = 8, MOST_SPANS = 512, MOST_REQUESTS = 256, CONCURRENT = 4, LONG_MS = 60000 };
enum { NS_PER_MS = 1000000 };
/* A response that waits for a peak of requests comes then, or before the request times out. */
enum { FOREVER_MS = 3600000, PEAK_WAIT_MS = 5000 };
enum { MOST_CONNECTIONS = 64, HEAD_BYTES = 4096, BODY_BYTES = 1 << 16 };

/* The response to one request. */
struct rule {
    unsigned delay_ms;
    unsigned status;    /* 0: 200 */
    const char *header; /* NULL: none */
    size_t after_peak;  /* the delay begins when this many requests have been in flight */
};

static struct {
    int listener;
    char url[64];
    pthread_t acceptor;
    pthread_t threads[MOST_CONNECTIONS];
    int sockets[MOST_CONNECTIONS];
    _Atomic(size_t) connections;
    pthread_mutex_t lock; /* protects the following fields */
    struct rule rules[MOST_REQUESTS];
    struct rule rule; /* of the requests without an own one */
    size_t rule_count;
    size_t requests;
    size_t in_flight, peak;
    bool is_over;
    uint64_t times[MOST_REQUESTS];          /* of arrival */
    unsigned firsts[MOST_REQUESTS];         /* the number of the first span */
    _Atomic(unsigned) accepted[MOST_SPANS]; /* how often each span was accepted */
    uint64_t throttled_at;                  /* when a response other than 200 was sent */
} receiver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t read_request(int fd, uint8_t *body) {
    char head[HEAD_BYTES] = "";
    size_t size = 0;

    while (!strstr(head, "\r\n\r\n")) {
        if (size + 1 == sizeof head || read(fd, head + size, 1) != 1) {
            return 0;
        }
        head[++size] = '\0';
    }
    const char *length = strcasestr(head, "content-length:");
    size_t body_size = length ? strtoul(length + strlen("content-length:"), NULL, 10) : 0;
    for (size = 0; size < body_size;) {
        ssize_t got = read(fd, body + size, body_size - size);
        if (got <= 0) {
            return 0;
        }
        size += (size_t)got;
    }
    return size;
}

/* Return the number of the first span. Count all as accepted if `accepts`. */
static unsigned see_spans(const uint8_t *body, size_t size, bool accepts) {
    Tote__Otlp__ExportTraceServiceRequest *request =
        tote__otlp__export_trace_service_request__unpack(NULL, size, body);
    const Tote__Otlp__ScopeSpans *scope = request->resource_spans[0]->scope_spans[0];
    unsigned first = (unsigned)atoi(scope->spans[0]->name);

    for (size_t i = 0; i < scope->n_spans && accepts; i++) {
        receiver.accepted[(unsigned)atoi(scope->spans[i]->name) % MOST_SPANS]++;
    }
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    return first;
}

static struct rule note_request(const uint8_t *body, size_t size) {
    pthread_mutex_lock(&receiver.lock);
    size_t number = receiver.requests++ % MOST_REQUESTS;
    struct rule rule = number < receiver.rule_count ? receiver.rules[number] : receiver.rule;
    receiver.times[number] = tote__clock_monotonic();
    receiver.firsts[number] = see_spans(body, size, rule.status == 0);
    receiver.in_flight++;
    receiver.peak = receiver.in_flight > receiver.peak ? receiver.in_flight : receiver.peak;
    pthread_mutex_unlock(&receiver.lock);
    return rule;
}

static bool has_peak(size_t peak) {
    pthread_mutex_lock(&receiver.lock);
    bool has = receiver.peak >= peak || receiver.is_over;
    pthread_mutex_unlock(&receiver.lock);
    return has;
}

/* Wait as the rule says, or until the end of the test. */
static void hold(struct rule rule) {
    uint64_t end = tote__deadline_in(PEAK_WAIT_MS);

    while (!has_peak(rule.after_peak) && tote__clock_monotonic() < end) {
        poll(NULL, 0, 1);
    }
    end = tote__deadline_in(rule.delay_ms);
    while (!has_peak(SIZE_MAX) && tote__clock_monotonic() < end) {
        poll(NULL, 0, 1);
    }
}

static void *serve(void *arg) {
    int fd = *(const int *)arg;
    uint8_t *body = malloc(BODY_BYTES);
    size_t size;

    while ((size = read_request(fd, body)) != 0) {
        char response[256];
        struct rule rule = note_request(body, size);
        hold(rule);
        pthread_mutex_lock(&receiver.lock);
        receiver.in_flight--;
        receiver.throttled_at = rule.status ? tote__clock_monotonic() : receiver.throttled_at;
        pthread_mutex_unlock(&receiver.lock);
        int length =
            snprintf(response, sizeof response, "HTTP/1.1 %u x\r\n%s%sContent-Length: 0\r\n\r\n",
                     rule.status ? rule.status : 200, rule.header ? rule.header : "",
                     rule.header ? "\r\n" : "");
        if (send(fd, response, (size_t)length, MSG_NOSIGNAL) != length) {
            break;
        }
    }
    free(body);
    return NULL;
}

static void *accept_all(void *arg) {
    (void)arg;
    for (;;) {
        size_t number = receiver.connections;
        int fd = accept4(receiver.listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || number == MOST_CONNECTIONS) {
            return NULL;
        }
        receiver.sockets[number] = fd;
        pthread_create(&receiver.threads[number], NULL, serve, &receiver.sockets[number]);
        receiver.connections++;
    }
}

static int set_up(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    (void)state;
    memset(&receiver, 0, sizeof receiver);
    pthread_mutex_init(&receiver.lock, NULL);
    receiver.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(receiver.listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(receiver.listener, MOST_CONNECTIONS), 0);
    assert_int_equal(getsockname(receiver.listener, (struct sockaddr *)&address, &size), 0);
    snprintf(receiver.url, sizeof receiver.url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&receiver.acceptor, NULL, accept_all, NULL), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pthread_mutex_lock(&receiver.lock);
    receiver.is_over = true;
    pthread_mutex_unlock(&receiver.lock);
    shutdown(receiver.listener, SHUT_RDWR);
    pthread_join(receiver.acceptor, NULL);
    for (size_t i = 0; i < receiver.connections; i++) {
        shutdown(receiver.sockets[i], SHUT_RDWR);
        pthread_join(receiver.threads[i], NULL);
        close(receiver.sockets[i]);
    }
    close(receiver.listener);
    return 0;
}

static void set_rules(const struct rule *rules, size_t count, struct rule others) {
    for (size_t i = 0; i < count; i++) {
        receiver.rules[i] = rules[i];
    }
    receiver.rule_count = count;
    receiver.rule = others;
}

static tote_otlp_options otlp_options(const tote_delivery_options *delivery, uint32_t concurrent) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    options.ignore_environment = true;
    options.endpoint = receiver.url;
    options.delivery = delivery;
    options.max_concurrent_requests = concurrent;
    return options;
}

static tote_sdk *start_delayed(const tote_otlp_options *otlp, tote_export_mode mode,
                               uint32_t delay_ms) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(otlp);

    batch.max_export_batch_size = BATCH;
    batch.max_queue_size = MOST_SPANS;
    batch.schedule_delay_ms = delay_ms;
    batch.export_timeout_ms = LONG_MS;
    batch.mode = mode;
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    return sdk;
}

static tote_sdk *start_with(const tote_otlp_options *otlp, tote_export_mode mode) {
    return start_delayed(otlp, mode, LONG_MS);
}

static tote_sdk *start(const tote_delivery_options *delivery, uint32_t concurrent) {
    const tote_otlp_options otlp = otlp_options(delivery, concurrent);

    return start_with(&otlp, TOTE_EXPORT_MODE_WORKER);
}

static void end_spans(unsigned from, unsigned count) {
    for (unsigned i = from; i < from + count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);
        tote_span_close(&span);
    }
}

/* Return the counters, whose sum is that of the ended spans at any time. */
static tote_stats stats_of(tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(sdk, &stats));
    assert_int_equal(stats.ended, stats.exported + stats.rejected + stats.queued + stats.in_flight +
                                      stats.in_disk_queue + stats.dropped_queue_full +
                                      stats.dropped_shutdown + stats.dropped_out_of_memory +
                                      stats.dropped_too_large + stats.dropped_retries_exhausted +
                                      stats.dropped_disk_queue_full);
    return stats;
}

/* Assert that the receiver accepted each span once. */
static void assert_each_accepted_once(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(receiver.accepted[i], 1);
    }
}

static size_t requests_so_far(void) {
    pthread_mutex_lock(&receiver.lock);
    size_t requests = receiver.requests;
    pthread_mutex_unlock(&receiver.lock);
    return requests;
}

static void wait_for_requests(size_t count) {
    while (requests_so_far() < count) {
        poll(NULL, 0, 1);
    }
}

static void wait_for_responses(void) {
    bool has_all = false;

    while (!has_all) {
        poll(NULL, 0, 1);
        pthread_mutex_lock(&receiver.lock);
        has_all = receiver.in_flight == 0;
        pthread_mutex_unlock(&receiver.lock);
    }
}

/* Wait like an event loop: until the descriptor is readable, or for the timeout. */
static void drive_until_requests(tote_sdk *sdk, size_t count) {
    struct pollfd fd = {.fd = tote_sdk_get_poll_fd(sdk), .events = POLLIN};

    while (requests_so_far() < count) {
        poll(&fd, 1, tote_sdk_get_poll_timeout_ms(sdk));
        tote_sdk_poll(sdk);
    }
}

static size_t peak_of(uint32_t concurrent, tote_export_mode mode) {
    enum { COUNT = 12 * BATCH };
    const tote_otlp_options otlp = otlp_options(NULL, concurrent);
    tote_sdk *sdk = start_with(&otlp, mode);

    set_rules(NULL, 0, (struct rule){.delay_ms = 100, .after_peak = concurrent});
    end_spans(0, COUNT);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats_of(sdk).exported, COUNT);
    assert_each_accepted_once(COUNT);
    tote_sdk_close(&sdk, LONG_MS);
    return receiver.peak;
}

/*
 * Each has a connection, which is kept. Spec:
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp-concurrent-requests. Compliance: EX-11
 */
static void as_many_requests_are_in_flight_as_the_option_allows(void **state) {
    (void)state;
    assert_int_equal(peak_of(CONCURRENT, TOTE_EXPORT_MODE_WORKER), CONCURRENT);
    assert_int_equal(receiver.connections, CONCURRENT);
}

static void by_default_one_request_is_in_flight(void **state) {
    (void)state;
    assert_int_equal(peak_of(0, TOTE_EXPORT_MODE_WORKER), 1);
    assert_int_equal(receiver.connections, 1);
}

/* The flush drives the queue without a thread. */
static void the_event_loop_of_the_host_has_several_requests_in_flight(void **state) {
    (void)state;
    assert_int_equal(peak_of(CONCURRENT, TOTE_EXPORT_MODE_HOST_DRIVEN), CONCURRENT);
}

/* Those of later requests first, so that none of them completes the oldest batch. */
static void a_host_waits_for_no_response_that_has_arrived(void **state) {
    enum { COUNT = CONCURRENT * BATCH };
    enum { DRIVEN_MS = 300 }; /* so that libcurl looks at its sockets only after their events */
    static const struct rule last = {.delay_ms = 3 * DRIVEN_MS, .after_peak = CONCURRENT};
    static const struct rule others = {.delay_ms = 2 * DRIVEN_MS, .after_peak = CONCURRENT};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    (void)state;
    delivery.timeout_ms = LONG_MS;
    set_rules(&last, 1, others);
    const tote_otlp_options otlp = otlp_options(&delivery, CONCURRENT);
    tote_sdk *sdk = start_with(&otlp, TOTE_EXPORT_MODE_HOST_DRIVEN);
    struct pollfd fd = {.fd = tote_sdk_get_poll_fd(sdk), .events = POLLIN};
    end_spans(0, COUNT);
    drive_until_requests(sdk, CONCURRENT);
    uint64_t end = tote__deadline_in(DRIVEN_MS);
    while (tote__clock_monotonic() < end) {
        tote_sdk_poll(sdk);
    }
    wait_for_responses();
    while (stats_of(sdk).exported < COUNT) {
        int timeout = tote_sdk_get_poll_timeout_ms(sdk);
        int ready = poll(&fd, 1, (int)tote__min((unsigned)timeout, PEAK_WAIT_MS));
        assert_true(ready == 1 || (unsigned)timeout < PEAK_WAIT_MS);
        tote_sdk_poll(sdk);
    }
    assert_each_accepted_once(COUNT);
    tote_sdk_close(&sdk, LONG_MS);
}

/* Also while later requests are complete and the first one is not. */
static void batches_start_in_their_order_and_complete_in_any_order(void **state) {
    enum { COUNT = 8 * BATCH };
    static const struct rule rules[] = {{.delay_ms = 400, .after_peak = CONCURRENT},
                                        {.delay_ms = 300, .after_peak = CONCURRENT},
                                        {.delay_ms = 200, .after_peak = CONCURRENT},
                                        {.delay_ms = 100, .after_peak = CONCURRENT}};
    (void)state;
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 1});
    tote_sdk *sdk = start(NULL, CONCURRENT);
    end_spans(0, COUNT);
    wait_for_requests(CONCURRENT);
    while (stats_of(sdk).exported < COUNT) {
        poll(NULL, 0, 1);
    }
    for (unsigned i = 0; i < COUNT / BATCH; i++) {
        unsigned batch = receiver.firsts[i] / BATCH;
        assert_true(i < CONCURRENT ? batch < CONCURRENT : batch >= CONCURRENT);
    }
    assert_each_accepted_once(COUNT);
    tote_sdk_close(&sdk, LONG_MS);
}

/* Spec: https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling */
static void no_request_starts_while_the_receiver_asks_to_wait(void **state) {
    enum { COUNT = 8 * BATCH, MARGIN_MS = 100, PAUSE_MS = 3000 };
    static const struct rule others = {.delay_ms = 2000, .after_peak = CONCURRENT};
    const struct rule rules[] = {
        others,
        others,
        {.status = 503, .header = "Retry-After: 3", .after_peak = CONCURRENT},
        others};

    (void)state;
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 1});
    tote_sdk *sdk = start(NULL, CONCURRENT);
    end_spans(0, COUNT);
    wait_for_requests(COUNT / BATCH + 1);
    while (stats_of(sdk).exported < COUNT) {
        poll(NULL, 0, 1);
    }
    for (size_t i = 0; i < receiver.requests; i++) {
        uint64_t since = receiver.times[i] - receiver.throttled_at;
        assert_true(receiver.times[i] <= receiver.throttled_at ||
                    since >= (uint64_t)(PAUSE_MS - MARGIN_MS) * NS_PER_MS);
    }
    assert_each_accepted_once(COUNT);
    tote_sdk_close(&sdk, LONG_MS);
}

/* Each request has its own deadline. */
static void a_request_without_a_response_does_not_end_the_others(void **state) {
    enum { COUNT = 8 * BATCH };
    static const struct rule rules[] = {{.delay_ms = FOREVER_MS}};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    (void)state;
    delivery.timeout_ms = 3000;
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 20});
    tote_sdk *sdk = start(&delivery, CONCURRENT);
    end_spans(0, COUNT);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_FAILURE);
    const tote_stats stats = stats_of(sdk);
    assert_int_equal(stats.dropped_retries_exhausted, BATCH);
    assert_int_equal(stats.exported, COUNT - BATCH);
    tote_sdk_close(&sdk, LONG_MS);
}

static void read_durations(void *data, const tote_metric_point *point) {
    if (strcmp(point->name, "otel.sdk.exporter.operation.duration") == 0) {
        *(tote_metric_point *)data = *point;
    }
}

/* Neither from the end of the request before it, nor until that request is complete. */
static void the_duration_of_each_request_is_measured_from_its_own_start(void **state) {
    static const struct rule rules[] = {{.delay_ms = 3000}};
    tote_metric_point durations = {.value = 0};

    (void)state;
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 100});
    tote_sdk *sdk = start(NULL, CONCURRENT);
    end_spans(0, CONCURRENT * BATCH);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    tote_sdk_read_metrics(sdk, read_durations, &durations);
    assert_int_equal(durations.value, CONCURRENT);
    assert_true(durations.min >= 0.1 && durations.min < 2.5);
    assert_true(durations.max >= 3);
    assert_true(durations.sum >= 3.3 && durations.sum < 10);
    tote_sdk_close(&sdk, LONG_MS);
}

/* Export a span. Return a time before its export began, as late as possible. */
static uint64_t export_first_span(tote_sdk *sdk, tote_export_mode mode) {
    uint64_t before = tote__clock_monotonic();

    end_spans(0, 1);
    do {
        uint64_t now = tote__clock_monotonic();
        before = stats_of(sdk).in_flight ? before : now;
        if (mode == TOTE_EXPORT_MODE_HOST_DRIVEN) {
            tote_sdk_poll(sdk);
        }
        poll(NULL, 0, 1);
    } while (requests_so_far() == 0);
    return before;
}

/* End one span after the other while the first request is in flight. */
static void assert_incomplete_batches_leave(tote_export_mode mode) {
    enum { DELAY_MS = 50 };
    static const struct rule rules[] = {{.after_peak = 2}};
    const tote_otlp_options otlp = otlp_options(NULL, 2);

    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 1});
    tote_sdk *sdk = start_delayed(&otlp, mode, DELAY_MS);
    uint64_t begin = export_first_span(sdk, mode);
    end_spans(1, 1);
    if (mode == TOTE_EXPORT_MODE_HOST_DRIVEN) {
        drive_until_requests(sdk, 2);
    }
    wait_for_requests(2);
    assert_int_equal(receiver.peak, 2);
    assert_true(receiver.times[1] - begin >= (DELAY_MS - 10) * NS_PER_MS);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_each_accepted_once(2);
    tote_sdk_close(&sdk, LONG_MS);
}

/* Spec: trace/sdk.md#batching-processor */
static void
an_incomplete_batch_leaves_after_the_delay_while_a_request_has_no_response(void **state) {
    (void)state;
    assert_incomplete_batches_leave(TOTE_EXPORT_MODE_WORKER);
}

static void a_host_sends_an_incomplete_batch_while_a_request_has_no_response(void **state) {
    (void)state;
    assert_incomplete_batches_leave(TOTE_EXPORT_MODE_HOST_DRIVEN);
}

static char directory[64];

static void make_directory(tote_delivery_options *delivery) {
    snprintf(directory, sizeof directory, "/tmp/tote-concurrent-XXXXXX");
    assert_non_null(mkdtemp(directory));
    delivery->disk_queue_directory = directory;
    delivery->initial_backoff_ms = 10;
}

static void each_request_that_fails_is_saved_once_and_delivered_once(void **state) {
    enum { COUNT = 8 * BATCH };
    static const struct rule rules[] = {{.delay_ms = 60, .status = 503},
                                        {.delay_ms = 20, .status = 503},
                                        {.delay_ms = 40, .status = 503},
                                        {.delay_ms = 1}};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    (void)state;
    make_directory(&delivery);
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 1});
    tote_sdk *sdk = start(&delivery, CONCURRENT);
    end_spans(0, COUNT);
    while (stats_of(sdk).exported < COUNT) {
        poll(NULL, 0, 1);
    }
    assert_each_accepted_once(COUNT);
    tote_sdk_close(&sdk, LONG_MS);
    remove_tree(directory);
}

static void a_shutdown_saves_each_request_in_flight_once(void **state) {
    enum { COUNT = 6 * BATCH };
    static const struct rule rules[] = {{.delay_ms = FOREVER_MS, .status = 503},
                                        {.delay_ms = FOREVER_MS, .status = 503},
                                        {.delay_ms = FOREVER_MS, .status = 503},
                                        {.delay_ms = FOREVER_MS, .status = 503}};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_disk_queue_report report = TOTE_DISK_QUEUE_REPORT_INIT;

    (void)state;
    make_directory(&delivery);
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = 0});
    tote_sdk *sdk = start(&delivery, CONCURRENT);
    end_spans(0, COUNT);
    wait_for_requests(CONCURRENT);
    tote_sdk_shutdown(sdk, 300);
    while (stats_of(sdk).in_disk_queue < COUNT) { /* the worker may save after the deadline */
        poll(NULL, 0, 1);
    }
    tote_sdk_close(&sdk, 0);

    const tote_otlp_options otlp = otlp_options(&delivery, CONCURRENT);
    assert_int_equal(tote_otlp_disk_queue_send(&otlp, LONG_MS, &report), TOTE_RESULT_SUCCESS);
    assert_int_equal(report.delivered, COUNT);
    assert_each_accepted_once(COUNT);
    remove_tree(directory);
}

static void a_shutdown_without_a_disk_queue_drops_each_request_in_flight_once(void **state) {
    enum { COUNT = 6 * BATCH };
    static const struct rule rules[] = {{.delay_ms = FOREVER_MS},
                                        {.delay_ms = 0},
                                        {.delay_ms = FOREVER_MS},
                                        {.delay_ms = FOREVER_MS}};

    (void)state;
    set_rules(rules, TOTE_COUNT_OF(rules), (struct rule){.delay_ms = FOREVER_MS});
    tote_sdk *sdk = start(NULL, CONCURRENT);
    end_spans(0, COUNT);
    wait_for_requests(CONCURRENT + 1); /* the second one is complete */
    tote_sdk_shutdown(sdk, 300);
    while (stats_of(sdk).in_flight) { /* the worker may drop them after the deadline */
        poll(NULL, 0, 1);
    }
    const tote_stats stats = stats_of(sdk);
    assert_int_equal(stats.exported, BATCH);
    assert_int_equal(stats.dropped_shutdown, COUNT - BATCH);
    tote_sdk_close(&sdk, 0);
}

/* The requests in flight belong to the parent. */
static void a_forked_child_sends_only_its_own_spans(void **state) {
    enum { COUNT = 4 * BATCH };

    (void)state;
    if (HAS_THREAD_SANITIZER || HAS_ADDRESS_SANITIZER) {
        skip();
    }
    set_rules(NULL, 0, (struct rule){.delay_ms = 300});
    tote_sdk *sdk = start(NULL, CONCURRENT);
    end_spans(0, COUNT);
    wait_for_requests(CONCURRENT);
    pid_t child = fork();
    if (child == 0) {
        end_spans(COUNT, BATCH);
        _exit(tote_sdk_force_flush(sdk, LONG_MS) != TOTE_RESULT_SUCCESS);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats_of(sdk).exported, COUNT);
    assert_each_accepted_once(COUNT + BATCH);
    tote_sdk_close(&sdk, LONG_MS);
}

/* Also if libcurl cannot share a connection, and the receiver serves one at a time. */
static void grpc_delivers_all_requests(void **state) {
    enum { COUNT = 8 * BATCH };
    struct grpc_receiver *grpc = grpc_receiver_start((struct grpc_manner){.limit = 0});
    tote_otlp_options otlp = otlp_options(NULL, CONCURRENT);

    (void)state;
    otlp.protocol = TOTE_OTLP_PROTOCOL_GRPC;
    otlp.endpoint = grpc_receiver_url(grpc);
    tote_sdk *sdk = start_with(&otlp, TOTE_EXPORT_MODE_WORKER);
    end_spans(0, COUNT);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(grpc_receiver_counts(grpc).spans, COUNT);
    tote_sdk_close(&sdk, LONG_MS);
    grpc_receiver_stop(grpc);
}

#define RECEIVER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        RECEIVER_TEST(as_many_requests_are_in_flight_as_the_option_allows),
        RECEIVER_TEST(by_default_one_request_is_in_flight),
        RECEIVER_TEST(the_event_loop_of_the_host_has_several_requests_in_flight),
        RECEIVER_TEST(a_host_waits_for_no_response_that_has_arrived),
        RECEIVER_TEST(batches_start_in_their_order_and_complete_in_any_order),
        RECEIVER_TEST(no_request_starts_while_the_receiver_asks_to_wait),
        RECEIVER_TEST(a_request_without_a_response_does_not_end_the_others),
        RECEIVER_TEST(the_duration_of_each_request_is_measured_from_its_own_start),
        RECEIVER_TEST(an_incomplete_batch_leaves_after_the_delay_while_a_request_has_no_response),
        RECEIVER_TEST(a_host_sends_an_incomplete_batch_while_a_request_has_no_response),
        RECEIVER_TEST(each_request_that_fails_is_saved_once_and_delivered_once),
        RECEIVER_TEST(a_shutdown_saves_each_request_in_flight_once),
        RECEIVER_TEST(a_shutdown_without_a_disk_queue_drops_each_request_in_flight_once),
        RECEIVER_TEST(a_forked_child_sends_only_its_own_spans),
        RECEIVER_TEST(grpc_delivers_all_requests),
    };

    return RUN_TESTS(tests, argc, argv);
}
