/* SPDX-License-Identifier: MIT */
/*
 * batch_queue.c - the memory and the counts of the batch processor's queue
 */
#include "batch.h"

#include <unistd.h>

#include "losses.h"
#include "tote/internal/cancel.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum { SPAN_PORTION = 32, BYTE_PORTION = 64 * 1024 };

static struct batch_queue *make_queue(struct batch_processor *processor,
                                      struct batch_queue *inherited) {
    const struct tote__batch_settings *settings = &processor->settings;
    struct batch_queue *queue = tote__allocate_zeroed(sizeof *queue);

    if (!queue) {
        return NULL;
    }
    queue->batch = tote__allocate(settings->max_export_batch_size * sizeof *queue->batch);
    atomic_init(&queue->event, -1);
    if (!queue->batch || (settings->is_by_host && !tote__batch_make_event(queue))) {
        tote__release((void *)queue->batch, settings->max_export_batch_size * sizeof *queue->batch);
        tote__release(queue, sizeof *queue);
        return NULL;
    }
    queue->processor = processor;
    queue->inherited = inherited;
    queue->generation = tote__generation();
    atomic_init(&queue->references, 1);
    if (atomic_load_explicit(&processor->is_shut_down, memory_order_relaxed)) {
        atomic_init(&queue->refuses, DROP_SHUTDOWN);
    }
    tote__allowance_init(&queue->spans, settings->max_queue_size, SPAN_PORTION);
    tote__allowance_init(&queue->bytes, settings->max_queue_bytes, BYTE_PORTION);
    return queue;
}

static void begin_securing(const tote_span_exporter *exporter) {
    if (exporter->is_securing) {
        exporter->ahead->begin_securing(exporter->self);
    }
}

struct batch_queue *tote__batch_queue(struct batch_processor *processor) {
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);

    if (queue && queue->generation == tote__generation()) {
        return queue;
    }
    int cancel = tote__cancel_disable();
    tote__lock_take(&processor->lock);
    queue = atomic_load_explicit(&processor->queue, memory_order_acquire);
    if (!queue || queue->generation != tote__generation()) {
        queue = make_queue(processor, queue);
        if (queue) {
            begin_securing(processor->exporter);
            atomic_store_explicit(&processor->queue, queue, memory_order_release);
        }
    }
    tote__lock_drop(&processor->lock);
    tote__cancel_restore(cancel);
    return queue;
}

/* Spans that came in when nobody took them out any more. */
static void release_spans(struct batch_lane *lane, struct tote__pool_gathering *gathered) {
    uint64_t tail = atomic_load_explicit(&lane->ring.tail, memory_order_acquire);
    uint64_t count = tail - atomic_load_explicit(&lane->ring.head, memory_order_relaxed);

    for (uint64_t i = 0; i < count; i++) {
        tote__span_unref_gathering(tote__span_ring_peek(&lane->ring, i), gathered);
    }
    tote__span_ring_drop(&lane->ring, count);
}

/* Of an inherited queue only the memory is ours: its spans are the parent's. */
static void release_queue(struct batch_queue *queue) {
    struct batch_lane *lane = atomic_load_explicit(&queue->lanes, memory_order_acquire);
    struct tote__pool_gathering gathered = {NULL, NULL};

    while (lane) {
        struct batch_lane *next = lane->next;
        if (queue->generation == tote__generation()) {
            release_spans(lane, &gathered);
        }
        tote__span_ring_clear(&lane->ring);
        tote__release(lane, sizeof *lane);
        lane = next;
    }
    tote__pool_flush(&tote__span_pool, &gathered);
    if (queue->generation != tote__generation()) {
        tote__worker_thread_release_inherited(&queue->thread);
    } else if (tote__batch_event(queue) >= 0) { /* an inherited one may be the host's by now */
        close(queue->event);
    }
    tote__release((void *)queue->batch,
                  queue->processor->settings.max_export_batch_size * sizeof *queue->batch);
    tote__release(queue, sizeof *queue);
}

void tote__batch_processor_release(struct batch_processor *processor) {
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);

    while (queue) {
        struct batch_queue *inherited = queue->inherited;
        release_queue(queue);
        queue = inherited;
    }
    tote_span_exporter_free(processor->exporter);
    tote__release(processor, sizeof *processor);
}

void tote__batch_queue_unref(struct batch_queue *queue) {
    if (atomic_fetch_sub_explicit(&queue->references, 1, memory_order_acq_rel) == 1) {
        tote__batch_processor_release(queue->processor);
    }
}

static struct batch_lane *make_lane(struct batch_queue *queue, struct thread_state *state) {
    const struct tote__batch_settings *settings = &queue->processor->settings;
    struct batch_lane *lane = tote__allocate_zeroed(sizeof *lane);

    if (!lane) {
        return NULL;
    }
    if (!tote__span_ring_init(&lane->ring, settings->max_queue_size)) {
        tote__release(lane, sizeof *lane);
        return NULL;
    }
    lane->queue = queue;
    lane->home = state;
    lane->check_at = tote__batch_has_short_delay(queue) ? 0 : settings->max_export_batch_size;
    lane->next = atomic_load_explicit(&queue->lanes, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&queue->lanes, &lane->next, lane,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&queue->lane_count, 1, memory_order_relaxed);
    return lane;
}

/* Not even a queue could be made: the processor itself counts. */
static void count_without_queue(struct batch_processor *processor, uint64_t lost) {
    tote__lock_take(&processor->lock);
    if (processor->lost_generation != tote__generation()) {
        processor->lost_generation = tote__generation();
        processor->lost = 0;
    }
    processor->lost += lost;
    tote__lock_drop(&processor->lock);
}

struct batch_lane *tote__batch_open_lane(struct batch_processor *processor,
                                         struct thread_state *state, uint64_t lost) {
    struct batch_queue *queue = tote__batch_queue(processor);

    if (!queue) {
        count_without_queue(processor, lost);
        return NULL;
    }
    uint32_t refusal = atomic_load_explicit(&queue->refuses, memory_order_relaxed);
    if (!refusal && (!state || !tote__batch_start_worker(queue))) {
        refusal = DROP_MEMORY;
    }
    struct batch_lane *lane = refusal ? NULL : make_lane(queue, state);
    if (!lane) {
        atomic_fetch_add_explicit(&queue->lost[refusal ? refusal : DROP_MEMORY], lost,
                                  memory_order_relaxed);
        return NULL;
    }
    atomic_store_explicit(&state->rings[processor->slot], lane, memory_order_release);
    return lane;
}

void tote__batch_close_lanes(struct batch_queue *queue) {
    uint32_t slot = queue->processor->slot;
    struct batch_lane *lane = atomic_load_explicit(&queue->lanes, memory_order_acquire);

    for (; lane; lane = lane->next) {
        atomic_store_explicit(&lane->home->rings[slot], NULL, memory_order_release);
    }
}

static void add_drops(_Atomic(uint64_t) *drops, tote_stats *stats) {
    uint64_t count[DROP_CAUSES];

    for (size_t i = DROP_NONE; i < DROP_CAUSES; i++) {
        count[i] = atomic_load_explicit(&drops[i], memory_order_relaxed);
        stats->ended += count[i];
    }
    stats->dropped_queue_full += count[DROP_QUEUE_FULL];
    stats->dropped_too_large += count[DROP_TOO_LARGE];
    stats->dropped_shutdown += count[DROP_SHUTDOWN];
    stats->dropped_memory += count[DROP_MEMORY];
}

static void add_lane(struct batch_lane *lane, tote_stats *stats) {
    uint64_t tail = atomic_load_explicit(&lane->ring.tail, memory_order_acquire);
    uint64_t waiting = tail - atomic_load_explicit(&lane->ring.head, memory_order_relaxed);

    stats->ended += tail;
    if (lane->queue->is_over) {
        stats->dropped_shutdown += waiting;
    } else {
        stats->waiting += waiting;
    }
    add_drops(lane->dropped, stats);
}

static void add_counts(const struct batch_counts *counts, tote_stats *stats) {
    stats->exported += counts->exported;
    stats->rejected += counts->rejected;
    stats->dropped_too_large += counts->too_large;
    stats->dropped_retries_exhausted += counts->retries_exhausted;
    stats->dropped_shutdown += counts->shut_down;
    stats->in_flight += counts->in_flight;
}

/* The lock is held while spans change places, so that each is seen in one of them. */
void tote__batch_add_stats(void *self, tote_stats *stats) {
    struct batch_processor *processor = self;
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);

    if (queue && queue->generation == tote__generation()) {
        struct batch_lane *lane = atomic_load_explicit(&queue->lanes, memory_order_acquire);
        tote__lock_take(&queue->lock);
        for (; lane; lane = lane->next) {
            add_lane(lane, stats);
        }
        add_counts(&queue->counts, stats);
        tote__add_saved(processor->exporter, queue->counts.spooled, stats);
        tote__lock_drop(&queue->lock);
        add_drops(queue->lost, stats);
    }
    tote__lock_take(&processor->lock);
    uint64_t lost = processor->lost_generation == tote__generation() ? processor->lost : 0;
    tote__lock_drop(&processor->lock);
    stats->ended += lost;
    stats->dropped_memory += lost;
}
