/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "global_sdk.h"
#include "otlp/request.pb-c.h"
#include "receiver.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { BATCH = 16 };

/* An SDK with small batches that exports to both URLs; `other` may be NULL. */
static tote_sdk *start_sdk_for_two(const char *url, const char *other) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    otlp.ignore_environment = true;
    otlp.endpoint = url;
    tote_span_exporter *exporters[2] = {tote_span_exporter_otlp_new(&otlp), NULL};
    if (other) {
        otlp.endpoint = other;
        exporters[1] = tote_span_exporter_otlp_new(&otlp);
    }
    options.ignore_environment = true;
    options.service_name = "bursts";
    options.exporters = exporters;
    options.exporter_count = other ? 2 : 1;
    batch.max_export_batch_size = BATCH;
    options.batch = &batch;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    return sdk;
}

static tote_sdk *start_sdk(const char *url) {
    return start_sdk_for_two(url, NULL);
}

static tote_stats stats_of(tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(sdk, &stats));
    return stats;
}

static void make_spans(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
        tote_span_close(&span);
    }
}

/* How many spans are in all requests; each must be within the limit. */
static size_t spans_received(struct receiver *receiver, size_t requests) {
    size_t spans = 0;

    for (size_t i = 0; i < requests; i++) {
        struct received received = receiver_request(receiver, i);
        Tote__Otlp__ExportTraceServiceRequest *request =
            tote__otlp__export_trace_service_request__unpack(NULL, received.body_size,
                                                             (const uint8_t *)received.body);
        assert_non_null(request);
        size_t count = request->resource_spans[0]->scope_spans[0]->n_spans;
        assert_in_range(count, 1, BATCH);
        spans += count;
        tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    }
    return spans;
}

/*
 * The batch limit holds for every request, on one connection for all. Spec:
 * trace/sdk.md#batching-processor, maxExportBatchSize
 */
static void after_any_number_of_flushes_the_batch_limit_holds(void **state) {
    enum { FLUSHES = 8, EACH = 40, REQUESTS = FLUSHES * 3 };
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));

    (void)state;
    for (int i = 0; i < FLUSHES; i++) {
        make_spans(EACH);
        assert_int_equal(tote_sdk_force_flush(sdk, 10000), TOTE_RESULT_SUCCESS);
    }
    size_t requests = receiver_wait(receiver, REQUESTS);
    assert_int_equal(spans_received(receiver, requests), FLUSHES * EACH);
    assert_int_equal(receiver_connection_count(receiver), 1);
    tote_sdk_close(&sdk, 5000);
    receiver_stop(receiver);
}

/* A burst is neither lost nor sent twice while a response is pending. */
static void a_burst_stays_queued_until_a_slow_receiver_responds(void **state) {
    enum { SPANS = 40 * BATCH };
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));

    (void)state;
    receiver_set_response(receiver, (struct receiver_response){.delay_ms = 10});
    make_spans(SPANS);
    assert_int_equal(tote_sdk_force_flush(sdk, 60000), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats_of(sdk).exported, SPANS);
    assert_int_equal(spans_received(receiver, receiver_wait(receiver, SPANS / BATCH)), SPANS);
    tote_sdk_close(&sdk, 5000);
    receiver_stop(receiver);
}

/* Each exporter has its own queue and its own request in flight. Compliance: EX-15 */
static void a_receiver_that_hangs_does_not_delay_another_receiver(void **state) {
    enum { SPANS = 4 * BATCH };
    struct receiver *hanging = receiver_start();
    struct receiver *receiver = receiver_start();

    (void)state;
    receiver_set_response(hanging, (struct receiver_response){.manner = RECEIVER_HANGS});
    tote_sdk *sdk = start_sdk_for_two(receiver_url(hanging), receiver_url(receiver));
    make_spans(SPANS);
    assert_true(receiver_wait(hanging, 1) >= 1);
    assert_int_equal(spans_received(receiver, receiver_wait(receiver, SPANS / BATCH)), SPANS);
    tote_stats stats = stats_of(sdk);
    assert_int_equal(stats.ended, 2 * SPANS);
    assert_true(stats.queued + stats.in_flight >= SPANS);
    assert_int_not_equal(tote_sdk_close(&sdk, 100), TOTE_RESULT_SUCCESS);
    receiver_stop(hanging);
    receiver_stop(receiver);
}

static void spans_that_a_shutdown_could_not_deliver_are_counted(void **state) {
    enum { SPANS = 40 * BATCH };
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));

    (void)state;
    receiver_set_response(receiver, (struct receiver_response){.delay_ms = 1000});
    make_spans(SPANS);
    assert_int_not_equal(tote_sdk_shutdown(sdk, 100), TOTE_RESULT_SUCCESS);
    tote_stats stats = stats_of(sdk);
    for (int i = 0; i < 12000 && stats.in_flight + stats.queued; i++) { /* the worker returns */
        const struct timespec moment = {.tv_nsec = 5000000};
        nanosleep(&moment, NULL);
        stats = stats_of(sdk);
    }
    assert_int_equal(stats.ended, SPANS);
    assert_true(stats.dropped_shutdown > SPANS / 2);
    assert_int_equal(stats.exported + stats.dropped_shutdown + stats.dropped_retries_exhausted,
                     SPANS);
    tote_sdk_close(&sdk, 0);
    receiver_stop(receiver);
}

/* The receiver gets each span at most once. */
static void a_forked_child_does_not_send_the_queued_spans_of_its_parent(void **state) {
    enum { SPANS = 8 * BATCH };

    (void)state;
    if (HAS_ADDRESS_SANITIZER || HAS_THREAD_SANITIZER) {
        skip();
    }
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));
    int status = 1;
    receiver_set_response(receiver, (struct receiver_response){.delay_ms = 100});
    make_spans(SPANS);
    pid_t child = fork();
    if (child == 0) {
        make_spans(1);
        _exit(tote_sdk_force_flush(sdk, 10000) == TOTE_RESULT_SUCCESS && stats_of(sdk).exported == 1
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tote_sdk_force_flush(sdk, 20000), TOTE_RESULT_SUCCESS);
    size_t requests = receiver_wait(receiver, SPANS / BATCH + 1);
    assert_int_equal(spans_received(receiver, requests), SPANS + 1);
    tote_sdk_close(&sdk, 5000);
    receiver_stop(receiver);
}

/* A worker that gets no CPU until the gate opens, and a receiver that counts. */
struct burst {
    sem_t gate;
    pthread_t worker;
    void (*work)(void *arg);
    void *arg;
    atomic_size_t received;
    size_t spans_of_each_thread;
};

static void *wait_and_work(void *arg) {
    struct burst *burst = arg;

    while (sem_wait(&burst->gate) != 0) {
    }
    burst->work(burst->arg);
    return NULL;
}

static void *start_worker(void *self, const char *name, void (*work)(void *arg), void *arg) {
    struct burst *burst = self;

    (void)name;
    burst->work = work;
    burst->arg = arg;
    return pthread_create(&burst->worker, NULL, wait_and_work, burst) == 0 ? burst : NULL;
}

static void join_worker(void *self, void *thread) {
    (void)thread;
    pthread_join(((struct burst *)self)->worker, NULL);
}

static void count_spans(void *self, const tote_otlp_request *request,
                        tote_otlp_response *response) {
    atomic_fetch_add(&((struct burst *)self)->received, request->span_count);
    response->status = 200;
}

/* Default settings, except the thread and the transport; `max_bytes` 0 is the default. */
static tote_sdk *start_burst(struct burst *burst, size_t max_bytes) {
    const tote_otlp_transport transport = {
        .struct_size = sizeof transport, .send = count_spans, .self = burst};
    const tote_thread_factory factory = {sizeof factory, start_worker, join_worker, burst};
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    sem_init(&burst->gate, 0, 0);
    otlp.ignore_environment = true;
    otlp.transport = &transport;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    batch.max_queue_bytes = max_bytes;
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    options.thread_factory = &factory;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    return sdk;
}

static void *record_five_attributes(void *arg) {
    static const tote_attribute attributes[] = {
        {"http.request.method", {.type = TOTE_VALUE_TYPE_STRING, .as.string = "GET"}},
        {"url.path", {.type = TOTE_VALUE_TYPE_STRING, .as.string = "/orders/1234567"}},
        {"http.response.status_code", {.type = TOTE_VALUE_TYPE_INT, .as.integer = 200}},
        {"server.address", {.type = TOTE_VALUE_TYPE_STRING, .as.string = "orders.example.com"}},
        {"retry", {.type = TOTE_VALUE_TYPE_BOOL, .as.boolean = false}},
    };
    const struct burst *burst = arg;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.attributes = attributes;
    options.attribute_count = TOTE_COUNT_OF(attributes);
    for (size_t i = 0; i < burst->spans_of_each_thread; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", &options);
        tote_span_close(&span);
    }
    return NULL;
}

static tote_stats run_burst(size_t threads, size_t spans, size_t max_bytes) {
    struct burst burst = {.spans_of_each_thread = spans / threads};
    tote_sdk *sdk = start_burst(&burst, max_bytes);
    pthread_t thread[16];

    for (size_t i = 0; i < threads; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, record_five_attributes, &burst), 0);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
    }
    assert_int_equal(stats_of(sdk).exported, 0);
    sem_post(&burst.gate);
    assert_int_equal(tote_sdk_shutdown(sdk, 200000), TOTE_RESULT_SUCCESS);
    tote_stats stats = stats_of(sdk);
    assert_int_equal(atomic_load(&burst.received), stats.exported);
    tote_sdk_close(&sdk, 0);
    sem_destroy(&burst.gate);
    return stats;
}

/* The default queue holds a burst of this size without any help of the scheduler. */
static void a_burst_of_32000_spans_arrives_although_the_worker_gets_no_cpu_time(void **state) {
    enum { SPANS = 32000 };

    (void)state;
    assert_int_equal(run_burst(1, SPANS, 0).exported, SPANS);
    assert_int_equal(run_burst(16, SPANS, 0).exported, SPANS);
}

/* Spec: trace/sdk.md#batching-processor, maxQueueSize */
static void spans_beyond_the_queue_limit_in_bytes_are_dropped_and_counted(void **state) {
    enum { SPANS = 3200, BYTES = 100000 };

    (void)state;
    for (size_t threads = 1; threads <= 16; threads *= 4) {
        tote_stats stats = run_burst(threads, SPANS, BYTES);
        assert_int_equal(stats.exported + stats.dropped_queue_full, SPANS);
        assert_in_range(stats.exported, BYTES / 300, BYTES / 200); /* 200 to 300 bytes each */
    }
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(after_any_number_of_flushes_the_batch_limit_holds),
        SDK_TEST(a_burst_stays_queued_until_a_slow_receiver_responds),
        SDK_TEST(a_receiver_that_hangs_does_not_delay_another_receiver),
        SDK_TEST(spans_that_a_shutdown_could_not_deliver_are_counted),
        SDK_TEST(a_forked_child_does_not_send_the_queued_spans_of_its_parent),
        SDK_TEST(a_burst_of_32000_spans_arrives_although_the_worker_gets_no_cpu_time),
        SDK_TEST(spans_beyond_the_queue_limit_in_bytes_are_dropped_and_counted),
    };
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_INFO, NULL);
    return RUN_TESTS(tests, argc, argv);
}
