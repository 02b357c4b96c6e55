/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include <pthread.h>

#include "tote/internal/clock.h"

/* Spec: trace/sdk.md#span-exporter. Compliance: EX-01 */
static void each_span_is_exported_as_it_ends(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);

    end_spans(f, 3);
    assert_int_equal(f->exporter.exports, 3);
    assert_int_equal(f->exporter.largest, 1);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.ended, 3);
    assert_int_equal(stats.exported, 3);
}

static void *end_some(void *arg) {
    end_spans(arg, 200);
    return NULL;
}

/* Spec: trace/sdk.md#simple-processor */
static void exports_of_many_threads_never_overlap(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, end_some, f), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(f->exporter.overlaps, 0);
    assert_int_equal(f->exporter.spans, 800);
}

static void count_failure_and_rejection(struct batch_fixture *f) {
    f->exporter.result = TOTE_RESULT_FAILURE;
    end_spans(f, 2);
    f->exporter.reports_rejected = 1;
    end_spans(f, 1);
}

static void undelivered_spans_are_counted_by_cause(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);

    count_failure_and_rejection(f);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.dropped_retries_exhausted, 2);
    assert_int_equal(stats.rejected, 1);
    assert_true(accounting_closes(&stats));

    f->exporter.reports_rejected = 0;
    f->exporter.reports_delivered = 1; /* only the rest failed */
    end_spans(f, 1);
    assert_int_equal(get_stats(f).exported, 1);
}

static void start_and_end_spans(struct test_exporter *exporter) {
    struct batch_fixture *f = exporter->user_data;
    tote_context *root = tote_context_ref(tote_context_root());
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    end_spans(f, 1); /* suppressed */
    options.parent = root;
    tote_span *span = tote_tracer_start_span(f->tracer, "inside", &options);
    tote_span_close(&span);
    tote_context_unref(root);
}

/*
 * What an exporter does is not traced, and an export never waits for itself. Spec:
 * trace/sdk.md#simple-processor
 */
static void an_exporter_that_ends_spans_does_not_hang(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);

    f->exporter.user_data = f;
    f->exporter.on_export = start_and_end_spans;
    end_spans(f, 1);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.exported, 1);
    assert_int_equal(stats.dropped_queue_full, 1);
    assert_true(accounting_closes(&stats));
}

static void a_shutdown_reports_lost_spans(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);

    count_failure_and_rejection(f);
    tote_sdk_shutdown(f->sdk, SAFETY_NET_MS);
    assert_string_equal(f->last_diagnostic,
                        "simple_processor: shut down: of 3 ended spans 0 were exported and 3 were "
                        "not: 1 rejected by the receiver, 2 not delivered to the receiver");
}

/* Spec: trace/sdk.md#shutdown-1 */
static void a_span_that_ends_after_shutdown_is_counted(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "late", NULL);

    assert_int_equal(tote_sdk_shutdown(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    tote_span_close(&span);
    assert_int_equal(f->exporter.shutdowns, 1);
    assert_int_equal(f->exporter.exports, 0);
    assert_int_equal(get_stats(f).dropped_shutdown, 1);
}

/* Compliance: TR-59, EX-02 */
static void a_flush_reaches_the_exporter(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);

    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->exporter.flushes, 1);
}

/* The caller passes ownership of an exporter, also on failure. */
static void an_unusable_exporter_is_destroyed(void **state) {
    struct batch_fixture *f = *state;
    tote_span_exporter_ops ops = {.struct_size = sizeof ops};

    assert_null(tote_span_exporter_new(&ops, NULL));
    assert_null(tote__simple_processor_new(NULL, 1000));
    tote_span_exporter_free(NULL);
    tote_span_exporter_free(test_exporter_new(&f->exporter));
    assert_int_equal(f->exporter.destroys, 1);
    assert_int_equal(f->diagnostics, 2);
}

static void *end_one(void *arg) {
    end_spans(arg, 1);
    return NULL;
}

/* Calls with a deadline return by it. */
static void a_close_does_not_wait_for_an_exporter_that_hangs_on_another_thread(void **state) {
    struct batch_fixture *f = *state;
    pthread_t thread;
    f->exporter.is_gated = true;
    batch_fixture_start_simple(state);

    assert_int_equal(pthread_create(&thread, NULL, end_one, f), 0);
    assert_true(wait_for_post(&f->exporter.has_begun));
    uint64_t start = tote__clock_monotonic();
    tote_sdk_close(&f->sdk, 10);
    assert_true(tote__clock_monotonic() - start < 30000000000U); /* the gate is still closed */
    assert_int_equal(f->exporter.destroys, 0);
    test_exporter_open_gate(&f->exporter);
    pthread_join(thread, NULL);

    batch_fixture_start_simple(state);
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    assert_int_equal(f->exporter.destroys, 2); /* the abandoned exporter is destroyed with it */
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        BATCH_TEST(each_span_is_exported_as_it_ends),
        BATCH_TEST(exports_of_many_threads_never_overlap),
        BATCH_TEST(undelivered_spans_are_counted_by_cause),
        BATCH_TEST(an_exporter_that_ends_spans_does_not_hang),
        BATCH_TEST(a_shutdown_reports_lost_spans),
        BATCH_TEST(a_span_that_ends_after_shutdown_is_counted),
        BATCH_TEST(a_flush_reaches_the_exporter),
        BATCH_TEST(an_unusable_exporter_is_destroyed),
        BATCH_TEST(a_close_does_not_wait_for_an_exporter_that_hangs_on_another_thread),
    };
    return RUN_TESTS(tests, argc, argv);
}
