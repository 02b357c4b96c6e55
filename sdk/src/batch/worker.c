/* SPDX-License-Identifier: MIT */
/*
 * worker.c - the thread that exports
 *
 * It sleeps until a batch is complete, the delay has passed, or a flush or shutdown is requested.
 *
 * Tests: tests/unit/test_batch_processor.c, tests/schedule/test_schedule_worker.c
 */
#include "worker.h"

#include "../wait.h"
#include "export.h"
#include "host.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"

static const char *const component = "batch_processor";

/* Sleep until work is due or arrives. */
static void rest(struct batch_queue *queue) {
    enum worker_sleep sleep = tote__batch_sleep(queue);

    atomic_store(&queue->sleep, sleep);
    uint32_t stop = atomic_load(&queue->stop);
    if (stop != STOP_NOW && (stop == STOP_NOT || tote__batch_is_flushing(queue)) &&
        !tote__batch_has_work(queue)) {
        tote__wait(&queue->sleep, sleep, tote__batch_due(queue));
    }
    atomic_store(&queue->sleep, AWAKE);
}

static void work(void *arg) {
    struct batch_queue *queue = arg;
    uint32_t stop;

    atomic_store(&queue->worker, &tote__thread);
    tote__batch_start_schedule(queue);
    while ((stop = atomic_load(&queue->stop)) != STOP_NOW) {
        bool has_more = tote__batch_step(queue, true);
        if (stop == STOP_WHEN_FLUSHED && !tote__batch_is_flushing(queue)) {
            break;
        }
        if (!has_more) {
            rest(queue);
        }
    }
    tote__batch_leave(queue);
}

/* Start the worker or prepare host-driven export. Returns false on failure. */
static bool find_worker(struct batch_queue *queue) {
    if (queue->processor->settings.is_host_driven) {
        tote__batch_start_host(queue);
        return true;
    }
    return tote__worker_thread_start(&queue->thread, &queue->processor->thread_factory, work,
                                     queue);
}

bool tote__batch_start_worker(struct batch_queue *queue) {
    uint32_t state = WORKER_NONE;

    if (!atomic_compare_exchange_strong(&queue->worker_state, &state, WORKER_STARTING)) {
        return state != WORKER_REFUSED;
    }
    int cancel = tote__cancel_disable(); /* a thread factory may contain cancellation points */
    atomic_fetch_add_explicit(&queue->references, 1, memory_order_relaxed);
    bool is_started = find_worker(queue);
    if (!is_started) {
        atomic_fetch_sub_explicit(&queue->references, 1, memory_order_relaxed);
        atomic_store(&queue->refuses, DROP_MEMORY);
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "the worker thread cannot be created: all spans are dropped; raise "
                                "the limit on threads");
    }
    atomic_store(&queue->worker_state, is_started ? WORKER_RUNNING : WORKER_REFUSED);
    tote__wake(&queue->worker_state);
    tote__cancel_restore(cancel);
    return is_started;
}

bool tote__batch_wait_for_change(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    while (atomic_load(word) == value) {
        if (tote__clock_monotonic() >= deadline) {
            return false;
        }
        tote__wait(word, value, deadline);
    }
    return true;
}

bool tote__batch_end_worker(struct batch_queue *queue, uint64_t deadline) {
    tote__batch_wait_for_change(&queue->worker_state, WORKER_STARTING, deadline);
    if (atomic_load(&queue->worker_state) != WORKER_RUNNING || atomic_load(&queue->is_ended)) {
        return true;
    }
    if (queue->processor->settings.is_host_driven) {
        atomic_store(&queue->is_ended, tote__batch_end_host(queue, deadline));
        return atomic_load(&queue->is_ended);
    }
    if (!tote__batch_is_worker(queue) &&
        tote__batch_wait_for_change(&queue->has_left, 0, deadline)) {
        tote__worker_thread_join(&queue->thread);
        atomic_store(&queue->is_ended, true);
        return true;
    }
    atomic_store(&queue->is_ended, tote__worker_thread_detach(&queue->thread));
    return false;
}
