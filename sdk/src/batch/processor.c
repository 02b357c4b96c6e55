/* SPDX-License-Identifier: MIT */
/*
 * processor.c - batch processor: queues ended spans
 *
 * on_end encodes the span as a record in the thread's own chunk. It writes no cache line that
 * another thread writes, except once for each portion of the limit. Spec:
 * trace/sdk.md#batching-processor
 *
 * Tests: tests/unit/test_batch_processor.c
 */
#include <stdio.h>

#include "../span.h"
#include "export.h"
#include "flush.h"
#include "host.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"
#include "worker.h"

static const char *const component = "batch_processor";

/* Slots in the threads' states that are in use. */
static _Atomic(bool) slots[TOTE__PROCESSOR_SLOTS];

static bool claim_slot(uint32_t *slot) {
    for (uint32_t i = 0; i < TOTE__PROCESSOR_SLOTS; i++) {
        if (!atomic_exchange_explicit(&slots[i], true, memory_order_acquire)) {
            *slot = i;
            return true;
        }
    }
    return false;
}

/* After this many drops the time is checked, and a full queue is reported at most once a minute. */
enum { DROPS_PER_LOOK = 1024 };
static const uint64_t report_every_ns = 61 * 1000000000ULL;

static void report_full(struct batch_queue *queue, uint64_t dropped) {
    const struct tote__batch_settings *settings = &queue->processor->settings;
    uint64_t due = atomic_load_explicit(&queue->next_report, memory_order_relaxed);
    uint64_t now = dropped % DROPS_PER_LOOK == 1 ? tote__clock_monotonic() : 0;
    char spans[24] = "";

    if (now < due || now == 0 ||
        !atomic_compare_exchange_strong(&queue->next_report, &due, now + report_every_ns)) {
        return;
    }
    if (queue->thread_queues.counts_spans) {
        snprintf(spans, sizeof spans, "%u spans, ", settings->max_queue_size);
    }
    tote_stats stats = TOTE_STATS_INIT;
    tote__batch_add_stats(queue->processor, &stats);
    bool is_failing = atomic_load_explicit(&queue->is_failing, memory_order_relaxed);
    tote_diagnostics_report(
        TOTE_LEVEL_WARN, component, "queue full (%s%zu bytes), %llu spans dropped; %s", spans,
        settings->max_queue_bytes, (unsigned long long)stats.dropped_queue_full,
        is_failing ? "the last export failed: fix its cause; a larger queue fills up as well"
                   : "spans end faster than they are exported: raise "
                     "OTEL_BSP_MAX_QUEUE_SIZE or max_queue_bytes, or sample less");
}

static void report_too_large(const struct batch_queue *queue, const struct span *span) {
    tote_diagnostics_report(TOTE_LEVEL_WARN, component,
                            "span \"%.64s\" of %zu bytes exceeds max_queue_bytes (%zu): dropped; "
                            "raise max_queue_bytes, or set span limits",
                            tote_span_data_get_name((const tote_span_data *)span),
                            tote__record_most_bytes(span),
                            queue->processor->settings.max_queue_bytes);
}

static void note_full(struct batch_queue *queue, uint64_t dropped) {
    if (!atomic_load_explicit(&queue->has_overflow, memory_order_relaxed)) {
        atomic_store(&queue->has_overflow, 1);
        tote__batch_wake(queue);
    }
    report_full(queue, dropped);
}

static void drop(struct batch_queue *queue, struct thread_queue *thread_queue,
                 enum drop_cause cause, uint64_t spans) {
    const struct tote__crash_safe_memory *safe = queue->thread_queues.pool.safe;
    uint64_t count =
        atomic_load_explicit(&thread_queue->dropped[cause], memory_order_relaxed) + spans;

    atomic_store_explicit(&thread_queue->dropped[cause], count, memory_order_relaxed);
    for (uint64_t i = 0; safe && i < spans; i++) {
        safe->note_drop(safe->self);
    }
    if (cause == DROP_QUEUE_FULL) {
        note_full(queue, count);
    }
}

/*
 * Return the tail of a per-thread queue at which to count the records of all queues next. A single
 * thread detects a batch exactly. Several threads detect it together, without reading each other's
 * queues too often, and before a queue that is limited in spans is full.
 */
static uint64_t next_check(const struct batch_queue *queue, uint64_t tail, uint64_t missing) {
    const struct tote__batch_settings *settings = &queue->processor->settings;
    uint64_t thread_queues =
        atomic_load_explicit(&queue->thread_queues.count, memory_order_relaxed);
    uint64_t spare = (settings->max_queue_size - settings->max_export_batch_size) / thread_queues;

    if (thread_queues > 1) {
        missing = missing / thread_queues > 4 * thread_queues ? missing / thread_queues
                                                              : 4 * thread_queues;
        missing =
            missing < settings->max_export_batch_size ? missing : settings->max_export_batch_size;
        missing = missing < spare ? missing : spare;
    }
    return tail + (missing ? missing : 1);
}

/* Wake the worker if a batch is complete and the worker sleeps. */
static void consider_waking(struct batch_queue *queue, struct thread_queue *thread_queue) {
    uint64_t batch = queue->processor->settings.max_export_batch_size;
    uint64_t tail = atomic_load_explicit(&thread_queue->tail, memory_order_relaxed);
    uint64_t missing = batch;

    tote__thread_queue_announce(thread_queue);
    uint32_t sleep = atomic_load(&queue->sleep);
    if (sleep == SLEEPS_UNTIL_SPAN) {
        tote__batch_wake(queue);
    } else if (sleep == SLEEPS_UNTIL_BATCH) {
        uint64_t waiting = tote__thread_queues_waiting(&queue->thread_queues, batch);
        if (waiting >= batch) {
            tote__batch_wake(queue);
        } else {
            missing = batch - waiting;
        }
    }
    bool looks_each_time = tote__batch_has_short_delay(queue);
    thread_queue->check_at = looks_each_time ? 0 : next_check(queue, tail, missing);
}

/*
 * Create a per-thread queue for this thread. Returns NULL, and counts `lost`, if spans cannot be
 * queued.
 */
static struct thread_queue *open_thread_queue(struct batch_processor *processor,
                                              struct thread_state *state, uint64_t lost) {
    struct batch_queue *queue = tote__batch_queue(processor);

    if (!queue) {
        tote__batch_count_lost(processor, lost);
        return NULL;
    }
    uint32_t refusal = atomic_load_explicit(&queue->refuses, memory_order_relaxed);
    if (!refusal && (!state || !tote__batch_start_worker(queue))) {
        refusal = DROP_MEMORY;
    }
    struct thread_queue *thread_queue =
        refusal ? NULL : tote__thread_queue_new(&queue->thread_queues, state);
    if (!thread_queue) {
        atomic_fetch_add_explicit(&queue->lost[refusal ? refusal : DROP_MEMORY], lost,
                                  memory_order_relaxed);
        return NULL;
    }
    if (!tote__batch_has_short_delay(queue)) { /* else each span wakes it */
        thread_queue->check_at = next_check(queue, 0, processor->settings.max_export_batch_size);
    }
    atomic_store_explicit(&state->thread_queues[processor->slot], thread_queue,
                          memory_order_release);
    return thread_queue;
}

static struct thread_queue *find_thread_queue(struct batch_processor *processor, uint64_t lost) {
    struct thread_state *state = tote__thread_state();
    struct thread_queue *thread_queue =
        state ? atomic_load_explicit(&state->thread_queues[processor->slot], memory_order_relaxed)
              : NULL;

    return tote__unlikely(!thread_queue) ? open_thread_queue(processor, state, lost) : thread_queue;
}

static struct batch_queue *queue_of(struct thread_queue *thread_queue) {
    return (struct batch_queue *)(void *)((char *)thread_queue->thread_queues -
                                          offsetof(struct batch_queue, thread_queues));
}

static void batch_on_end(void *self, const tote_span_data *data) {
    struct batch_processor *processor = self;
    const struct span *span = tote__span_of_data(data);

    if (!tote__span_is_sampled(span)) {
        return;
    }
    struct thread_queue *thread_queue = find_thread_queue(processor, 1);
    struct batch_queue *queue = thread_queue ? queue_of(thread_queue) : NULL;
    if (!thread_queue || span->generation != queue->generation) {
        return;
    }
    uint32_t refusal = atomic_load_explicit(&queue->refuses, memory_order_relaxed);
    enum drop_cause cause =
        refusal ? (enum drop_cause)refusal : tote__thread_queue_push(thread_queue, span);
    if (tote__unlikely(cause != DROP_NONE)) {
        if (cause == DROP_TOO_LARGE) {
            report_too_large(queue, span);
        }
        drop(queue, thread_queue, cause, 1);
    } else if (atomic_load_explicit(&thread_queue->tail, memory_order_relaxed) >=
               thread_queue->check_at) {
        consider_waking(queue, thread_queue);
    }
}

static tote_result batch_force_flush(void *self, uint32_t timeout_ms) {
    struct batch_processor *processor = self;

    if (atomic_load(&processor->is_shut_down)) {
        return TOTE_RESULT_SUCCESS;
    }
    struct batch_queue *queue = tote__batch_queue(processor);
    return queue ? tote__batch_flush(queue, timeout_ms) : TOTE_RESULT_FAILURE;
}

static tote_result batch_shutdown(void *self, uint32_t timeout_ms) {
    struct batch_processor *processor = self;

    if (atomic_exchange(&processor->is_shut_down, true)) {
        return TOTE_RESULT_SUCCESS;
    }
    struct batch_queue *queue = tote__batch_queue(processor);
    return queue ? tote__batch_stop(queue, timeout_ms) : TOTE_RESULT_FAILURE;
}

/*
 * Take the parent's queued spans. This process has a copy of that memory and no other thread reads
 * it.
 */
static void adopt(struct batch_queue *queue, struct batch_queue *inherited) {
    struct thread_queue *thread_queue = find_thread_queue(queue->processor, 0);
    struct thread_queue *from =
        atomic_load_explicit(&inherited->thread_queues.first, memory_order_acquire);
    uint64_t lost[DROP_CAUSES] = {0};

    for (; thread_queue && from; from = from->next) {
        tote__thread_queue_adopt(thread_queue, from, lost);
    }
    for (int cause = DROP_NONE + 1; thread_queue && cause < DROP_CAUSES; cause++) {
        if (lost[cause]) {
            drop(queue, thread_queue, (enum drop_cause)cause, lost[cause]);
        }
    }
    if (thread_queue) {
        consider_waking(queue, thread_queue);
    }
}

static bool batch_after_fork(void *self, bool adopts_queue) {
    struct batch_queue *queue = tote__batch_queue(self);

    if (!queue || !tote__batch_start_worker(queue)) {
        return false;
    }
    if (adopts_queue && queue->inherited) {
        adopt(queue, queue->inherited);
    }
    return true;
}

/* Start the worker. Without a thread the queue counts what it drops. */
static void batch_start(void *self, const tote_thread_factory *factory) {
    struct batch_processor *processor = self;
    struct batch_queue *queue = tote__batch_queue(processor);

    processor->thread_factory = *factory;
    if (queue) {
        tote__batch_start_worker(queue);
    }
}

/* No call is in progress, and none follows. */
static void batch_destroy(void *self) {
    struct batch_processor *processor = self;
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);
    uint32_t slot = processor->slot;

    if (!queue || queue->generation != tote__generation()) {
        tote__batch_processor_release(processor);
    } else {
        batch_shutdown(processor, 0);
        tote__batch_end_worker(queue, 0);
        tote__batch_close_thread_queues(queue);
        tote__batch_queue_unref(queue);
    }
    atomic_store_explicit(&slots[slot], false, memory_order_release);
}

static bool batch_watch(void *self, const struct tote__os_event *group) {
    struct batch_queue *queue = tote__batch_queue(self);

    return queue && tote__batch_watch(queue, group);
}

static bool batch_is_watched(void *self, const struct tote__os_event *group) {
    struct batch_queue *queue = tote__batch_queue(self);

    return queue && tote__batch_is_watched(queue, group);
}

static uint64_t batch_get_due(void *self) {
    struct batch_queue *queue = tote__batch_queue(self);

    return queue && !atomic_load(&queue->refuses) && tote__batch_start_worker(queue) &&
                   !atomic_load(&queue->has_left)
               ? atomic_load(&queue->due)
               : TOTE__NEVER;
}

static void batch_poll(void *self) {
    struct batch_queue *queue = tote__batch_queue(self);

    if (queue) {
        tote__batch_poll(queue);
    }
}

static const struct tote__loop_ops batch_loop = {
    .watch = batch_watch,
    .is_watched = batch_is_watched,
    .get_due = batch_get_due,
    .poll = batch_poll,
};

static const tote_span_processor_ops batch_ops = {
    .struct_size = sizeof batch_ops,
    .on_end = batch_on_end,
    .force_flush = batch_force_flush,
    .shutdown = batch_shutdown,
    .destroy = batch_destroy,
};

static struct batch_processor *make_processor(tote_span_exporter *exporter,
                                              const struct tote__batch_settings *settings) {
    struct batch_processor *processor = tote__allocate_zeroed(sizeof *processor);

    if (!processor) {
        tote_span_exporter_free(exporter);
        return NULL;
    }
    processor->exporter = exporter;
    processor->settings = *settings;
    struct tote__batch_settings *own = &processor->settings;
    own->max_queue_size = own->max_queue_size ? own->max_queue_size : 1;
    if (own->may_exceed_queue_size && exporter->ops.deliver) {
        own->max_queue_size = UINT32_MAX;
    }
    if (own->max_export_batch_size == 0 || own->max_export_batch_size > own->max_queue_size) {
        own->max_export_batch_size = own->max_queue_size;
    }
    return processor;
}

tote_span_processor *tote__batch_processor_new(tote_span_exporter *exporter,
                                               const struct tote__batch_settings *settings) {
    if (!exporter || !settings) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "no processor is created: the exporter is NULL");
        tote_span_exporter_free(exporter);
        return NULL;
    }
    struct batch_processor *processor = make_processor(exporter, settings);
    if (!processor) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "no processor is created: out of memory");
        return NULL;
    }
    if (!claim_slot(&processor->slot)) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, component,
            "no processor is created: %d batch processors exist already, which is the limit",
            TOTE__PROCESSOR_SLOTS);
        tote__batch_processor_release(processor);
        return NULL;
    }
    tote_span_processor *made = tote__allocate(sizeof *made);
    struct batch_queue *queue = tote__batch_queue(processor);
    if (!made || !queue) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "no processor is created: out of memory");
        tote__release(made, sizeof *made);
        batch_destroy(processor);
        return NULL;
    }
    *made = (tote_span_processor){.ops = batch_ops,
                                  .self = processor,
                                  .add_stats = tote__batch_add_stats,
                                  .read_metrics = tote__batch_read_metrics,
                                  .exporter = exporter,
                                  .loop = settings->is_host_driven ? &batch_loop : NULL,
                                  .after_fork = batch_after_fork,
                                  .start = batch_start};
    return made;
}
