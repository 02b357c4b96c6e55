/* SPDX-License-Identifier: MIT */
/*
 * export.c - from the queue to the exporter
 *
 * One at a time takes records out, the worker or who drives it in its place, so that there are
 * never two exports at once. A record keeps its memory until it is settled: delivered, saved, or
 * given up. Spec: trace/sdk.md#batching-processor
 *
 * Tests: tests/unit/test_batch_processor.c
 */
#include "export.h"

#include "../span.h"
#include "../wait.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/pool.h"
#include "tote/internal/request.h"
#include "tote/internal/tracer.h"

static const char *const component = "batch_processor";

static const uint64_t unused_ns = 5000000000; /* then chunks are released */

/* An idle worker only gives memory back, which does not need the exact delay. */
enum { IDLE_MS = 5000 };

static void start_delay(struct batch_queue *queue) {
    uint32_t delay = queue->processor->settings.schedule_delay_ms;

    queue->next_export = tote__deadline_in(queue->is_idle ? IDLE_MS : delay);
}

void tote__batch_start_schedule(struct batch_queue *queue) {
    queue->is_idle = tote__batch_has_short_delay(queue);
    start_delay(queue);
}

enum worker_sleep tote__batch_sleep(const struct batch_queue *queue) {
    return queue->is_idle ? SLEEPS_UNTIL_SPAN : SLEEPS_UNTIL_BATCH;
}

static size_t batch_left(const struct batch_queue *queue) {
    return queue->batch_to - queue->batch_from;
}

static size_t most_in_batch(const struct batch_queue *queue) {
    return queue->processor->settings.max_export_batch_size;
}

static struct taken *taken_at(struct batch_queue *queue, uint64_t index) {
    return &queue->taken[index % (TOTE__TAKEN_BATCHES * most_in_batch(queue))];
}

/* Whether another batch finds no place in it. */
static bool is_ring_full(const struct batch_queue *queue) {
    return queue->taken_to - queue->taken_from > (TOTE__TAKEN_BATCHES - 1) * most_in_batch(queue);
}

/* Take from one per-thread queue, as of the last sweep. Returns: how many. */
static size_t take_from(struct batch_queue *queue, struct thread_queue *thread_queue, size_t most) {
    size_t places = TOTE__TAKEN_BATCHES * most_in_batch(queue);
    size_t left = places - (size_t)(queue->taken_to % places);
    size_t taken = 0;

    do { /* up to the end of the ring, and on from its start */
        size_t count = tote__thread_queue_take(thread_queue, taken_at(queue, queue->taken_to),
                                               tote__min(most - taken, left));
        queue->taken_to += count;
        taken += count;
        left = count == left ? most : 0;
    } while (left && taken < most);
    return taken;
}

/* Show the exporter what was taken. */
static void show_batch(struct batch_queue *queue, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct tote__record *record = taken_at(queue, queue->taken_to - count + i)->record;
        const struct tote__slice bytes = {record->bytes, record->size};
        tote__read_span_set(&queue->batch[i], tote__resource_at(record->resource),
                            &tote__tracer_at(record->scope)->scope, bytes);
        queue->spans[i] = (const tote_span_data *)&queue->batch[i];
    }
    queue->batch_from = 0;
    queue->batch_to = count;
}

/*
 * Take a batch, from one per-thread queue after the other; the last one is dealt with. Returns:
 * whether there is one.
 */
static bool take_batch(struct batch_queue *queue) {
    size_t most = most_in_batch(queue);
    struct thread_queue *first =
        atomic_load_explicit(&queue->thread_queues.first, memory_order_acquire);
    struct thread_queue *start = queue->turn ? queue->turn : first;
    struct thread_queue *thread_queue = start;
    size_t count = 0;

    if (!first || is_ring_full(queue)) {
        return false;
    }
    tote__lock_take(&queue->lock);
    do {
        count += take_from(queue, thread_queue, most - count);
        thread_queue = thread_queue->next ? thread_queue->next : first;
    } while (count < most && thread_queue != start);
    queue->counts.in_flight += count;
    tote__lock_drop(&queue->lock);
    queue->turn = thread_queue;
    show_batch(queue, count);
    return count != 0;
}

/* Move up to `amount` of what is `left`. */
static uint64_t part_of(uint64_t *left, size_t amount) {
    uint64_t part = amount < *left ? amount : *left;

    *left -= part;
    return part;
}

/* Count what became of spans. What a stop cut short was lost to that, not to the receiver. */
static void settle(struct batch_queue *queue, const tote_export_outcome *outcome) {
    struct batch_counts *counts = &queue->counts;
    bool is_success = outcome->result == TOTE_RESULT_SUCCESS;
    bool is_cut_short = atomic_load(&queue->stop) == STOP_NOW;
    uint64_t left = outcome->span_count;

    tote__lock_take(&queue->lock);
    counts->rejected += part_of(&left, outcome->rejected);
    counts->too_large += part_of(&left, outcome->too_large);
    counts->shut_down += part_of(&left, outcome->shut_down);
    counts->in_disk_queue += part_of(&left, outcome->saved);
    counts->exported += part_of(&left, is_success ? (size_t)left : outcome->delivered);
    *(is_cut_short ? &counts->shut_down : &counts->retries_exhausted) += left;
    counts->failures +=
        !is_success || outcome->rejected || outcome->too_large || outcome->shut_down;
    counts->in_flight -= outcome->span_count;
    tote__lock_drop(&queue->lock);
    atomic_store_explicit(&queue->is_failing, !is_success, memory_order_relaxed);
}

/* The next of the batch are with the exporter, or over. */
static void pass_over(struct batch_queue *queue, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote__read_span_clear(&queue->batch[queue->batch_from++]);
    }
}

/* Out of turn: the place in the ring stays, and is empty. */
static void let_go_of(struct batch_queue *queue, uint64_t from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct taken *taken = taken_at(queue, from + i);
        tote__thread_queues_settle(&queue->thread_queues, taken);
        taken->record = NULL;
    }
}

/* The first of what was taken are over: their memory can be used again. */
static void let_go(struct batch_queue *queue, size_t count) {
    while (queue->taken_from != queue->taken_to) {
        const struct taken *taken = taken_at(queue, queue->taken_from);
        if (taken->record && !count) {
            break;
        }
        queue->taken_from++; /* first: a fork in between must not have it released twice */
        if (taken->record) {
            tote__thread_queues_settle(&queue->thread_queues, taken);
            count--;
        }
    }
}

/* The deadline is there before the flush of a shutdown is asked for, the order only afterwards. */
static bool is_stopping(const struct batch_queue *queue) {
    return atomic_load(&queue->stop_deadline) != 0;
}

/* How long the exporter may take: not past the end of a shutdown. */
static uint32_t export_timeout(struct batch_queue *queue) {
    uint32_t timeout = queue->processor->settings.export_timeout_ms;

    if (!is_stopping(queue)) {
        return timeout;
    }
    uint32_t left = tote__deadline_left_ms(atomic_load(&queue->stop_deadline));
    return left < timeout ? left : timeout;
}

/* An export of spans is over: the memory of their records can be used again. */
static void end_export(struct batch_queue *queue, const tote_export_outcome *outcome,
                       uint64_t start) {
    static const char *const results[] = {[TOTE_RESULT_SUCCESS] = "success",
                                          [TOTE_RESULT_FAILURE] = "failure",
                                          [TOTE_RESULT_TIMEOUT] = "timed out"};
    settle(queue, outcome);
    start_delay(queue);
    let_go(queue, outcome->span_count);
    tote_diagnostics_report(TOTE_LEVEL_DEBUG, component, "export of %zu spans: %s, after %llu ms",
                            outcome->span_count, results[outcome->result],
                            (unsigned long long)(tote__clock_monotonic() - start) / 1000000);
}

/* What is left of the batch, by an exporter that keeps nothing. */
static void export_directly(struct batch_queue *queue) {
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;
    uint64_t start = tote__clock_monotonic();
    size_t count = batch_left(queue);

    tote_span_exporter_export(queue->processor->exporter, queue->spans + queue->batch_from, count,
                              export_timeout(queue), &outcome);
    pass_over(queue, count);
    end_export(queue, &outcome, start);
}

/*
 * Deliver some of the batch to an exporter that works in steps. Returns: false when something else
 * must be over before.
 */
static bool deliver_some(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    tote_span_batch batch =
        tote__batch_of_spans(queue->spans + queue->batch_from, batch_left(queue));
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;
    size_t count = tote__min(exporter->ops.deliver(exporter->self, &batch, &outcome), batch.count);

    outcome.span_count = tote__min(outcome.span_count, batch.count);
    tote__span_batch_clear(&batch);
    if (count) {
        pass_over(queue, count);
        queue->kept++;
        return true;
    }
    if (!outcome.span_count && queue->kept) {
        return false;
    }
    if (!outcome.span_count) {
        outcome.span_count = batch_left(queue);
        outcome.result = TOTE_RESULT_FAILURE;
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "out of memory, %zu spans are lost",
                                outcome.span_count);
    }
    tote__outcome_complete(&outcome, outcome.span_count);
    pass_over(queue, outcome.span_count);
    settle(queue, &outcome);
    let_go_of(queue, queue->taken_to - batch_left(queue) - outcome.span_count, outcome.span_count);
    let_go(queue, 0);
    return true;
}

/* Give the exporter a batch, or more of the last one. Returns: whether it took something. */
static bool hand_over(struct batch_queue *queue) {
    if (!batch_left(queue) && !take_batch(queue)) {
        return false;
    }
    if (queue->processor->exporter->ops.deliver) {
        return deliver_some(queue);
    }
    export_directly(queue);
    return true;
}

/* When the exporter has something to do, other than for its descriptor. */
static uint64_t exporter_due(const struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return exporter->ops.due ? exporter->ops.due(exporter->self) : TOTE__NEVER;
}

static bool has_something_to_send(const struct batch_queue *queue) {
    return queue->kept || queue->is_sending || exporter_due(queue) <= tote__clock_monotonic();
}

/*
 * What the exporter keeps longest, or saved. Returns: whether to go on at once: it is done with
 * that, or may wait for it.
 */
static bool send_some(struct batch_queue *queue, bool may_block, bool drain_only) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;
    const tote_export_step step = {
        .struct_size = sizeof step,
        .timeout_ms = queue->processor->settings.export_timeout_ms,
        .deadline_ns = is_stopping(queue) ? atomic_load(&queue->stop_deadline) : TOTE__NEVER,
        .is_final = is_stopping(queue),
        .may_block = may_block,
        .retry_now = queue->retry_now,
        .drain_only = drain_only,
    };
    uint64_t start = queue->send_began ? queue->send_began : tote__clock_monotonic();
    tote_export_state state = exporter->ops.step(exporter->self, &step, &outcome);

    queue->retry_now = false;
    queue->is_sending = state == TOTE_EXPORT_STATE_IN_FLIGHT;
    queue->send_began = state == TOTE_EXPORT_STATE_COMPLETED ? 0 : start;
    if (state != TOTE_EXPORT_STATE_COMPLETED) {
        return may_block && queue->is_sending;
    }
    queue->kept--;
    queue->flush_left -= queue->flush_left != 0;
    end_export(queue, &outcome, start);
    return true;
}

void tote__batch_quiet(struct batch_queue *queue) {
    if (!queue->kept && !queue->is_sending && queue->processor->exporter->ops.step) {
        send_some(queue, false, true);
    }
}

/* Whether all that had ended when the flush began is with the exporter. */
static bool is_handed_over(struct batch_queue *queue) {
    struct thread_queue *thread_queue =
        atomic_load_explicit(&queue->thread_queues.first, memory_order_acquire);

    for (; thread_queue; thread_queue = thread_queue->next) {
        uint64_t head = atomic_load_explicit(&thread_queue->head, memory_order_relaxed);
        if ((int64_t)(thread_queue->flush_to - head) > 0) {
            return false;
        }
    }
    return batch_left(queue) == 0;
}

/* The last deadline of those that wait for this round; the export timeout when nobody waits. */
static uint32_t flush_timeout(struct batch_queue *queue) {
    uint64_t deadline = tote__batch_flush_deadline(queue, queue->flush_round);
    uint32_t timeout = export_timeout(queue);
    uint32_t left = deadline ? tote__deadline_left_ms(deadline) : timeout;

    return left < timeout ? left : timeout;
}

static bool is_flush_asked(struct batch_queue *queue) {
    return queue->flush == FLUSH_NONE && atomic_load(&queue->flushes_asked) != queue->flush_round;
}

/* Export what has ended by now, ... */
static void begin_flush(struct batch_queue *queue) {
    queue->flush_round = atomic_load(&queue->flushes_asked);
    queue->flush = FLUSH_TAKES;
    queue->retry_now = queue->kept != 0;
    tote__thread_queues_sweep(&queue->thread_queues);
    struct thread_queue *thread_queue =
        atomic_load_explicit(&queue->thread_queues.first, memory_order_acquire);
    for (; thread_queue; thread_queue = thread_queue->next) {
        thread_queue->flush_to = thread_queue->tail_seen;
    }
}

/* ... have the exporter flush, and answer those who asked. */
static void end_flush(struct batch_queue *queue) {
    tote_result result =
        tote_span_exporter_force_flush(queue->processor->exporter, flush_timeout(queue));

    queue->flush = FLUSH_NONE;
    tote__batch_answer(queue, queue->flush_round, result);
}

static bool has_room(struct batch_queue *queue) {
    return !queue->kept || (!is_ring_full(queue) && queue->kept < TOTE__MOST_DELIVERED);
}

/* The delay is over and no span is queued. */
static void become_idle(struct batch_queue *queue) {
    if (queue->is_idle || !tote__batch_has_short_delay(queue)) {
        tote__pools_trim(&tote__span_pool);
        tote__chunk_pool_trim(&queue->thread_queues.pool, unused_ns);
    } else {
        queue->is_idle = true;
    }
    start_delay(queue);
}

/* The first span after an idle time starts the delay, so that others join its batch. */
static void end_idle_time(struct batch_queue *queue) {
    if (queue->is_idle && tote__thread_queues_sweep(&queue->thread_queues)) {
        queue->is_idle = false;
        start_delay(queue);
    }
}

/*
 * Whether to export now, on its own account; what is not a whole batch can wait while others are on
 * their way.
 */
static bool is_export_due(struct batch_queue *queue) {
    uint64_t waiting = tote__thread_queues_sweep(&queue->thread_queues);
    bool has_overflow =
        atomic_load(&queue->has_overflow) && atomic_exchange(&queue->has_overflow, 0);

    bool is_time = !queue->kept && tote__clock_monotonic() >= queue->next_export;
    if (is_time && waiting == 0) {
        become_idle(queue);
    }
    return waiting >= queue->processor->settings.max_export_batch_size ||
           (waiting > 0 && (has_overflow || is_time));
}

static bool wants_batch(struct batch_queue *queue) {
    return atomic_load(&queue->stop) != STOP_NOW && has_room(queue) &&
           (batch_left(queue) || (queue->flush == FLUSH_TAKES && !is_handed_over(queue)) ||
            is_export_due(queue));
}

/*
 * Give the exporter what is due: all that it has room for, or one batch if others are to have their
 * turn.
 */
static bool hand_over_due(struct batch_queue *queue, bool may_block) {
    bool may_go_on = may_block && queue->processor->exporter->ops.deliver;
    bool has_some = wants_batch(queue) && hand_over(queue);

    while (has_some && may_go_on && wants_batch(queue) && hand_over(queue)) {
    }
    return has_some;
}

bool tote__batch_step(struct batch_queue *queue, bool may_block) {
    end_idle_time(queue);
    if (is_flush_asked(queue)) {
        begin_flush(queue);
    }
    bool has_done = hand_over_due(queue, may_block);
    if (queue->flush == FLUSH_TAKES && is_handed_over(queue)) {
        queue->flush = FLUSH_SENDS;
        queue->flush_left = queue->kept; /* no more, or a flush would never end */
    }
    if (has_something_to_send(queue) && send_some(queue, may_block, false)) {
        has_done = true;
    }
    if (queue->flush == FLUSH_SENDS && queue->flush_left == 0) {
        end_flush(queue);
        has_done = true;
    }
    return has_done && atomic_load(&queue->stop) != STOP_NOW;
}

bool tote__batch_has_work(struct batch_queue *queue) {
    uint64_t due = queue->is_idle ? 1 : most_in_batch(queue);

    return is_flush_asked(queue) ||
           (has_room(queue) && (atomic_load(&queue->has_overflow) ||
                                tote__thread_queues_sweep(&queue->thread_queues) >= due));
}

uint64_t tote__batch_due(struct batch_queue *queue) {
    uint64_t due = exporter_due(queue);

    return queue->kept || due < queue->next_export ? due : queue->next_export;
}

bool tote__batch_is_flushing(struct batch_queue *queue) {
    return queue->flush != FLUSH_NONE || is_flush_asked(queue);
}

/* Have the exporter save what it keeps. Returns: whether all of that is saved. */
static bool save_kept(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    size_t kept = (size_t)queue->counts.in_flight - batch_left(queue);
    size_t saved = exporter->ops.save ? exporter->ops.save(exporter->self) : 0;
    const tote_export_outcome outcome = {.span_count = saved, .saved = saved};

    queue->kept = 0;
    queue->is_sending = false;
    settle(queue, &outcome);
    let_go(queue, saved);
    return saved == kept;
}

/* What is cut short would be sent again by who comes next. */
static void finish_sending(struct batch_queue *queue) {
    while (queue->is_sending && atomic_load(&queue->stop) == STOP_WHEN_FLUSHED &&
           tote__clock_monotonic() < atomic_load(&queue->stop_deadline)) {
        send_some(queue, true, true);
    }
}

/* In crash-safe memory what was taken stays for the next process; the rest is lost. */
static void leave_taken(struct batch_queue *queue) {
    tote_export_outcome outcome = {.result = TOTE_RESULT_SUCCESS};

    while (queue->taken_from != queue->taken_to) {
        const struct taken *taken = taken_at(queue, queue->taken_from++);
        if (taken->record) {
            outcome.saved += tote__is_safe(taken);
            tote__thread_queues_forget(taken);
        }
    }
    outcome.span_count = outcome.saved;
    settle(queue, &outcome);
}

/* What can be sent no more is saved, if that can be. */
static void save_or_forget(struct batch_queue *queue) {
    bool saves = queue->processor->exporter->ops.deliver && save_kept(queue);

    while (batch_left(queue) ||
           (tote__thread_queues_sweep(&queue->thread_queues) && take_batch(queue))) {
        if (!saves || !deliver_some(queue)) {
            pass_over(queue, batch_left(queue));
            leave_taken(queue);
        } else {
            saves = save_kept(queue);
        }
    }
    leave_taken(queue);
}

void tote__batch_leave(struct batch_queue *queue) {
    finish_sending(queue);
    save_or_forget(queue);
    size_t lost = (size_t)queue->counts.in_flight;
    if (lost) {
        settle(queue, &(tote_export_outcome){
                          .span_count = lost, .result = TOTE_RESULT_FAILURE, .shut_down = lost});
    }
    tote__lock_take(&queue->lock);
    queue->is_over = true;
    tote__lock_drop(&queue->lock);
    tote__batch_answer(queue, atomic_load(&queue->flushes_asked), TOTE_RESULT_SUCCESS);
    tote__worker_thread_leave(&queue->thread);
    atomic_store(&queue->worker, NULL);
    atomic_store(&queue->has_left, 1);
    tote__wake(&queue->has_left);
    tote__batch_queue_unref(queue);
}
