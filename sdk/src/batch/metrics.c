/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - the figures of a batch processor
 *
 * Tests: tests/unit/test_metrics.c
 */
#include "../losses.h"
#include "queue.h"

/* Size of a usual record, for the capacity of an empty queue that is limited in bytes. */
enum { USUAL_RECORD_BYTES = 250 };

/* Sums over the per-thread queues. */
struct sums {
    uint64_t pushed;
    uint64_t waiting;
    uint64_t unused_bytes; /* credit that threads hold */
    uint64_t dropped[DROP_CAUSES];
};

static void add_drops(_Atomic(uint64_t) *dropped, struct sums *sums) {
    for (size_t i = DROP_NONE; i < DROP_CAUSES; i++) {
        sums->dropped[i] += atomic_load_explicit(&dropped[i], memory_order_relaxed);
    }
}

static struct sums sum_up(struct batch_queue *queue) {
    struct thread_queue *thread_queue =
        atomic_load_explicit(&queue->thread_queues.first, memory_order_acquire);
    struct sums sums = {.pushed = 0};

    for (; thread_queue; thread_queue = thread_queue->next) {
        uint64_t tail = atomic_load_explicit(&thread_queue->tail, memory_order_acquire);
        sums.pushed += tail;
        sums.waiting += tail - atomic_load_explicit(&thread_queue->head, memory_order_relaxed);
        sums.unused_bytes += atomic_load_explicit(&thread_queue->bytes.left, memory_order_relaxed);
        add_drops(thread_queue->dropped, &sums);
    }
    add_drops(queue->lost, &sums);
    return sums;
}

/*
 * Return how many spans the queue can contain. If only bytes are limited, that is the number of
 * spans of the mean size of those in the queue.
 */
static uint64_t capacity_of(const struct batch_queue *queue, const struct sums *sums) {
    const struct thread_queues *queues = &queue->thread_queues;
    uint64_t total = queues->bytes.total;
    uint64_t free_bytes = atomic_load_explicit(&queues->bytes.left, memory_order_relaxed);
    uint64_t unused = free_bytes + sums->unused_bytes;

    if (queues->counts_spans) {
        return queue->processor->settings.max_queue_size;
    }
    uint64_t used = unused < total ? total - unused : 0;
    uint64_t mean = sums->waiting ? used / sums->waiting : 0;
    uint64_t capacity = total / (mean ? mean : USUAL_RECORD_BYTES);
    return capacity > sums->waiting ? capacity : sums->waiting;
}

static void read_queue(struct batch_queue *queue, struct tote__processor_metrics *metrics) {
    uint64_t *processed = metrics->processed;

    tote__lock_take(&queue->lock); /* spans do not move between the figures */
    const struct sums sums = sum_up(queue);
    const struct batch_counts *counts = &queue->counts;
    metrics->exporter = queue->exporter;
    tote__add_saved_metrics(queue->processor->exporter, counts->in_disk_queue, &metrics->exporter);
    uint64_t unfinished = sums.pushed - counts->handed_over;
    bool is_over = queue->is_over;
    uint64_t dropped = is_over ? counts->not_handed_over + sums.waiting : 0;
    tote__lock_drop(&queue->lock);

    metrics->queue_size = is_over ? 0 : unfinished;
    metrics->queue_capacity = capacity_of(queue, &sums);
    processed[TOTE__PROCESSED] = sums.pushed - (is_over ? dropped : unfinished);
    processed[TOTE__PROCESSED_SHUTDOWN_TIMEOUT] = dropped;
    processed[TOTE__PROCESSED_QUEUE_FULL] = sums.dropped[DROP_QUEUE_FULL];
    processed[TOTE__PROCESSED_TOO_LARGE] = sums.dropped[DROP_TOO_LARGE];
    processed[TOTE__PROCESSED_ALREADY_SHUTDOWN] = sums.dropped[DROP_SHUTDOWN];
    processed[TOTE__PROCESSED_OUT_OF_MEMORY] = sums.dropped[DROP_MEMORY];
}

void tote__batch_read_metrics(void *self, struct tote__processor_metrics *metrics) {
    struct batch_processor *processor = self;
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);

    *metrics =
        (struct tote__processor_metrics){.type = "batching_span_processor", .has_queue = true};
    if (queue && queue->generation == tote__generation()) {
        read_queue(queue, metrics);
    } else if (processor->settings.max_queue_size != UINT32_MAX) {
        metrics->queue_capacity = processor->settings.max_queue_size;
    }
    tote__lock_take(&processor->lock);
    bool is_own = processor->lost_generation == tote__generation();
    metrics->processed[TOTE__PROCESSED_OUT_OF_MEMORY] += is_own ? processor->lost : 0;
    tote__lock_drop(&processor->lock);
}
