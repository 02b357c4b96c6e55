/* SPDX-License-Identifier: MIT */
/*
 * batch_flush.c - those who wait for the worker, or work in its place where it is the host
 *
 * A flush takes a ticket; the worker answers all tickets up to the one that was the last when it
 * looked at the rings. Nobody waits past the deadline, and a shutdown only a little for a worker
 * that does not come back. Spec: trace/sdk.md#forceflush-1
 */
#include "batch.h"

#include "losses.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "wait.h"

static const char *const component = "batch_processor";

/* One that waits for a flush; in its caller's frame, and off the list before that is left. */
struct flush_call {
    struct flush_call *next;
    uint32_t ticket; /* of the round that answers it, or an earlier one */
    uint64_t deadline;
    uint64_t failures; /* there had been before */
    tote_result result;
    _Atomic(bool) is_done;
};

/* Whether ticket `a` comes after ticket `b`; they wrap. */
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

void tote__batch_answer(struct batch_queue *queue, uint32_t round, tote_result result) {
    tote__lock_take(&queue->lock);
    struct flush_call **link = &queue->flush_calls;
    while (*link) {
        struct flush_call *call = *link;
        if (is_later(call->ticket, round)) {
            link = &call->next;
            continue;
        }
        *link = call->next;
        call->result = queue->counts.failures != call->failures ? TOTE_FAILURE : result;
        atomic_store_explicit(&call->is_done, true, memory_order_release); /* it may be gone now */
    }
    tote__lock_drop(&queue->lock);
    atomic_fetch_add(&queue->flushes_done, 1);
    tote__wake(&queue->flushes_done);
}

static bool is_worker(struct batch_queue *queue) {
    return atomic_load_explicit(&queue->worker, memory_order_relaxed) == &tote__thread;
}

/* Put the call on the list. Returns: false when nobody will answer. */
static bool ask(struct batch_queue *queue, struct flush_call *call, bool is_waiting) {
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

/* Take the call off the list, if nobody has answered it yet. */
static void withdraw(struct batch_queue *queue, struct flush_call *call) {
    tote__lock_take(&queue->lock);
    struct flush_call **link = &queue->flush_calls;
    while (*link && *link != call) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = call->next;
        call->result = TOTE_TIMED_OUT;
    }
    tote__lock_drop(&queue->lock);
}

static bool is_idle(struct batch_queue *queue) {
    tote_stats stats = TOTE_STATS_INIT;

    tote__batch_add_stats(queue->processor, &stats);
    return stats.waiting + stats.in_flight == 0;
}

/* Wait for the answer to a call that was asked. */
static tote_result await(struct batch_queue *queue, struct flush_call *call) {
    for (;;) {
        uint32_t done = atomic_load(&queue->flushes_done);
        if (atomic_load_explicit(&call->is_done, memory_order_acquire)) {
            return call->result;
        }
        if (tote__clock_monotonic() >= call->deadline) {
            break;
        }
        if (queue->processor->settings.is_by_host) {
            tote__batch_drive_until(queue, &call->is_done, call->deadline);
        } else {
            tote__wait(&queue->flushes_done, done, call->deadline);
        }
    }
    withdraw(queue, call);
    return call->result;
}

tote_result tote__batch_flush(struct batch_queue *queue, uint32_t timeout_ms) {
    struct flush_call call = {.deadline = tote__deadline_in(timeout_ms)};

    if (is_worker(queue)) {
        tote_diagnose(TOTE_LEVEL_WARN, component,
                      "flushed from the thread that exports: it cannot wait for itself, nothing is "
                      "done");
        return TOTE_FAILURE;
    }
    if (!tote__batch_start_worker(queue)) {
        return TOTE_FAILURE;
    }
    if (!ask(queue, &call, timeout_ms != 0)) {
        return TOTE_SUCCESS;
    }
    if (timeout_ms == 0) {
        return is_idle(queue) ? TOTE_SUCCESS : TOTE_TIMED_OUT;
    }
    return await(queue, &call);
}

/* Wait until the word changes from `value`. Returns: whether it did before the deadline. */
static bool wait_for_change(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    while (atomic_load(word) == value) {
        if (tote__clock_monotonic() >= deadline) {
            return false;
        }
        tote__wait(word, value, deadline);
    }
    return true;
}

bool tote__batch_part(struct batch_queue *queue, uint64_t deadline) {
    wait_for_change(&queue->worker_state, WORKER_STARTING, deadline);
    if (atomic_load(&queue->worker_state) != WORKER_RUNNING || atomic_load(&queue->is_parted)) {
        return true;
    }
    if (queue->processor->settings.is_by_host) {
        atomic_store(&queue->is_parted, tote__batch_part_host(queue, deadline));
        return atomic_load(&queue->is_parted);
    }
    if (!is_worker(queue) && wait_for_change(&queue->has_left, 0, deadline)) {
        tote__worker_thread_join(&queue->thread);
        atomic_store(&queue->is_parted, true);
        return true;
    }
    atomic_store(&queue->is_parted, tote__worker_thread_detach(&queue->thread));
    return false;
}

static tote_result shut_down_exporter(struct batch_processor *processor, uint32_t timeout_ms) {
    const tote_span_exporter *exporter = processor->exporter;

    if (atomic_exchange(&processor->is_exporter_shut_down, true) || !exporter->ops.shutdown) {
        return TOTE_SUCCESS;
    }
    return exporter->ops.shutdown(exporter->self, timeout_ms);
}

/* Nobody is there any more whom the exporter, as it was shut down, would have had to wake. */
static void settle_host(const struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    if (queue->processor->settings.is_by_host && atomic_load(&queue->has_left) && exporter->ahead) {
        exporter->ahead->drop(exporter->self);
    }
}

/* Have the worker flush, and leave. Returns: whether it did so until the deadline. */
static bool flush_and_leave(struct batch_queue *queue, uint64_t deadline) {
    struct flush_call call = {.deadline = deadline};

    if (queue->processor->settings.is_by_host) {
        bool is_asked = ask(queue, &call, true);
        atomic_store(&queue->stop, STOP_WHEN_FLUSHED);
        bool is_flushed = !is_asked || await(queue, &call) != TOTE_TIMED_OUT;
        atomic_store(&queue->is_parted, is_flushed && tote__batch_part_host(queue, deadline));
        return is_flushed;
    }
    ask(queue, &call, false);
    atomic_store(&queue->stop, STOP_WHEN_FLUSHED);
    tote__batch_wake(queue);
    return wait_for_change(&queue->has_left, 0, deadline);
}

/* What is queued from here on is never exported. */
static void set_over(struct batch_queue *queue) {
    tote__lock_take(&queue->lock);
    queue->is_over = true;
    tote__lock_drop(&queue->lock);
}

/* Returns: whether the worker had the time to flush. */
static bool stop_worker(struct batch_queue *queue, uint64_t deadline) {
    atomic_store(&queue->stop_deadline, deadline);
    bool is_flushed =
        !is_worker(queue) && tote__clock_monotonic() < deadline && flush_and_leave(queue, deadline);

    if (is_flushed && atomic_load(&queue->has_left)) {
        return true;
    }
    atomic_store(&queue->stop, STOP_NOW);
    tote__batch_wake(queue);
    set_over(queue);
    return is_flushed;
}

/* What is said at a shutdown about what was lost by then. */
static void report_losses(struct batch_queue *queue, bool has_ended) {
    tote_stats stats = TOTE_STATS_INIT;

    tote__batch_add_stats(queue->processor, &stats);
    if (!has_ended) {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "the exporter did not come back when it was shut down: its thread is left "
                      "behind");
    }
    tote__report_losses(component, &stats);
}

/* The spans that a stop lost, and the exports that failed. */
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
    settle_host(queue);
    uint64_t grace_end = tote__deadline_in(TOTE__SHUTDOWN_GRACE_MS);
    bool has_ended = tote__batch_part(queue, grace_end);
    struct batch_counts after = read_counts(queue);

    report_losses(queue, has_ended || is_worker(queue));
    if (!has_ended || after.shut_down != before.shut_down) {
        return is_worker(queue) ? TOTE_FAILURE : TOTE_TIMED_OUT;
    }
    bool has_failed = state == WORKER_REFUSED || after.failures != before.failures;
    return has_failed ? TOTE_FAILURE : result;
}
