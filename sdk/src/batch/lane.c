/* SPDX-License-Identifier: MIT */
/*
 * lane.c - records on their way from the threads that end spans to the one that exports them
 */
#include "lane.h"

#include <string.h>

#include "../span.h"
#include "tote/internal/memory.h"

enum { SPAN_PORTION = 32, BYTE_PORTION = 64 * 1024 };

void tote__lanes_init(struct lanes *lanes, uint32_t most_spans, size_t most_bytes,
                      const struct tote__safe_memory *safe) {
    lanes->counts_spans = most_spans != UINT32_MAX;
    tote__allowance_init(&lanes->spans, most_spans, SPAN_PORTION);
    tote__allowance_init(&lanes->bytes, most_bytes, BYTE_PORTION);
    lanes->pool.safe = safe;
}

static struct cursor *cursor_of(struct lane *lane) {
    return &lane->cursors[atomic_load_explicit(&lane->cursor, memory_order_relaxed)];
}

void tote__lanes_clear(struct lanes *lanes) {
    struct lane *lane = atomic_load_explicit(&lanes->first, memory_order_acquire);

    while (lane) {
        struct lane *next = lane->next;
        const struct cursor *cursor = cursor_of(lane);
        struct chunk *chunk = cursor->chunk ? cursor->chunk : lane->first;
        while (chunk) {
            struct chunk *after = chunk == lane->open ? NULL : chunk->next;
            tote__chunk_release(chunk);
            chunk = after;
        }
        tote__release(lane, sizeof *lane);
        lane = next;
    }
    tote__chunk_pool_clear(&lanes->pool);
}

struct lane *tote__lane_new(struct lanes *lanes, struct thread_state *home) {
    struct lane *lane = tote__allocate_zeroed(sizeof *lane);

    if (!lane) {
        return NULL;
    }
    lane->lanes = lanes;
    lane->home = home;
    lane->next = atomic_load_explicit(&lanes->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&lanes->first, &lane->next, lane,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&lanes->count, 1, memory_order_relaxed);
    return lane;
}

/* Collect the credit of all threads, in spans or in bytes. Returns: whether there was any. */
static bool collect(struct lanes *lanes, bool is_in_bytes) {
    struct lane *lane = atomic_load_explicit(&lanes->first, memory_order_acquire);
    bool is_any = false;

    for (; lane; lane = lane->next) {
        is_any |= is_in_bytes ? tote__purse_empty(&lane->bytes, &lanes->bytes)
                              : tote__purse_empty(&lane->spans, &lanes->spans);
    }
    return is_any;
}

/* Pay for one span. The queue is full only when no thread has enough credit left. */
static bool pay(struct lane *lane, size_t bytes) {
    struct lanes *lanes = lane->lanes;
    uint32_t count = atomic_load_explicit(&lanes->count, memory_order_relaxed);

    while (lanes->counts_spans && !tote__purse_pay(&lane->spans, &lanes->spans, 1, count)) {
        if (!collect(lanes, false)) {
            return false;
        }
    }
    while (!tote__purse_pay(&lane->bytes, &lanes->bytes, bytes, count)) {
        if (!collect(lanes, true)) {
            tote__allowance_return(&lanes->spans, lanes->counts_spans);
            return false;
        }
    }
    return true;
}

/* The open chunk is full, or there is none: go on in another one. */
static bool open_chunk(struct lane *lane, size_t least) {
    struct chunk *chunk = tote__chunk_take(&lane->lanes->pool, least);

    if (!chunk) {
        return false;
    }
    if (lane->open) { /* the reader sees both with the next record */
        lane->open->next = chunk;
        atomic_store_explicit(&lane->open->filled, lane->used, memory_order_relaxed);
    } else {
        lane->first = chunk;
    }
    lane->open = chunk;
    lane->used = 0;
    return true;
}

/* Room for a record of so many bytes in the open chunk. NULL if out of memory. */
static struct tote__record *make_room(struct lane *lane, size_t bytes) {
    size_t size = tote__record_size(bytes);

    if (tote__unlikely(!lane->open || lane->open->capacity - lane->used < size) &&
        !open_chunk(lane, size)) {
        return NULL;
    }
    return (struct tote__record *)(void *)(lane->open->bytes + lane->used);
}

/* Have the record outlive the process, as far as that can be. */
static void make_safe(const struct lane *lane, struct tote__record *record, size_t size) {
    const struct tote__safe_memory *safe = lane->lanes->pool.safe;
    bool has_next = lane->open->capacity - lane->used - size >= sizeof *record;
    enum tote__safety safety = TOTE__NOT_SAFE;

    if (lane->open->number) {
        safety = safe->commit(safe->self, record, has_next);
    }
    if (safety != TOTE__SAFE) {
        safe->note_unsafe(safe->self);
    }
    if (safety == TOTE__CHUNK_BROKEN) { /* what came behind it would not be found */
        lane->open->capacity = lane->used + (uint32_t)size;
    }
}

/* The record is complete: it is paid for, and the reader sees it. */
static enum drop_cause add(struct lane *lane, struct tote__record *record) {
    size_t size = tote__record_size(record->size);
    uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);

    if (tote__unlikely(size > lane->lanes->bytes.total)) {
        return DROP_TOO_LARGE;
    }
    if (tote__unlikely(!pay(lane, size))) {
        return DROP_QUEUE_FULL;
    }
    if (tote__unlikely(lane->lanes->pool.safe)) {
        make_safe(lane, record, size);
    }
    lane->used += (uint32_t)size;
    atomic_store_explicit(&lane->tail, tail + 1, memory_order_release);
    return DROP_NONE;
}

enum drop_cause tote__lane_push(struct lane *lane, const struct span *span) {
    struct tote__record *record = make_room(lane, tote__record_most_bytes(span));

    if (tote__unlikely(!record)) {
        return DROP_MEMORY;
    }
    record->size = (uint32_t)tote__record_put_span(record->bytes, span);
    record->resource = span->origin.resource;
    record->scope = span->scope;
    return add(lane, record);
}

uint64_t tote__lanes_waiting(const struct lanes *lanes, uint64_t enough) {
    const struct lane *lane = atomic_load_explicit(&lanes->first, memory_order_acquire);
    uint64_t waiting = 0;

    for (; lane && waiting < enough; lane = lane->next) {
        uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
        waiting += atomic_load_explicit(&lane->tail, memory_order_relaxed) - head;
    }
    return waiting;
}

uint64_t tote__lanes_sweep(struct lanes *lanes) {
    struct lane *lane = atomic_load(&lanes->first);
    uint64_t waiting = 0;

    for (; lane; lane = lane->next) {
        lane->tail_seen = atomic_load(&lane->tail);
        waiting += lane->tail_seen - atomic_load_explicit(&lane->head, memory_order_relaxed);
    }
    return waiting;
}

/* The record at the cursor, which is there; the cursor goes on behind it. */
static struct tote__record *next_record(const struct lane *lane, struct cursor *cursor) {
    if (!cursor->chunk) {
        cursor->chunk = lane->first;
    }
    while (cursor->at == atomic_load_explicit(&cursor->chunk->filled, memory_order_relaxed)) {
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    uint8_t *at = cursor->chunk->bytes + cursor->at;
    struct tote__record *record = (struct tote__record *)(void *)at;
    cursor->at += (uint32_t)tote__record_size(record->size);
    cursor->head++;
    return record;
}

static void give_back_if_done(struct lanes *lanes, struct chunk *chunk) {
    if (chunk->is_read_out && !chunk->unsettled) {
        tote__chunk_give_back(&lanes->pool, chunk);
    }
}

/* What the records had paid comes back: others may wait in their place. */
static void return_payment(struct lanes *lanes, size_t count, size_t bytes) {
    tote__allowance_return(&lanes->bytes, bytes);
    tote__allowance_return(&lanes->spans, lanes->counts_spans ? count : 0);
}

size_t tote__lane_take(struct lane *lane, struct taken *taken, size_t most) {
    uint32_t before = atomic_load_explicit(&lane->cursor, memory_order_relaxed);
    struct cursor *cursor = &lane->cursors[1 - before];
    struct chunk *left = lane->cursors[before].chunk;
    size_t bytes = 0;

    *cursor = lane->cursors[before];
    size_t count = tote__min((size_t)(lane->tail_seen - cursor->head), most);
    if (!count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct tote__record *record = next_record(lane, cursor);
        bytes += tote__record_size(record->size);
        cursor->chunk->unsettled++;
        taken[i] = (struct taken){record, cursor->chunk};
    }
    atomic_store_explicit(&lane->cursor, 1 - before, memory_order_release);
    atomic_store_explicit(&lane->head, cursor->head, memory_order_release);
    left = left ? left : lane->first;
    while (left != cursor->chunk) {
        struct chunk *next = left->next;
        left->is_read_out = true;
        give_back_if_done(lane->lanes, left);
        left = next;
    }
    return_payment(lane->lanes, count, bytes);
    return count;
}

void tote__lanes_settle(struct lanes *lanes, const struct taken *taken) {
    const struct tote__safe_memory *safe = lanes->pool.safe;

    if (tote__is_safe(taken)) {
        safe->settle(safe->self, taken->record);
    }
    taken->chunk->unsettled--;
    give_back_if_done(lanes, taken->chunk);
}

void tote__lanes_forget(const struct taken *taken) {
    struct chunk *chunk = taken->chunk;

    if (--chunk->unsettled == 0 && chunk->is_read_out) {
        tote__chunk_release(chunk);
    }
}

/* A copy of a record of the parent's. */
static enum drop_cause copy_record(struct lane *lane, const struct tote__record *from) {
    struct tote__record *record = make_room(lane, from->size);

    if (!record) {
        return DROP_MEMORY;
    }
    record->size = from->size;
    record->resource = from->resource;
    record->scope = from->scope;
    memcpy(record->bytes, from->bytes, from->size);
    return add(lane, record);
}

/*
 * If the parent is dead, another process may have found its crash-safe memory. It is copied first:
 * a death between the two has the span twice, and not lost.
 */
static enum drop_cause adopt(struct lane *lane, const struct tote__safe_memory *parents,
                             const struct taken *taken) {
    bool was_safe =
        taken->chunk->number && atomic_load(&taken->record->state) != TOTE__RECORD_SKIPPED;

    if (was_safe && !parents->is_live(parents->self, taken->record)) {
        return DROP_NONE;
    }
    enum drop_cause cause = copy_record(lane, taken->record);
    if (was_safe) {
        parents->settle(parents->self, taken->record);
    }
    return cause;
}

void tote__lane_adopt(struct lane *lane, struct lane *from, uint64_t lost[DROP_CAUSES]) {
    struct cursor *cursor = cursor_of(from);
    uint64_t tail = atomic_load_explicit(&from->tail, memory_order_acquire);

    while (cursor->head != tail) {
        struct taken taken = {.record = next_record(from, cursor)};
        taken.chunk = cursor->chunk;
        lost[adopt(lane, from->lanes->pool.safe, &taken)]++;
    }
    atomic_store_explicit(&from->head, cursor->head, memory_order_relaxed);
}
