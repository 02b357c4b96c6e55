/* SPDX-License-Identifier: MIT */
/*
 * outbox.c - requests that wait for their receiver: in memory, and with a spool on disk
 */
#include "outbox.h"

#include "journal.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"

/*
 * As much as the spans of a burst, so that they need not wait in the queue. The first buffers stay for the next time.
 */
enum { MOST_KEPT_BYTES = 8 << 20, IDLE_BUFFERS = 2, SPOOL_AGAIN_MS = 10000, MOST_SYNC_MS = 500 };

/* Whether the disk queue waits for the disk: only where the caller may wait, and unless an option says no. */
static void set_sync(struct tote__outbox *outbox, bool may_wait) {
    if (outbox->spool) {
        tote__spool_set_sync(outbox->spool, may_wait && !outbox->delivery.settings->spool_no_sync);
    }
}

void tote__outbox_begin(struct tote__outbox *outbox, const struct tote__otlp_settings *settings,
                        struct tote__transport *transport, struct tote__spool *spool) {
    *outbox = (struct tote__outbox){
        .delivery = {.settings = settings, .transport = transport},
        .encoding = settings->protocol == TOTE_OTLP_HTTP_JSON ? TOTE_OTLP_JSON : TOTE_OTLP_PROTOBUF,
        .spool = spool,
        .recovery =
            spool ? tote__recovery_new(settings->journal_directory, settings->max_request_bytes)
                  : NULL, /* there may be journals although this process has none */
    };
    set_sync(outbox, true);
}

bool tote__outbox_has_room(const struct tote__outbox *outbox) {
    return outbox->count < TOTE__MOST_KEPT && outbox->bytes < MOST_KEPT_BYTES;
}

static struct tote__kept *kept_at(struct tote__outbox *outbox, size_t index) {
    return &outbox->kept[(outbox->first + index) % TOTE__MOST_KEPT];
}

struct tote__kept *tote__outbox_next(struct tote__outbox *outbox) {
    return outbox->count < TOTE__MOST_KEPT ? kept_at(outbox, outbox->count) : NULL;
}

void tote__outbox_add(struct tote__outbox *outbox) {
    const struct tote__kept *kept = kept_at(outbox, outbox->count);

    outbox->bytes += kept->request.size;
    outbox->count += kept->request.size != 0;
}

bool tote__kept_note_secured(struct tote__kept *kept, const tote_span_data *const *spans,
                             size_t count) {
    size_t size = sizeof *kept->secured;

    kept->secured_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tote__secured secured = tote__span_secured(spans[i]);
        if (!secured.journal) {
            continue;
        }
        if (!kept->secured_capacity || kept->secured_count == kept->secured_capacity) {
            struct tote__secured *larger =
                tote__reallocate(kept->secured, kept->secured_capacity * size, count * size);
            if (!larger) {
                return false;
            }
            kept->secured = larger;
            kept->secured_capacity = count;
        }
        kept->secured[kept->secured_count++] = secured;
    }
    return true;
}

void tote__kept_settle(struct tote__kept *kept) {
    tote__journal_settle(kept->secured, kept->secured_count);
    kept->secured_count = 0;
}

static void clear_kept(struct tote__kept *kept) {
    tote_otlp_buffer_clear(&kept->request);
    tote__release(kept->secured, kept->secured_capacity * sizeof *kept->secured);
    *kept = (struct tote__kept){.count = 0};
}

/* Nothing is kept any more. */
static void empty(struct tote__outbox *outbox) {
    for (size_t i = IDLE_BUFFERS; i < TOTE__MOST_KEPT; i++) {
        clear_kept(&outbox->kept[i]);
    }
    outbox->first = outbox->count = outbox->bytes = 0;
}

/* Returns: of how many spans it was. */
static size_t drop_first(struct tote__outbox *outbox) {
    const struct tote__kept *first = kept_at(outbox, 0);
    size_t count = first->count;

    outbox->bytes -= first->request.size;
    outbox->first = (outbox->first + 1) % TOTE__MOST_KEPT;
    if (--outbox->count == 0) {
        empty(outbox);
    }
    return count;
}

/* It is over, or safe elsewhere. Returns: of how many spans it was. */
static size_t finish_first(struct tote__outbox *outbox) {
    tote__kept_settle(kept_at(outbox, 0));
    return drop_first(outbox);
}

static bool can_spool(const struct tote__outbox *outbox) {
    return outbox->spool && tote__clock_monotonic() >= outbox->spool_fails_until;
}

/* What the spool dropped meanwhile counts as lost from here on. */
static void note_spool(struct tote__outbox *outbox) {
    atomic_store_explicit(&outbox->lost, tote__spool_lost(outbox->spool), memory_order_relaxed);
}

bool tote__outbox_spool(struct tote__outbox *outbox, const tote_otlp_buffer *request,
                        size_t count) {
    const struct tote__batch batch = {
        .message = {request->bytes, request->size},
        .span_count = (uint32_t)count,
        .encoding = outbox->encoding,
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

/* A request over HTTP says what it is in. gRPC is protobuf. */
static unsigned sendable_encodings(const struct tote__outbox *outbox) {
    return outbox->delivery.settings->protocol == TOTE_OTLP_GRPC
               ? 1U << TOTE_OTLP_PROTOBUF
               : 1U << TOTE_OTLP_PROTOBUF | 1U << TOTE_OTLP_JSON;
}

/* Look whether it is the turn of a batch of the spool, and there is one. */
static void choose_batch(struct tote__outbox *outbox) {
    if ((outbox->count && !outbox->is_batchs_turn) || !tote__outbox_has_backlog(outbox)) {
        return;
    }
    outbox->is_batchs_turn = false;
    if (recover(outbox)) {
        return;
    }
    outbox->is_sending_batch =
        tote__spool_take(outbox->spool, sendable_encodings(outbox), &outbox->batch);
    outbox->look_at = outbox->is_sending_batch ? 0 : tote__spool_next_look(outbox->spool);
    note_spool(outbox);
}

static void add(_Atomic(uint64_t) *counter, uint64_t count) {
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

/* A batch of the spool has its verdict. */
static void settle_batch(struct tote__outbox *outbox, const struct tote__verdict *verdict) {
    const char *url = outbox->delivery.settings->shown_url;
    uint64_t count = outbox->batch.span_count;
    uint64_t rejected = verdict->response.rejected;

    if (verdict->fate == TOTE__TRY_AGAIN) {
        return;
    }
    if (verdict->fate != TOTE__TAKEN) {
        rejected = count;
    }
    rejected = rejected < count ? rejected : count;
    if (rejected) {
        tote_diagnose(TOTE_LEVEL_ERROR, "otlp",
                      "%s answered %s to a batch of the spool: %llu of its %llu spans are lost: %s",
                      url, verdict->reason, (unsigned long long)rejected, (unsigned long long)count,
                      verdict->response.remark);
    }
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
    const struct tote__request request = {outbox->batch.message, outbox->batch.span_count, 0,
                                          outbox->batch.encoding};

    manner.is_only_attempt = true;
    enum tote__progress progress =
        tote__delivery_step(&outbox->delivery, &request, manner, &step->verdict);
    step->is_paused = progress == TOTE__PAUSED;
    if (progress == TOTE__OVER) {
        outbox->is_sending_batch = false;
        settle_batch(outbox, &step->verdict);
    }
}

static void step_kept(struct tote__outbox *outbox, struct tote__manner manner,
                      struct tote__step *step) {
    const struct tote__kept *kept = kept_at(outbox, 0);
    const struct tote__request request = {
        {kept->request.bytes, kept->request.size}, kept->count, 0, outbox->encoding};

    manner.is_only_attempt = can_spool(outbox);
    enum tote__progress progress =
        tote__delivery_step(&outbox->delivery, &request, manner, &step->verdict);
    step->is_paused = progress == TOTE__PAUSED;
    if (progress != TOTE__OVER) {
        return;
    }
    outbox->is_batchs_turn = true;
    step->is_spooled = step->verdict.fate == TOTE__TRY_AGAIN &&
                       tote__outbox_spool(outbox, &kept->request, kept->count);
    step->count = finish_first(outbox);
}

/* The receiver is away: the first goes to disk without an attempt. */
static bool spool_first(struct tote__outbox *outbox, struct tote__step *step) {
    const struct tote__kept *kept = kept_at(outbox, 0);

    if (outbox->delivery.is_sending || !is_away(outbox) ||
        !tote__outbox_spool(outbox, &kept->request, kept->count)) {
        return false;
    }
    tote__delivery_forget(&outbox->delivery);
    step->is_spooled = true;
    step->count = finish_first(outbox);
    return true;
}

void tote__outbox_step(struct tote__outbox *outbox, struct tote__manner manner,
                       struct tote__step *step) {
    set_sync(outbox, manner.may_wait);
    step->count = 0;
    step->is_spooled = false;
    step->is_paused = false;
    if (manner.begins_nothing && !outbox->delivery.is_sending) {
        step->is_paused = true;
        return;
    }
    if (!outbox->is_sending_batch && outbox->count && outbox->spool && spool_first(outbox, step)) {
        return;
    }
    if (!outbox->is_sending_batch && !outbox->delivery.is_sending) {
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
        const struct tote__kept *kept = kept_at(outbox, 0);
        set_sync(outbox, tote__clock_monotonic() < synced_until);
        if (tote__outbox_spool(outbox, &kept->request, kept->count)) {
            spilled += finish_first(outbox);
        } else if (kept->secured_count == kept->count) {
            spilled += drop_first(outbox); /* the journal has them, for the next start */
        } else {
            break;
        }
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
    tote__recovery_free(outbox->recovery);
    outbox->recovery = NULL;
    tote__spool_close(outbox->spool);
    outbox->spool = NULL;
}
