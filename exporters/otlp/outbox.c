/* SPDX-License-Identifier: MIT */
/*
 * outbox.c - requests that wait for their receiver: in memory, and with a spool on disk
 */
#include "outbox.h"

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"

/* A buffer of this size stays for the next time. */
enum { IDLE_BYTES = 1 << 20, SPOOL_AGAIN_MS = 10000, MOST_SYNC_MS = 500 };

/*
 * Whether the disk queue waits for the disk: only where the caller may wait, and unless an option
 * says no.
 */
static void set_sync(struct tote__outbox *outbox, bool may_wait) {
    if (outbox->spool) {
        tote__spool_set_sync(outbox->spool, may_wait && !outbox->delivery.settings->spool_no_sync);
    }
}

void tote__outbox_begin(struct tote__outbox *outbox, const struct tote__otlp_settings *settings,
                        struct tote__transport *transport, struct tote__spool *spool) {
    *outbox = (struct tote__outbox){
        .delivery = {.settings = settings, .transport = transport},
        .limit.accepted_bytes = SIZE_MAX,
    };
    tote__outbox_set_spool(outbox, spool);
}

void tote__outbox_set_spool(struct tote__outbox *outbox, struct tote__spool *spool) {
    const struct tote__otlp_settings *settings = outbox->delivery.settings;

    if (spool) { /* there may be journals although this process has none */
        outbox->spool = spool;
        outbox->recovery =
            tote__recovery_new(settings->journal_directory, settings->max_request_bytes);
        set_sync(outbox, true);
    }
}

size_t tote__outbox_most_bytes(const struct tote__outbox *outbox) {
    size_t most = outbox->delivery.settings->max_request_bytes;

    return outbox->limit.accepted_bytes < most ? outbox->limit.accepted_bytes : most;
}

/* Half of it, until that is refused, too. */
void tote__outbox_note_too_large(struct tote__outbox *outbox, size_t bytes, const char *reason) {
    size_t half = bytes / 2 > TOTE__NEVER_TOO_LARGE_BYTES ? bytes / 2 : TOTE__NEVER_TOO_LARGE_BYTES;

    if (half >= outbox->limit.accepted_bytes) {
        return;
    }
    outbox->limit.accepted_bytes = half;
    tote_diagnose(TOTE_LEVEL_WARN, "otlp",
                  "%s refuses a request of %zu bytes as too large (%s): it is split, and so are "
                  "later requests "
                  "over %zu bytes; raise the receiver's limit, or lower max_request_bytes",
                  outbox->delivery.settings->shown_url, bytes, reason, half);
}

enum { MOST_RESETS = 3 };

static void note_accepted(struct tote__outbox *outbox, size_t bytes) {
    struct tote__size_limit *limit = &outbox->limit;

    if (!limit->reset_bytes) {
        return;
    }
    if (bytes >= limit->reset_bytes) { /* the size was not the cause */
        *limit = (struct tote__size_limit){.accepted_bytes = limit->accepted_bytes};
        return;
    }
    limit->has_accepted = limit->has_accepted_since = true;
    limit->has_probe = false;
    if (limit->resets >= MOST_RESETS) {
        tote__outbox_note_too_large(outbox, limit->reset_bytes, "the stream is reset");
    }
}

static void note_resets(struct tote__size_limit *limit, size_t bytes, unsigned resets) {
    if (bytes <= TOTE__NEVER_TOO_LARGE_BYTES) {
        return;
    }
    limit->strikes += !limit->reset_bytes || limit->has_accepted_since;
    limit->has_accepted_since = false;
    limit->resets += resets;
    if (!limit->reset_bytes || bytes < limit->reset_bytes) {
        limit->reset_bytes = bytes;
    }
}

/*
 * Whether a request that was just reset is too large. A span alone would be rejected: then a
 * smaller request must have been accepted between two resets.
 */
static bool is_too_large(const struct tote__size_limit *limit, size_t bytes, size_t count) {
    return limit->reset_bytes && bytes >= limit->reset_bytes && limit->has_accepted &&
           limit->resets >= MOST_RESETS && (count > 1 || limit->strikes > 1);
}

static bool may_probe(const struct tote__size_limit *limit, size_t count) {
    return count > 1 && !limit->has_accepted && !limit->has_probe;
}

bool tote__outbox_has_room(const struct tote__outbox *outbox) {
    return outbox->count < TOTE__MOST_KEPT;
}

static struct tote__kept *kept_at(struct tote__outbox *outbox, size_t index) {
    return &outbox->kept[(outbox->first + index) % TOTE__MOST_KEPT];
}

struct tote__kept *tote__outbox_next(struct tote__outbox *outbox) {
    return outbox->count < TOTE__MOST_KEPT ? kept_at(outbox, outbox->count) : NULL;
}

void tote__outbox_add(struct tote__outbox *outbox) {
    outbox->count += kept_at(outbox, outbox->count)->request.size != 0;
}

static void clear_kept(struct tote__kept *kept) {
    tote__buffer_clear(&kept->request);
    *kept = (struct tote__kept){.count = 0};
}

static void forget_part(struct tote__outbox *outbox) {
    outbox->part.delivered = outbox->part.rejected = 0;
    outbox->part.range = (struct tote__range){0, 0};
    outbox->part.next_count = 0;
}

/* Nothing is kept any more. */
static void empty(struct tote__outbox *outbox) {
    forget_part(outbox);
    for (size_t i = 0; i < TOTE__MOST_KEPT; i++) {
        if (outbox->kept[i].request.capacity > IDLE_BYTES) {
            clear_kept(&outbox->kept[i]);
        }
    }
    outbox->first = outbox->count = 0;
}

/* Returns: of how many spans it was. */
static size_t drop_first(struct tote__outbox *outbox) {
    const struct tote__kept *first = kept_at(outbox, 0);
    size_t count = first->count;

    forget_part(outbox);
    outbox->first = (outbox->first + 1) % TOTE__MOST_KEPT;
    if (--outbox->count == 0) {
        empty(outbox);
    }
    return count;
}

static bool can_spool(const struct tote__outbox *outbox) {
    return outbox->spool && tote__clock_monotonic() >= outbox->spool_fails_until;
}

/* What the spool dropped meanwhile counts as lost from here on. */
static void note_spool(struct tote__outbox *outbox) {
    atomic_store_explicit(&outbox->lost, tote__spool_lost(outbox->spool), memory_order_relaxed);
}

bool tote__outbox_spool(struct tote__outbox *outbox, const struct tote__buffer *request,
                        size_t count) {
    const struct tote__batch batch = {
        .message = {request->bytes, request->size},
        .span_count = (uint32_t)count,
        .is_own = true,
    };

    if (!can_spool(outbox)) {
        return false;
    }
    bool is_put = tote__spool_put(outbox->spool, &batch);
    if (!is_put) {
        outbox->spool_fails_until = tote__deadline_in(SPOOL_AGAIN_MS);
    }
    outbox->look_at = 0;
    note_spool(outbox);
    return is_put;
}

bool tote__outbox_may_save(const struct tote__verdict *verdict) {
    return verdict->fate == TOTE__TRY_AGAIN || verdict->fate == TOTE__NOT_HERE;
}

static bool is_away(const struct tote__outbox *outbox) {
    return outbox->delivery.failures && tote__clock_monotonic() < outbox->delivery.retry_at;
}

bool tote__outbox_has_backlog(const struct tote__outbox *outbox) {
    return outbox->is_sending_batch ||
           (outbox->spool && !is_away(outbox) && tote__clock_monotonic() >= outbox->look_at);
}

/* Have a part of what dead processes left come into the spool. Returns: whether to go on. */
static bool recover(struct tote__outbox *outbox) {
    return outbox->recovery && tote__spool_may_send(outbox->spool) &&
           tote__recovery_step(outbox->recovery, outbox->spool);
}

/*
 * Replace a file that is too large for the receiver by two; `first` is the first one's span count.
 */
static bool split_batch(struct tote__outbox *outbox, size_t first) {
    const struct tote__batch *whole = &outbox->batch;
    const struct tote__range ranges[] = {{0, first}, {first, whole->span_count}};
    struct tote__buffer requests[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct tote__batch halves[2];
    bool is_split = first > 0 && first < whole->span_count;

    for (size_t i = 0; i < 2 && is_split; i++) {
        is_split = tote__otlp_cut(whole->message, ranges[i], &requests[i]);
        halves[i] = *whole;
        halves[i].message = (struct tote__slice){requests[i].bytes, requests[i].size};
        halves[i].span_count = (uint32_t)(ranges[i].to - ranges[i].from);
    }
    is_split = is_split && tote__spool_split(outbox->spool, halves);
    tote__buffer_clear(&requests[0]);
    tote__buffer_clear(&requests[1]);
    return is_split;
}

/*
 * Look whether it is the turn of a batch of the spool, and there is one. A part of what dead
 * processes left is moved there first, so that recovery and sending alternate.
 */
static void choose_batch(struct tote__outbox *outbox) {
    bool is_between_attempts = outbox->delivery.deadline; /* of the first request in memory */

    if ((outbox->count && (!outbox->is_batchs_turn || is_between_attempts)) ||
        !tote__outbox_has_backlog(outbox)) {
        return;
    }
    outbox->is_batchs_turn = false;
    bool is_recovering = recover(outbox);
    do {
        outbox->is_sending_batch = tote__spool_take(outbox->spool, &outbox->batch);
    } while (outbox->is_sending_batch &&
             outbox->batch.message.size > outbox->limit.accepted_bytes &&
             split_batch(outbox, outbox->batch.span_count / 2));
    outbox->look_at =
        outbox->is_sending_batch || is_recovering ? 0 : tote__spool_next_look(outbox->spool);
    note_spool(outbox);
}

static void add(_Atomic(uint64_t) *counter, uint64_t count) {
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

/* Of a request that is not reported by the exporter: a batch of the spool, or a part. */
static void report_rejected(const struct tote__outbox *outbox, const struct tote__verdict *verdict,
                            uint64_t rejected, uint64_t count) {
    const char *remark = verdict->response.remark;

    if (rejected) {
        tote_diagnose(
            TOTE_LEVEL_ERROR, "otlp", "%s answered %s: %llu of %llu spans are rejected%s%s%s",
            outbox->delivery.settings->shown_url, verdict->reason, (unsigned long long)rejected,
            (unsigned long long)count, *remark ? ": " : "", remark, verdict->advice);
    }
}

/* Returns: whether the spans of the batch stay in the spool, in one file or in two. */
static bool is_kept_in_spool(struct tote__outbox *outbox, const struct tote__verdict *verdict) {
    struct tote__size_limit *limit = &outbox->limit;
    size_t bytes = outbox->batch.message.size;
    size_t count = outbox->batch.span_count;
    size_t first = 0; /* spans in the first of two files */

    if (verdict->fate == TOTE__NOT_HERE) {
        tote__delivery_put_off(&outbox->delivery, verdict, count);
        tote__spool_skip(outbox->spool); /* the answer may be about this file alone */
        return true;
    }
    if (verdict->fate != TOTE__TRY_AGAIN && verdict->fate != TOTE__TOO_LARGE) {
        return false;
    }
    if (verdict->is_reset) {
        note_resets(limit, bytes, 1);
    }
    if (verdict->fate == TOTE__TOO_LARGE ||
        (verdict->is_reset && is_too_large(limit, bytes, count))) {
        if (count == 1) {
            return false;
        }
        tote__outbox_note_too_large(outbox, bytes, verdict->reason);
        first = count / 2;
    } else if (verdict->is_reset && limit->resets >= MOST_RESETS && may_probe(limit, count)) {
        limit->has_probe = true;
        first = 1;
    }
    if (!split_batch(outbox, first) && !outbox->delivery.is_gone) {
        tote__spool_skip(outbox->spool); /* the receiver can be reached: the others first */
    }
    return true;
}

/* A batch of the spool has its verdict. */
static void settle_batch(struct tote__outbox *outbox, const struct tote__verdict *verdict) {
    uint64_t count = outbox->batch.span_count;
    uint64_t rejected = verdict->response.rejected;

    if (is_kept_in_spool(outbox, verdict)) {
        return;
    }
    if (verdict->fate == TOTE__TAKEN) {
        note_accepted(outbox, outbox->batch.message.size);
    } else {
        rejected = count;
    }
    rejected = rejected < count ? rejected : count;
    report_rejected(outbox, verdict, rejected, count);
    tote__spool_remove(outbox->spool);
    if (outbox->batch.is_own) {
        add(&outbox->delivered, count - rejected);
        add(&outbox->rejected, rejected);
    } else {
        add(&outbox->recovered, count - rejected);
        add(&outbox->others_rejected, rejected);
    }
}

static void step_batch(struct tote__outbox *outbox, struct tote__manner manner,
                       struct tote__step *step) {
    const struct tote__request request = {outbox->batch.message, outbox->batch.span_count, 0};

    manner.is_only_attempt = true;
    enum tote__progress progress =
        tote__delivery_step(&outbox->delivery, &request, manner, &step->verdict);
    step->is_paused = progress == TOTE__PAUSED;
    if (progress == TOTE__OVER) {
        outbox->is_sending_batch = false;
        settle_batch(outbox, &step->verdict);
    }
}

/*
 * Have the first sent from this span on, in parts of so many spans. Returns: false if out of
 * memory.
 */
static bool begin_part(struct tote__outbox *outbox, size_t from, size_t count) {
    const struct tote__kept *kept = kept_at(outbox, 0);
    struct tote__sent_part *part = &outbox->part;

    part->range = (struct tote__range){from, tote__min(from + count, kept->count)};
    part->request.size = 0;
    return tote__otlp_cut((struct tote__slice){kept->request.bytes, kept->request.size},
                          part->range, &part->request);
}

/* Returns: false if out of memory, which is the verdict then. */
static bool begin_next_part(struct tote__outbox *outbox, size_t from, size_t count,
                            struct tote__verdict *verdict) {
    if (begin_part(outbox, from, count)) {
        return true;
    }
    *verdict = (struct tote__verdict){
        .fate = TOTE__LOST, .reason = "out of memory", .detail = "", .advice = ""};
    return false;
}

/* The first, or what is sent of it now. */
static struct tote__request current_request(struct tote__outbox *outbox) {
    const struct tote__kept *kept = kept_at(outbox, 0);
    const struct tote__sent_part *part = &outbox->part;
    bool is_part = part->range.to;
    const struct tote__buffer *buffer = is_part ? &part->request : &kept->request;
    size_t count = is_part ? part->range.to - part->range.from : kept->count;

    return (struct tote__request){{buffer->bytes, buffer->size}, count, 0};
}

/* Put the rest of the first request into the spool. The part to send stays as it is on failure. */
static bool spool_rest(struct tote__outbox *outbox) {
    const struct tote__kept *kept = kept_at(outbox, 0);
    const struct tote__range range = {outbox->part.range.from, kept->count};
    struct tote__buffer rest = {NULL, 0, 0};

    if (!range.from) {
        return tote__outbox_spool(outbox, &kept->request, kept->count);
    }
    bool is_spooled = can_spool(outbox) &&
                      tote__otlp_cut((struct tote__slice){kept->request.bytes, kept->request.size},
                                     range, &rest) &&
                      tote__outbox_spool(outbox, &rest, range.to - range.from);
    tote__buffer_clear(&rest);
    return is_spooled;
}

/*
 * A part of the first is over, and not the last one, or the whole is to be sent in parts. Returns:
 * whether there is another part to send.
 */
static bool go_on_in_parts(struct tote__outbox *outbox, const struct tote__request *request,
                           struct tote__verdict *verdict) {
    struct tote__sent_part *part = &outbox->part;
    size_t count = request->span_count;
    size_t from = part->range.from;

    if (verdict->fate == TOTE__TOO_LARGE && verdict->is_reset) {
        note_resets(&outbox->limit, request->message.size, MOST_RESETS);
    }
    if (verdict->fate == TOTE__TOO_LARGE && count > 1) {
        if (verdict->is_reset && may_probe(&outbox->limit, count)) {
            outbox->limit.has_probe = true;
            part->next_count = count / 2;
            return begin_next_part(outbox, from, 1, verdict);
        }
        tote__outbox_note_too_large(outbox, request->message.size, verdict->reason);
        return begin_next_part(outbox, from, count / 2, verdict);
    }
    bool is_last = !part->range.to || part->range.to == kept_at(outbox, 0)->count;
    if (is_last || verdict->fate == TOTE__TRY_AGAIN || verdict->fate == TOTE__NOT_HERE ||
        verdict->fate == TOTE__LOST) {
        return false;
    }
    size_t rejected = verdict->fate == TOTE__TAKEN ? (size_t)verdict->response.rejected : count;
    rejected = rejected < count ? rejected : count;
    report_rejected(outbox, verdict, rejected, count);
    part->rejected += rejected;
    part->delivered += count - rejected;
    size_t next_count = part->next_count ? part->next_count : count;
    part->next_count = 0;
    return begin_next_part(outbox, from + count, next_count, verdict);
}

/* The first request is delivered, rejected, lost, or saved in the disk queue. */
static void end_first(struct tote__outbox *outbox, struct tote__step *step, bool is_spooled) {
    step->delivered = outbox->part.delivered;
    step->rejected = outbox->part.rejected;
    step->is_spooled = is_spooled;
    step->count = drop_first(outbox);
    outbox->is_batchs_turn = true;
}

/*
 * Save the first request in the disk queue without another attempt. Returns: false if it cannot be
 * saved. It stays in memory then, and is retried as without a disk queue.
 */
static bool spool_first(struct tote__outbox *outbox, struct tote__step *step) {
    if (!spool_rest(outbox)) {
        return false;
    }
    tote__delivery_forget(&outbox->delivery);
    end_first(outbox, step, true);
    return true;
}

static void step_kept(struct tote__outbox *outbox, struct tote__manner manner,
                      struct tote__step *step) {
    const struct tote__request request = current_request(outbox);

    manner.most_resets = outbox->limit.has_accepted || may_probe(&outbox->limit, request.span_count)
                             ? MOST_RESETS
                             : 0;
    enum tote__progress progress =
        tote__delivery_step(&outbox->delivery, &request, manner, &step->verdict);
    if (progress == TOTE__PAUSED) {
        step->is_paused = !spool_first(outbox, step);
        return;
    }
    if (progress == TOTE__OVER && step->verdict.fate == TOTE__TAKEN) {
        note_accepted(outbox, request.message.size);
    }
    if (progress != TOTE__OVER || go_on_in_parts(outbox, &request, &step->verdict)) {
        return;
    }
    if (!tote__outbox_may_save(&step->verdict) || !spool_first(outbox, step)) {
        end_first(outbox, step, false);
    } else if (step->verdict.fate == TOTE__NOT_HERE) {
        tote__delivery_put_off(&outbox->delivery, &step->verdict, request.span_count);
    }
}

void tote__outbox_step(struct tote__outbox *outbox, struct tote__manner manner,
                       struct tote__step *step) {
    set_sync(outbox, manner.may_wait);
    step->count = step->delivered = step->rejected = 0;
    step->is_spooled = false;
    step->is_paused = false;
    if (manner.begins_nothing && !outbox->delivery.is_sending) {
        step->is_paused = true;
        return;
    }
    if (!outbox->is_sending_batch && !outbox->delivery.is_sending) {
        if (outbox->count && is_away(outbox) && spool_first(outbox, step)) {
            return;
        }
        choose_batch(outbox);
    }
    if (outbox->is_sending_batch) {
        step_batch(outbox, manner, step);
    } else if (outbox->count) {
        step_kept(outbox, manner, step);
    } else {
        step->is_paused = true;
    }
}

uint64_t tote__outbox_due(const struct tote__outbox *outbox) {
    uint64_t retry_at = tote__delivery_due(&outbox->delivery);

    if (outbox->count || outbox->is_sending_batch) {
        return retry_at;
    }
    if (!outbox->spool) {
        return TOTE__NEVER;
    }
    return retry_at > outbox->look_at ? retry_at : outbox->look_at;
}

size_t tote__outbox_spill(struct tote__outbox *outbox) {
    uint64_t synced_until = tote__deadline_in(MOST_SYNC_MS);
    size_t spilled = 0;

    if (!outbox->spool) {
        return 0;
    }
    if (!outbox->is_sending_batch) {
        tote__delivery_cancel(&outbox->delivery);
    }
    while (outbox->count) {
        set_sync(outbox, tote__clock_monotonic() < synced_until);
        if (!spool_rest(outbox)) {
            break;
        }
        /* All of it counts as saved, and a part as delivered from there. */
        add(&outbox->delivered, outbox->part.delivered);
        add(&outbox->rejected, outbox->part.rejected);
        spilled += drop_first(outbox);
    }
    return spilled;
}

void tote__outbox_drop_first(struct tote__outbox *outbox) {
    if (!outbox->is_sending_batch) {
        tote__delivery_cancel(&outbox->delivery);
    }
    if (outbox->count) {
        drop_first(outbox);
    }
}

void tote__outbox_drop(struct tote__outbox *outbox) {
    tote__delivery_cancel(&outbox->delivery);
    outbox->is_sending_batch = false;
    empty(outbox);
}

void tote__outbox_clear(struct tote__outbox *outbox) {
    for (size_t i = 0; i < TOTE__MOST_KEPT; i++) {
        clear_kept(&outbox->kept[i]);
    }
    tote__buffer_clear(&outbox->part.request);
    tote__recovery_free(outbox->recovery);
    outbox->recovery = NULL;
    tote__spool_close(outbox->spool);
    outbox->spool = NULL;
}
