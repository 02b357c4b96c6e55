/* SPDX-License-Identifier: MIT */
/*
 * queue.c - memory, counts and pending flushes of a batch processor's queue
 *
 * Tests: tests/unit/test_batch_processor.c
 */
#include "queue.h"

#include <errno.h>

#include "../losses.h"
#include "../wait.h"
#include "tote/internal/cancel.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

static bool allocate_batch(struct batch_queue *queue) {
    size_t count = queue->processor->settings.max_export_batch_size;

    queue->batch = tote__allocate_zeroed(count * sizeof *queue->batch);
    queue->spans = tote__allocate(count * sizeof *queue->spans);
    queue->taken = tote__allocate(tote__batch_ring_size(queue->processor) * sizeof *queue->taken);
    return queue->batch && queue->spans && queue->taken;
}

static void release_memory(struct batch_queue *queue) {
    size_t count = queue->processor->settings.max_export_batch_size;

    tote__release(queue->batch, count * sizeof *queue->batch);
    tote__release((void *)queue->spans, count * sizeof *queue->spans);
    tote__release(queue->taken, tote__batch_ring_size(queue->processor) * sizeof *queue->taken);
    tote__release(queue, sizeof *queue);
}

/* Return crash-safe memory. Returns NULL if it is not requested or not available. */
static const struct tote__crash_safe_memory *begin_crash_safe(const tote_span_exporter *exporter) {
    const struct tote__exporter_extras *extras = exporter->extras;

    return extras && extras->begin_crash_safe ? extras->begin_crash_safe(exporter->self) : NULL;
}

static struct batch_queue *make_queue(struct batch_processor *processor,
                                      struct batch_queue *inherited) {
    const struct tote__batch_settings *settings = &processor->settings;
    struct batch_queue *queue = tote__allocate_zeroed(sizeof *queue);

    if (!queue) {
        return NULL;
    }
    queue->processor = processor;
    tote__os_event_init(&queue->event);
    if (!allocate_batch(queue) ||
        (settings->is_host_driven && !tote__os_event_open(&queue->event))) {
        release_memory(queue);
        return NULL;
    }
    queue->inherited = inherited;
    queue->generation = tote__generation();
    atomic_init(&queue->references, 1);
    if (atomic_load_explicit(&processor->is_shut_down, memory_order_relaxed)) {
        atomic_init(&queue->refuses, DROP_SHUTDOWN);
    }
    tote__thread_queues_init(&queue->thread_queues, settings->max_queue_size,
                             settings->max_queue_bytes, begin_crash_safe(processor->exporter));
    queue->thread_queues.pool.is_read_here = settings->is_host_driven;
    return queue;
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
            atomic_store_explicit(&processor->queue, queue, memory_order_release);
        }
    }
    tote__lock_drop(&processor->lock);
    tote__cancel_restore(cancel);
    return queue;
}

/*
 * Release the queue. Of an inherited one only the memory is released: its spans belong to the
 * parent.
 */
static void release_queue(struct batch_queue *queue) {
    size_t places = tote__batch_ring_size(queue->processor);

    while (queue->taken_from != queue->taken_to) {
        tote__thread_queues_forget(&queue->taken[queue->taken_from++ % places]);
    }
    tote__thread_queues_clear(&queue->thread_queues);
    if (queue->generation != tote__generation()) {
        tote__worker_thread_release_inherited(&queue->thread);
    } else { /* an inherited number may be the host's by now */
        tote__os_event_close(&queue->event);
    }
    release_memory(queue);
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

void tote__batch_close_thread_queues(struct batch_queue *queue) {
    uint32_t slot = queue->processor->slot;
    struct thread_queue *thread_queue =
        atomic_load_explicit(&queue->thread_queues.first, memory_order_acquire);

    for (; thread_queue; thread_queue = thread_queue->next) {
        atomic_store_explicit(&thread_queue->home->thread_queues[slot], NULL, memory_order_release);
    }
}

void tote__batch_count_lost(struct batch_processor *processor, uint64_t lost) {
    tote__lock_take(&processor->lock);
    if (processor->lost_generation != tote__generation()) {
        processor->lost_generation = tote__generation();
        processor->lost = 0;
    }
    processor->lost += lost;
    tote__lock_drop(&processor->lock);
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
    stats->dropped_out_of_memory += count[DROP_MEMORY];
}

static void add_thread_queue(struct thread_queue *thread_queue, bool is_over, tote_stats *stats) {
    uint64_t tail = atomic_load_explicit(&thread_queue->tail, memory_order_acquire);
    uint64_t waiting = tail - atomic_load_explicit(&thread_queue->head, memory_order_relaxed);

    stats->ended += tail;
    *(is_over ? &stats->dropped_shutdown : &stats->queued) += waiting;
    add_drops(thread_queue->dropped, stats);
}

static void add_counts(const struct batch_counts *counts, tote_stats *stats) {
    stats->exported += counts->exported;
    stats->rejected += counts->rejected;
    stats->dropped_too_large += counts->too_large;
    stats->dropped_retries_exhausted += counts->retries_exhausted;
    stats->dropped_shutdown += counts->shut_down;
    stats->in_flight += counts->in_flight;
}

/* The lock is held while spans move between counts, so each is counted once. */
void tote__batch_add_stats(void *self, tote_stats *stats) {
    struct batch_processor *processor = self;
    struct batch_queue *queue = atomic_load_explicit(&processor->queue, memory_order_acquire);

    if (queue && queue->generation == tote__generation()) {
        struct thread_queue *thread_queue =
            atomic_load_explicit(&queue->thread_queues.first, memory_order_acquire);
        tote__lock_take(&queue->lock);
        for (; thread_queue; thread_queue = thread_queue->next) {
            add_thread_queue(thread_queue, queue->is_over, stats);
        }
        add_counts(&queue->counts, stats);
        tote__add_saved(processor->exporter, queue->counts.in_disk_queue, stats);
        tote__lock_drop(&queue->lock);
        add_drops(queue->lost, stats);
    }
    tote__lock_take(&processor->lock);
    uint64_t lost = processor->lost_generation == tote__generation() ? processor->lost : 0;
    tote__lock_drop(&processor->lock);
    stats->ended += lost;
    stats->dropped_out_of_memory += lost;
}

/* With a shorter delay a timer would wake an idle worker too often. */
enum { SHORT_DELAY_MS = 1000 };

bool tote__batch_has_short_delay(const struct batch_queue *queue) {
    return queue->processor->settings.schedule_delay_ms < SHORT_DELAY_MS;
}

static void wake_host(struct batch_queue *queue) {
    atomic_store(&queue->due, 0);
    tote__os_event_set(&queue->event, true);
}

void tote__batch_wake(struct batch_queue *queue) {
    if (atomic_load(&queue->sleep) == AWAKE || atomic_exchange(&queue->sleep, AWAKE) == AWAKE) {
        return;
    }
    if (queue->processor->settings.is_host_driven) {
        wake_host(queue);
    } else {
        tote__wake(&queue->sleep);
    }
}

/* Return whether ticket `a` is later than `b`. Tickets wrap around. */
static bool is_later(uint32_t a, uint32_t b) {
    return (int32_t)(a - b) > 0;
}

uint64_t tote__batch_flush_deadline(struct batch_queue *queue, uint32_t round) {
    uint64_t deadline = 0;

    tote__lock_take(&queue->lock);
    for (struct flush_call *call = queue->flush_calls; call; call = call->next) {
        if (!is_later(call->ticket, round) && call->deadline > deadline) {
            deadline = call->deadline;
        }
    }
    tote__lock_drop(&queue->lock);
    return deadline;
}

void tote__batch_complete_flushes(struct batch_queue *queue, uint32_t round, tote_result result) {
    tote__lock_take(&queue->lock);
    struct flush_call **link = &queue->flush_calls;
    while (*link) {
        struct flush_call *call = *link;
        if (is_later(call->ticket, round)) {
            link = &call->next;
            continue;
        }
        *link = call->next;
        call->result = queue->counts.failures != call->failures ? TOTE_RESULT_FAILURE : result;
        atomic_store_explicit(&call->is_done, true,
                              memory_order_release); /* the call may return now */
    }
    tote__lock_drop(&queue->lock);
    atomic_fetch_add(&queue->flushes_done, 1);
    tote__wake(&queue->flushes_done);
}

bool tote__batch_request_flush(struct batch_queue *queue, struct flush_call *call,
                               bool is_waiting) {
    tote__lock_take(&queue->lock);
    bool is_open = !queue->is_over;
    if (is_open) {
        call->ticket = atomic_load(&queue->flushes_asked) + 1;
        call->failures = queue->counts.failures;
        atomic_store(&queue->flushes_asked, call->ticket);
    }
    if (is_open && is_waiting) {
        call->next = queue->flush_calls;
        queue->flush_calls = call;
    }
    tote__lock_drop(&queue->lock);
    if (is_open) {
        tote__batch_wake(queue);
    }
    return is_open;
}

void tote__batch_cancel_flush(struct batch_queue *queue, struct flush_call *call) {
    tote__lock_take(&queue->lock);
    struct flush_call **link = &queue->flush_calls;
    while (*link && *link != call) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = call->next;
        call->result = TOTE_RESULT_TIMEOUT;
    }
    tote__lock_drop(&queue->lock);
}
