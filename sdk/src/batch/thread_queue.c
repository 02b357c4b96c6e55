/* SPDX-License-Identifier: MIT */
/*
 * thread_queue.c - records from the threads that end spans to the thread that exports them
 *
 * Tests: tests/unit/test_thread_queues.c, tests/schedule/test_schedule_thread_queues.c
 */
#include "thread_queue.h"

#include <string.h>

#include "../span.h"
#include "tote/internal/memory.h"

enum { SPAN_PORTION = 32, BYTE_PORTION = 64 * 1024 };

void tote__thread_queues_init(struct thread_queues *thread_queues, uint32_t most_spans,
                              size_t most_bytes, const struct tote__crash_safe_memory *safe) {
    thread_queues->counts_spans = most_spans != UINT32_MAX;
    tote__limit_init(&thread_queues->spans, most_spans, SPAN_PORTION);
    tote__limit_init(&thread_queues->bytes, most_bytes, BYTE_PORTION);
    thread_queues->pool.safe = safe;
}

static struct cursor *cursor_of(struct thread_queue *thread_queue) {
    return &thread_queue
                ->cursors[atomic_load_explicit(&thread_queue->cursor, memory_order_relaxed)];
}

void tote__thread_queues_clear(struct thread_queues *thread_queues) {
    struct thread_queue *thread_queue =
        atomic_load_explicit(&thread_queues->first, memory_order_acquire);

    while (thread_queue) {
        struct thread_queue *next = thread_queue->next;
        const struct cursor *cursor = cursor_of(thread_queue);
        struct chunk *chunk = cursor->chunk ? cursor->chunk : thread_queue->first;
        while (chunk) {
            struct chunk *after = chunk == thread_queue->open ? NULL : chunk->next;
            tote__chunk_release(chunk);
            chunk = after;
        }
        tote__release(thread_queue, sizeof *thread_queue);
        thread_queue = next;
    }
    tote__chunk_pool_clear(&thread_queues->pool);
}

struct thread_queue *tote__thread_queue_new(struct thread_queues *thread_queues,
                                            struct thread_state *home) {
    struct thread_queue *thread_queue = tote__allocate_zeroed(sizeof *thread_queue);

    if (!thread_queue) {
        return NULL;
    }
    thread_queue->thread_queues = thread_queues;
    thread_queue->home = home;
    thread_queue->next = atomic_load_explicit(&thread_queues->first, memory_order_relaxed);
    /* SC: the worker that a first span does not wake has seen its queue before it slept. */
    while (!atomic_compare_exchange_weak_explicit(&thread_queues->first, &thread_queue->next,
                                                  thread_queue, memory_order_seq_cst,
                                                  memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&thread_queues->count, 1, memory_order_relaxed);
    return thread_queue;
}

/*
 * Return the unused credit of all threads to the limit, in spans or bytes. Returns whether there
 * was any.
 */
static bool collect(struct thread_queues *thread_queues, bool is_in_bytes) {
    struct thread_queue *thread_queue =
        atomic_load_explicit(&thread_queues->first, memory_order_acquire);
    bool is_any = false;

    for (; thread_queue; thread_queue = thread_queue->next) {
        is_any |= is_in_bytes ? tote__credit_return(&thread_queue->bytes, &thread_queues->bytes)
                              : tote__credit_return(&thread_queue->spans, &thread_queues->spans);
    }
    return is_any;
}

/* Pay for one span. Fails only if no thread has enough credit left. */
static bool pay(struct thread_queue *thread_queue, size_t bytes) {
    struct thread_queues *thread_queues = thread_queue->thread_queues;
    uint32_t count = atomic_load_explicit(&thread_queues->count, memory_order_relaxed);

    while (thread_queues->counts_spans &&
           !tote__credit_pay(&thread_queue->spans, &thread_queues->spans, 1, count)) {
        if (!collect(thread_queues, false)) {
            return false;
        }
    }
    while (!tote__credit_pay(&thread_queue->bytes, &thread_queues->bytes, bytes, count)) {
        if (!collect(thread_queues, true)) {
            tote__limit_return(&thread_queues->spans, thread_queues->counts_spans);
            return false;
        }
    }
    return true;
}

/* Continue in another chunk: the open one is full, or there is none. */
static bool open_chunk(struct thread_queue *thread_queue, size_t least) {
    struct chunk *chunk = tote__chunk_take(&thread_queue->thread_queues->pool, least);

    if (!chunk) {
        return false;
    }
    if (thread_queue->open) { /* published with the next record */
        thread_queue->open->next = chunk;
        atomic_store_explicit(&thread_queue->open->filled, thread_queue->used,
                              memory_order_relaxed);
    } else {
        thread_queue->first = chunk;
    }
    thread_queue->open = chunk;
    thread_queue->used = 0;
    return true;
}

/* Return the place of the next record in the open chunk. Returns NULL if out of memory. */
static struct tote__record *make_room(struct thread_queue *thread_queue, size_t bytes) {
    size_t size = tote__record_size(bytes);

    if (tote__unlikely(!thread_queue->open ||
                       thread_queue->open->capacity - thread_queue->used < size) &&
        !open_chunk(thread_queue, size)) {
        return NULL;
    }
    return (struct tote__record *)(void *)(thread_queue->open->bytes + thread_queue->used);
}

/* Make the record crash-safe if possible. */
static void make_safe(const struct thread_queue *thread_queue, struct tote__record *record,
                      size_t size) {
    const struct tote__crash_safe_memory *safe = thread_queue->thread_queues->pool.safe;
    bool has_next = thread_queue->open->capacity - thread_queue->used - size >= sizeof *record;
    enum tote__safety safety = TOTE__NOT_SAFE;

    if (thread_queue->open->number) {
        safety = safe->commit(safe->self, record, has_next);
    }
    if (safety != TOTE__SAFE) {
        safe->note_unsafe(safe->self);
    }
    if (safety == TOTE__CHUNK_BROKEN) { /* records behind it would not be found */
        thread_queue->open->capacity = thread_queue->used + (uint32_t)size;
    }
}

/* Pay for a complete record and publish it to the reader. */
static enum drop_cause add(struct thread_queue *thread_queue, struct tote__record *record) {
    size_t size = tote__record_size(record->size);
    uint64_t tail = atomic_load_explicit(&thread_queue->tail, memory_order_relaxed);

    if (tote__unlikely(size > thread_queue->thread_queues->bytes.total)) {
        return DROP_TOO_LARGE;
    }
    if (tote__unlikely(!pay(thread_queue, size))) {
        return DROP_QUEUE_FULL;
    }
    if (tote__unlikely(thread_queue->thread_queues->pool.safe)) {
        make_safe(thread_queue, record, size);
    }
    thread_queue->used += (uint32_t)size;
    atomic_store_explicit(&thread_queue->tail, tail + 1, memory_order_release);
    return DROP_NONE;
}

enum drop_cause tote__thread_queue_push(struct thread_queue *thread_queue,
                                        const struct span *span) {
    struct tote__record *record = make_room(thread_queue, tote__record_most_bytes(span));

    if (tote__unlikely(!record)) {
        return DROP_MEMORY;
    }
    record->size = (uint32_t)tote__record_put_span(record->bytes, span);
    record->resource = span->origin.resource;
    record->scope = span->scope;
    return add(thread_queue, record);
}

uint64_t tote__thread_queues_waiting(const struct thread_queues *thread_queues, uint64_t enough) {
    const struct thread_queue *thread_queue =
        atomic_load_explicit(&thread_queues->first, memory_order_acquire);
    uint64_t waiting = 0;

    for (; thread_queue && waiting < enough; thread_queue = thread_queue->next) {
        uint64_t head = atomic_load_explicit(&thread_queue->head, memory_order_relaxed);
        waiting += atomic_load_explicit(&thread_queue->tail, memory_order_relaxed) - head;
    }
    return waiting;
}

uint64_t tote__thread_queues_sweep(struct thread_queues *thread_queues) {
    struct thread_queue *thread_queue = atomic_load(&thread_queues->first);
    uint64_t waiting = 0;

    for (; thread_queue; thread_queue = thread_queue->next) {
        thread_queue->tail_seen = atomic_load(&thread_queue->tail);
        waiting += thread_queue->tail_seen -
                   atomic_load_explicit(&thread_queue->head, memory_order_relaxed);
    }
    return waiting;
}

/* Return the record at the cursor, which exists, and advance the cursor. */
static struct tote__record *next_record(const struct thread_queue *thread_queue,
                                        struct cursor *cursor) {
    if (!cursor->chunk) {
        cursor->chunk = thread_queue->first;
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

static void give_back_if_done(struct thread_queues *thread_queues, struct chunk *chunk) {
    if (chunk->is_read_out && !chunk->unsettled) {
        tote__chunk_give_back(&thread_queues->pool, chunk);
    }
}

/* Return the payment of taken records to the limits. */
static void return_payment(struct thread_queues *thread_queues, size_t count, size_t bytes) {
    tote__limit_return(&thread_queues->bytes, bytes);
    tote__limit_return(&thread_queues->spans, thread_queues->counts_spans ? count : 0);
}

size_t tote__thread_queue_take(struct thread_queue *thread_queue, struct taken *taken,
                               size_t most) {
    uint32_t before = atomic_load_explicit(&thread_queue->cursor, memory_order_relaxed);
    struct cursor *cursor = &thread_queue->cursors[1 - before];
    struct chunk *left = thread_queue->cursors[before].chunk;
    size_t bytes = 0;

    *cursor = thread_queue->cursors[before];
    size_t count = tote__min((size_t)(thread_queue->tail_seen - cursor->head), most);
    if (!count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct tote__record *record = next_record(thread_queue, cursor);
        bytes += tote__record_size(record->size);
        cursor->chunk->unsettled++;
        taken[i] = (struct taken){record, cursor->chunk};
    }
    atomic_store_explicit(&thread_queue->cursor, 1 - before, memory_order_release);
    atomic_store_explicit(&thread_queue->head, cursor->head, memory_order_release);
    left = left ? left : thread_queue->first;
    while (left != cursor->chunk) {
        struct chunk *next = left->next;
        left->is_read_out = true;
        give_back_if_done(thread_queue->thread_queues, left);
        left = next;
    }
    return_payment(thread_queue->thread_queues, count, bytes);
    return count;
}

void tote__thread_queues_settle(struct thread_queues *thread_queues, const struct taken *taken) {
    const struct tote__crash_safe_memory *safe = thread_queues->pool.safe;

    if (tote__is_safe(taken)) {
        safe->settle(safe->self, taken->record);
    }
    taken->chunk->unsettled--;
    give_back_if_done(thread_queues, taken->chunk);
}

void tote__thread_queues_forget(const struct taken *taken) {
    struct chunk *chunk = taken->chunk;

    if (--chunk->unsettled == 0 && chunk->is_read_out) {
        tote__chunk_release(chunk);
    }
}

/* Copy a record of the parent. */
static enum drop_cause copy_record(struct thread_queue *thread_queue,
                                   const struct tote__record *from) {
    struct tote__record *record = make_room(thread_queue, from->size);

    if (!record) {
        return DROP_MEMORY;
    }
    record->size = from->size;
    record->resource = from->resource;
    record->scope = from->scope;
    memcpy(record->bytes, from->bytes, from->size);
    return add(thread_queue, record);
}

/*
 * If the parent is dead, another process may have recovered its crash-safe memory. The record is
 * copied before it is settled: a crash between the two duplicates the span instead of losing it.
 */
static enum drop_cause adopt(struct thread_queue *thread_queue,
                             const struct tote__crash_safe_memory *parents,
                             const struct taken *taken) {
    bool was_safe =
        taken->chunk->number && atomic_load(&taken->record->state) != TOTE__RECORD_SKIPPED;

    if (was_safe && !parents->is_live(parents->self, taken->record)) {
        return DROP_NONE;
    }
    enum drop_cause cause = copy_record(thread_queue, taken->record);
    if (was_safe) {
        parents->settle(parents->self, taken->record);
    }
    return cause;
}

void tote__thread_queue_adopt(struct thread_queue *thread_queue, struct thread_queue *from,
                              uint64_t lost[DROP_CAUSES]) {
    struct cursor *cursor = cursor_of(from);
    uint64_t tail = atomic_load_explicit(&from->tail, memory_order_acquire);

    while (cursor->head != tail) {
        struct taken taken = {.record = next_record(from, cursor)};
        taken.chunk = cursor->chunk;
        lost[adopt(thread_queue, from->thread_queues->pool.safe, &taken)]++;
    }
    atomic_store_explicit(&from->head, cursor->head, memory_order_relaxed);
}
