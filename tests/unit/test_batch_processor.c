/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"
#include "tote/allocator.h"
#include "tote/internal/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Spec: trace/sdk.md#batching-processor, maxExportBatchSize */
static void a_queue_of_one_batch_is_exported_without_waiting_for_the_delay(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    for (size_t round = 1; round <= 5; round++) {
        end_spans(f, 512);
        assert_true(wait_for_post(&f->exporter.has_ended));
        assert_int_equal(f->exporter.spans, 512 * round);
    }
    assert_int_equal(f->exporter.largest, 512);
    assert_int_equal(f->exporter.exports, 5);
}

/* Spec: trace/sdk.md#batching-processor, scheduledDelayMillis */
static void less_than_a_batch_is_exported_when_the_delay_is_over(void **state) {
    struct batch_fixture *f = *state;
    f->batch.schedule_delay_ms = 2;
    batch_fixture_start(state);

    for (size_t round = 1; round <= 5; round++) {
        end_spans(f, 1);
        assert_true(wait_for_post(&f->exporter.has_ended));
        assert_int_equal(f->exporter.exports, round);
    }
}

/* Spec: trace/sdk.md#batching-processor, maxQueueSize */
static void a_blocked_exporter_fills_the_queue_and_never_blocks_the_caller(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    end_spans(f, 512);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 2048 + 10);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.in_flight, 512);
    assert_int_equal(stats.queued, 2048);
    assert_int_equal(stats.dropped_queue_full, 10);
    assert_true(accounting_closes(&stats));
    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->first_diagnostic, "OTEL_BSP_MAX_QUEUE_SIZE"));

    test_exporter_open_gate(&f->exporter);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->exporter.largest, 512);
    assert_int_equal(get_stats(f).exported, 2560);
    assert_int_equal(f->exporter.overlaps, 0);
}

/* Spec: trace/sdk.md#batching-processor, maxExportBatchSize */
static void the_limit_of_a_batch_holds_after_many_flushes(void **state) {
    struct batch_fixture *f = *state;
    f->batch.max_export_batch_size = 16;
    f->batch.max_queue_size = 64;
    batch_fixture_start(state);

    for (size_t i = 0; i < 50; i++) {
        end_spans(f, 1);
        assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    }
    assert_int_equal(f->exporter.spans, 50);
    end_spans(f, 64);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->exporter.spans, 114);
    assert_int_equal(f->exporter.largest, 16);
}

/* Compliance: TR-08, TR-59, EX-02 */
static void a_flush_exports_everything_and_then_flushes_the_exporter(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    end_spans(f, 700);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->exporter.spans, 700);
    assert_int_equal(f->exporter.flushes, 1);
}

/* A timeout has priority over completeness. Spec: trace/sdk.md#forceflush-1 */
static void a_flush_returns_at_its_deadline_and_the_export_continues(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    end_spans(f, 3);
    assert_int_equal(tote_sdk_force_flush(f->sdk, 20), TOTE_RESULT_TIMEOUT);
    assert_true(wait_for_post(&f->exporter.has_begun));
    assert_int_equal(get_stats(f).in_flight, 3);
    test_exporter_open_gate(&f->exporter);
    assert_true(wait_for_post(&f->exporter.has_ended));
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(get_stats(f).exported, 3);
}

/* A timeout of 0 does not wait. */
static void a_flush_with_a_timeout_of_zero_only_starts_the_export(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    end_spans(f, 3);
    assert_int_equal(tote_sdk_force_flush(f->sdk, 0), TOTE_RESULT_TIMEOUT);
    assert_true(wait_for_post(&f->exporter.has_begun));
    test_exporter_open_gate(&f->exporter);
    assert_true(wait_for_post(&f->exporter.has_ended));
    assert_int_equal(f->exporter.spans, 3);
}

/* Spec: trace/sdk.md#forceflush-1 */
static void a_flush_returns_failure_after_an_export_failed(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    f->exporter.result = TOTE_RESULT_FAILURE;
    end_spans(f, 3);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    f->exporter.result = TOTE_RESULT_SUCCESS;
    end_spans(f, 1);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.dropped_retries_exhausted, 3);
    assert_int_equal(stats.exported, 1);
}

static void rejected_spans_are_not_counted_as_exported(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    f->exporter.reports_rejected = 2;
    end_spans(f, 5);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.rejected, 2);
    assert_int_equal(stats.exported, 3);
    assert_true(accounting_closes(&stats));
}

/* Of a batch that was sent in parts, some spans may have arrived. */
static void spans_delivered_before_a_failure_count_as_exported(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    f->exporter.result = TOTE_RESULT_FAILURE;
    f->exporter.reports_rejected = 1;
    f->exporter.reports_delivered = 2;
    end_spans(f, 5);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.exported, 2);
    assert_int_equal(stats.rejected, 1);
    assert_int_equal(stats.dropped_retries_exhausted, 2);
    assert_true(accounting_closes(&stats));

    f->exporter.reports_delivered = 99; /* an exporter that cannot count */
    end_spans(f, 5);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    stats = get_stats(f);
    assert_int_equal(stats.exported, 2 + 4);
    assert_true(accounting_closes(&stats));
}

static void flush_from_inside(struct test_exporter *exporter) {
    struct batch_fixture *f = exporter->user_data;

    exporter->on_export = NULL;
    exporter->result = (int)tote_sdk_force_flush(f->sdk, TOTE_OPTION_UNLIMITED);
}

/* Spec: trace/sdk.md#forceflush-1 */
static void a_flush_from_inside_an_export_fails_and_does_not_hang(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.user_data = f;
    f->exporter.on_export = flush_from_inside;
    batch_fixture_start(state);

    end_spans(f, 1);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(f->exporter.result, TOTE_RESULT_FAILURE);
}

static void shut_down_from_inside(struct test_exporter *exporter) {
    struct batch_fixture *f = exporter->user_data;

    exporter->on_export = NULL;
    exporter->result = (int)tote_sdk_shutdown(f->sdk, TOTE_OPTION_UNLIMITED);
}

/* Spec: trace/sdk.md#shutdown-1 */
static void a_shutdown_from_inside_an_export_fails_and_does_not_hang(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.user_data = f;
    f->exporter.on_export = shut_down_from_inside;
    batch_fixture_start(state);

    end_spans(f, 512);
    assert_true(wait_for_post(&f->exporter.has_ended));
    assert_int_equal(f->exporter.result, TOTE_RESULT_FAILURE);
    assert_int_equal(f->exporter.shutdowns, 1);
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    assert_true(wait_for_post(&f->exporter.is_destroyed));
}

/* Spec: trace/sdk.md#shutdown. Compliance: TR-07 */
static void shutdown_exports_queued_spans_and_happens_once(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    tote_span *late = tote_tracer_start_span(f->tracer, "late", NULL);

    end_spans(f, 700);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    tote_span_close(&late);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.exported, 700);
    assert_int_equal(stats.dropped_shutdown, 1);
    assert_true(accounting_closes(&stats));
    assert_int_equal(f->exporter.flushes, 1);
    assert_int_equal(f->exporter.shutdowns, 1);
    tote_sdk_close(&f->sdk, 0);
    assert_int_equal(f->exporter.destroys, 1);
}

/* The exporter's own shutdown interrupts it. Spec: trace/sdk.md#shutdown-1 */
static void shutdown_interrupts_an_export_past_the_deadline(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.is_gated = true;
    f->exporter.heeds_shutdown = true;
    batch_fixture_start(state);

    end_spans(f, 512);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 100);
    assert_int_equal(tote_sdk_shutdown(f->sdk, 20), TOTE_RESULT_TIMEOUT);
    tote_stats stats = get_settled_stats(f);
    assert_int_equal(stats.dropped_shutdown, 612);
    assert_true(accounting_closes(&stats));
}

/* Nothing is freed while the exporter runs. Spec: trace/sdk.md#shutdown-1 */
static void a_shutdown_does_not_wait_for_an_exporter_that_never_returns(void **state) {
    struct batch_fixture *f = *state;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    end_spans(f, 512);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 100);
    assert_int_equal(tote_sdk_shutdown(f->sdk, 20), TOTE_RESULT_TIMEOUT);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.dropped_shutdown, 100);
    assert_int_equal(stats.in_flight, 512);
    tote_sdk_close(&f->sdk, 0);
    assert_int_equal(f->exporter.destroys, 0);
    test_exporter_open_gate(&f->exporter);
    assert_true(wait_for_post(&f->exporter.is_destroyed));
}

static void unref_without_shutdown_drops_queued_spans(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    end_spans(f, 3);
    tote_sdk_unref(f->sdk);
    f->sdk = NULL;
    assert_true(wait_for_post(&f->exporter.is_destroyed)); /* by a late worker after the return */
    assert_int_equal(f->exporter.exports, 0);
    assert_int_equal(f->exporter.shutdowns, 1);
    assert_int_equal(f->exporter.destroys, 1);
}

/* The figures are those of the statistics. */
static void a_shutdown_reports_every_loss_by_its_cause(void **state) {
    struct batch_fixture *f = *state;
    f->batch.max_queue_size = 4;
    f->batch.max_export_batch_size = 4;
    batch_fixture_start(state);

    f->exporter.is_gated = true;
    f->exporter.result = TOTE_RESULT_FAILURE;
    f->exporter.reports_rejected = 1;
    end_spans(f, 4);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 4 + 5); /* the queue, and more */
    f->exporter.reports_delivered = 1;
    test_exporter_open_gate(&f->exporter);
    tote_sdk_shutdown(f->sdk, SAFETY_NET_MS);

    tote_stats stats = get_stats(f);
    assert_int_equal(stats.dropped_queue_full, 5);
    assert_int_equal(stats.rejected, 2);
    assert_int_equal(stats.dropped_retries_exhausted, 4);
    assert_int_equal(stats.exported, 2);
    assert_string_equal(f->last_diagnostic,
                        "batch_processor: shut down: of 13 ended spans 2 were exported and 11 were "
                        "not: 2 rejected by the receiver, 5 dropped (queue full), "
                        "4 not delivered to the receiver");
}

static void a_shutdown_without_loss_reports_nothing(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    end_spans(f, 3);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->diagnostics, 0);
}

/* The cure of a full queue depends on its cause. */
static void a_full_queue_behind_a_failing_exporter_does_not_suggest_a_larger_queue(void **state) {
    struct batch_fixture *f = *state;
    f->batch.max_queue_size = 4;
    batch_fixture_start(state);

    f->exporter.result = TOTE_RESULT_FAILURE;
    end_spans(f, 4);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    f->exporter.is_gated = true;
    end_spans(f, 100);
    assert_non_null(strstr(f->first_diagnostic, "the last export failed"));
    assert_null(strstr(f->first_diagnostic, "OTEL_BSP_MAX_QUEUE_SIZE"));
}

/* There may be no next report of its kind. */
static void a_shutdown_reports_rate_limited_messages(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);

    for (int i = 0; i < 8; i++) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "%d apples lost", i);
    }
    tote_sdk_shutdown(f->sdk, SAFETY_NET_MS);
    assert_string_equal(f->last_diagnostic, "test: held back 7 more like this: 0 apples lost ...");
}

static void set_payload(struct batch_fixture *f, size_t size) {
    char *payload = calloc(1, size);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    tote_span_set_attribute(span, "payload", tote_bytes(payload, size));
    tote_span_close(&span);
    free(payload);
}

static void the_queue_is_bounded_in_bytes(void **state) {
    struct batch_fixture *f = *state;
    f->batch.max_queue_bytes = 1024 * 1024;
    batch_fixture_start(state);

    for (size_t i = 0; i < 50; i++) {
        set_payload(f, 100 * 1024);
        if (get_stats(f).queued == 0) {
            tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
        }
    }
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    set_payload(f, 2 * 1024 * 1024);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.dropped_too_large, 1);
    assert_true(stats.dropped_queue_full > 0);
    assert_true(accounting_closes(&stats));
}

static tote_sampling_decision record_only(void *self, const tote_sampling_parameters *parameters,
                                          tote_sampling_result *result) {
    (void)self, (void)parameters, (void)result;
    return TOTE_SAMPLING_DECISION_RECORD_ONLY;
}

/* Spec: trace/sdk.md#recording-sampled-reaction-table */
static void recorded_spans_that_are_not_sampled_are_never_queued(void **state) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops, .should_sample = record_only};
    struct batch_fixture *f = *state;
    f->sampler = tote_sampler_new(&ops, NULL);
    batch_fixture_start(state);

    end_spans(f, 600);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    assert_int_equal(f->exporter.exports, 0);
    assert_int_equal(get_stats(f).ended, 0);
}

/* What an export saw of its thread. */
struct surroundings {
    struct batch_fixture *fixture;
    char name[32];
    bool is_sigterm_blocked;
    bool is_recording;
};

static void inspect_thread(struct test_exporter *exporter) {
    struct surroundings *seen = exporter->user_data;
    sigset_t mask;

    pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->is_sigterm_blocked = sigismember(&mask, SIGTERM);
    tote_span *span = tote_tracer_start_span(seen->fixture->tracer, "inside", NULL);
    seen->is_recording = tote_span_is_recording(span);
    tote_span_close(&span);
}

static void the_worker_is_named_blocks_signals_and_is_not_traced(void **state) {
    struct batch_fixture *f = *state;
    struct surroundings seen = {.fixture = f, .is_recording = true};
    f->exporter.user_data = &seen;
    f->exporter.on_export = inspect_thread;
    batch_fixture_start(state);

    end_spans(f, 1);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(strcmp(seen.name, "tote-worker") == 0, USES_LINUX);
    assert_true(seen.is_sigterm_blocked);
    assert_false(seen.is_recording);
}

/* A thread factory of the host. */
struct host_threads {
    char name[32];
    void (*work)(void *arg);
    void *arg;
    pthread_t thread;
    int started;
    int joined;
    bool is_failing;
};

static void *host_thread(void *arg) {
    struct host_threads *host = arg;

    host->work(host->arg);
    return NULL;
}

static void *host_start(void *self, const char *name, void (*work)(void *arg), void *arg) {
    struct host_threads *host = self;

    strncpy(host->name, name, sizeof host->name - 1);
    host->work = work;
    host->arg = arg;
    if (host->is_failing || pthread_create(&host->thread, NULL, host_thread, host) != 0) {
        return NULL;
    }
    host->started++;
    return host;
}

static void host_join(void *self, void *thread) {
    struct host_threads *host = self;

    assert_ptr_equal(thread, host);
    pthread_join(host->thread, NULL);
    host->joined++;
}

static tote_thread_factory factory_of(struct host_threads *host) {
    return (tote_thread_factory){sizeof(tote_thread_factory), host_start, host_join, host};
}

static void the_worker_is_created_and_joined_by_the_hosts_thread_factory(void **state) {
    struct host_threads host = {.name = ""};
    struct batch_fixture *f = *state;
    f->thread_factory = factory_of(&host);
    batch_fixture_start(state);

    end_spans(f, 1);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_string_equal(host.name, "tote-worker");
    assert_int_equal(host.started, 1);
    assert_int_equal(host.joined, 1);
    assert_int_equal(f->exporter.spans, 1);
}

/* No call reports that the spans were delivered. */
static void without_a_thread_all_spans_are_dropped_and_counted(void **state) {
    struct host_threads host = {.is_failing = true};
    struct batch_fixture *f = *state;
    f->thread_factory = factory_of(&host);
    batch_fixture_start(state);

    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->first_diagnostic, "raise the limit on threads"));
    end_spans(f, 5);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.ended, 5);
    assert_int_equal(stats.dropped_out_of_memory, 5);
    assert_int_equal(stats.queued, 0);
    assert_true(accounting_closes(&stats));
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(tote_sdk_close(&f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(f->exporter.exports, 0);
    assert_int_equal(f->exporter.destroys, 1);
}

static void without_an_exporter_there_is_no_processor(void **state) {
    struct batch_fixture *f = *state;

    assert_null(tote__batch_processor_new(NULL, &f->batch));
    assert_int_equal(f->diagnostics, 1);
}

/* Entries in the threads' states are reused. */
static void creating_many_processors_one_after_the_other_reuses_entries(void **state) {
    struct batch_fixture *f = *state;

    for (size_t i = 0; i < 40; i++) {
        batch_fixture_start(state);
        end_spans(f, 3);
        tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    }
    assert_int_equal(f->exporter.spans, 120);
    assert_int_equal(f->exporter.destroys, 40);
}

/* The allocator of this program fails on a thread that asks for it. */
static _Thread_local bool is_memory_out;

static void *test_allocate(void *self, size_t size) {
    (void)self;
    return is_memory_out ? NULL : malloc(size);
}

static void *test_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return is_memory_out ? NULL : realloc(memory, size);
}

static void test_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

static void *end_span_without_memory(void *arg) {
    struct batch_fixture *f = arg;
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    is_memory_out = true;
    tote_span_end(span, 0);
    is_memory_out = false;
    tote_span_unref(span);
    return NULL;
}

static void a_span_without_memory_for_its_queue_is_counted(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, end_span_without_memory, f), 0);
    pthread_join(thread, NULL);
    end_spans(f, 1);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.dropped_out_of_memory, 1);
    assert_int_equal(stats.exported, 1);
    assert_true(accounting_closes(&stats));
}

int main(int argc, char **argv) {
    const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                      test_release, NULL};
    const struct CMUnitTest tests[] = {
        BATCH_TEST(a_queue_of_one_batch_is_exported_without_waiting_for_the_delay),
        BATCH_TEST(less_than_a_batch_is_exported_when_the_delay_is_over),
        BATCH_TEST(a_blocked_exporter_fills_the_queue_and_never_blocks_the_caller),
        BATCH_TEST(the_limit_of_a_batch_holds_after_many_flushes),
        BATCH_TEST(a_flush_exports_everything_and_then_flushes_the_exporter),
        BATCH_TEST(a_flush_returns_at_its_deadline_and_the_export_continues),
        BATCH_TEST(a_flush_with_a_timeout_of_zero_only_starts_the_export),
        BATCH_TEST(a_flush_returns_failure_after_an_export_failed),
        BATCH_TEST(rejected_spans_are_not_counted_as_exported),
        BATCH_TEST(spans_delivered_before_a_failure_count_as_exported),
        BATCH_TEST(a_flush_from_inside_an_export_fails_and_does_not_hang),
        BATCH_TEST(a_shutdown_from_inside_an_export_fails_and_does_not_hang),
        BATCH_TEST(shutdown_exports_queued_spans_and_happens_once),
        BATCH_TEST(shutdown_interrupts_an_export_past_the_deadline),
        BATCH_TEST(a_shutdown_does_not_wait_for_an_exporter_that_never_returns),
        BATCH_TEST(unref_without_shutdown_drops_queued_spans),
        BATCH_TEST(a_shutdown_reports_every_loss_by_its_cause),
        BATCH_TEST(a_shutdown_without_loss_reports_nothing),
        BATCH_TEST(a_full_queue_behind_a_failing_exporter_does_not_suggest_a_larger_queue),
        BATCH_TEST(a_shutdown_reports_rate_limited_messages),
        BATCH_TEST(the_queue_is_bounded_in_bytes),
        BATCH_TEST(recorded_spans_that_are_not_sampled_are_never_queued),
        BATCH_TEST(the_worker_is_named_blocks_signals_and_is_not_traced),
        BATCH_TEST(the_worker_is_created_and_joined_by_the_hosts_thread_factory),
        BATCH_TEST(without_a_thread_all_spans_are_dropped_and_counted),
        BATCH_TEST(without_an_exporter_there_is_no_processor),
        BATCH_TEST(creating_many_processors_one_after_the_other_reuses_entries),
        BATCH_TEST(a_span_without_memory_for_its_queue_is_counted),
    };

    tote_allocator_set(&allocator);
    tote__pools_keep = false;
    return RUN_TESTS(tests, argc, argv);
}
