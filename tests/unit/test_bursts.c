/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "otlp/request.pb-c.h"
#include "receiver.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { QUEUE = 64, BATCH = 16 };

/* An SDK with a small queue that exports to this URL. */
static tote_sdk *start_sdk(const char *url) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    otlp.ignore_environment = true;
    otlp.endpoint = url;
    tote_span_exporter *exporter = tote_otlp_exporter_new(&otlp);
    options.ignore_environment = true;
    options.service_name = "bursts";
    options.exporters = &exporter;
    options.exporter_count = 1;
    batch.max_queue_size = QUEUE;
    batch.max_export_batch_size = BATCH;
    options.batch = &batch;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    return sdk;
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

static void pause_ms(long ms) {
    const struct timespec time = {.tv_nsec = ms * 1000000};

    nanosleep(&time, NULL);
}

/* A queue full of spans, as soon as the worker has taken the last ones off it. */
static void fill_queue(tote_sdk *sdk, size_t times) {
    while (times--) {
        make_spans(QUEUE);
        for (int i = 0; i < 10000 && stats_of(sdk).waiting >= BATCH; i++) {
            pause_ms(1);
        }
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

/* Requirement D28: the limit of a batch is one for every request, on one connection for all */
static void after_any_number_of_flushes_the_batch_limit_holds(void **state) {
    enum { FLUSHES = 8, EACH = 40, REQUESTS = FLUSHES * 3 };
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));

    (void)state;
    for (int i = 0; i < FLUSHES; i++) {
        make_spans(EACH);
        assert_int_equal(tote_sdk_force_flush(sdk, 10000), TOTE_SUCCESS);
    }
    size_t requests = receiver_wait(receiver, REQUESTS);
    assert_int_equal(spans_received(receiver, requests), FLUSHES * EACH);
    assert_int_equal(receiver_connection_count(receiver), 1);
    tote_sdk_close(&sdk, 5000);
    receiver_stop(receiver);
}

/* More than the queue holds is neither lost nor sent twice while an answer is waited for */
static void what_waits_behind_a_request_needs_no_room_in_the_queue(void **state) {
    enum { TIMES = 5, SPANS = TIMES * QUEUE };
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));

    (void)state;
    receiver_set_answer(receiver, (struct receiver_answer){.delay_ms = 100});
    fill_queue(sdk, TIMES);
    tote_stats before = stats_of(sdk);
    assert_int_equal(before.dropped_queue_full, 0);
    assert_true(before.in_flight > QUEUE);
    assert_int_equal(tote_sdk_force_flush(sdk, 20000), TOTE_SUCCESS);
    assert_int_equal(stats_of(sdk).exported, SPANS);
    assert_int_equal(spans_received(receiver, receiver_wait(receiver, SPANS / BATCH)), SPANS);
    tote_sdk_close(&sdk, 5000);
    receiver_stop(receiver);
}

/* Design section 6: a shutdown keeps its deadline, and accounts for what it leaves */
static void what_is_kept_when_the_sdk_shuts_down_is_counted(void **state) {
    enum { TIMES = 4, SPANS = TIMES * QUEUE };
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));

    (void)state;
    receiver_set_answer(receiver, (struct receiver_answer){.delay_ms = 200});
    fill_queue(sdk, TIMES);
    assert_true(stats_of(sdk).in_flight > QUEUE);
    assert_int_not_equal(tote_sdk_shutdown(sdk, 100), TOTE_SUCCESS);
    tote_stats stats = stats_of(sdk);
    for (int i = 0; i < 1000 && stats.in_flight + stats.waiting; i++) { /* the worker leaves */
        pause_ms(5);
        stats = stats_of(sdk);
    }
    assert_int_equal(stats.ended, SPANS);
    assert_true(stats.dropped_shutdown > QUEUE);
    assert_int_equal(stats.exported + stats.dropped_shutdown + stats.dropped_retries_exhausted,
                     SPANS);
    tote_sdk_close(&sdk, 0);
    receiver_stop(receiver);
}

/* Design R14: each span at most once at the receiver */
static void a_forked_child_does_not_send_what_its_parent_keeps(void **state) {
    enum { TIMES = 2, SPANS = TIMES * QUEUE };

    (void)state;
    if (HAS_ADDRESS_SANITIZER || HAS_THREAD_SANITIZER) {
        skip();
    }
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver));
    int status = 1;
    receiver_set_answer(receiver, (struct receiver_answer){.delay_ms = 100});
    fill_queue(sdk, TIMES);
    assert_true(stats_of(sdk).in_flight > BATCH);
    pid_t child = fork();
    if (child == 0) {
        make_spans(1);
        _exit(tote_sdk_force_flush(sdk, 10000) == TOTE_SUCCESS && stats_of(sdk).exported == 1 ? 0
                                                                                              : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tote_sdk_force_flush(sdk, 20000), TOTE_SUCCESS);
    size_t requests = receiver_wait(receiver, SPANS / BATCH + 1);
    assert_int_equal(spans_received(receiver, requests), SPANS + 1);
    tote_sdk_close(&sdk, 5000);
    receiver_stop(receiver);
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(after_any_number_of_flushes_the_batch_limit_holds),
        TEST(what_waits_behind_a_request_needs_no_room_in_the_queue),
        TEST(what_is_kept_when_the_sdk_shuts_down_is_counted),
        TEST(a_forked_child_does_not_send_what_its_parent_keeps),
    };
    tote_set_diagnostics(ignore, TOTE_LEVEL_INFO, NULL);
    return RUN_TESTS(tests, argc, argv);
}
