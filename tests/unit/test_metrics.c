/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - the metrics of the SDK about itself, read through the API
 *
 * Spec: semantic-conventions docs/otel/sdk-metrics.md
 */
#include "batch_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metric_lines.h"
#include "tote/internal/metrics.h"
#include "tote/sdk/sampler.h"

#define STARTED(origin, result)                                                                    \
    "otel.sdk.span.started{otel.span.parent.origin=" origin ",otel.span.sampling_result=" result "}"
#define LIVE(result) "otel.sdk.span.live{otel.span.sampling_result=" result "}"
#define BATCH                                                                                      \
    "otel.component.type=batching_span_processor,otel.component.name=batching_span_processor/0"
#define SIMPLE                                                                                     \
    "otel.component.type=simple_span_processor,otel.component.name=simple_span_processor/0"
#define EXPORTER "otel.component.type=tote_span_exporter,otel.component.name=tote_span_exporter/0"

static long long metric(const struct batch_fixture *f, const char *name_and_attributes) {
    return metric_of(f->sdk, name_and_attributes);
}

/* Start a span. `trace_flags` are those of a remote parent; -1: no parent. */
static tote_span *start_span(const struct batch_fixture *f, int trace_flags) {
    const tote_trace_id trace_id = {{1}};
    const tote_span_id span_id = {{2}};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    if (trace_flags < 0) {
        options.root = true;
        return tote_tracer_start_span(f->tracer, "span", &options);
    }
    tote_span_context *context =
        tote_span_context_new(&trace_id, &span_id, (uint8_t)trace_flags, NULL, true);
    tote_span *wrapped = tote_span_non_recording_new(context);
    tote_context *parent = tote_context_with_span(tote_context_root(), wrapped);
    options.parent = parent;
    tote_span *span = tote_tracer_start_span(f->tracer, "span", &options);
    tote_context_unref(parent);
    tote_span_unref(wrapped);
    tote_span_context_unref(context);
    return span;
}

/* A child of a local span. */
static tote_span *start_child(const struct batch_fixture *f, tote_span *of) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_context *parent = tote_context_with_span(tote_context_root(), of);

    options.parent = parent;
    tote_span *span = tote_tracer_start_span(f->tracer, "child", &options);
    tote_context_unref(parent);
    return span;
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md. Compliance: SO-01 */
static void started_spans_are_counted_by_parent_and_sampling_result(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    tote_span *root = start_span(f, -1);
    tote_span *remote = start_span(f, 1);
    tote_span *dropped = start_span(f, 0);
    tote_span *child = start_child(f, root);
    tote_span *dropped_child = start_child(f, dropped);

    assert_int_equal(metric(f, STARTED("none", "RECORD_AND_SAMPLE")), 1);
    assert_int_equal(metric(f, STARTED("remote", "RECORD_AND_SAMPLE")), 1);
    assert_int_equal(metric(f, STARTED("remote", "DROP")), 1);
    assert_int_equal(metric(f, STARTED("local", "RECORD_AND_SAMPLE")), 1);
    assert_int_equal(metric(f, STARTED("local", "DROP")), 1);
    assert_int_equal(metric(f, STARTED("none", "DROP")), 0);
    assert_int_equal(get_stats(f).started, 3); /* the total has recording spans only */
    tote_span *spans[] = {root, remote, dropped, child, dropped_child};
    for (size_t i = 0; i < TOTE_COUNT_OF(spans); i++) {
        tote_span_close(&spans[i]);
    }
}

static tote_sampling_decision record_only(void *self, const tote_sampling_parameters *parameters,
                                          tote_sampling_result *result) {
    (void)self, (void)parameters, (void)result;
    return TOTE_SAMPLING_DECISION_RECORD_ONLY;
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md. Compliance: SO-02 */
static void live_spans_are_those_that_record_and_have_not_ended(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    tote_span *open = start_span(f, -1);
    tote_span *dropped = start_span(f, 0);

    end_spans(f, 3);
    assert_int_equal(metric(f, LIVE("RECORD_AND_SAMPLE")), 1);
    assert_int_equal(metric(f, LIVE("RECORD_ONLY")), 0);
    tote_span_close(&open);
    tote_span_close(&dropped);
    assert_int_equal(metric(f, LIVE("RECORD_AND_SAMPLE")), 0);
}

/* Spec: trace/sdk.md#recording-sampled-reaction-table */
static void a_span_that_is_only_recorded_is_live_under_its_own_result(void **state) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops, .should_sample = record_only};
    struct batch_fixture *f = *state;
    f->sampler = tote_sampler_new(&ops, NULL);
    batch_fixture_start(state);
    tote_span *span = start_span(f, -1);
    tote_span *released = start_span(f, -1);

    assert_int_equal(metric(f, LIVE("RECORD_ONLY")), 2);
    assert_int_equal(metric(f, STARTED("none", "RECORD_ONLY")), 2);
    tote_span_unref(released); /* without an end */
    assert_int_equal(metric(f, LIVE("RECORD_ONLY")), 1);
    tote_span_close(&span);
    assert_int_equal(metric(f, LIVE("RECORD_ONLY")), 0);
    assert_int_equal(metric(f, LIVE("RECORD_AND_SAMPLE")), 0);
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md. Compliance: SO-03, SO-04, SO-05 */
static void spans_that_do_not_fit_into_the_queue_have_the_error_type_queue_full(void **state) {
    struct batch_fixture *f = *state;
    f->batch.max_queue_size = 4;
    f->batch.max_export_batch_size = 2;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    end_spans(f, 2);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 7);
    assert_int_equal(metric(f, "otel.sdk.processor.span.queue.size{" BATCH "}"), 4);
    assert_int_equal(metric(f, "otel.sdk.processor.span.queue.capacity{" BATCH "}"), 4);
    assert_int_equal(metric(f, "otel.sdk.processor.span.processed{" BATCH "}"), 2);
    assert_int_equal(
        metric(f, "otel.sdk.processor.span.processed{" BATCH ",error.type=queue_full}"), 3);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.inflight{" EXPORTER "}"), 2);
    test_exporter_open_gate(&f->exporter);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    assert_int_equal(metric(f, "otel.sdk.processor.span.queue.size{" BATCH "}"), 0);
    assert_int_equal(metric(f, "otel.sdk.processor.span.processed{" BATCH "}"), 6);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.inflight{" EXPORTER "}"), 0);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.exported{" EXPORTER "}"), 6);
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md */
static void spans_after_the_shutdown_have_the_error_type_already_shutdown(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    tote_span *late = start_span(f, -1);

    end_spans(f, 2);
    tote_sdk_shutdown(f->sdk, SAFETY_NET_MS);
    tote_span_close(&late);
    assert_int_equal(metric(f, "otel.sdk.processor.span.processed{" BATCH "}"), 2);
    assert_int_equal(
        metric(f, "otel.sdk.processor.span.processed{" BATCH ",error.type=already_shutdown}"), 1);
    assert_int_equal(metric(f, "otel.sdk.processor.span.queue.size{" BATCH "}"), 0);
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md */
static void spans_that_a_shutdown_drops_are_counted_where_they_were(void **state) {
    struct batch_fixture *f = *state;
    f->batch.max_export_batch_size = 2;
    f->exporter.is_gated = true;
    f->exporter.heeds_shutdown = true;
    f->exporter.result = TOTE_RESULT_FAILURE;
    batch_fixture_start(state);

    end_spans(f, 2);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 3);
    tote_sdk_shutdown(f->sdk, 1);
    assert_int_equal(get_settled_stats(f).dropped_shutdown, 5);
    assert_int_equal(metric(f, "otel.sdk.processor.span.processed{" BATCH "}"), 2);
    assert_int_equal(
        metric(f, "otel.sdk.processor.span.processed{" BATCH ",error.type=shutdown_timeout}"), 3);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.exported{" EXPORTER ",error.type=_OTHER}"),
                     2);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.inflight{" EXPORTER "}"), 0);
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md. Compliance: SO-06, SO-07 */
static void finished_spans_are_counted_by_error_type(void **state) {
    struct batch_fixture *f = batch_fixture_start_simple(state);

    end_spans(f, 4);
    f->exporter.reports_rejected = 1;
    end_spans(f, 1);
    f->exporter.reports_rejected = 0;
    f->exporter.result = TOTE_RESULT_TIMEOUT;
    end_spans(f, 2);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.exported{" EXPORTER "}"), 4);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.exported{" EXPORTER ",error.type=rejected}"),
                     1);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.exported{" EXPORTER ",error.type=timeout}"),
                     2);
    assert_int_equal(metric(f, "otel.sdk.exporter.span.inflight{" EXPORTER "}"), 0);
    assert_int_equal(metric(f, "otel.sdk.processor.span.processed{" SIMPLE "}"), 7);
    assert_int_equal(metric(f, "otel.sdk.processor.span.queue.size{" SIMPLE "}"), -1);
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md. Compliance: SO-08 */
static void each_export_is_one_observation_of_its_duration(void **state) {
    struct batch_fixture *f = *state;
    struct metric_lines lines;
    f->batch.max_export_batch_size = 2;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    end_spans(f, 2);
    assert_true(wait_for_post(&f->exporter.has_begun));
    usleep(20000);
    test_exporter_open_gate(&f->exporter);
    end_spans(f, 2);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    f->exporter.result = TOTE_RESULT_FAILURE;
    end_spans(f, 1);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    metric_lines_read(&lines, f->sdk);
    assert_int_equal(metric_lines_get(&lines, "otel.sdk.exporter.operation.duration{" EXPORTER "}"),
                     2);
    assert_int_equal(metric_lines_get(&lines, "otel.sdk.exporter.operation.duration{" EXPORTER
                                              ",error.type=_OTHER}"),
                     1);
    assert_true(lines.longest >= 0.02 && lines.longest < 60); /* in seconds */
}

/* Spec: semantic-conventions docs/otel/sdk-metrics.md */
static void the_status_of_the_receiver_is_the_error_type(void **state) {
    struct tote__exporter_metrics metrics = {.in_flight = 6};
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    (void)state;
    outcome.span_count = 2;
    outcome.result = TOTE_RESULT_FAILURE;
    outcome.http_status_code = 503;
    tote__metrics_add_outcome(&metrics, &outcome, 1500000000);
    outcome.http_status_code = 200;
    outcome.rpc_status_code = "UNAVAILABLE";
    tote__metrics_add_outcome(&metrics, &outcome, 500000000);
    tote__metrics_add_outcome(&metrics, &outcome, 250000000);
    assert_int_equal(metrics.in_flight, 0);
    assert_string_equal(metrics.exported[0].error_type, "503");
    assert_int_equal(metrics.exported[0].count, 2);
    assert_string_equal(metrics.exported[1].error_type, "UNAVAILABLE");
    assert_int_equal(metrics.exported[1].count, 4);
    assert_int_equal(metrics.operation_count, 2);
    assert_true(metrics.operations[0].sum == 1.5 && metrics.operations[1].sum == 0.75);
    assert_true(metrics.operations[1].min == 0.25 && metrics.operations[1].max == 0.5);
}

/* A receiver that responds with ever new statuses does not use up memory. */
static void further_error_types_are_counted_together(void **state) {
    struct tote__exporter_metrics metrics = {.in_flight = 400};
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    (void)state;
    outcome.result = TOTE_RESULT_FAILURE;
    for (uint32_t status = 400; status < 600; status++) {
        outcome.span_count = 1;
        outcome.http_status_code = status;
        tote__metrics_add_outcome(&metrics, &outcome, 1);
    }
    assert_int_equal(metrics.exported_count, TOTE__MOST_ERROR_TYPES);
    assert_string_equal(metrics.exported[TOTE__MOST_ERROR_TYPES - 1].error_type, "_OTHER");
    assert_int_equal(metrics.exported[TOTE__MOST_ERROR_TYPES - 1].count,
                     200 - (TOTE__MOST_ERROR_TYPES - 1));
    assert_int_equal(metrics.operation_count, TOTE__MOST_OPERATIONS);
    assert_int_equal(metrics.operations[TOTE__MOST_OPERATIONS - 1].count,
                     200 - (TOTE__MOST_OPERATIONS - 1));
}

static void *start_spans(void *arg) {
    for (int i = 0; i < 1000; i++) {
        tote_span *span = start_span(arg, i % 2);
        tote_span_close(&span);
    }
    return NULL;
}

/* The counters of a thread stay when it ends. */
static void the_counts_of_all_threads_are_added_up(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    pthread_t threads[3];

    for (size_t i = 0; i < TOTE_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, start_spans, f), 0);
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(threads); i++) {
        assert_true(metric(f, STARTED("remote", "DROP")) >= 0); /* while they count */
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(metric(f, STARTED("remote", "DROP")), 1500);
    assert_int_equal(metric(f, STARTED("remote", "RECORD_AND_SAMPLE")), 1500);
    assert_int_equal(metric(f, LIVE("RECORD_AND_SAMPLE")), 0);
}

static int check_child(const struct batch_fixture *f, uint64_t parents_start) {
    static struct metric_lines lines;

    metric_lines_read(&lines, f->sdk);
    bool is_zero = metric_lines_get(&lines, STARTED("none", "RECORD_AND_SAMPLE")) == 0 &&
                   metric_lines_get(&lines, "otel.sdk.processor.span.processed{" BATCH "}") == 0;
    tote_span *span = start_span(f, -1);
    metric_lines_read(&lines, f->sdk);
    return !(is_zero && lines.start > parents_start && lines.start <= lines.time &&
             metric_lines_get(&lines, STARTED("none", "RECORD_AND_SAMPLE")) == 1 &&
             metric_lines_get(&lines, LIVE("RECORD_AND_SAMPLE")) == 1 && span);
}

/* Spec: metrics/data-model.md#resets-and-gaps */
static void a_forked_child_counts_from_zero_and_has_its_own_start_time(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    static struct metric_lines lines;
    int status = -1;

    end_spans(f, 3);
    metric_lines_read(&lines, f->sdk);
    assert_true(lines.start && lines.start <= lines.time);
    pid_t child = fork();
    if (child == 0) {
        _exit(check_child(f, lines.start));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(metric(f, STARTED("local", "DROP")), 0);
    assert_int_equal(metric(f, "otel.sdk.processor.span.queue.size{" BATCH "}"), 3);
}

struct first_spans {
    const struct batch_fixture *fixture;
    pthread_barrier_t barrier;
};

static void *end_first_span(void *arg) {
    struct first_spans *first = arg;
    tote_span *span = start_span(first->fixture, -1);

    pthread_barrier_wait(&first->barrier);
    tote_span_close(&span);
    return NULL;
}

/* Returns 0 in a child if the first spans of several threads count. */
static int end_first_spans(const struct batch_fixture *f) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    struct first_spans first = {.fixture = f};

    pthread_barrier_init(&first.barrier, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, end_first_span, &first)) {
            return 2;
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    static struct metric_lines lines;
    metric_lines_read(&lines, f->sdk);
    return metric_lines_get(&lines, "otel.sdk.exporter.span.exported{" EXPORTER "}") != THREADS;
}

static void the_first_spans_of_a_childs_threads_are_counted_by_the_simple_processor(void **state) {
    enum { CHILDREN = 40 };
    struct batch_fixture *f = batch_fixture_start_simple(state);

    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            _exit(end_first_spans(f));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void count_point(void *data, const tote_metric_point *point) {
    (void)point;
    ++*(size_t *)data;
}

static void nothing_is_read_without_an_sdk_or_a_visitor(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    size_t count = 0;

    assert_int_equal(tote_sdk_read_metrics(NULL, count_point, &count), TOTE_RESULT_SUCCESS);
    assert_int_equal(count, 0);
    assert_int_equal(tote_sdk_read_metrics(f->sdk, NULL, NULL), TOTE_RESULT_FAILURE);
    assert_int_equal(tote_sdk_read_metrics(f->sdk, count_point, &count), TOTE_RESULT_SUCCESS);
    assert_true(count > 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        BATCH_TEST(started_spans_are_counted_by_parent_and_sampling_result),
        BATCH_TEST(live_spans_are_those_that_record_and_have_not_ended),
        BATCH_TEST(a_span_that_is_only_recorded_is_live_under_its_own_result),
        BATCH_TEST(spans_that_do_not_fit_into_the_queue_have_the_error_type_queue_full),
        BATCH_TEST(spans_after_the_shutdown_have_the_error_type_already_shutdown),
        BATCH_TEST(spans_that_a_shutdown_drops_are_counted_where_they_were),
        BATCH_TEST(finished_spans_are_counted_by_error_type),
        BATCH_TEST(each_export_is_one_observation_of_its_duration),
        TEST(the_status_of_the_receiver_is_the_error_type),
        TEST(further_error_types_are_counted_together),
        BATCH_TEST(the_counts_of_all_threads_are_added_up),
        BATCH_TEST(a_forked_child_counts_from_zero_and_has_its_own_start_time),
        BATCH_TEST(the_first_spans_of_a_childs_threads_are_counted_by_the_simple_processor),
        BATCH_TEST(nothing_is_read_without_an_sdk_or_a_visitor),
    };

    return RUN_TESTS(tests, argc, argv);
}
