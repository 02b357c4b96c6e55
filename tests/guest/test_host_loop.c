/* SPDX-License-Identifier: MIT */
/*
 * test_host_loop.c - a host that exports from a loop of its own: no thread, nothing waits, nothing
 * is lost
 */
#include "support.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "received.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/tote.h"

enum { BATCH = 16, TIMEOUT_MS = 20000, SAFETY_NET_MS = 20000 };

static struct host {
    struct receiver *receiver;
    tote_otlp_options otlp;
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
    host = (struct host){.otlp = TOTE_OTLP_OPTIONS_INIT, .batch = TOTE_BATCH_OPTIONS_INIT};
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

/* As a host does: wait for the descriptor or the time, and poll. */
static void turn(void) {
    struct pollfd fd = {tote_sdk_get_poll_fd(host.sdk), POLLIN, 0};
    int timeout_ms = tote_sdk_get_poll_timeout_ms(host.sdk);

    assert_true(fd.fd >= 0);
    poll(&fd, 1, timeout_ms < 0 || timeout_ms > SAFETY_NET_MS ? SAFETY_NET_MS : timeout_ms);
    tote_sdk_poll(host.sdk);
}

/* Turns of the loop until so many spans have gone somewhere. */
static void loop_until_settled(size_t count) {
    uint64_t end = tote__deadline_in(SAFETY_NET_MS);

    while (stats().ended - stats().queued - stats().in_flight < count) {
        assert_true(tote__clock_monotonic() < end);
        turn();
    }
}

static size_t threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;

    while (readdir(tasks)) {
        count++;
    }
    closedir(tasks);
    return count - 2; /* without . and .. */
}

/* Design 6: the host drives export from its own loop */
static void spans_arrive_by_turns_of_the_loop_and_no_thread_is_made(void **state) {
    (void)state;
    size_t before = threads();
    start();
    assert_false(is_readable());
    end_spans(10 * BATCH);
    assert_true(is_readable());
    loop_until_settled(10 * BATCH);
    assert_int_equal(threads(), before);
    assert_int_equal(stats().exported, 10 * BATCH);
    assert_int_equal(received_spans(host.receiver, NULL), 10 * BATCH);
}

/* Spec: trace/sdk.md#batching-processor: scheduledDelayMillis */
static void less_than_a_batch_is_exported_when_it_is_time(void **state) {
    (void)state;
    host.batch.schedule_delay_ms = 20;
    start();
    end_spans(1);
    assert_in_range(tote_sdk_get_poll_timeout_ms(host.sdk), 0, 20);
    loop_until_settled(1);
    assert_int_equal(received_spans(host.receiver, NULL), 1);
}

/* The contract of tote_sdk_get_poll_timeout_ms(): a loop is not woken for an empty queue */
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

/* The contract of tote_sdk_poll() */
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

/* The contract of tote_sdk_poll(): it does not wait, so that others' work goes on */
static void a_receiver_that_hangs_does_not_hold_the_loop_up(void **state) {
    (void)state;
    host.otlp.timeout_ms = 300;
    receiver_set_response(host.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    start();
    end_spans(BATCH);
    size_t turns = 0;
    while (stats().ended - stats().queued - stats().in_flight < BATCH) {
        tote_sdk_poll(host.sdk); /* would be one call, if it waited */
        turns++;
    }
    assert_true(turns > 100);
    assert_int_equal(stats().dropped_retries_exhausted, BATCH);
}

/* The contract of tote_batch_options.poll_budget_us */
static void a_turn_that_has_used_its_budget_leaves_the_rest_to_the_next(void **state) {
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
static void a_flush_does_the_work_itself_and_keeps_its_deadline(void **state) {
    (void)state;
    start();
    end_spans(3 * BATCH + 1);
    assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(received_spans(host.receiver, NULL), 3 * BATCH + 1);

    receiver_set_response(host.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    end_spans(1);
    assert_int_equal(tote_sdk_force_flush(host.sdk, 50), TOTE_RESULT_TIMEOUT);
    assert_int_equal(stats().in_flight, 1);
    assert_int_equal(tote_sdk_force_flush(host.sdk, 0), TOTE_RESULT_TIMEOUT);
}

/* Spec: trace/sdk.md#shutdown-1 */
static void a_shutdown_exports_what_waits_or_counts_it(void **state) {
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

/* The contract of tote_sdk_get_poll_fd(): readable when there is work, and so not for ever */
static void a_connection_that_the_receiver_closes_is_no_work(void **state) {
    (void)state;
    start();
    end_spans(BATCH);
    assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    receiver_stop(host.receiver);
    host.receiver = receiver_start();
    for (int i = 0; i < 3; i++) { /* at most one turn to hear of it */
        tote_sdk_poll(host.sdk);
    }
    assert_false(is_readable());
}

/* Requirement G: a request has a largest size */
static void a_batch_that_is_too_large_goes_in_parts(void **state) {
    (void)state;
    host.otlp.max_request_bytes = 1000;
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

/* The contract of tote_sdk_get_poll_fd(): a child asks again; design R14 */
static void a_forked_child_has_a_loop_of_its_own(void **state) {
    int status = -1;

    (void)state;
    start();
    end_spans(BATCH + 3);
    tote_sdk_poll(host.sdk); /* a request is under way */
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

/* An exporter of the host's own. */
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

/* The contract of tote_sdk_poll(): it is called there, and what it calls is not traced */
static void an_exporter_of_the_hosts_own_is_called_by_the_loop(void **state) {
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

/* The contract of tote_sdk_poll() and tote_sdk_force_flush(): from any thread */
static void *flush_again_and_again(void *arg) {
    for (int i = 0; i < 50; i++) {
        end_spans(3);
        assert_int_equal(tote_sdk_force_flush(host.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    }
    return arg;
}

static void threads_that_flush_take_turns_with_the_loop(void **state) {
    enum { THREADS = 2, EACH = 50 * 3 };
    pthread_t threads[THREADS];

    (void)state;
    start();
    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, flush_again_and_again, NULL);
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

/* The contract of tote_sdk_get_poll_fd() */
static void in_other_modes_there_is_nothing_to_wait_for(void **state) {
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
        HOST_TEST(spans_arrive_by_turns_of_the_loop_and_no_thread_is_made),
        HOST_TEST(less_than_a_batch_is_exported_when_it_is_time),
        HOST_TEST(without_a_delay_spans_are_exported_at_once_and_an_idle_loop_sleeps),
        HOST_TEST(polling_with_nothing_to_do_does_nothing),
        HOST_TEST(a_receiver_that_hangs_does_not_hold_the_loop_up),
        HOST_TEST(a_turn_that_has_used_its_budget_leaves_the_rest_to_the_next),
        HOST_TEST(a_flush_does_the_work_itself_and_keeps_its_deadline),
        HOST_TEST(a_shutdown_exports_what_waits_or_counts_it),
        HOST_TEST(a_connection_that_the_receiver_closes_is_no_work),
        HOST_TEST(a_batch_that_is_too_large_goes_in_parts),
        HOST_TEST(a_forked_child_has_a_loop_of_its_own),
        HOST_TEST(an_exporter_of_the_hosts_own_is_called_by_the_loop),
        HOST_TEST(threads_that_flush_take_turns_with_the_loop),
        HOST_TEST(in_other_modes_there_is_nothing_to_wait_for),
    };
    return RUN_TESTS(tests, argc, argv);
}
