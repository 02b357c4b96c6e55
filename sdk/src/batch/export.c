/* SPDX-License-Identifier: MIT */
/*
 * export.c - moves spans from the queue to the exporter
 *
 * Only one thread takes records at a time, the worker or the caller that drives the queue, so
 * exports never overlap. A record keeps its memory until it is settled: delivered, saved or
 * dropped. Spec: trace/sdk.md#batching-processor
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

static const uint64_t unused_ns = 5000000000; /* unused chunks are released after this time */

/* An idle worker only releases memory, which does not need the exact delay. */
enum { IDLE_MS = 5000 };

/* How long a shutdown waits for the final metrics. */
enum { MOST_FINAL_METRICS_MS = 5000 };

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
    return &queue->taken[index % tote__batch_ring_size(queue->processor)];
}

/* Return whether the ring has no capacity for another batch. */
static bool is_ring_full(const struct batch_queue *queue) {
    return queue->taken_to - queue->taken_from + most_in_batch(queue) >
           tote__batch_ring_size(queue->processor);
}

/* Take records of the last sweep from one per-thread queue. Returns their number. */
static size_t take_from(struct batch_queue *queue, struct thread_queue *thread_queue, size_t most) {
    size_t places = tote__batch_ring_size(queue->processor);
    size_t left = places - (size_t)(queue->taken_to % places);
    size_t taken = 0;

    do { /* the ring may wrap around */
        size_t count = tote__thread_queue_take(thread_queue, taken_at(queue, queue->taken_to),
                                               tote__min(most - taken, left));
        queue->taken_to += count;
        taken += count;
        left = count == left ? most : 0;
    } while (left && taken < most);
    return taken;
}

/* Prepare the taken records for the exporter. */
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
 * Take a batch from the per-thread queues in turn. The last one may keep records. Returns whether
 * there is a batch.
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

/* Subtract up to `amount` from `left`. Returns what was subtracted. */
static uint64_t part_of(uint64_t *left, size_t amount) {
    uint64_t part = amount < *left ? amount : *left;

    *left -= part;
    return part;
}

/* Count the outcome. Spans without a result after STOP_NOW count as dropped by the shutdown. */
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

/* Skip the next spans of the batch: the exporter has them, or they are done. */
static void skip_spans(struct batch_queue *queue, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote__read_span_clear(&queue->batch[queue->batch_from++]);
    }
}

/* Settle records that are not the oldest. Their places in the ring stay, empty. */
static void release_range(struct batch_queue *queue, uint64_t from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct taken *taken = taken_at(queue, from + i);
        tote__thread_queues_settle(&queue->thread_queues, taken);
        taken->record = NULL;
    }
}

/* Settle the oldest records: their memory can be reused. */
static void release_taken(struct batch_queue *queue, size_t count) {
    while (queue->taken_from != queue->taken_to) {
        const struct taken *taken = taken_at(queue, queue->taken_from);
        if (taken->record && !count) {
            break;
        }
        queue->taken_from++; /* first: otherwise a fork here would release it twice */
        if (taken->record) {
            tote__thread_queues_settle(&queue->thread_queues, taken);
            count--;
        }
    }
}

/* A shutdown sets the deadline before it requests the flush, and `stop` afterwards. */
static bool is_stopping(const struct batch_queue *queue) {
    return atomic_load(&queue->stop_deadline) != 0;
}

/* Return the export timeout. It does not exceed the deadline of a shutdown. */
static uint32_t export_timeout(struct batch_queue *queue) {
    uint32_t timeout = queue->processor->settings.export_timeout_ms;

    if (!is_stopping(queue)) {
        return timeout;
    }
    uint32_t left = tote__deadline_left_ms(atomic_load(&queue->stop_deadline));
    return left < timeout ? left : timeout;
}

/* Count spans that are passed to the exporter. */
static void note_handed_over(struct batch_queue *queue, size_t count) {
    tote__lock_take(&queue->lock);
    queue->counts.handed_over += count;
    queue->exporter.in_flight += count;
    tote__lock_drop(&queue->lock);
}

/* Count an outcome for the metrics. The duration is UINT64_MAX if there was no export. */
static void measure(struct batch_queue *queue, const tote_export_outcome *outcome,
                    uint64_t duration) {
    tote__lock_take(&queue->lock);
    tote__metrics_add_outcome(&queue->exporter, outcome, duration);
    tote__lock_drop(&queue->lock);
}

/* Return whether other requests may be in flight when one completes. */
static bool may_have_others(const struct batch_queue *queue) {
    return tote__batch_most_requests(queue->processor) > TOTE__MOST_REQUESTS;
}

/* Complete an export: the memory of its records can be reused. */
static void end_export(struct batch_queue *queue, const tote_export_outcome *outcome,
                       uint64_t duration) {
    static const char *const results[] = {[TOTE_RESULT_SUCCESS] = "success",
                                          [TOTE_RESULT_FAILURE] = "failure",
                                          [TOTE_RESULT_TIMEOUT] = "timed out"};
    measure(queue, outcome, duration);
    settle(queue, outcome);
    if (!may_have_others(queue)) { /* otherwise the delay counts from the last start */
        start_delay(queue);
    }
    release_taken(queue, outcome->span_count);
    tote_diagnostics_report(TOTE_LEVEL_DEBUG, component, "export of %zu spans: %s, after %llu ms",
                            outcome->span_count, results[outcome->result],
                            (unsigned long long)duration / 1000000);
}

/* Export the rest of the batch with a blocking exporter. */
static void export_directly(struct batch_queue *queue) {
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;
    uint64_t start = tote__clock_monotonic();
    size_t count = batch_left(queue);

    note_handed_over(queue, count);
    tote_span_exporter_export(queue->processor->exporter, queue->spans + queue->batch_from, count,
                              export_timeout(queue), &outcome);
    skip_spans(queue, count);
    end_export(queue, &outcome, tote__clock_monotonic() - start);
}

/*
 * Deliver spans of the batch to a non-blocking exporter. Returns false if a request must complete
 * first.
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
        note_handed_over(queue, count);
        skip_spans(queue, count);
        queue->kept++;
        if (may_have_others(queue)) {
            start_delay(queue);
        }
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
    note_handed_over(queue, outcome.span_count);
    measure(queue, &outcome, UINT64_MAX);
    skip_spans(queue, outcome.span_count);
    settle(queue, &outcome);
    release_range(queue, queue->taken_to - batch_left(queue) - outcome.span_count,
                  outcome.span_count);
    release_taken(queue, 0);
    return true;
}

/* Give the exporter a batch, or more of the current one. Returns whether it accepted spans. */
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

/* Return when the exporter needs a step even if its descriptor is not readable. */
static uint64_t exporter_due(const struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return exporter->ops.due ? exporter->ops.due(exporter->self) : TOTE__NEVER;
}

static bool has_something_to_send(const struct batch_queue *queue) {
    return queue->kept || queue->is_sending || exporter_due(queue) <= tote__clock_monotonic();
}

/* Return the duration of the export that the last step completed. `start` is as far as known. */
static uint64_t export_duration(const struct batch_queue *queue, uint64_t start) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return exporter->extras && exporter->extras->duration
               ? exporter->extras->duration(exporter->self)
               : tote__clock_monotonic() - start;
}

/*
 * Continue the exporter's oldest request, or its disk queue. Returns whether to continue at once.
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
    queue->is_sending = state == TOTE_EXPORT_STATE_IN_FLIGHT ||
                        (state == TOTE_EXPORT_STATE_COMPLETED && may_have_others(queue));
    queue->send_began = state == TOTE_EXPORT_STATE_COMPLETED ? 0 : start;
    if (state != TOTE_EXPORT_STATE_COMPLETED) {
        return may_block && queue->is_sending;
    }
    queue->kept--;
    queue->flush_left -= queue->flush_left != 0;
    end_export(queue, &outcome, export_duration(queue, start));
    return true;
}

void tote__batch_drain(struct batch_queue *queue) {
    if (!queue->kept && !queue->is_sending && queue->processor->exporter->ops.step) {
        send_some(queue, false, true);
    }
}

/* Return whether the exporter has all spans that had ended when the flush began. */
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

/*
 * Return the time until the latest deadline of this round's flushes; the export timeout if there is
 * none.
 */
static uint32_t flush_timeout(struct batch_queue *queue) {
    uint64_t deadline = tote__batch_flush_deadline(queue, queue->flush_round);
    uint32_t timeout = export_timeout(queue);
    uint32_t left = deadline ? tote__deadline_left_ms(deadline) : timeout;

    return left < timeout ? left : timeout;
}

static bool is_flush_asked(struct batch_queue *queue) {
    return queue->flush == FLUSH_NONE && atomic_load(&queue->flushes_asked) != queue->flush_round;
}

/* Start to export all spans that have ended. */
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

/* Flush the exporter, and complete the flushes of this round. */
static void end_flush(struct batch_queue *queue) {
    tote_result result =
        tote_span_exporter_force_flush(queue->processor->exporter, flush_timeout(queue));

    const struct tote__metric_sender sender = tote__metric_sender_of(queue->processor->exporter);
    if (sender.ops && !is_stopping(queue)) { /* a shutdown sends the final figures */
        sender.ops->send_now(sender.self);
    }
    queue->flush = FLUSH_NONE;
    tote__batch_complete_flushes(queue, queue->flush_round, result);
}

static bool has_room(const struct batch_queue *queue) {
    return !queue->kept ||
           (!is_ring_full(queue) && queue->kept < tote__batch_most_requests(queue->processor));
}

/* Return whether an incomplete batch may be sent when the delay has passed. */
static bool may_send_incomplete(const struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return !queue->kept ||
           (may_have_others(queue) && exporter->extras && exporter->extras->may_start &&
            has_room(queue) && exporter->extras->may_start(exporter->self));
}

/* The delay has passed and no span is queued. */
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
 * Return whether an export is due without a flush. An incomplete batch waits for the delay, and
 * until another request may be in flight.
 */
static bool is_export_due(struct batch_queue *queue) {
    uint64_t waiting = tote__thread_queues_sweep(&queue->thread_queues);
    bool has_overflow =
        atomic_load(&queue->has_overflow) && atomic_exchange(&queue->has_overflow, 0);

    bool is_time = tote__clock_monotonic() >= queue->next_export && may_send_incomplete(queue);
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
 * Give the exporter what is due: all it has capacity for, or one batch if the caller must not be
 * delayed.
 */
static bool hand_over_due(struct batch_queue *queue, bool may_block) {
    bool may_go_on = may_block && queue->processor->exporter->ops.deliver;
    bool has_some = wants_batch(queue) && hand_over(queue);

    while (has_some && may_go_on && wants_batch(queue) && hand_over(queue)) {
    }
    return has_some;
}

/* Send the SDK's metrics if they are due. Returns whether to continue at once. */
static bool step_metrics(const struct batch_queue *queue, bool may_block) {
    const struct tote__metric_sender sender = tote__metric_sender_of(queue->processor->exporter);

    return sender.ops && sender.ops->step(sender.self, may_block) && may_block;
}

bool tote__batch_step(struct batch_queue *queue, bool may_block) {
    end_idle_time(queue);
    if (is_flush_asked(queue)) {
        begin_flush(queue);
    }
    bool has_done = hand_over_due(queue, may_block);
    if (queue->flush == FLUSH_TAKES && is_handed_over(queue)) {
        queue->flush = FLUSH_SENDS;
        queue->flush_left = queue->kept; /* only those, or a flush might never end */
    }
    if (has_something_to_send(queue) && send_some(queue, may_block, false)) {
        has_done = true;
    }
    if (queue->flush == FLUSH_SENDS && queue->flush_left == 0) {
        end_flush(queue);
        has_done = true;
    }
    has_done |= step_metrics(queue, may_block && !has_done);
    return has_done && atomic_load(&queue->stop) != STOP_NOW;
}

bool tote__batch_has_work(struct batch_queue *queue) {
    uint64_t due = queue->is_idle ? 1 : most_in_batch(queue);

    return is_flush_asked(queue) ||
           (has_room(queue) && (atomic_load(&queue->has_overflow) ||
                                tote__thread_queues_sweep(&queue->thread_queues) >= due));
}

uint64_t tote__batch_due(struct batch_queue *queue) {
    const struct tote__metric_sender sender = tote__metric_sender_of(queue->processor->exporter);
    uint64_t metrics = sender.ops ? sender.ops->due(sender.self) : TOTE__NEVER;
    uint64_t due = exporter_due(queue);

    due = metrics < due ? metrics : due;
    if (queue->processor->settings.is_host_driven && (queue->kept || queue->is_sending)) {
        uint64_t unwatched = tote__os_unwatched_due();
        due = unwatched < due ? unwatched : due;
    }

    bool has_delay = !queue->kept || (!batch_left(queue) && may_send_incomplete(queue));

    return !has_delay || due < queue->next_export ? due : queue->next_export;
}

bool tote__batch_is_flushing(struct batch_queue *queue) {
    return queue->flush != FLUSH_NONE || is_flush_asked(queue);
}

/* Let the exporter save what it has. Returns whether it saved all. */
static bool save_kept(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    size_t kept = (size_t)queue->counts.in_flight - batch_left(queue);
    size_t saved = exporter->ops.save ? exporter->ops.save(exporter->self) : 0;
    const tote_export_outcome outcome = {.span_count = saved, .saved = saved};

    queue->kept = 0;
    queue->is_sending = false;
    measure(queue, &outcome, UINT64_MAX);
    settle(queue, &outcome);
    release_taken(queue, saved);
    return saved == kept;
}

/* Complete the requests in flight: an interrupted one would be sent again from the disk queue. */
static void finish_sending(struct batch_queue *queue) {
    while (queue->is_sending && atomic_load(&queue->stop) == STOP_WHEN_FLUSHED &&
           tote__clock_monotonic() < atomic_load(&queue->stop_deadline)) {
        send_some(queue, true, true);
    }
}

/* Crash-safe records stay for the next process; the others are dropped. */
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

/* Save the remaining spans, or drop them. */
static void save_or_drop(struct batch_queue *queue) {
    bool saves = queue->processor->exporter->ops.deliver && save_kept(queue);

    while (batch_left(queue) ||
           (tote__thread_queues_sweep(&queue->thread_queues) && take_batch(queue))) {
        if (!saves || !deliver_some(queue)) {
            skip_spans(queue, batch_left(queue));
            leave_taken(queue);
        } else {
            saves = save_kept(queue);
        }
    }
    leave_taken(queue);
}

/* Count the spans that the shutdown drops: the exporter has some of them. */
static void note_lost(struct batch_queue *queue, size_t lost) {
    tote__lock_take(&queue->lock);
    uint64_t in_flight = queue->exporter.in_flight;
    uint64_t by_exporter = in_flight < lost ? in_flight : lost;
    tote__metrics_add_exported(&queue->exporter, "shutdown", by_exporter);
    queue->exporter.in_flight = 0;
    queue->counts.not_handed_over += lost - by_exporter;
    tote__lock_drop(&queue->lock);
}

/* All spans are settled. The receiver gets half of the time that is left, or five seconds. */
static void send_final_metrics(struct batch_queue *queue) {
    const struct tote__metric_sender sender = tote__metric_sender_of(queue->processor->exporter);
    uint64_t now = tote__clock_monotonic();
    uint64_t stop_at = atomic_load(&queue->stop_deadline);

    if (sender.ops && atomic_load(&queue->stop) == STOP_WHEN_FLUSHED && now < stop_at) {
        uint64_t most = tote__deadline_in(MOST_FINAL_METRICS_MS);
        uint64_t half = now + (stop_at - now) / 2;
        sender.ops->finish(sender.self, half < most ? half : most);
    }
}

void tote__batch_leave(struct batch_queue *queue) {
    finish_sending(queue);
    save_or_drop(queue);
    size_t lost = (size_t)queue->counts.in_flight;
    note_lost(queue, lost);
    if (lost) {
        settle(queue, &(tote_export_outcome){
                          .span_count = lost, .result = TOTE_RESULT_FAILURE, .shut_down = lost});
    }
    tote__lock_take(&queue->lock);
    queue->is_over = true;
    tote__lock_drop(&queue->lock);
    tote__batch_complete_flushes(queue, atomic_load(&queue->flushes_asked), TOTE_RESULT_SUCCESS);
    send_final_metrics(queue);
    tote__worker_thread_leave(&queue->thread);
    atomic_store(&queue->worker, NULL);
    atomic_store(&queue->has_left, 1);
    tote__wake(&queue->has_left);
    tote__batch_queue_unref(queue);
}
