/* SPDX-License-Identifier: MIT */
/*
 * outbox.c - pending requests, in memory and in a disk queue
 *
 * Tests: tests/unit/test_delivery.c
 */
#include "outbox.h"

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"

/* Larger buffers are released. */
enum { IDLE_BYTES = 1 << 20, DISK_QUEUE_AGAIN_MS = 10000, MOST_SYNC_MS = 500 };

static const char *const component = "delivery";

/*
 * Set whether the disk queue waits for the disk: only if the caller may block, and unless disabled
 * by an option.
 */
static void set_sync(struct tote__outbox *outbox, bool may_block) {
    if (tote__outbox_has_disk_queue(outbox)) {
        tote__disk_queue_set_sync(outbox->disk_queue,
                                  may_block && !outbox->retry.settings->disk_queue_no_sync);
    }
}

static void forget_part(struct tote__kept *kept) {
    kept->part.done = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    kept->part.range = (struct tote__range){0, 0};
    kept->part.next_count = 0;
}

void tote__outbox_begin(struct tote__outbox *outbox, const struct tote__delivery_settings *settings,
                        const tote_span_exporter *receiver, struct tote__disk_queue *disk_queue) {
    size_t capacity = settings->max_concurrent_requests + 1;
    struct tote__kept *kept = outbox->kept ? outbox->kept : tote__allocate(capacity * sizeof *kept);

    *outbox = (struct tote__outbox){
        .kept = kept,
        .capacity = kept ? capacity : 0,
        .retry = {.settings = settings, .receiver = receiver},
        .limit.accepted_bytes = SIZE_MAX,
    };
    for (size_t i = 0; kept && i < capacity; i++) {
        kept[i] = (struct tote__kept){.count = 0};
        forget_part(&kept[i]);
    }
    tote__outbox_set_disk_queue(outbox, disk_queue);
}

void tote__outbox_set_disk_queue(struct tote__outbox *outbox, struct tote__disk_queue *disk_queue) {
    const struct tote__delivery_settings *settings = outbox->retry.settings;

    if (TOTE_HAS_DISK_QUEUE && disk_queue) {
        /* There may be crash-safe files even if this process has none. */
        outbox->disk_queue = disk_queue;
        outbox->recovery =
            tote__recovery_new(settings->crash_safe_directory, settings->max_request_bytes);
        set_sync(outbox, true);
    }
}

size_t tote__outbox_most_bytes(const struct tote__outbox *outbox) {
    size_t most = outbox->retry.settings->max_request_bytes;

    return outbox->limit.accepted_bytes < most ? outbox->limit.accepted_bytes : most;
}

/* Return the request at this place, counted from the first one. */
static struct tote__kept *kept_at(const struct tote__outbox *outbox, size_t index) {
    return &outbox->kept[(outbox->first + index) % outbox->capacity];
}

struct tote__kept *tote__outbox_next(struct tote__outbox *outbox) {
    return outbox->count < outbox->capacity ? kept_at(outbox, outbox->count) : NULL;
}

void tote__outbox_add(struct tote__outbox *outbox) {
    struct tote__kept *kept = kept_at(outbox, outbox->count);

    kept->began = 0;
    outbox->count += kept->request.size != 0;
}

static void clear_kept(struct tote__kept *kept) {
    tote__buffer_clear(&kept->request);
    tote__buffer_clear(&kept->part.request);
}

/* The ring is empty. */
static void empty(struct tote__outbox *outbox) {
    for (size_t i = 0; i < outbox->capacity; i++) {
        struct tote__kept *kept = &outbox->kept[i];
        forget_part(kept);
        kept->is_complete = false;
        if (kept->request.capacity > IDLE_BYTES) {
            clear_kept(kept);
        }
    }
    outbox->first = outbox->count = 0;
}

/* Remove the first request, which is not in flight. */
static void drop_first(struct tote__outbox *outbox) {
    struct tote__kept *first = kept_at(outbox, 0);

    forget_part(first);
    first->is_complete = false;
    outbox->first = (outbox->first + 1) % outbox->capacity;
    if (--outbox->count == 0) {
        empty(outbox);
    }
}

static bool can_disk_queue(const struct tote__outbox *outbox) {
    return tote__outbox_has_disk_queue(outbox) &&
           tote__clock_monotonic() >= outbox->disk_queue_fails_until;
}

/* Batches that the disk queue dropped meanwhile count as lost. */
static void note_disk_queue(struct tote__outbox *outbox) {
    atomic_store_explicit(&outbox->lost, tote__disk_queue_lost(outbox->disk_queue),
                          memory_order_relaxed);
}

/* Put a request into the disk queue. Returns false if there is none, or on failure. */
static bool disk_queue_request(struct tote__outbox *outbox, const struct tote__buffer *request,
                               size_t count) {
    const struct tote__batch batch = {
        .message = tote__buffer_slice(request),
        .span_count = (uint32_t)count,
        .is_own = true,
    };

    if (!can_disk_queue(outbox)) {
        return false;
    }
    bool is_put = tote__disk_queue_put(outbox->disk_queue, &batch);
    if (!is_put) {
        outbox->disk_queue_fails_until = tote__deadline_in(DISK_QUEUE_AGAIN_MS);
    }
    outbox->look_at = 0;
    note_disk_queue(outbox);
    return is_put;
}

/* Return whether a request with this outcome is saved in the disk queue, if there is one. */
static bool may_save(const tote_export_outcome *outcome) {
    return tote__is_retryable(outcome) || (outcome->result != TOTE_RESULT_SUCCESS &&
                                           outcome->failure == TOTE_EXPORT_FAILURE_NOT_ACCEPTED);
}

static bool is_away(const struct tote__outbox *outbox) {
    return outbox->retry.failures && tote__clock_monotonic() < outbox->retry.retry_at;
}

static bool has_backlog(const struct tote__outbox *outbox) {
    return tote__outbox_has_disk_queue(outbox) && !is_away(outbox) &&
           tote__clock_monotonic() >= outbox->look_at;
}

static bool is_startable(const struct tote__kept *kept) {
    return !kept->is_complete && !kept->attempts.is_sending;
}

/* Return the first request that can be started; NULL if there is none. */
static struct tote__kept *first_startable(const struct tote__outbox *outbox) {
    for (size_t i = 0; i < outbox->count; i++) {
        struct tote__kept *kept = kept_at(outbox, i);
        if (is_startable(kept)) {
            return kept;
        }
    }
    return NULL;
}

/* Return whether the taken batch can be started. */
static bool is_batch_startable(const struct tote__outbox *outbox) {
    return TOTE_HAS_DISK_QUEUE && outbox->is_sending_batch && !outbox->batch_attempts.is_sending;
}

static bool may_start(const struct tote__outbox *outbox) {
    return outbox->retry.in_flight < outbox->retry.settings->max_concurrent_requests;
}

/* Recover a part of the crash-safe files into the disk queue. Returns whether to continue. */
static bool recover(struct tote__outbox *outbox) {
    return outbox->recovery && tote__disk_queue_may_send(outbox->disk_queue) &&
           tote__recovery_step(outbox->recovery, outbox->disk_queue);
}

/*
 * Replace a file that is too large for the receiver by two. `first` is the span count of the first
 * one.
 */
static bool split_batch(struct tote__outbox *outbox, size_t first) {
    const struct tote__batch *whole = &outbox->batch;
    const struct tote__range ranges[] = {{0, first}, {first, whole->span_count}};
    struct tote__buffer requests[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct tote__batch halves[2];
    bool is_split = first > 0 && first < whole->span_count;

    for (size_t i = 0; i < 2 && is_split; i++) {
        is_split = tote__request_cut(whole->message, ranges[i], &requests[i]);
        halves[i] = *whole;
        halves[i].message = tote__buffer_slice(&requests[i]);
        halves[i].span_count = (uint32_t)(ranges[i].to - ranges[i].from);
    }
    is_split = is_split && tote__disk_queue_split(outbox->disk_queue, halves);
    tote__buffer_clear(&requests[0]);
    tote__buffer_clear(&requests[1]);
    return is_split;
}

/*
 * Take a batch of the disk queue if it is its turn. Before that, crash-safe files are recovered in
 * part, so that recovery and sending alternate.
 */
static void choose_batch(struct tote__outbox *outbox) {
    const struct tote__kept *next = first_startable(outbox);
    bool is_between_attempts = next && next->attempts.deadline;

    if (outbox->is_sending_batch || !has_backlog(outbox) ||
        (next && (!outbox->is_batchs_turn || is_between_attempts))) {
        return;
    }
    outbox->is_batchs_turn = false;
    bool is_recovering = recover(outbox);
    do {
        outbox->is_sending_batch = tote__disk_queue_take(outbox->disk_queue, &outbox->batch);
    } while (outbox->is_sending_batch &&
             outbox->batch.message.size > outbox->limit.accepted_bytes &&
             split_batch(outbox, outbox->batch.span_count / 2));
    outbox->look_at = outbox->is_sending_batch || is_recovering
                          ? 0
                          : tote__disk_queue_next_look(outbox->disk_queue);
    note_disk_queue(outbox);
}

static void add(_Atomic(uint64_t) *counter, uint64_t count) {
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

/*
 * Report lost spans of a request, and complete the counts of the outcome. The exporter reports
 * partial successes itself.
 */
static void report_loss(const struct tote__outbox *outbox, tote_export_outcome *outcome) {
    const char *destination = outbox->retry.settings->destination;
    size_t left = tote__outcome_complete(outcome, outcome->span_count);

    if (outcome->result == TOTE_RESULT_SUCCESS) {
        return;
    }
    switch (outcome->failure) {
    case TOTE_EXPORT_FAILURE_REJECTED:
    case TOTE_EXPORT_FAILURE_TOO_LARGE:
    case TOTE_EXPORT_FAILURE_NOT_ACCEPTED: /* no disk queue, or it cannot be written */
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, component, "%s responded with %s, %zu spans are lost%s", destination,
            outcome->reason ? outcome->reason : "no", left, tote__or_empty(outcome->advice));
        outcome->rejected += left;
        break;
    default:
        left += outcome->shut_down + outcome->rejected + outcome->too_large;
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "%zu spans were not delivered to %s: %s%s", left, destination,
                                tote__reason_of(outcome), tote__or_empty(outcome->advice));
        break;
    }
}

/* Returns whether the spans of the batch stay in the disk queue, in one file or two. */
static bool is_kept_in_disk_queue(struct tote__outbox *outbox, const tote_export_outcome *outcome) {
    struct tote__size_limit *limit = &outbox->limit;
    size_t bytes = outbox->batch.message.size;
    size_t count = outbox->batch.span_count;
    bool is_reset = outbox->batch_attempts.is_reset;
    bool is_too_large =
        outcome->result != TOTE_RESULT_SUCCESS && outcome->failure == TOTE_EXPORT_FAILURE_TOO_LARGE;
    size_t first = 0; /* spans in the first of two files */

    if (!is_too_large && !may_save(outcome)) {
        return false;
    }
    if (outcome->failure == TOTE_EXPORT_FAILURE_NOT_ACCEPTED) {
        tote__retry_put_off(&outbox->retry, outcome, count);
        tote__disk_queue_skip(outbox->disk_queue); /* the response may concern only this file */
        return true;
    }
    if (is_reset) {
        tote__size_limit_note_resets(limit, bytes, 1);
    }
    if (is_too_large || (is_reset && tote__size_limit_is_passed(limit, bytes, count))) {
        if (count == 1) {
            return false;
        }
        tote__size_limit_note_too_large(limit, bytes, outbox->retry.settings->destination,
                                        tote__or_empty(outcome->reason));
        first = count / 2;
    } else if (is_reset && limit->resets >= TOTE__MOST_RESETS &&
               tote__size_limit_may_probe(limit, count)) {
        limit->has_probe = true;
        first = 1;
    }
    if (!split_batch(outbox, first) && !outbox->retry.is_gone) {
        tote__disk_queue_skip(
            outbox->disk_queue); /* the receiver is available: send the others first */
    }
    return true;
}

/* Process the outcome of a batch of the disk queue. */
static void settle_batch(struct tote__outbox *outbox, tote_export_outcome *outcome) {
    uint64_t count = outbox->batch.span_count;

    if (is_kept_in_disk_queue(outbox, outcome)) {
        return;
    }
    if (outcome->result == TOTE_RESULT_SUCCESS) {
        tote__size_limit_note_accepted(&outbox->limit, outbox->batch.message.size,
                                       outbox->retry.settings->destination);
    }
    report_loss(outbox, outcome);
    uint64_t rejected = count - outcome->delivered;
    tote__disk_queue_remove(outbox->disk_queue);
    if (outbox->batch.is_own) {
        add(&outbox->delivered, count - rejected);
        add(&outbox->rejected, rejected);
    } else {
        add(&outbox->recovered, count - rejected);
        add(&outbox->others_rejected, rejected);
    }
}

/*
 * Send a request from this span on, in parts of `count` spans. Returns false if out of memory,
 * which is then the outcome.
 */
static bool begin_part(struct tote__kept *kept, size_t from, size_t count,
                       tote_export_outcome *outcome) {
    struct tote__sent_part *part = &kept->part;

    part->range = (struct tote__range){from, tote__min(from + count, kept->count)};
    part->request.size = 0;
    if (tote__request_cut(tote__buffer_slice(&kept->request), part->range, &part->request)) {
        return true;
    }
    outcome->result = TOTE_RESULT_FAILURE;
    outcome->failure = TOTE_EXPORT_FAILURE_LOST;
    outcome->reason = "out of memory";
    return false;
}

/* Return the request, or its current part. */
static tote_span_batch current_batch(const struct tote__kept *kept) {
    const struct tote__sent_part *part = &kept->part;
    bool is_part = part->range.to;

    return tote__batch_of_request(tote__buffer_slice(is_part ? &part->request : &kept->request),
                                  is_part ? part->range.to - part->range.from : kept->count);
}

/*
 * Put the rest of a request into the disk queue. On failure the current part is not changed.
 */
static bool disk_queue_rest(struct tote__outbox *outbox, const struct tote__kept *kept) {
    const struct tote__range range = {kept->part.range.from, kept->count};
    struct tote__buffer rest = {NULL, 0, 0};

    if (!range.from) {
        return disk_queue_request(outbox, &kept->request, kept->count);
    }
    bool is_saved = can_disk_queue(outbox) &&
                    tote__request_cut(tote__buffer_slice(&kept->request), range, &rest) &&
                    disk_queue_request(outbox, &rest, range.to - range.from);
    tote__buffer_clear(&rest);
    return is_saved;
}

/*
 * A part of a request is complete, and not the last one; or the request must be sent in parts.
 * Returns whether there is another part to send.
 */
static bool go_on_in_parts(struct tote__outbox *outbox, struct tote__kept *kept, size_t bytes,
                           tote_export_outcome *outcome) {
    struct tote__sent_part *part = &kept->part;
    size_t count = outcome->span_count;
    size_t from = part->range.from;
    bool is_success = outcome->result == TOTE_RESULT_SUCCESS;
    bool is_too_large = !is_success && outcome->failure == TOTE_EXPORT_FAILURE_TOO_LARGE;

    if (is_too_large && kept->attempts.is_reset) {
        tote__size_limit_note_resets(&outbox->limit, bytes, TOTE__MOST_RESETS);
    }
    if (is_too_large && count > 1) {
        if (kept->attempts.is_reset && tote__size_limit_may_probe(&outbox->limit, count)) {
            outbox->limit.has_probe = true;
            part->next_count = count / 2;
            return begin_part(kept, from, 1, outcome);
        }
        tote__size_limit_note_too_large(&outbox->limit, bytes, outbox->retry.settings->destination,
                                        tote__or_empty(outcome->reason));
        return begin_part(kept, from, count / 2, outcome);
    }
    bool is_last = !part->range.to || part->range.to == kept->count;
    if (is_last || may_save(outcome) ||
        (!is_success && outcome->failure == TOTE_EXPORT_FAILURE_LOST)) {
        return false;
    }
    report_loss(outbox, outcome);
    tote__outcome_add(&part->done, outcome);
    size_t next_count = part->next_count ? part->next_count : count;
    part->next_count = 0;
    return begin_part(kept, from + count, next_count, outcome);
}

/* Return how many spans of the request are not complete. */
static size_t left_of(const struct tote__kept *kept) {
    return kept->count - kept->part.done.span_count;
}

/* Complete a request: add the outcomes of its parts. */
static void complete(struct tote__outbox *outbox, struct tote__kept *kept,
                     const tote_export_outcome *outcome) {
    kept->outcome = kept->part.done;
    tote__outcome_add(&kept->outcome, outcome);
    kept->outcome.span_count = kept->count;
    if (kept != kept_at(outbox, 0)) { /* read later than the receiver's texts are valid */
        kept->outcome.reason = kept->outcome.advice = NULL;
    }
    kept->is_complete = true;
    kept->duration_ns = kept->began ? tote__clock_monotonic() - kept->began : 0;
    tote__attempts_end(&kept->attempts);
    outbox->is_batchs_turn = true;
}

/*
 * Save a request in the disk queue without another attempt. Returns false if it cannot be saved:
 * then it stays in memory and is retried.
 */
static bool disk_queue_kept(struct tote__outbox *outbox, struct tote__kept *kept) {
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    if (!disk_queue_rest(outbox, kept)) {
        return false;
    }
    outcome.span_count = outcome.saved = left_of(kept);
    complete(outbox, kept, &outcome);
    return true;
}

/* Remove the first request if it is complete. Returns whether it is. */
static bool take_first(struct tote__outbox *outbox, tote_export_outcome *outcome) {
    if (!outbox->count || !kept_at(outbox, 0)->is_complete) {
        return false;
    }
    *outcome = kept_at(outbox, 0)->outcome;
    outbox->duration_ns = kept_at(outbox, 0)->duration_ns;
    drop_first(outbox);
    return true;
}

static void cancel(struct tote__outbox *outbox) {
    tote__retry_cancel(&outbox->retry);
    tote__attempts_end(&outbox->batch_attempts);
    outbox->is_sending_batch = false;
}

bool tote__outbox_end_first(struct tote__outbox *outbox, tote_export_outcome *outcome) {
    if (take_first(outbox, outcome)) {
        return true;
    }
    if (!outbox->count) {
        return false;
    }
    struct tote__kept *first = kept_at(outbox, 0);
    cancel(outbox);
    if (!disk_queue_kept(outbox, first)) {
        outcome->result = TOTE_RESULT_FAILURE;
        outcome->span_count = outcome->shut_down = left_of(first);
        complete(outbox, first, outcome);
    }
    return take_first(outbox, outcome);
}

/* No request is in flight: stop what keeps the receiver's descriptor readable. */
static void quiet_receiver(const struct tote__outbox *outbox, const tote_export_step *step) {
    const tote_span_exporter *receiver = outbox->retry.receiver;
    tote_export_outcome none = TOTE_EXPORT_OUTCOME_INIT;
    tote_export_step quiet = *step;

    quiet.drain_only = true;
    quiet.may_block = false;
    if (receiver->ops.step && !step->may_block) { /* the caller sleeps without the descriptor */
        receiver->ops.step(receiver->self, &quiet, &none);
    }
}

static struct tote__manner manner_of(const struct tote__outbox *outbox,
                                     const struct tote__kept *kept, const tote_export_step *step) {
    const struct tote__size_limit *limit = &outbox->limit;
    bool has_most =
        limit->has_accepted || tote__size_limit_may_probe(limit, kept->attempts.batch.count);

    return (struct tote__manner){.step = *step, .most_resets = has_most ? TOTE__MOST_RESETS : 0};
}

/* The attempts of a request, or of its current part, are over. */
static void settle_kept(struct tote__outbox *outbox, struct tote__kept *kept, size_t bytes,
                        tote_export_outcome *outcome) {
    size_t count = outcome->span_count;

    if (outcome->result == TOTE_RESULT_SUCCESS) {
        tote__size_limit_note_accepted(&outbox->limit, bytes, outbox->retry.settings->destination);
    }
    if (go_on_in_parts(outbox, kept, bytes, outcome)) {
        return;
    }
    if (may_save(outcome) && disk_queue_kept(outbox, kept)) {
        if (outcome->failure == TOTE_EXPORT_FAILURE_NOT_ACCEPTED) {
            tote__retry_put_off(&outbox->retry, outcome, count);
        }
        return;
    }
    outcome->span_count = left_of(kept);
    outcome->shut_down = kept->attempts.is_cut_short ? outcome->span_count : outcome->shut_down;
    report_loss(outbox, outcome);
    complete(outbox, kept, outcome);
}

/* What a step did. */
enum progress {
    IS_HELD_BACK, /* nothing more until the retry is due */
    HAS_GONE_ON   /* there may be more */
};

/* Start a request. */
static enum progress start_kept(struct tote__outbox *outbox, struct tote__kept *kept,
                                const tote_export_step *step) {
    tote_export_outcome outcome;

    kept->began = kept->began ? kept->began : tote__clock_monotonic();
    if (is_away(outbox) && disk_queue_kept(outbox, kept)) {
        return HAS_GONE_ON;
    }
    kept->attempts.batch = kept->attempts.batch.count ? kept->attempts.batch : current_batch(kept);
    size_t bytes = kept->attempts.batch.request.size;
    const struct tote__manner manner = manner_of(outbox, kept, step);
    switch (tote__retry_start(&outbox->retry, &kept->attempts, &manner, &outcome)) {
    case TOTE_EXPORT_STATE_COMPLETED:
        settle_kept(outbox, kept, bytes, &outcome);
        return HAS_GONE_ON;
    case TOTE_EXPORT_STATE_IDLE:
        return disk_queue_kept(outbox, kept) ? HAS_GONE_ON : IS_HELD_BACK;
    default:
        return HAS_GONE_ON;
    }
}

/* Start the taken batch. */
static enum progress start_batch(struct tote__outbox *outbox, const tote_export_step *step) {
    const struct tote__manner manner = {.step = *step, .is_only_attempt = true};
    struct tote__attempts *attempts = &outbox->batch_attempts;
    tote_export_outcome outcome;

    if (!attempts->batch.count) {
        attempts->batch = tote__batch_of_request(outbox->batch.message, outbox->batch.span_count);
    }
    tote_export_state state = tote__retry_start(&outbox->retry, attempts, &manner, &outcome);
    if (state == TOTE_EXPORT_STATE_COMPLETED) {
        outbox->is_sending_batch = false;
        settle_batch(outbox, &outcome);
    }
    return state == TOTE_EXPORT_STATE_IDLE ? IS_HELD_BACK : HAS_GONE_ON;
}

/* Start as many requests as may be in flight, in their order. */
static enum progress start_requests(struct tote__outbox *outbox, const tote_export_step *step) {
    size_t most = outbox->retry.settings->max_concurrent_requests;
    enum progress progress = HAS_GONE_ON;

    for (size_t i = 0; i < most && may_start(outbox) && progress == HAS_GONE_ON; i++) {
        choose_batch(outbox);
        struct tote__kept *kept = first_startable(outbox);
        if (is_batch_startable(outbox)) {
            progress = start_batch(outbox, step);
        } else if (kept) {
            progress = start_kept(outbox, kept, step);
        } else {
            progress = IS_HELD_BACK;
        }
    }
    return progress;
}

/* Return the request of these attempts. */
static struct tote__kept *kept_of(const struct tote__outbox *outbox,
                                  const struct tote__attempts *attempts) {
    size_t at = 0;

    while (&outbox->kept[at].attempts != attempts) {
        at++;
    }
    return &outbox->kept[at];
}

/* Let the receiver continue. Returns whether a request can be started, or is complete. */
static enum progress step_receiver(struct tote__outbox *outbox, const tote_export_step *step) {
    tote_export_outcome outcome;
    struct tote__attempts *over = tote__retry_step(&outbox->retry, step, &outcome);

    if (!over) {
        return IS_HELD_BACK;
    }
    size_t bytes = over->batch.request.size;
    if (TOTE_HAS_DISK_QUEUE && over == &outbox->batch_attempts) {
        const struct tote__manner manner = {.step = *step, .is_only_attempt = true};
        tote__retry_judge(&outbox->retry, over, &manner, &outcome);
        outbox->is_sending_batch = false;
        settle_batch(outbox, &outcome);
        return HAS_GONE_ON;
    }
    struct tote__kept *kept = kept_of(outbox, over);
    const struct tote__manner manner = manner_of(outbox, kept, step);
    if (tote__retry_judge(&outbox->retry, over, &manner, &outcome) == TOTE_EXPORT_STATE_IDLE) {
        return disk_queue_kept(outbox, kept) ? HAS_GONE_ON : IS_HELD_BACK;
    }
    settle_kept(outbox, kept, bytes, &outcome);
    return HAS_GONE_ON;
}

tote_export_state tote__outbox_step(struct tote__outbox *outbox, const tote_export_step *step,
                                    tote_export_outcome *outcome) {
    enum progress progress = IS_HELD_BACK;

    set_sync(outbox, step->may_block);
    if (take_first(outbox, outcome)) {
        return TOTE_EXPORT_STATE_COMPLETED;
    }
    if (!step->drain_only) {
        progress = start_requests(outbox, step);
    }
    if (take_first(outbox, outcome)) {
        return TOTE_EXPORT_STATE_COMPLETED;
    }
    if (outbox->retry.in_flight) {
        progress = step_receiver(outbox, step);
    }
    if (take_first(outbox, outcome)) {
        return TOTE_EXPORT_STATE_COMPLETED;
    }
    if (outbox->retry.in_flight || progress == HAS_GONE_ON) {
        return TOTE_EXPORT_STATE_IN_FLIGHT;
    }
    if (outbox->count || step->drain_only) {
        quiet_receiver(outbox, step);
    }
    return TOTE_EXPORT_STATE_IDLE;
}

bool tote__outbox_may_start(const struct tote__outbox *outbox) {
    size_t pending = outbox->is_sending_batch;

    for (size_t i = 0; i < outbox->count; i++) {
        pending += !kept_at(outbox, i)->is_complete;
    }
    return pending < outbox->retry.settings->max_concurrent_requests && !is_away(outbox);
}

bool tote__outbox_has_request(const struct tote__outbox *outbox) {
    return outbox->count || outbox->retry.in_flight;
}

/* Return when a request can be started; TOTE__NEVER if there is none. */
static uint64_t start_due(const struct tote__outbox *outbox) {
    uint64_t retry_at = outbox->retry.retry_at;

    if (!may_start(outbox)) {
        return TOTE__NEVER;
    }
    if (first_startable(outbox) || is_batch_startable(outbox)) {
        return retry_at;
    }
    if (!tote__outbox_has_disk_queue(outbox) || outbox->is_sending_batch) {
        return TOTE__NEVER;
    }
    return retry_at > outbox->look_at ? retry_at : outbox->look_at;
}

uint64_t tote__outbox_due(const struct tote__outbox *outbox) {
    uint64_t start = start_due(outbox);

    if (outbox->count && kept_at(outbox, 0)->is_complete) {
        return 0;
    }
    if (!outbox->retry.in_flight) {
        return start;
    }
    uint64_t receiver = tote__retry_due(&outbox->retry);
    return receiver < start ? receiver : start;
}

/* A complete request counts as saved, and its outcome as that of a batch of the disk queue. */
static void count_as_saved(struct tote__outbox *outbox, const tote_export_outcome *outcome) {
    add(&outbox->delivered, outcome->delivered);
    add(&outbox->rejected, outcome->span_count - outcome->delivered - outcome->saved);
}

size_t tote__outbox_spill(struct tote__outbox *outbox) {
    uint64_t synced_until = tote__deadline_in(MOST_SYNC_MS);
    bool must_keep_order = outbox->retry.settings->is_crash_safe; /* the spans are identified */
    size_t spilled = 0;

    cancel(outbox);
    for (size_t i = 0; i < outbox->count; i++) {
        struct tote__kept *kept = kept_at(outbox, i);
        set_sync(outbox, tote__clock_monotonic() < synced_until);
        if (kept->is_complete || disk_queue_kept(outbox, kept)) {
            count_as_saved(outbox, &kept->outcome);
            spilled += kept->count;
        } else if (must_keep_order) {
            break;
        }
    }
    return spilled;
}

void tote__outbox_drop(struct tote__outbox *outbox) {
    cancel(outbox);
    empty(outbox);
}

void tote__outbox_clear(struct tote__outbox *outbox) {
    for (size_t i = 0; i < outbox->capacity; i++) {
        clear_kept(&outbox->kept[i]);
        tote__attempts_end(&outbox->kept[i].attempts);
    }
    tote__attempts_end(&outbox->batch_attempts);
    tote__release(outbox->kept, outbox->capacity * sizeof *outbox->kept);
    outbox->kept = NULL;
    outbox->capacity = 0;
    if (tote__outbox_has_disk_queue(outbox)) {
        tote__recovery_free(outbox->recovery);
        outbox->recovery = NULL;
        tote__disk_queue_close(outbox->disk_queue);
        outbox->disk_queue = NULL;
    }
}
