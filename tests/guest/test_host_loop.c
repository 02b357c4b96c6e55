/* SPDX-License-Identifier: MIT */
/*
 * test_host_loop.c - host-driven export from an event loop: no thread, no call blocks, no span is
 * lost
 */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "received.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/tote.h"

enum { BATCH = 16, TIMEOUT_MS = 60000, SAFETY_NET_MS = 60000 };

static struct host {
    struct receiver *receiver;
    tote_otlp_options otlp;
    tote_delivery_options delivery; /* of `otlp` */
    tote_batch_options batch;
    tote_sdk *sdk;
    tote_tracer *tracer;
    size_t diagnostics;
} host;

static void count_diagnostic(tote_level level, const char *component, const char *message,
                             void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
    host.diagnostics++;
}

static int set_up(void **state) {
    (void)state;
    host = (struct host){.otlp = TOTE_OTLP_OPTIONS_INIT,
                         .delivery = TOTE_DELIVERY_OPTIONS_INIT,
                         .batch = TOTE_BATCH_OPTIONS_INIT};
    host.otlp.delivery = &host.delivery;
    host.receiver = receiver_start();
    host.otlp.ignore_environment = true;
    host.otlp.endpoint = receiver_url(host.receiver);
    host.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    host.batch.max_export_batch_size = BATCH;
    host.batch.schedule_delay_ms = 3600000;
    tote_diagnostics_set_handler(count_diagnostic, TOTE_LEVEL_WARN, NULL);
    return host.receiver ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    receiver_stop(host.receiver);
    tote_sdk_close(&host.sdk, 0);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    return 0;
}

static void start_with(tote_span_exporter *exporter) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    options.batch = &host.batch;
    host.sdk = tote_sdk_start(&options);
    host.tracer = tote_get_tracer("host", NULL);
    assert_non_null(host.sdk);
}

static void start(void) {
    start_with(tote_span_exporter_otlp_new(&host.otlp));
}

static void end_spans(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(host.tracer, "span", NULL);
        tote_span_close(&span);
    }
}

static tote_stats stats(void) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(host.sdk, &stats));
    assert_int_equal(stats.ended, stats.exported + stats.rejected + stats.dropped_queue_full +
                                      stats.dropped_too_large + stats.dropped_retries_exhausted +
                                      stats.dropped_shutdown + stats.dropped_out_of_memory +
                                      stats.queued + stats.in_flight);
    return stats;
}

static bool is_readable(void) {
    struct pollfd fd = {tote_sdk_get_poll_fd(host.sdk), POLLIN, 0};

    return poll(&fd, 1, 0) == 1;
}

/* Like a host: wait for the descriptor or the timeout, then poll. */
static void turn(void) {
    struct pollfd fd = {tote_sdk_get_poll_fd(host.sdk), POLLIN, 0};
    int timeout_ms = tote_sdk_get_poll_timeout_ms(host.sdk);

    assert_true(fd.fd >= 0);
    poll(&fd, 1, timeout_ms < 0 || timeout_ms > SAFETY_NET_MS ? SAFETY_NET_MS : timeout_ms);
    tote_sdk_poll(host.sdk);
}

/* Iterations of the loop until this many spans have been exported or counted. */
static void loop_until_settled(size_t count) {
    uint64_t end = tote__deadline_in(SAFETY_NET_MS);

    while (stats().ended - stats().queued - stats().in_flight < count) {
        assert_true(tote__clock_monotonic() < end);
        turn();
    }
}

static void spans_are_exported_by_the_hosts_loop_without_a_thread(void **state) {
    (void)state;
    size_t before = count_threads();
    start();
    assert_false(is_readable());
    end_spans(10 * BATCH);
    assert_true(is_readable());
    loop_until_settled(10 * BATCH);
    assert_int_equal(count_threads(), before);
    assert_int_equal(stats().exported, 10 * BATCH);
    assert_int_equal(received_spans(host.receiver, NULL), 10 * BATCH);
}

/* Spec: trace/sdk.md#batching-processor, scheduledDelayMillis */
static void less_than_a_batch_is_exported_when_the_delay_is_over(void **state) {
    (void)state;
    host.batch.schedule_delay_ms = 20;
    start();
    end_spans(1);
    assert_in_range(tote_sdk_get_poll_timeout_ms(host.sdk), 0, 20);
    loop_until_settled(1);
    assert_int_equal(received_spans(host.receiver, NULL), 1);
}

/* The loop is not woken for an empty queue. */
static void without_a_delay_spans_are_exported_at_once_and_an_idle_loop_sleeps(void **state) {
    (void)state;
    host.batch.schedule_delay_ms = TOTE_OPTION_ZERO;
    start();
    for (size_t round = 1; round <= 3; round++) {
        assert_in_range(tote_sdk_get_poll_timeout_ms(host.sdk), 1000, 5000);
        assert_false(is_readable());
        end_spans(1);
        assert_true(is_readable());
        loop_until_settled(round);
        tote_sdk_poll(host.sdk);
    }
    assert_int_equal(received_spans(host.receiver, NULL), 3);
}

static void polling_with_nothing_to_do_does_nothing(void **state) {
    (void)state;
    start();
    end_spans(BATCH - 1);
    for (int i = 0; i < 100; i++) {
        tote_sdk_poll(host.sdk);
    }
    assert_int_equal(stats().queued, BATCH - 1);
    assert_false(is_readable());
    assert_in_range(tote_sdk_get_poll_timeout_ms(host.sdk), 1, 3600000);
    assert_int_equal(receiver_wait(host.receiver, 0), 0);
}

/* tote_sdk_poll() does not block, so the host's other work continues. */
static void a_receiver_that_hangs_does_not_block_the_loop(void **state) {
    (void)state;
    host.delivery.timeout_ms = 3000;
    receiver_set_response(host.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    start();
    end_spans(BATCH);
    for (int i = 0; i < 20; i++) {
        tote_sdk_poll(host.sdk); /* would be one call, if it waited */
        assert_int_equal(stats().in_flight, BATCH);
    }
    loop_until_settled(BATCH);
    assert_int_equal(stats().dropped_retries_exhausted, BATCH);
}

/* The option poll_budget_us. */
static void a_poll_that_has_used_its_budget_leaves_the_rest_to_the_next(void **state) {
    (void)state;
    host.batch.poll_budget_us = 1;
    start();
    end_spans(20 * BATCH);
    tote_sdk_poll(host.sdk);
    assert_true(stats().queued > 0);
    assert_true(is_readable());
    loop_until_settled(20 * BATCH);
    assert_int_equal(stats().exported, 20 * BATCH);
}

/* Spec: trace/sdk.md#forceflush-1 */
static void a_flush_exports_on_the_calling_thread_and_keeps_its_deadline(void **state) {
    (void)state;
    start();
    end_spans(3 * BATCH + 1);
    assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(received_spans(host.receiver, NULL), 3 * BATCH + 1);

    receiver_set_response(host.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    end_spans(1);
    do { /* until the thread is not later than the deadline */
        assert_int_equal(tote_sdk_force_flush(host.sdk, 50), TOTE_RESULT_TIMEOUT);
    } while (stats().queued);
    assert_int_equal(stats().in_flight, 1);
    assert_int_equal(tote_sdk_force_flush(host.sdk, 0), TOTE_RESULT_TIMEOUT);
}

/* Spec: trace/sdk.md#shutdown-1 */
static void a_shutdown_exports_or_counts_queued_spans(void **state) {
    (void)state;
    start();
    end_spans(BATCH + 1);
    assert_int_equal(tote_sdk_shutdown(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(received_spans(host.receiver, NULL), BATCH + 1);
    end_spans(1);
    assert_int_equal(stats().exported, BATCH + 1);
    assert_int_equal(tote_sdk_get_poll_timeout_ms(host.sdk), -1);
    tote_sdk_poll(host.sdk);
    assert_false(is_readable());
    tote_sdk_close(&host.sdk, 0);

    receiver_set_response(host.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    start();
    end_spans(BATCH + 1);
    assert_int_equal(tote_sdk_shutdown(host.sdk, 50), TOTE_RESULT_TIMEOUT);
    assert_int_equal(stats().dropped_shutdown, BATCH + 1);
}

/* The poll descriptor is readable while there is work, and so must not stay readable. */
static void
a_connection_closed_by_the_receiver_does_not_keep_the_descriptor_readable(void **state) {
    (void)state;
    start();
    end_spans(BATCH);
    assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    receiver_stop(host.receiver);
    host.receiver = receiver_start();
    for (int i = 0; i < 3; i++) { /* at most one iteration to notice it */
        tote_sdk_poll(host.sdk);
    }
    assert_false(is_readable());
}

/* Spec: protocol/exporter.md#configuration-options */
static void a_batch_that_is_too_large_is_sent_in_parts(void **state) {
    (void)state;
    host.delivery.max_request_bytes = 1000;
    start();
    end_spans(2 * BATCH);
    loop_until_settled(2 * BATCH);
    assert_int_equal(received_spans(host.receiver, NULL), 2 * BATCH);
    assert_true(receiver_wait(host.receiver, 0) > 2);

    tote_span *span = tote_tracer_start_span(host.tracer, "large", NULL);
    char text[2000];
    memset(text, 'x', sizeof text);
    tote_span_set_attribute(span, "text", tote_string_of(text, sizeof text));
    tote_span_close(&span);
    end_spans(BATCH - 1);
    loop_until_settled(3 * BATCH);
    assert_int_equal(stats().dropped_too_large, 1);
    assert_int_equal(received_spans(host.receiver, NULL), 3 * BATCH - 1);
}

/* A child gets its own poll descriptor. */
static void a_forked_child_has_its_own_poll_descriptor(void **state) {
    int status = -1;

    (void)state;
    start();
    end_spans(BATCH + 3);
    tote_sdk_poll(host.sdk); /* a request is in flight */
    int parents = tote_sdk_get_poll_fd(host.sdk);
    pid_t child = fork();
    if (child == 0) {
        if (stats().ended != 0 || tote_sdk_get_poll_timeout_ms(host.sdk) < 0 ||
            tote_sdk_get_poll_fd(host.sdk) == parents || is_readable()) {
            _exit(2);
        }
        end_spans(BATCH);
        if (!is_readable()) {
            _exit(3);
        }
        loop_until_settled(BATCH);
        end_spans(1);
        _exit(tote_sdk_close(&host.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS ? 0 : 4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tote_sdk_get_poll_fd(host.sdk), parents);
    assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats().exported, BATCH + 3);
    assert_int_equal(received_spans(host.receiver, NULL), BATCH + 3 + BATCH + 1);
}

/* An exporter of the host. */
static struct {
    size_t spans;
    bool was_traced;
    tote_result flush;
} own;

static tote_result export_own(void *self, const tote_span_data *const *spans, size_t count,
                              uint32_t timeout_ms, tote_export_outcome *report) {
    (void)self, (void)spans, (void)timeout_ms, (void)report;
    tote_span *span = tote_tracer_start_span(host.tracer, "in the exporter", NULL);
    own.was_traced |= tote_span_is_recording(span);
    tote_span_close(&span);
    own.flush = tote_sdk_force_flush(host.sdk, TIMEOUT_MS);
    own.spans += count;
    return TOTE_RESULT_SUCCESS;
}

/* Its calls are not traced. */
static void a_custom_exporter_is_called_by_the_loop(void **state) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = export_own};

    (void)state;
    memset(&own, 0, sizeof own);
    start_with(tote_span_exporter_new(&ops, NULL));
    end_spans(2 * BATCH);
    assert_int_equal(own.spans, 0);
    loop_until_settled(2 * BATCH);
    assert_int_equal(own.spans, 2 * BATCH);
    assert_false(own.was_traced);
    assert_int_equal(own.flush, TOTE_RESULT_FAILURE); /* it cannot wait for itself */
}

/* tote_sdk_poll() and tote_sdk_force_flush() may be called by any thread. */
static void *flush_repeatedly(void *arg) {
    for (int i = 0; i < 50; i++) {
        end_spans(3);
        assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    }
    return arg;
}

static void threads_may_flush_concurrently_with_the_loop(void **state) {
    enum { THREADS = 2, EACH = 50 * 3 };
    pthread_t threads[THREADS];

    (void)state;
    start();
    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, flush_repeatedly, NULL);
    }
    for (size_t i = 0; i < 2000; i++) {
        tote_sdk_poll(host.sdk);
        tote_sdk_get_poll_timeout_ms(host.sdk);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(stats().exported, THREADS * EACH);
    assert_int_equal(received_spans(host.receiver, NULL), THREADS * EACH);
}

static void other_export_modes_have_no_poll_descriptor_and_no_timeout(void **state) {
    (void)state;
    host.batch.mode = TOTE_EXPORT_MODE_WORKER;
    start();
    assert_int_equal(tote_sdk_get_poll_fd(host.sdk), -1);
    assert_int_equal(tote_sdk_get_poll_timeout_ms(host.sdk), -1);
    tote_sdk_poll(host.sdk);
    assert_int_equal(tote_sdk_get_poll_fd(NULL), -1);
    assert_int_equal(tote_sdk_get_poll_timeout_ms(NULL), -1);
    tote_sdk_poll(NULL);
}

#define HOST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        HOST_TEST(spans_are_exported_by_the_hosts_loop_without_a_thread),
        HOST_TEST(less_than_a_batch_is_exported_when_the_delay_is_over),
        HOST_TEST(without_a_delay_spans_are_exported_at_once_and_an_idle_loop_sleeps),
        HOST_TEST(polling_with_nothing_to_do_does_nothing),
        HOST_TEST(a_receiver_that_hangs_does_not_block_the_loop),
        HOST_TEST(a_poll_that_has_used_its_budget_leaves_the_rest_to_the_next),
        HOST_TEST(a_flush_exports_on_the_calling_thread_and_keeps_its_deadline),
        HOST_TEST(a_shutdown_exports_or_counts_queued_spans),
        HOST_TEST(a_connection_closed_by_the_receiver_does_not_keep_the_descriptor_readable),
        HOST_TEST(a_batch_that_is_too_large_is_sent_in_parts),
        HOST_TEST(a_forked_child_has_its_own_poll_descriptor),
        HOST_TEST(a_custom_exporter_is_called_by_the_loop),
        HOST_TEST(threads_may_flush_concurrently_with_the_loop),
        HOST_TEST(other_export_modes_have_no_poll_descriptor_and_no_timeout),
    };
    return RUN_TESTS(tests, argc, argv);
}
