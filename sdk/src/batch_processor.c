/* SPDX-License-Identifier: MIT */
/*
 * batch_processor.c - ended spans, queued for the worker
 *
 * on_end is the last thing that the host's thread does for a span: a push into the thread's own
 * ring. It writes no cache line that another thread writes, but once for a portion of the bound.
 * Spec: trace/sdk.md#batching-processor
 */
#include "batch.h"

#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/memory.h"
#include "wait.h"

static const char *const component = "batch_processor";

/* Which places in the threads' states are taken. */
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

/* A full queue is looked at for a report once in so many drops, and reported once in a minute. */
enum { DROPS_PER_LOOK = 1024 };
static const uint64_t report_every_ns = 61 * 1000000000ULL;

static void report_full(struct batch_lane *lane, uint64_t dropped) {
    struct batch_queue *queue = lane->queue;
    uint64_t due = atomic_load_explicit(&queue->next_report, memory_order_relaxed);
    uint64_t now = dropped % DROPS_PER_LOOK == 1 ? tote__clock_monotonic() : 0;

    if (now < due || now == 0 ||
        !atomic_compare_exchange_strong(&queue->next_report, &due, now + report_every_ns)) {
        return;
    }
    tote_stats stats = TOTE_STATS_INIT;
    tote__batch_add_stats(queue->processor, &stats);
    bool is_failing = atomic_load_explicit(&queue->is_failing, memory_order_relaxed);
    tote_diagnose(
        TOTE_LEVEL_WARN, component, "queue full (%u spans, %zu bytes), %llu spans dropped; %s",
        queue->processor->settings.max_queue_size, queue->processor->settings.max_queue_bytes,
        (unsigned long long)stats.dropped_queue_full,
        is_failing ? "the last export failed: see to that, a larger queue fills as well"
                   : "spans end faster than they are exported: raise "
                     "OTEL_BSP_MAX_QUEUE_SIZE or max_queue_bytes, or sample less");
}

static void drop(struct batch_lane *lane, const struct span *span, enum batch_drop cause) {
    struct batch_queue *queue = lane->queue;
    uint64_t count = atomic_load_explicit(&lane->dropped[cause], memory_order_relaxed) + 1;

    atomic_store_explicit(&lane->dropped[cause], count, memory_order_relaxed);
    if (cause == DROP_TOO_LARGE) {
        tote_diagnose(TOTE_LEVEL_WARN, component,
                      "span \"%.64s\" of %zu bytes is larger than the whole queue may be (%zu): "
                      "dropped; raise max_queue_bytes, or set limits",
                      tote_span_data_get_name((const tote_span_data *)span), tote__span_bytes(span),
                      queue->processor->settings.max_queue_bytes);
    }
    if (queue->processor->exporter->is_securing) {
        queue->processor->exporter->ahead->note_drop(queue->processor->exporter->self);
    }
    if (cause != DROP_QUEUE_FULL) {
        return;
    }
    if (!atomic_load_explicit(&queue->has_overflow, memory_order_relaxed)) {
        atomic_store(&queue->has_overflow, 1);
        tote__batch_wake(queue);
    }
    report_full(lane, count);
}

/* Collect the credit of all threads, in spans or in bytes. Returns: whether there was any. */
static bool collect(struct batch_queue *queue, bool is_in_bytes) {
    struct batch_lane *lane = atomic_load_explicit(&queue->lanes, memory_order_acquire);
    bool is_any = false;

    for (; lane; lane = lane->next) {
        is_any |= is_in_bytes ? tote__purse_empty(&lane->bytes, &queue->bytes)
                              : tote__purse_empty(&lane->spans, &queue->spans);
    }
    return is_any;
}

/* Pay for one span. The queue is full only when no thread has enough credit left. */
static bool pay(struct batch_lane *lane, size_t bytes) {
    struct batch_queue *queue = lane->queue;
    uint32_t lanes = atomic_load_explicit(&queue->lane_count, memory_order_relaxed);

    while (!tote__purse_pay(&lane->spans, &queue->spans, 1, lanes)) {
        if (!collect(queue, false)) {
            return false;
        }
    }
    while (!tote__purse_pay(&lane->bytes, &queue->bytes, bytes, lanes)) {
        if (!collect(queue, true)) {
            tote__allowance_return(&queue->spans, 1);
            return false;
        }
    }
    return true;
}

/* Whether the bounds have room for the span; if so it is paid for. */
static enum batch_drop admit(struct batch_lane *lane, size_t bytes) {
    struct batch_queue *queue = lane->queue;
    uint32_t refusal = atomic_load_explicit(&queue->refuses, memory_order_relaxed);

    if (refusal) {
        return (enum batch_drop)refusal;
    }
    if (bytes > queue->bytes.total) {
        return DROP_TOO_LARGE;
    }
    return pay(lane, bytes) ? DROP_NONE : DROP_QUEUE_FULL;
}

static bool has_credit(const struct batch_lane *lane) {
    return atomic_load_explicit(&lane->spans.left, memory_order_relaxed) != 0;
}

/* With a short delay the worker sleeps until any span is queued: look each time. */
static void wake_idle(struct batch_lane *lane) {
    lane->check_at = 0;
    tote__span_ring_announce(&lane->ring);
    if (atomic_load(&lane->queue->sleep) == SLEEPS_UNTIL_SPAN) {
        tote__batch_wake(lane->queue);
    }
}

/* Wake the worker if there is a batch for it. */
static void consider_waking(struct batch_lane *lane) {
    struct batch_queue *queue = lane->queue;
    uint64_t batch = queue->processor->settings.max_export_batch_size;
    uint64_t head = atomic_load_explicit(&lane->ring.head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&lane->ring.tail, memory_order_relaxed);
    uint64_t waiting = tail - head;

    lane->check_at = head + (waiting / batch + 1) * batch;
    if (waiting < batch) {
        waiting = has_credit(lane) ? 0 : tote__allowance_paid(&queue->spans, &lane->spans);
    }
    if (waiting >= batch) {
        tote__span_ring_announce(&lane->ring);
        tote__batch_wake(queue);
    }
    if (tote__batch_has_short_delay(queue)) {
        wake_idle(lane);
    }
}

/* This thread's way in. NULL when there is none: then `lost` spans are counted. */
static struct batch_lane *find_lane(struct batch_processor *processor, uint64_t lost) {
    struct thread_state *state = tote__thread_state();
    struct batch_lane *lane =
        state ? atomic_load_explicit(&state->rings[processor->slot], memory_order_relaxed) : NULL;

    return tote__unlikely(!lane) ? tote__batch_open_lane(processor, state, lost) : lane;
}

/*
 * Have it outlive the process, if that was asked for. Returns: false when it is not this process's
 * any more.
 */
static bool secure(struct batch_lane *lane, struct span *span) {
    const tote_span_exporter *exporter = lane->queue->processor->exporter;

    return !exporter->is_securing ||
           exporter->ahead->secure(exporter->self, &lane->place, (tote_span_data *)span);
}

static void batch_on_end(void *self, const tote_span_data *data) {
    struct batch_processor *processor = self;
    struct span *span = (struct span *)tote__span_of_data(data);

    if (!tote__span_is_sampled(span)) {
        return;
    }
    struct batch_lane *lane = find_lane(processor, 1);
    if (!lane || span->generation != lane->queue->generation) {
        return;
    }
    enum batch_drop cause = admit(lane, tote__span_bytes(span));
    if (tote__unlikely(cause != DROP_NONE)) {
        drop(lane, span, cause);
        return;
    }
    secure(lane, span);
    atomic_fetch_add_explicit(&span->base.references, 1, memory_order_relaxed);
    tote__span_ring_push(&lane->ring, span); /* has room: it is as large as the bound */
    if (!has_credit(lane) ||
        atomic_load_explicit(&lane->ring.tail, memory_order_relaxed) >= lane->check_at) {
        consider_waking(lane);
    }
}

static tote_result batch_force_flush(void *self, uint32_t timeout_ms) {
    struct batch_processor *processor = self;

    if (atomic_load(&processor->is_shut_down)) {
        return TOTE_SUCCESS;
    }
    struct batch_queue *queue = tote__batch_queue(processor);
    return queue ? tote__batch_flush(queue, timeout_ms) : TOTE_FAILURE;
}

static tote_result batch_shutdown(void *self, uint32_t timeout_ms) {
    struct batch_processor *processor = self;

    if (atomic_exchange(&processor->is_shut_down, true)) {
        return TOTE_SUCCESS;
    }
    struct batch_queue *queue = tote__batch_queue(processor);
    return queue ? tote__batch_stop(queue, timeout_ms) : TOTE_FAILURE;
}

/*
 * Those in one lane of the parent's, which was never told: it is this process's memory, and nobody
 * looks there again.
 */
static void adopt_from(struct batch_lane *from, bool was_being_taken, struct batch_lane *lane) {
    const struct tote__batch_settings *settings = &lane->queue->processor->settings;
    uint64_t head = atomic_load_explicit(&from->ring.head, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(&from->ring.tail, memory_order_acquire) - head;

    if (was_being_taken) { /* these may be in the parent's batch */
        uint64_t taken = from->tail_seen > head ? from->tail_seen - head : 0;
        taken = taken < settings->max_export_batch_size ? taken : settings->max_export_batch_size;
        tote__span_ring_drop(&from->ring, taken);
        count -= taken;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct span *span = tote__span_ring_peek(&from->ring, i);
        size_t bytes = tote__span_bytes(span);
        enum batch_drop cause = admit(lane, bytes);
        if (cause != DROP_NONE) {
            drop(lane, span, cause);
        } else if (secure(lane, span)) {
            tote__span_ring_push(&lane->ring, span);
        } else {
            tote__allowance_return(&lane->queue->bytes, bytes);
            tote__allowance_return(&lane->queue->spans, 1);
        }
    }
    tote__span_ring_drop(&from->ring, count);
}

static void adopt(struct batch_queue *queue, struct batch_queue *inherited) {
    struct batch_lane *lane = find_lane(queue->processor, 0);
    struct batch_lane *from = atomic_load_explicit(&inherited->lanes, memory_order_acquire);
    bool was_being_taken = atomic_load(&inherited->lock.holder) != 0;

    for (; lane && from; from = from->next) {
        adopt_from(from, was_being_taken, lane);
    }
    if (lane) {
        consider_waking(lane);
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

/* No call is in progress and none follows. */
static void batch_destroy(void *self) {
    struct batch_processor *processor = self;
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);
    uint32_t slot = processor->slot;

    if (!queue || queue->generation != tote__generation()) {
        tote__batch_processor_release(processor);
    } else {
        batch_shutdown(processor, 0);
        tote__batch_part(queue, 0);
        tote__batch_close_lanes(queue);
        tote__batch_queue_unref(queue);
    }
    atomic_store_explicit(&slots[slot], false, memory_order_release);
}

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
    if (own->max_export_batch_size == 0 || own->max_export_batch_size > own->max_queue_size) {
        own->max_export_batch_size = own->max_queue_size;
    }
    return processor;
}

tote_span_processor *tote__batch_processor_new(tote_span_exporter *exporter,
                                               const struct tote__batch_settings *settings) {
    if (!exporter || !settings) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not made: there is no exporter");
        tote_span_exporter_free(exporter);
        return NULL;
    }
    struct batch_processor *processor = make_processor(exporter, settings);
    if (!processor) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not made: no memory");
        return NULL;
    }
    if (!claim_slot(&processor->slot)) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not made: %d others run already",
                      TOTE__PROCESSOR_SLOTS);
        tote__batch_processor_release(processor);
        return NULL;
    }
    tote_span_processor *made = tote__allocate(sizeof *made);
    struct batch_queue *queue = tote__batch_queue(processor);
    if (!made || !queue) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not made: no memory");
        tote__release(made, sizeof *made);
        batch_destroy(processor);
        return NULL;
    }
    tote__batch_start_worker(queue); /* without one, the queue counts what it drops */
    *made = (tote_span_processor){batch_ops,
                                  processor,
                                  tote__batch_add_stats,
                                  exporter,
                                  settings->is_by_host ? &tote__batch_loop : NULL,
                                  batch_after_fork};
    return made;
}
