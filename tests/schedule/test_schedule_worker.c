/* SPDX-License-Identifier: MIT */
/*
 * The batch processor and its worker: a sleeping thread is woken, a flush waits for the spans that
 * had ended, and a shutdown leaves no span uncounted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/exporters/in_memory.h"
#include "tote/internal/sdk.h"
#include "tote/tote.h"
#include "wait.h"

void tote__wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    schedule_wait(word, value, deadline);
}

void tote__wake(_Atomic(uint32_t) *word) {
    schedule_wake(word);
}

uint32_t tote__deadline_left_ms(uint64_t deadline) {
    return deadline == TOTE__NEVER ? UINT32_MAX : tote__ms_until(deadline, UINT32_MAX - 1);
}

enum { MOST_SPANS = 6, BATCH = 2, AN_HOUR_MS = 3600000, LONG_MS = 60000 };

static const uint64_t no_timer_ns = 1000000000; /* any timer takes longer */

static tote_in_memory_spans *memory;
static const tote_span_data *spans[MOST_SPANS];

static tote_span_processor *processor;
static uint32_t spans_each; /* that a thread ends */
static _Atomic(uint32_t) exported;
static size_t exports_at_once;
static void (*work)(void *arg);
static void *work_arg;
static bool is_work_over;

static void make_spans(void) {
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);

    for (size_t i = 0; i < MOST_SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
        tote_span_close(&span);
        spans[i] = tote_in_memory_spans_get_at(memory, i);
    }
    tote_sdk_close(&sdk, LONG_MS);
}

static tote_result export_spans(void *self, const tote_span_data *const *batch, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *report) {
    (void)self, (void)timeout_ms, (void)report;
    SCHEDULE_CHECK(++exports_at_once == 1);
    for (size_t i = 0; i < count; i++) {
        SCHEDULE_CHECK(strcmp(tote_span_data_get_name(batch[i]), "work") == 0);
    }
    atomic_fetch_add(&exported, (uint32_t)count);
    exports_at_once--;
    schedule_wake(&exported);
    return TOTE_RESULT_SUCCESS;
}

static void *start_thread(void *self, const char *name, void (*run)(void *arg), void *arg) {
    (void)self, (void)name;
    work = run;
    work_arg = arg;
    return &work;
}

static void join_thread(void *self, void *thread) {
    (void)self, (void)thread;
    while (!is_work_over) {
        schedule_yield(__FILE__, __LINE__);
    }
}

static void set_up_with(uint32_t count, uint32_t queue_size, uint32_t delay_ms) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = export_spans};
    static const tote_thread_factory factory = {sizeof factory, start_thread, join_thread, NULL};
    const struct tote__batch_settings settings = {
        .max_queue_size = queue_size,
        .max_queue_bytes = 1 << 20,
        .max_export_batch_size = BATCH,
        .schedule_delay_ms = delay_ms,
        .export_timeout_ms = LONG_MS,
    };

    spans_each = count;
    exported = 0;
    is_work_over = false;
    processor = tote__batch_processor_new(tote_span_exporter_new(&ops, NULL), &settings);
    SCHEDULE_CHECK(processor);
    processor->start(processor->self, &factory);
}

static void set_up(void) {
    set_up_with(MOST_SPANS, 64, AN_HOUR_MS);
}

static void set_up_without_delay(void) {
    set_up_with(BATCH, 64, 0);
}

static void set_up_small(void) {
    set_up_with(MOST_SPANS, BATCH, AN_HOUR_MS);
}

static void set_up_for_one_batch(void) {
    set_up_with(BATCH, 64, AN_HOUR_MS);
}

static void run_worker(void) {
    work(work_arg);
    is_work_over = true;
}

static void end_spans(void) {
    for (size_t i = 0; i < spans_each; i++) {
        processor->ops.on_end(processor->self, spans[i]);
    }
}

/* Wait until this many spans are exported, which needs no timer; then shut down. */
static void await_exported(uint32_t count) {
    uint32_t seen;

    while ((seen = atomic_load(&exported)) < count) {
        schedule_wait(&exported, seen, UINT64_MAX);
    }
    SCHEDULE_CHECK(schedule_elapsed() < no_timer_ns);
    SCHEDULE_CHECK(processor->ops.shutdown(processor->self, LONG_MS) == TOTE_RESULT_SUCCESS);
    SCHEDULE_CHECK(schedule_elapsed() < no_timer_ns);
}

static void await_spans_of_one(void) {
    await_exported(spans_each);
}

static void await_spans_of_two(void) {
    await_exported(2 * spans_each);
}

/* Spans that a thread had ended are exported when its flush returns. */
static void end_and_flush(void) {
    end_spans();
    SCHEDULE_CHECK(processor->ops.force_flush(processor->self, LONG_MS) == TOTE_RESULT_SUCCESS);
    SCHEDULE_CHECK(atomic_load(&exported) >= spans_each);
    SCHEDULE_CHECK(schedule_elapsed() < no_timer_ns);
}

static void shut_down(void) {
    tote_result result = processor->ops.shutdown(processor->self, LONG_MS);

    SCHEDULE_CHECK(result == TOTE_RESULT_SUCCESS || result == TOTE_RESULT_FAILURE);
    SCHEDULE_CHECK(schedule_elapsed() < no_timer_ns);
}

static tote_stats stats_of(void) {
    tote_stats stats = TOTE_STATS_INIT;

    processor->add_stats(processor->self, &stats);
    SCHEDULE_CHECK(stats.queued == 0 && stats.in_flight == 0);
    SCHEDULE_CHECK(stats.exported == exported);
    SCHEDULE_CHECK(stats.ended ==
                   stats.exported + stats.dropped_queue_full + stats.dropped_shutdown);
    return stats;
}

static void check_all_exported(void) {
    SCHEDULE_CHECK(stats_of().exported == stats_of().ended);
}

static void check_two_threads_counted(void) {
    SCHEDULE_CHECK(stats_of().ended == 2 * spans_each);
}

static void tear_down(void) {
    tote_span_processor_free(processor);
}

int main(int argc, char **argv) {
    static const struct schedule_case cases[] = {
        {.name = "a whole batch wakes the worker",
         .set_up = set_up_for_one_batch,
         .threads = {run_worker, end_spans, await_spans_of_one},
         .check = check_all_exported,
         .tear_down = tear_down,
         .schedules = 5000},
        {.name = "each of several batches wakes the worker",
         .set_up = set_up,
         .threads = {run_worker, end_spans, await_spans_of_one},
         .check = check_all_exported,
         .tear_down = tear_down,
         .schedules = 2000},
        {.name = "each span wakes the worker without a delay",
         .set_up = set_up_without_delay,
         .threads = {run_worker, end_spans, end_spans, await_spans_of_two},
         .check = check_all_exported,
         .tear_down = tear_down,
         .schedules = 2000},
        {.name = "a flush waits for the spans that had ended",
         .set_up = set_up,
         .threads = {run_worker, end_and_flush, end_and_flush, await_spans_of_two},
         .check = check_all_exported,
         .tear_down = tear_down,
         .schedules = 2000},
        {.name = "a shutdown counts spans that end concurrently",
         .set_up = set_up_small,
         .threads = {run_worker, end_spans, end_spans, shut_down},
         .check = check_two_threads_counted,
         .tear_down = tear_down,
         .schedules = 2000},
    };

    memory = tote_in_memory_spans_new();
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE,
                                 NULL); /* of spans that are lost on purpose */
    make_spans();
    int result = schedule_main(cases, TOTE_COUNT_OF(cases), argc, argv);
    tote_in_memory_spans_unref(memory);
    return result;
}
