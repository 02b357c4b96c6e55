/* SPDX-License-Identifier: MIT */
/*
 * flush.c - flush and shutdown of a batch processor
 *
 * A flush takes a ticket. The worker completes all tickets up to the last one when it looked at the
 * per-thread queues. A flush waits until its deadline; a shutdown waits a little longer for the
 * worker to return. Spec: trace/sdk.md#forceflush-1
 *
 * Tests: tests/unit/test_batch_processor.c, tests/unit/test_batch_threads.c
 */
#include "flush.h"

#include "../losses.h"
#include "../wait.h"
#include "host.h"
#include "tote/internal/clock.h"
#include "worker.h"

static const char *const component = "batch_processor";

static bool is_idle(struct batch_queue *queue) {
    tote_stats stats = TOTE_STATS_INIT;

    tote__batch_add_stats(queue->processor, &stats);
    return stats.queued + stats.in_flight == 0;
}

/* Wait for the completion of a flush. */
static tote_result await(struct batch_queue *queue, struct flush_call *call) {
    for (;;) {
        uint32_t done = atomic_load(&queue->flushes_done);
        if (atomic_load_explicit(&call->is_done, memory_order_acquire)) {
            return call->result;
        }
        if (tote__clock_monotonic() >= call->deadline) {
            break;
        }
        if (queue->processor->settings.is_host_driven) {
            tote__batch_drive_until(queue, &call->is_done, call->deadline);
        } else {
            tote__wait(&queue->flushes_done, done, call->deadline);
        }
    }
    tote__batch_cancel_flush(queue, call);
    return call->result;
}

tote_result tote__batch_flush(struct batch_queue *queue, uint32_t timeout_ms) {
    struct flush_call call = {.deadline = tote__deadline_in(timeout_ms)};

    if (tote__batch_is_worker(queue)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, component,
                                "force_flush was called on the exporting thread: nothing is "
                                "flushed; call it on another thread");
        return TOTE_RESULT_FAILURE;
    }
    if (!tote__batch_start_worker(queue)) {
        return TOTE_RESULT_FAILURE;
    }
    if (!tote__batch_request_flush(queue, &call, timeout_ms != 0)) {
        return TOTE_RESULT_SUCCESS;
    }
    if (timeout_ms == 0) {
        return is_idle(queue) ? TOTE_RESULT_SUCCESS : TOTE_RESULT_TIMEOUT;
    }
    return await(queue, &call);
}

static tote_result shut_down_exporter(struct batch_processor *processor, uint32_t timeout_ms) {
    if (atomic_exchange(&processor->is_exporter_shut_down, true)) {
        return TOTE_RESULT_SUCCESS;
    }
    return tote_span_exporter_shutdown(processor->exporter, timeout_ms);
}

/* Let the worker flush and return. Returns whether it did so before the deadline. */
static bool flush_and_leave(struct batch_queue *queue, uint64_t deadline) {
    struct flush_call call = {.deadline = deadline};

    if (queue->processor->settings.is_host_driven) {
        bool is_asked = tote__batch_request_flush(queue, &call, true);
        atomic_store(&queue->stop, STOP_WHEN_FLUSHED);
        bool is_flushed = !is_asked || await(queue, &call) != TOTE_RESULT_TIMEOUT;
        atomic_store(&queue->is_ended, is_flushed && tote__batch_end_host(queue, deadline));
        return is_flushed;
    }
    tote__batch_request_flush(queue, &call, false);
    atomic_store(&queue->stop, STOP_WHEN_FLUSHED);
    tote__batch_wake(queue);
    return tote__batch_wait_for_change(&queue->has_left, 0, deadline);
}

/* Spans that are queued from here on are never exported. */
static void set_over(struct batch_queue *queue) {
    tote__lock_take(&queue->lock);
    queue->is_over = true;
    tote__lock_drop(&queue->lock);
}

/* Stop the worker. Returns whether the flush completed in time. */
static bool stop_worker(struct batch_queue *queue, uint64_t deadline) {
    atomic_store(&queue->stop_deadline, deadline);
    bool is_flushed = !tote__batch_is_worker(queue) && tote__clock_monotonic() < deadline &&
                      flush_and_leave(queue, deadline);

    if (is_flushed && atomic_load(&queue->has_left)) {
        return true;
    }
    atomic_store(&queue->stop, STOP_NOW);
    tote__batch_wake(queue);
    set_over(queue);
    return is_flushed;
}

/* Report the spans that were lost by the end of the shutdown. */
static void report_losses(struct batch_queue *queue, bool has_ended) {
    tote_stats stats = TOTE_STATS_INIT;

    tote__batch_add_stats(queue->processor, &stats);
    if (!has_ended) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "the exporter did not return in time after its shutdown: its "
                                "thread keeps running; make its functions keep to timeout_ms");
    }
    tote__report_losses(component, &stats);
}

/* Return the counts: spans lost by the shutdown, and failed exports. */
static struct batch_counts read_counts(struct batch_queue *queue) {
    tote__lock_take(&queue->lock);
    struct batch_counts counts = queue->counts;
    tote__lock_drop(&queue->lock);
    return counts;
}

tote_result tote__batch_stop(struct batch_queue *queue, uint32_t timeout_ms) {
    uint64_t deadline = tote__deadline_in(timeout_ms);
    struct batch_counts before = read_counts(queue);
    uint32_t state = WORKER_NONE;
    bool is_in_time = true;

    atomic_store(&queue->refuses, DROP_SHUTDOWN);
    atomic_compare_exchange_strong(&queue->worker_state, &state, WORKER_REFUSED);
    if (state == WORKER_STARTING || state == WORKER_RUNNING) {
        is_in_time = stop_worker(queue, deadline);
    } else {
        set_over(queue);
    }
    tote_result result =
        shut_down_exporter(queue->processor, is_in_time ? tote__deadline_left_ms(deadline) : 0);
    uint64_t grace_end = tote__deadline_in(TOTE__SHUTDOWN_GRACE_MS);
    bool has_ended = tote__batch_end_worker(queue, grace_end);
    struct batch_counts after = read_counts(queue);

    report_losses(queue, has_ended || tote__batch_is_worker(queue));
    bool has_dropped = after.shut_down != before.shut_down;
    if (!has_ended || (has_dropped && tote__clock_monotonic() >= deadline)) {
        return tote__batch_is_worker(queue) ? TOTE_RESULT_FAILURE : TOTE_RESULT_TIMEOUT;
    }
    bool has_failed = has_dropped || state == WORKER_REFUSED || after.failures != before.failures;
    return has_failed ? TOTE_RESULT_FAILURE : result;
}
