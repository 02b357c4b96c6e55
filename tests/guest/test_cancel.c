/* SPDX-License-Identifier: MIT */
/* test_cancel.c - pthread_cancel() does not end a thread in the middle of a call of Tote */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "received.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { SPANS = 10, TIMEOUT_MS = 20000, SHORT_MS = 300 };

static struct {
    struct receiver *receiver;
    char directory[64];
    char crash_files[80];
    char file[80]; /* of a configuration */
    tote_otlp_options otlp;
    tote_delivery_options delivery; /* of `otlp` */
    tote_batch_options batch;
    tote_sdk *sdk;
    atomic_bool has_returned;
} f;

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    f.otlp = (tote_otlp_options)TOTE_OTLP_OPTIONS_INIT;
    f.delivery = (tote_delivery_options)TOTE_DELIVERY_OPTIONS_INIT;
    f.otlp.delivery = &f.delivery;
    f.batch = (tote_batch_options)TOTE_BATCH_OPTIONS_INIT;
    f.receiver = receiver_start();
    f.otlp.ignore_environment = true;
    f.otlp.endpoint = receiver_url(f.receiver);
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-cancel-XXXXXX");
    if (!f.receiver || !mkdtemp(f.directory)) {
        return -1;
    }
    snprintf(f.file, sizeof f.file, "%s/tote.yaml", f.directory);
    FILE *file = fopen(f.file, "w");
    assert_non_null(file);
    fputs("file_format: \"1.0\"\n", file);
    return fclose(file);
}

static int tear_down(void **state) {
    char command[128];

    (void)state;
    tote_sdk_close(&f.sdk, TIMEOUT_MS);
    receiver_stop(f.receiver);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    return system(command);
}

static void start(void) {
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&f.otlp);
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    options.batch = &f.batch;
    f.sdk = tote_sdk_start(&options);
}

static void end_spans(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("guest", NULL), "work", NULL);
        tote_span_close(&span);
    }
}

static tote_stats stats(void) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(f.sdk, &stats));
    return stats;
}

/* All calls of a thread, from the first span to the end, with a pending cancellation request. */
static void *work_while_cancelled(void *arg) {
    pthread_cancel(pthread_self());
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "test", "a line for standard error");
    end_spans(SPANS);
    tote_sdk_get_poll_fd(f.sdk);
    tote_sdk_get_poll_timeout_ms(f.sdk);
    tote_sdk_poll(f.sdk);
    tote_sdk_prepare(f.sdk, TIMEOUT_MS);
    tote_sdk_force_flush(f.sdk, TIMEOUT_MS);
    tote_sdk_after_fork_child(f.sdk, false);
    stats();
    end_spans(SPANS);
    tote_tracer_configurator configurator = TOTE_TRACER_CONFIGURATOR_INIT;
    tote_sdk_set_tracer_configurator(f.sdk, &configurator);
    tote_sdk_set_tracer_configurator(f.sdk, NULL);
    tote_configuration_unref(tote_configuration_parse_file(TOTE_TEST_SOURCE_DIR "/no.yaml", NULL));
    tote_configuration_unref(tote_configuration_parse_file(f.file, NULL));
    tote_sdk_close(&f.sdk, TIMEOUT_MS);
    start();
    atomic_store(&f.has_returned, true);
    pthread_testcancel();
    return arg;
}

static void work_in_a_cancelled_thread(void) {
    pthread_t thread;
    void *result = NULL;

    start();
    assert_int_equal(pthread_create(&thread, NULL, work_while_cancelled, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(atomic_load(&f.has_returned));
    assert_int_equal(received_spans(f.receiver, NULL), 2 * SPANS);
    assert_int_equal(tote_sdk_close(&f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
}

static void no_call_is_a_cancellation_point(void **state) {
    (void)state;
    work_in_a_cancelled_thread();
}

static void no_call_of_host_driven_export_is_a_cancellation_point(void **state) {
    (void)state;
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    f.batch.max_export_batch_size = SPANS / 2;
    work_in_a_cancelled_thread();
}

static void no_call_of_the_simple_processor_is_a_cancellation_point(void **state) {
    (void)state;
    f.batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    work_in_a_cancelled_thread();
}

static void no_call_of_the_file_exporter_is_a_cancellation_point(void **state) {
    (void)state;
    snprintf(f.crash_files, sizeof f.crash_files, "%s/own", f.directory);
    f.delivery.disk_queue_directory = f.directory;
    f.delivery.crash_safe = true;
    f.delivery.crash_safe_directory = f.crash_files;
    work_in_a_cancelled_thread();
}

/* A thread that is late flushes again, and one that is early waits for its end. */
static void *flush(void *arg) {
    (void)arg;
    do {
        tote_sdk_force_flush(f.sdk, SHORT_MS);
    } while (stats().in_flight == 0);
    while (pause() < 0) { /* a cancellation point */
    }
    return NULL;
}

/* The thread works instead of the host's loop, which must be usable afterwards. */
static void a_cancelled_flush_returns_and_exporting_continues(void **state) {
    pthread_t thread;
    void *result = NULL;

    (void)state;
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    f.batch.schedule_delay_ms = 3600000;
    f.delivery.timeout_ms = 10 * SHORT_MS; /* the request that hangs is lost */
    f.delivery.initial_backoff_ms = f.delivery.max_backoff_ms = 1;
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    start();
    end_spans(SPANS);
    assert_int_equal(pthread_create(&thread, NULL, flush, NULL), 0);
    while (stats().in_flight == 0) {
        usleep(1000);
    }
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    while (receiver_wait(f.receiver, 0) == 0 && stats().in_flight) { /* if it was cancelled early */
        tote_sdk_poll(f.sdk);
        usleep(1000);
    }
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_RESPONSES});
    end_spans(SPANS);
    tote_sdk_shutdown(f.sdk, TIMEOUT_MS);
    assert_int_equal(stats().exported, SPANS);
}

#define CANCEL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CANCEL_TEST(no_call_is_a_cancellation_point),
        CANCEL_TEST(no_call_of_host_driven_export_is_a_cancellation_point),
        CANCEL_TEST(no_call_of_the_simple_processor_is_a_cancellation_point),
        CANCEL_TEST(no_call_of_the_file_exporter_is_a_cancellation_point),
        CANCEL_TEST(a_cancelled_flush_returns_and_exporting_continues),
    };
    return RUN_TESTS(tests, argc, argv);
}
