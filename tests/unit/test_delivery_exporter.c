/* SPDX-License-Identifier: MIT */
/*
 * test_delivery_exporter.c - retry, disk queue and crash-safe mode for a program's own exporters
 *
 * The exporters here contain no code for any of them.
 */
#include "support.h"
#include "tree.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/delivery.h"
#include "tote/exporters/in_memory.h"
#include "tote/processors.h"
#include "tote/tote.h"

enum { SAFETY_NET_MS = 20000, SPANS = 5 };

/* An exporter that fails this many times, and then passes the spans to one that keeps them. */
struct flaky {
    unsigned failures_left;
    unsigned calls;
    tote_export_outcome failure; /* as set by the test; zero: nothing */
    tote_span_exporter *inner;
};

static tote_result export_flakily(void *self, const tote_span_data *const *spans, size_t count,
                                  uint32_t timeout_ms, tote_export_outcome *outcome) {
    struct flaky *flaky = self;

    flaky->calls++;
    if (!flaky->failures_left) {
        return tote_span_exporter_export(flaky->inner, spans, count, timeout_ms, NULL);
    }
    flaky->failures_left--;
    outcome->failure = flaky->failure.failure;
    outcome->rejected = flaky->failure.rejected;
    outcome->reason = flaky->failure.reason;
    return TOTE_RESULT_FAILURE;
}

static void free_flaky(void *self) {
    tote_span_exporter_free(((struct flaky *)self)->inner);
}

struct fixture {
    tote_in_memory_spans *memory;
    struct flaky flaky;
    char directory[64];
    tote_sdk *sdk;
};

static int set_up(void **state) {
    static struct fixture f;

    f = (struct fixture){.memory = tote_in_memory_spans_new(), .directory = "/tmp/tote-any-XXXXXX"};
    *state = &f;
    return f.memory && mkdtemp(f.directory) ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    tote_in_memory_spans_unref(f->memory);
    remove_tree(f->directory);
    return 0;
}

static tote_span_exporter *make_flaky(struct fixture *f, unsigned failures) {
    static const tote_span_exporter_ops ops = {
        .struct_size = sizeof ops, .export_spans = export_flakily, .destroy = free_flaky};

    f->flaky.failures_left = failures;
    f->flaky.calls = 0;
    f->flaky.inner = tote_span_exporter_in_memory_new(f->memory);
    return tote_span_exporter_new(&ops, &f->flaky);
}

/* `batch` may be NULL. */
static void start_with(struct fixture *f, tote_span_exporter *exporter,
                       const tote_batch_options *batch) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.service_name = "any";
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = batch;
    f->sdk = tote_sdk_start(&options);
    assert_non_null(f->sdk);
}

static void start(struct fixture *f, tote_span_exporter *exporter) {
    start_with(f, exporter, NULL);
}

static void start_delivery(struct fixture *f, unsigned failures, bool is_crash_safe,
                           const char *directory) {
    tote_delivery_options options = TOTE_DELIVERY_OPTIONS_INIT;

    options.initial_backoff_ms = 1;
    options.disk_queue_directory = directory;
    options.crash_safe = is_crash_safe;
    start(f, tote_span_exporter_delivery_new(make_flaky(f, failures), &options));
}

static void make_spans(void) {
    tote_tracer *tracer = tote_get_tracer("any.scope", "1.2");

    for (int i = 0; i < SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
        tote_span_set_attribute(span, "user.id", tote_int(i));
        tote_span_add_event(span, "half way", NULL, 0, 0);
        tote_span_close(&span);
    }
}

/* The spans that arrived are those that ended, with their resource and scope. */
static void assert_arrived(struct fixture *f, size_t count) {
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), count);
    for (size_t i = 0; i < count; i++) {
        size_t events = 0;
        const tote_span_data *span = tote_in_memory_spans_get_at(f->memory, i);
        const tote_resource *resource = tote_span_data_get_resource(span);
        const char *service = NULL;
        for (size_t j = 0; j < resource->attribute_count; j++) {
            if (strcmp(resource->attributes[j].key, "service.name") == 0) {
                service = resource->attributes[j].value.as.string;
            }
        }
        assert_non_null(service);
        assert_string_equal(service, "any");
        assert_string_equal(tote_span_data_get_instrumentation_scope(span)->name, "any.scope");
        assert_string_equal(tote_span_data_get_instrumentation_scope(span)->version, "1.2");
        assert_string_equal(tote_span_data_get_name(span), "work");
        assert_int_equal(tote_span_data_get_attribute(span, "user.id")->as.integer, i % SPANS);
        tote_span_data_get_events(span, &events);
        assert_int_equal(events, 1);
    }
}

static tote_stats stats_of(const tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(sdk, &stats));
    return stats;
}

/* The retry applies to any exporter. Spec: protocol/exporter.md#retry */
static void an_export_that_fails_is_retried(void **state) {
    struct fixture *f = *state;

    start_delivery(f, 3, false, NULL);
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->flaky.calls, 4);
    assert_int_equal(stats_of(f->sdk).exported, SPANS);
    assert_arrived(f, SPANS);
}

static void rejected_spans_are_not_retried(void **state) {
    struct fixture *f = *state;

    f->flaky.failure =
        (tote_export_outcome){.failure = TOTE_EXPORT_FAILURE_REJECTED, .reason = "no"};
    start_delivery(f, 1, false, f->directory);
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(f->flaky.calls, 1);
    assert_int_equal(stats_of(f->sdk).rejected, SPANS);
}

/* Counted spans cannot be told from the others of their batch. */
static void an_export_that_counts_some_spans_is_not_retried(void **state) {
    struct fixture *f = *state;

    f->flaky.failure = (tote_export_outcome){.rejected = 2};
    start_delivery(f, 1, false, f->directory);
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(f->flaky.calls, 1);
    assert_int_equal(stats_of(f->sdk).rejected, 2);
    assert_int_equal(stats_of(f->sdk).dropped_retries_exhausted, SPANS - 2);
}

static void spans_in_the_disk_queue_are_exported_by_the_next_process(void **state) {
    struct fixture *f = *state;

    start_delivery(f, UINT32_MAX, false, f->directory);
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats_of(f->sdk).in_disk_queue, SPANS);
    assert_int_equal(tote_sdk_close(&f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_arrived(f, 0);

    start_delivery(f, 0, false, f->directory);
    for (int i = 0; i < SAFETY_NET_MS && stats_of(f->sdk).recovered < SPANS; i++) {
        usleep(1000);
    }
    assert_int_equal(stats_of(f->sdk).recovered, SPANS);
    assert_arrived(f, SPANS);
}

/* Leave a batch in the disk queue. */
static void save_spans(struct fixture *f) {
    start_delivery(f, UINT32_MAX, false, f->directory);
    make_spans();
    assert_int_equal(tote_sdk_close(&f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
}

static void a_disk_queue_is_delivered_without_an_sdk(void **state) {
    struct fixture *f = *state;
    tote_delivery_options options = TOTE_DELIVERY_OPTIONS_INIT;
    tote_disk_queue_report report = {.struct_size = sizeof report};

    save_spans(f);

    options.disk_queue_directory = f->directory;
    options.initial_backoff_ms = 1;
    assert_int_equal(tote_disk_queue_send(make_flaky(f, 2), &options, SAFETY_NET_MS, &report),
                     TOTE_RESULT_SUCCESS);
    assert_int_equal(report.delivered, SPANS);
    assert_int_equal(report.batches_pending, 0);
    assert_arrived(f, SPANS);
}

/* In crash-safe mode; the killed process runs no code. */
static void spans_of_a_killed_process_are_exported_by_the_next_one(void **state) {
    struct fixture *f = *state;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        start_delivery(f, UINT32_MAX, true, f->directory);
        make_spans();
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));

    start_delivery(f, 0, true, f->directory);
    for (int i = 0; i < SAFETY_NET_MS && stats_of(f->sdk).recovered < SPANS; i++) {
        usleep(1000);
    }
    assert_int_equal(stats_of(f->sdk).recovered, SPANS);
    assert_arrived(f, SPANS);
}

/* An exporter that works in steps: each batch is finished in the second step. */
struct stepping {
    const tote_span_batch *batch;
    unsigned full_for; /* this many calls of deliver() have no capacity */
    bool is_never_over;
    unsigned steps;
    size_t request_size;
    tote_span_exporter *inner;
};

static size_t take_batch(void *self, const tote_span_batch *batch, tote_export_outcome *outcome) {
    struct stepping *stepping = self;

    (void)outcome;
    if (stepping->full_for) {
        stepping->full_for--;
        return 0;
    }
    stepping->batch = batch;
    stepping->steps = 0;
    return tote_span_batch_get_count(batch);
}

static tote_export_state step(void *self, const tote_export_step *how,
                              tote_export_outcome *outcome) {
    struct stepping *stepping = self;

    (void)how;
    if (!stepping->batch) {
        return TOTE_EXPORT_STATE_IDLE;
    }
    if (stepping->steps++ == 0 || stepping->is_never_over) {
        return TOTE_EXPORT_STATE_IN_FLIGHT;
    }
    outcome->span_count = tote_span_batch_get_count(stepping->batch);
    outcome->result =
        tote_span_exporter_export(stepping->inner, tote_span_batch_get_spans(stepping->batch),
                                  outcome->span_count, SAFETY_NET_MS, NULL);
    tote_span_batch_get_request(stepping->batch, &stepping->request_size);
    stepping->batch = NULL;
    return TOTE_EXPORT_STATE_COMPLETED;
}

static uint64_t due_at_once(void *self) {
    const struct stepping *stepping = self;

    return stepping->batch && !stepping->is_never_over ? 0 : UINT64_MAX;
}

static size_t forget_batch(void *self) {
    ((struct stepping *)self)->batch = NULL;
    return 0;
}

static void free_stepping(void *self) {
    tote_span_exporter_free(((struct stepping *)self)->inner);
}

static const tote_span_exporter_ops stepping_ops = {.struct_size = sizeof stepping_ops,
                                                    .destroy = free_stepping,
                                                    .deliver = take_batch,
                                                    .step = step,
                                                    .due = due_at_once,
                                                    .save = forget_batch};

static void an_exporter_that_works_in_steps_gets_its_batches(void **state) {
    struct fixture *f = *state;
    struct stepping stepping = {.inner = tote_span_exporter_in_memory_new(f->memory)};

    start(f, tote_span_exporter_new(&stepping_ops, &stepping));
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_arrived(f, SPANS);
    assert_true(stepping.request_size > SPANS * 50);
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
}

/* No capacity is no failure of the spans: nothing is split, rejected or removed. */
static void an_exporter_without_capacity_is_retried(void **state) {
    struct fixture *f = *state;
    struct stepping stepping = {.full_for = 3,
                                .inner = tote_span_exporter_in_memory_new(f->memory)};
    tote_delivery_options options = TOTE_DELIVERY_OPTIONS_INIT;
    tote_disk_queue_report report = {.struct_size = sizeof report};

    save_spans(f);
    options.disk_queue_directory = f->directory;
    options.initial_backoff_ms = 1;
    tote_span_exporter *exporter = tote_span_exporter_new(&stepping_ops, &stepping);
    assert_int_equal(tote_disk_queue_send(exporter, &options, SAFETY_NET_MS, &report),
                     TOTE_RESULT_SUCCESS);
    assert_int_equal(report.delivered, SPANS);
    assert_int_equal(report.rejected, 0);
    assert_arrived(f, SPANS);
}

/* An export is abandoned one second after its deadline. */
static void an_export_that_never_ends_is_abandoned(void **state) {
    struct fixture *f = *state;
    struct stepping stepping = {.is_never_over = true,
                                .inner = tote_span_exporter_in_memory_new(f->memory)};
    tote_delivery_options options = TOTE_DELIVERY_OPTIONS_INIT;

    options.timeout_ms = 50;
    start(f, tote_span_exporter_delivery_new(tote_span_exporter_new(&stepping_ops, &stepping),
                                             &options));
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(stats_of(f->sdk).dropped_retries_exhausted, SPANS);
    assert_true(stepping.steps < 200); /* no busy loop */
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
}

/* Without a wrapper, too. */
static void exporting_in_steps_without_a_wrapper_keeps_its_timeout(void **state) {
    struct fixture *f = *state;
    struct stepping stepping = {.is_never_over = true,
                                .inner = tote_span_exporter_in_memory_new(f->memory)};
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    start_delivery(f, 0, false, NULL);
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    const tote_span_data *span = tote_in_memory_spans_get_at(f->memory, 0);
    tote_span_exporter *exporter = tote_span_exporter_new(&stepping_ops, &stepping);
    assert_int_equal(tote_span_exporter_export(exporter, &span, 1, 50, &outcome),
                     TOTE_RESULT_TIMEOUT);
    assert_int_equal(outcome.delivered, 0);
    tote_span_exporter_free(exporter);
}

static tote_result deliver_some(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *outcome) {
    (void)self, (void)spans, (void)timeout_ms;
    *outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    outcome->delivered = 3;
    outcome->rejected = count - 3;
    return TOTE_RESULT_FAILURE;
}

/* Each span is counted once, also if an exporter overwrites the whole outcome. */
static void each_span_of_a_partial_failure_is_counted_once(void **state) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = deliver_some};
    struct fixture *f = *state;
    tote_delivery_options options = TOTE_DELIVERY_OPTIONS_INIT;
    tote_disk_queue_report report = {.struct_size = sizeof report};

    start(f, tote_span_exporter_new(&ops, NULL));
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(stats_of(f->sdk).exported, 3);
    assert_int_equal(stats_of(f->sdk).rejected, SPANS - 3);
    assert_int_equal(stats_of(f->sdk).in_flight, 0);
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);

    save_spans(f);
    options.disk_queue_directory = f->directory;
    tote_disk_queue_send(tote_span_exporter_new(&ops, NULL), &options, SAFETY_NET_MS, &report);
    assert_int_equal(report.delivered, 3);
    assert_int_equal(report.rejected, SPANS - 3);
}

/* A request that is too large for the disk queue stays in memory while a file is sent. */
static void a_file_is_sent_while_a_request_is_pending_in_memory(void **state) {
    enum { LARGE_BYTES = 20000, FAILURES = 3 };
    static char text[LARGE_BYTES + 1];
    struct fixture *f = *state;
    tote_delivery_options options = TOTE_DELIVERY_OPTIONS_INIT;

    memset(text, 'x', LARGE_BYTES);
    options.initial_backoff_ms = 20;
    options.disk_queue_directory = f->directory;
    options.disk_queue_max_bytes = LARGE_BYTES / 2;
    start(f, tote_span_exporter_delivery_new(make_flaky(f, FAILURES), &options));
    make_spans();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("any.scope", "1.2"), "large", NULL);
    tote_span_set_attribute(span, "text", tote_string(text));
    tote_span_close(&span);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    for (int i = 0; i < SAFETY_NET_MS && stats_of(f->sdk).exported < SPANS + 1; i++) {
        usleep(1000);
    }
    size_t large = 0;
    for (size_t i = 0; i < tote_in_memory_spans_get_count(f->memory); i++) {
        large += strcmp(tote_span_data_get_name(tote_in_memory_spans_get_at(f->memory, i)),
                        "large") == 0;
    }
    assert_int_equal(large, 1);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), SPANS + 1);
}

static void an_exporter_without_an_export_function_is_not_created(void **state) {
    struct fixture *f = *state;
    struct stepping stepping = {.inner = tote_span_exporter_in_memory_new(f->memory)};
    tote_span_exporter_ops ops = stepping_ops;

    ops.step = NULL;
    assert_null(tote_span_exporter_new(&ops, &stepping));
    assert_null(tote_span_exporter_delivery_new(NULL, NULL));
}

/* An exporter that blocks has no descriptor: the event loop is woken by the queue alone. */
static void an_exporter_without_a_descriptor_works_in_a_host_event_loop(void **state) {
    struct fixture *f = *state;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    batch.max_export_batch_size = SPANS;
    start_with(f, tote_span_exporter_delivery_new(make_flaky(f, 0), NULL), &batch);
    struct pollfd readable = {.fd = tote_sdk_get_poll_fd(f->sdk), .events = POLLIN};
    assert_true(readable.fd >= 0);
    make_spans();
    assert_int_equal(poll(&readable, 1, 10000), 1);
    tote_sdk_poll(f->sdk);
    assert_int_equal(stats_of(f->sdk).exported, SPANS);
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(an_export_that_fails_is_retried),
        FRESH_TEST(rejected_spans_are_not_retried),
        FRESH_TEST(an_export_that_counts_some_spans_is_not_retried),
        FRESH_TEST(spans_in_the_disk_queue_are_exported_by_the_next_process),
        FRESH_TEST(a_disk_queue_is_delivered_without_an_sdk),
        FRESH_TEST(spans_of_a_killed_process_are_exported_by_the_next_one),
        FRESH_TEST(an_exporter_that_works_in_steps_gets_its_batches),
        FRESH_TEST(an_exporter_without_capacity_is_retried),
        FRESH_TEST(an_export_that_never_ends_is_abandoned),
        FRESH_TEST(exporting_in_steps_without_a_wrapper_keeps_its_timeout),
        FRESH_TEST(each_span_of_a_partial_failure_is_counted_once),
        FRESH_TEST(a_file_is_sent_while_a_request_is_pending_in_memory),
        FRESH_TEST(an_exporter_without_an_export_function_is_not_created),
        FRESH_TEST(an_exporter_without_a_descriptor_works_in_a_host_event_loop),
    };
    return RUN_TESTS(tests, argc, argv);
}
