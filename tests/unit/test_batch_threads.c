/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thread_state.h"

enum { MOST_THREADS = 64 };

/* Threads that each end some spans. */
struct crowd {
    struct batch_fixture *fixture;
    size_t spans_each;
    pthread_t threads[MOST_THREADS];
    size_t count;
    pthread_barrier_t *ends_after; /* NULL: as soon as its spans have ended */
};

static void *end_own_share(void *arg) {
    struct crowd *crowd = arg;

    end_spans(crowd->fixture, crowd->spans_each);
    if (crowd->ends_after) {
        pthread_barrier_wait(crowd->ends_after); /* all spans have ended */
        pthread_barrier_wait(crowd->ends_after); /* all threads may end */
    }
    return NULL;
}

static void crowd_start(struct crowd *crowd, size_t count) {
    crowd->count = count;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&crowd->threads[i], NULL, end_own_share, crowd), 0);
    }
}

static void crowd_join(struct crowd *crowd) {
    for (size_t i = 0; i < crowd->count; i++) {
        pthread_join(crowd->threads[i], NULL);
    }
}

/* Returns success, failure, or partial success, in turn. */
static void vary_result(struct test_exporter *exporter) {
    size_t n = exporter->exports;

    exporter->result = n % 3 == 0 ? TOTE_RESULT_FAILURE : TOTE_RESULT_SUCCESS;
    exporter->reports_rejected = n % 5 == 0 ? 7 : 0;
}

static void every_span_is_counted_once_with_many_threads_and_a_failing_exporter(void **state) {
    struct batch_fixture *f = *state;
    struct crowd crowd = {.fixture = f, .spans_each = 2000};
    f->exporter.on_export = vary_result;
    f->batch.max_export_batch_size = 64;
    f->batch.max_queue_size = 256;
    batch_fixture_start(state);

    crowd_start(&crowd, 8);
    for (int i = 0; i < 20; i++) {
        tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    }
    crowd_join(&crowd);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.ended, 16000);
    assert_int_equal(stats.queued + stats.in_flight, 0);
    assert_int_equal(stats.ended - stats.dropped_queue_full, f->exporter.spans);
    assert_true(accounting_closes(&stats));
    assert_true(f->exporter.largest <= 64);
    assert_int_equal(f->exporter.overlaps, 0);
}

/* A batch is collected from all threads. Spec: trace/sdk.md#batching-processor */
static void spans_of_threads_that_have_exited_are_exported(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    struct crowd crowd = {.fixture = f, .spans_each = 5};

    crowd_start(&crowd, 8);
    crowd_join(&crowd);
    assert_int_equal(get_stats(f).queued, 40);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->exporter.spans, 40);
    assert_int_equal(f->exporter.exports, 1);
}

static size_t count_thread_states(void) {
    size_t count = 0;

    for (struct thread_state *own = tote__thread_states(); own;
         own = tote__thread_state_next(own)) {
        count++;
    }
    return count;
}

static void a_new_thread_reuses_the_queue_of_a_thread_that_has_exited(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    struct crowd crowd = {.fixture = f, .spans_each = 3};

    crowd_start(&crowd, 1);
    crowd_join(&crowd);
    size_t states = count_thread_states();
    for (size_t i = 0; i < 20; i++) {
        crowd_start(&crowd, 1);
        crowd_join(&crowd);
    }
    assert_int_equal(count_thread_states(), states);
    tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    assert_int_equal(f->exporter.spans, 63);
}

/*
 * Spec: trace/sdk.md#batching-processor, maxQueueSize. The credit of idle threads does not shrink
 * the queue.
 */
static void one_thread_can_use_the_whole_queue_next_to_many_idle_threads(void **state) {
    struct batch_fixture *f = *state;
    struct crowd crowd = {.fixture = f, .spans_each = 1};
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, MOST_THREADS + 1);
    crowd.ends_after = &barrier;
    f->exporter.is_gated = true;
    batch_fixture_start(state);

    crowd_start(&crowd, MOST_THREADS);
    pthread_barrier_wait(&barrier);
    assert_int_equal(tote_sdk_force_flush(f->sdk, 0), TOTE_RESULT_TIMEOUT);
    assert_true(wait_for_post(&f->exporter.has_begun));
    end_spans(f, 3000);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.queued, 2048);
    assert_int_equal(stats.dropped_queue_full, 3000 - 2048);
    assert_true(accounting_closes(&stats));
    test_exporter_open_gate(&f->exporter);
    pthread_barrier_wait(&barrier);
    crowd_join(&crowd);
    pthread_barrier_destroy(&barrier);
}

struct flusher {
    struct batch_fixture *fixture;
    pthread_t thread;
    tote_result result;
};

static void *end_and_flush(void *arg) {
    struct flusher *flusher = arg;
    struct batch_fixture *f = flusher->fixture;

    flusher->result = TOTE_RESULT_SUCCESS;
    for (int i = 0; i < 20 && flusher->result == TOTE_RESULT_SUCCESS; i++) {
        end_spans(f, 3);
        flusher->result = tote_sdk_force_flush(f->sdk, SAFETY_NET_MS);
    }
    return NULL;
}

/* Spec: trace/sdk.md#concurrency-requirements */
static void many_threads_can_flush_concurrently(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    struct flusher flushers[8];

    for (size_t i = 0; i < 8; i++) {
        flushers[i] = (struct flusher){.fixture = f};
        assert_int_equal(pthread_create(&flushers[i].thread, NULL, end_and_flush, &flushers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(flushers[i].thread, NULL);
        assert_int_equal(flushers[i].result, TOTE_RESULT_SUCCESS);
    }
    assert_int_equal(f->exporter.spans, 480);
    assert_int_equal(f->exporter.overlaps, 0);
}

static void *shut_down(void *arg) {
    struct flusher *flusher = arg;

    flusher->result = tote_sdk_shutdown(flusher->fixture->sdk, SAFETY_NET_MS);
    return NULL;
}

/*
 * A span that ends during a shutdown is exported or counted. Spec:
 * trace/sdk.md#concurrency-requirements
 */
static void spans_that_end_during_a_shutdown_are_exported_or_counted(void **state) {
    struct batch_fixture *f = batch_fixture_start(state);
    struct crowd crowd = {.fixture = f, .spans_each = 1000};
    struct flusher stopper = {.fixture = f};

    crowd_start(&crowd, 4);
    assert_int_equal(pthread_create(&stopper.thread, NULL, shut_down, &stopper), 0);
    pthread_join(stopper.thread, NULL);
    crowd_join(&crowd);
    tote_stats stats = get_stats(f);
    assert_int_equal(stats.queued + stats.in_flight, 0);
    assert_int_equal(stats.exported, f->exporter.spans);
    assert_true(accounting_closes(&stats));
}

static void keep_thread_id(struct test_exporter *exporter) {
    *(long *)exporter->user_data = syscall(SYS_gettid);
}

/* How often a thread of this process has slept. */
static long count_sleeps(long thread_id) {
    char path[64];
    char line[128];
    long count = -1;

    snprintf(path, sizeof path, "/proc/self/task/%ld/status", thread_id);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    }
    fclose(file);
    assert_true(count >= 0);
    return count;
}

/*
 * Spec: trace/sdk.md#batching-processor, scheduledDelayMillis. A timer of the delay would wake the
 * worker some hundred times here.
 */
static void with_a_short_delay_spans_are_exported_and_an_idle_worker_sleeps(void **state) {
    enum { IDLE_US = 300000, MOST_SLEEPS = 20 };
    struct batch_fixture *f = *state;
    long worker = 0;
    f->exporter.user_data = &worker;
    f->exporter.on_export = keep_thread_id;

    for (uint32_t delay = 0; delay <= 1; delay++) {
        f->batch.schedule_delay_ms = delay;
        batch_fixture_start(state);
        for (size_t round = 0; round < 100; round++) {
            end_spans(f, 1);
            assert_true(wait_for_post(&f->exporter.has_ended));
        }
        long before = count_sleeps(worker);
        usleep(IDLE_US);
        assert_in_range(count_sleeps(worker) - before, 0, MOST_SLEEPS);
        end_spans(f, 1);
        assert_true(wait_for_post(&f->exporter.has_ended));
        assert_int_equal(f->exporter.spans, 101);
        tote_sdk_close(&f->sdk, SAFETY_NET_MS);
        f->exporter.spans = 0;
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        BATCH_TEST(every_span_is_counted_once_with_many_threads_and_a_failing_exporter),
        BATCH_TEST(spans_of_threads_that_have_exited_are_exported),
        BATCH_TEST(a_new_thread_reuses_the_queue_of_a_thread_that_has_exited),
        BATCH_TEST(one_thread_can_use_the_whole_queue_next_to_many_idle_threads),
        BATCH_TEST(many_threads_can_flush_concurrently),
        BATCH_TEST(spans_that_end_during_a_shutdown_are_exported_or_counted),
        BATCH_TEST(with_a_short_delay_spans_are_exported_and_an_idle_worker_sleeps),
    };
    return RUN_TESTS(tests, argc, argv);
}
