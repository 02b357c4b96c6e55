/* SPDX-License-Identifier: MIT */
/*
 * batch_worker.c - from the queue to the exporter
 *
 * One at a time takes spans out, the worker or who drives it in its place, so that there are never
 * two exports at once. The worker sleeps until a batch waits, the delay is over, or somebody
 * flushes or stops; it looks at each ring once before it decides. Spec:
 * trace/sdk.md#batching-processor
 */
#include "batch.h"

#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "wait.h"

static const char *const component = "batch_processor";

void tote__batch_wake(struct batch_queue *queue) {
    if (atomic_load(&queue->sleep) == AWAKE || atomic_exchange(&queue->sleep, AWAKE) == AWAKE) {
        return;
    }
    if (queue->processor->settings.is_by_host) {
        tote__batch_wake_host(queue);
    } else {
        tote__wake(&queue->sleep);
    }
}

/*
 * With a shorter delay, a timer would wake an idle worker for nothing more than once in this time.
 * An idle worker only gives memory back to the allocator, which does not need the exact delay.
 */
enum { SHORT_DELAY_MS = 1000, IDLE_MS = 5000 };

bool tote__batch_has_short_delay(const struct batch_queue *queue) {
    return queue->processor->settings.schedule_delay_ms < SHORT_DELAY_MS;
}

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

/* Look at every ring. Returns: how many spans wait. */
static uint64_t sweep(struct batch_queue *queue) {
    struct batch_lane *lane = atomic_load(&queue->lanes);
    uint64_t waiting = 0;

    for (; lane; lane = lane->next) {
        lane->tail_seen = atomic_load(&lane->ring.tail);
        waiting += lane->tail_seen - atomic_load_explicit(&lane->ring.head, memory_order_relaxed);
    }
    return waiting;
}

/* Ask for the lines of a span that every batch looks at: they lie in another core's cache. */
static void prefetch(const struct span *span) {
    __builtin_prefetch((const struct tote__pooled *)span - 1);
    __builtin_prefetch(&span->generation);
    __builtin_prefetch(&span->parent.trace_state);
}

/* Take from one lane, as of the last sweep. Returns: how many. */
static size_t take_from(struct batch_lane *lane, const tote_span_data **batch, size_t most) {
    uint64_t head = atomic_load_explicit(&lane->ring.head, memory_order_relaxed);
    size_t count = (size_t)(lane->tail_seen - head);

    count = tote__min(count, most);
    for (size_t i = 0; i < count; i++) {
        const struct span *span = tote__span_ring_peek(&lane->ring, i);
        prefetch(span);
        batch[i] = (const tote_span_data *)span;
    }
    if (count) {
        tote__span_ring_drop(&lane->ring, count);
    }
    return count;
}

/* What the batch had paid comes back: others may wait in its place. */
static void return_allowances(struct batch_queue *queue, size_t count) {
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += tote__span_bytes(tote__span_of_data(queue->batch[i]));
    }
    tote__allowance_return(&queue->bytes, bytes);
    tote__allowance_return(&queue->spans, count);
}

/*
 * Take a batch, from one lane after the other; the last one is dealt with. Returns: whether there
 * is one.
 */
static bool take_batch(struct batch_queue *queue) {
    size_t most = queue->processor->settings.max_export_batch_size;
    struct batch_lane *first = atomic_load_explicit(&queue->lanes, memory_order_acquire);
    struct batch_lane *start = queue->cursor ? queue->cursor : first;
    struct batch_lane *lane = start;
    size_t count = 0;

    if (!first) {
        return false;
    }
    tote__lock_take(&queue->lock);
    do {
        count += take_from(lane, queue->batch + count, most - count);
        lane = lane->next ? lane->next : first;
    } while (count < most && lane != start);
    queue->counts.in_flight += count;
    tote__lock_drop(&queue->lock);
    queue->cursor = lane;
    queue->batch_from = 0;
    queue->batch_to = count;
    return_allowances(queue, count);
    return count != 0;
}

static size_t batch_left(const struct batch_queue *queue) {
    return queue->batch_to - queue->batch_from;
}

/* Move up to `amount` of what is `left`. */
static uint64_t part_of(uint64_t *left, size_t amount) {
    uint64_t part = amount < *left ? amount : *left;

    *left -= part;
    return part;
}

/* Count what became of a batch. What a stop cut short was lost to that, not to the receiver. */
static void settle(struct batch_queue *queue, size_t count, tote_result result,
                   const tote_export_report *report) {
    struct batch_counts *counts = &queue->counts;
    bool is_cut_short = atomic_load(&queue->stop) == STOP_NOW;
    uint64_t left = count;

    tote__lock_take(&queue->lock);
    counts->rejected += part_of(&left, report->rejected);
    counts->too_large += part_of(&left, report->too_large);
    counts->shut_down += part_of(&left, report->shut_down);
    counts->spooled += part_of(&left, report->spooled);
    if (result == TOTE_SUCCESS) {
        counts->exported += left;
    } else {
        counts->exported += part_of(&left, report->delivered);
        *(is_cut_short ? &counts->shut_down : &counts->retries_exhausted) += left;
    }
    counts->failures += result != TOTE_SUCCESS;
    counts->in_flight -= count;
    tote__lock_drop(&queue->lock);
    atomic_store_explicit(&queue->is_failing, result != TOTE_SUCCESS, memory_order_relaxed);
}

/* The next of the batch are not needed any more. */
static void send_home(struct batch_queue *queue, size_t count) {
    struct tote__pool_gathering gathered = {NULL, NULL};

    for (size_t i = 0; i < count; i++) {
        const tote_span_data *data = queue->batch[queue->batch_from++];
        tote__span_unref_gathering((struct span *)tote__span_of_data(data), &gathered);
    }
    tote__pool_flush(&tote__span_pool, &gathered);
}

/* How long the exporter may take: not past the end of a shutdown. */
static uint32_t export_timeout(struct batch_queue *queue) {
    uint32_t timeout = queue->processor->settings.export_timeout_ms;

    if (atomic_load(&queue->stop) == STOP_NOT) {
        return timeout;
    }
    uint32_t left = tote__deadline_left_ms(atomic_load(&queue->stop_deadline));
    return left < timeout ? left : timeout;
}

static void report_export(size_t count, tote_result result, uint64_t start) {
    static const char *const results[] = {
        [TOTE_SUCCESS] = "success", [TOTE_FAILURE] = "failure", [TOTE_TIMED_OUT] = "timed out"};
    size_t index = (size_t)result;

    tote_diagnose(TOTE_LEVEL_DEBUG, component, "export of %zu spans: %s, after %llu ms", count,
                  index < TOTE_COUNT_OF(results) ? results[index] : "no known result",
                  (unsigned long long)(tote__clock_monotonic() - start) / 1000000);
}

static void note_export(struct batch_queue *queue, size_t count, tote_result result,
                        const tote_export_report *report) {
    settle(queue, count, result, report);
    start_delay(queue);
}

/* What is left of the batch, by an exporter that keeps nothing. */
static void export_directly(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    tote_export_report report = {0};
    uint64_t start = tote__clock_monotonic();
    size_t count = batch_left(queue);
    tote_result result = exporter->ops.export_spans(
        exporter->self, queue->batch + queue->batch_from, count, export_timeout(queue), &report);

    note_export(queue, count, result, &report);
    send_home(queue, count);
    report_export(count, result, start);
}

/*
 * Have the exporter keep some of the batch. Returns: false when something else must be sent before.
 */
static bool keep_some(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    tote_export_report report = {0};
    size_t count = exporter->ahead->keep(exporter->self, queue->batch + queue->batch_from,
                                         batch_left(queue), &report);

    if (count == 0 && queue->kept) {
        return false;
    }
    if (count == 0) {
        count = batch_left(queue);
        tote_diagnose(TOTE_LEVEL_ERROR, component, "memory is out, %zu spans are lost", count);
        settle(queue, count, TOTE_FAILURE, &report);
    } else if (report.too_large) {
        settle(queue, count, TOTE_FAILURE, &report);
    } else {
        queue->kept++;
    }
    send_home(queue, count);
    return true;
}

/* Give the exporter a batch, or more of the last one. Returns: whether it took something. */
static bool hand_over(struct batch_queue *queue) {
    if (!batch_left(queue) && !take_batch(queue)) {
        return false;
    }
    if (queue->processor->exporter->ahead) {
        return keep_some(queue);
    }
    export_directly(queue);
    return true;
}

static bool has_something_to_send(const struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return queue->kept || (exporter->ahead && exporter->ahead->has_backlog(exporter->self));
}

/*
 * What the exporter keeps longest, or saved. Returns: whether to go on at once: it is done with
 * that, or may wait for it.
 */
static bool send_some(struct batch_queue *queue, bool may_wait, bool begins_nothing) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    tote_export_report report = {0};
    bool is_last_chance = atomic_load(&queue->stop) != STOP_NOT;
    struct tote__send send = {
        .timeout_ms = queue->processor->settings.export_timeout_ms,
        .stop_deadline = is_last_chance ? atomic_load(&queue->stop_deadline) : 0,
        .may_wait = may_wait,
        .is_last_chance = is_last_chance,
        .begins_nothing = begins_nothing,
    };
    uint64_t start = queue->send_began ? queue->send_began : tote__clock_monotonic();
    size_t count = exporter->ahead->send(exporter->self, &send, &report);

    queue->send_began = count ? 0 : start;
    if (count == 0) {
        return may_wait && !send.is_paused;
    }
    queue->kept--;
    queue->flush_left -= queue->flush_left != 0;
    note_export(queue, count, send.result, &report);
    report_export(count, send.result, start);
    return true;
}

/* Whether all that had ended when the flush began is with the exporter. */
static bool is_handed_over(struct batch_queue *queue) {
    struct batch_lane *lane = atomic_load_explicit(&queue->lanes, memory_order_acquire);

    for (; lane; lane = lane->next) {
        uint64_t head = atomic_load_explicit(&lane->ring.head, memory_order_relaxed);
        if ((int64_t)(lane->flush_to - head) > 0) {
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
    if (queue->kept) {
        queue->processor->exporter->ahead->hurry(queue->processor->exporter->self);
    }
    sweep(queue);
    struct batch_lane *lane = atomic_load_explicit(&queue->lanes, memory_order_acquire);
    for (; lane; lane = lane->next) {
        lane->flush_to = lane->tail_seen;
    }
}

/* ... have the exporter flush, and answer those who asked. */
static void end_flush(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    tote_result result = TOTE_SUCCESS;

    if (exporter->ops.force_flush) {
        result = exporter->ops.force_flush(exporter->self, flush_timeout(queue));
    }
    queue->flush = FLUSH_NONE;
    tote__batch_answer(queue, queue->flush_round, result);
}

static bool has_room(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return !queue->kept || exporter->ahead->has_room(exporter->self);
}

/* The delay is over and no span is queued. */
static void become_idle(struct batch_queue *queue) {
    if (queue->is_idle || !tote__batch_has_short_delay(queue)) {
        tote__pools_trim(&tote__span_pool);
    } else {
        queue->is_idle = true;
    }
    start_delay(queue);
}

/* The first span after an idle time starts the delay, so that others join its batch. */
static void end_idle_time(struct batch_queue *queue) {
    if (queue->is_idle && sweep(queue)) {
        queue->is_idle = false;
        start_delay(queue);
    }
}

/*
 * Whether to export now, on its own account; what is not a whole batch can wait while others are on
 * their way.
 */
static bool is_export_due(struct batch_queue *queue) {
    uint64_t waiting = sweep(queue);
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
static bool hand_over_due(struct batch_queue *queue, bool may_wait) {
    bool may_go_on = may_wait && queue->processor->exporter->ahead;
    bool has_some = wants_batch(queue) && hand_over(queue);

    while (has_some && may_go_on && wants_batch(queue) && hand_over(queue)) {
    }
    return has_some;
}

bool tote__batch_step(struct batch_queue *queue, bool may_wait) {
    end_idle_time(queue);
    if (is_flush_asked(queue)) {
        begin_flush(queue);
    }
    bool has_done = hand_over_due(queue, may_wait);
    if (queue->flush == FLUSH_TAKES && is_handed_over(queue)) {
        queue->flush = FLUSH_SENDS;
        queue->flush_left = queue->kept; /* no more, or a flush would never end */
    }
    if (has_something_to_send(queue) && send_some(queue, may_wait, false)) {
        has_done = true;
    }
    if (queue->flush == FLUSH_SENDS && queue->flush_left == 0) {
        end_flush(queue);
        has_done = true;
    }
    return has_done && atomic_load(&queue->stop) != STOP_NOW;
}

bool tote__batch_has_work(struct batch_queue *queue) {
    uint64_t due = queue->is_idle ? 1 : queue->processor->settings.max_export_batch_size;

    return is_flush_asked(queue) ||
           (has_room(queue) && (atomic_load(&queue->has_overflow) || sweep(queue) >= due));
}

uint64_t tote__batch_due(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    uint64_t due = exporter->ahead ? exporter->ahead->get_due(exporter->self) : TOTE__NEVER;

    return queue->kept || due < queue->next_export ? due : queue->next_export;
}

static bool is_flushing(struct batch_queue *queue) {
    return queue->flush != FLUSH_NONE || is_flush_asked(queue);
}

/* Sleep until something is due, unless something comes up. */
static void rest(struct batch_queue *queue) {
    enum worker_sleep sleep = tote__batch_sleep(queue);

    atomic_store(&queue->sleep, sleep);
    uint32_t stop = atomic_load(&queue->stop);
    if (stop != STOP_NOW && (stop == STOP_NOT || is_flushing(queue)) &&
        !tote__batch_has_work(queue)) {
        tote__wait(&queue->sleep, sleep, tote__batch_due(queue));
    }
    atomic_store(&queue->sleep, AWAKE);
}

/* Have the exporter save what it keeps. */
static void save_kept(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    const tote_export_report report = {.spooled = exporter->ahead->save(exporter->self)};

    settle(queue, report.spooled, TOTE_SUCCESS, &report);
}

/* What is cut short would be sent again by who comes next. */
static void finish_sending(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    while (exporter->ahead && exporter->ahead->is_sending(exporter->self) &&
           atomic_load(&queue->stop) == STOP_WHEN_FLUSHED &&
           tote__clock_monotonic() < atomic_load(&queue->stop_deadline)) {
        send_some(queue, true, true);
    }
}

/* What can be sent no more is saved, if that can be. */
static void save_or_forget(struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;
    bool saves = exporter->ahead && exporter->ahead->saves(exporter->self);

    if (saves) {
        save_kept(queue);
    }
    while (batch_left(queue) || (sweep(queue) && take_batch(queue))) {
        if (!saves || !keep_some(queue)) {
            send_home(queue, batch_left(queue));
        } else {
            save_kept(queue);
        }
    }
    if (exporter->ahead) {
        exporter->ahead->drop(exporter->self);
        queue->kept = 0;
    }
}

void tote__batch_leave(struct batch_queue *queue) {
    finish_sending(queue);
    save_or_forget(queue);
    const tote_export_report report = {.shut_down = (size_t)queue->counts.in_flight};
    if (report.shut_down) {
        settle(queue, report.shut_down, TOTE_FAILURE, &report);
    }
    tote__lock_take(&queue->lock);
    queue->is_over = true;
    tote__lock_drop(&queue->lock);
    tote__batch_answer(queue, atomic_load(&queue->flushes_asked), TOTE_SUCCESS);
    tote__worker_thread_leave(&queue->thread);
    atomic_store(&queue->worker, NULL);
    atomic_store(&queue->has_left, 1);
    tote__wake(&queue->has_left);
    tote__batch_queue_unref(queue);
}

static void work(void *arg) {
    struct batch_queue *queue = arg;
    uint32_t stop;

    atomic_store(&queue->worker, &tote__thread);
    tote__batch_start_schedule(queue);
    while ((stop = atomic_load(&queue->stop)) != STOP_NOW) {
        bool has_more = tote__batch_step(queue, true);
        if (stop == STOP_WHEN_FLUSHED && !is_flushing(queue)) {
            break;
        }
        if (!has_more) {
            rest(queue);
        }
    }
    tote__batch_leave(queue);
}

/* Returns: whether somebody will do the work. */
static bool find_worker(struct batch_queue *queue) {
    const struct tote__batch_settings *settings = &queue->processor->settings;

    if (settings->is_by_host) {
        tote__batch_start_host(queue);
        return true;
    }
    return tote__worker_thread_start(&queue->thread, &settings->thread_factory, work, queue);
}

bool tote__batch_start_worker(struct batch_queue *queue) {
    uint32_t state = WORKER_NONE;

    if (!atomic_compare_exchange_strong(&queue->worker_state, &state, WORKER_STARTING)) {
        return state != WORKER_REFUSED;
    }
    int cancel = tote__cancel_disable(); /* the host's thread factory may do anything */
    atomic_fetch_add_explicit(&queue->references, 1, memory_order_relaxed);
    bool is_started = find_worker(queue);
    if (!is_started) {
        atomic_fetch_sub_explicit(&queue->references, 1, memory_order_relaxed);
        atomic_store(&queue->refuses, DROP_MEMORY);
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "no thread can be made to export with: all spans are dropped; raise the "
                      "limit of threads");
    }
    atomic_store(&queue->worker_state, is_started ? WORKER_RUNNING : WORKER_REFUSED);
    tote__wake(&queue->worker_state);
    tote__cancel_restore(cancel);
    return is_started;
}
