/* SPDX-License-Identifier: MIT */
/*
 * Records from the threads that end spans to the thread that exports them: per-thread queues,
 * chunks and credit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/thread_queue.h"
#include "span.h"
#include "tote/allocator.h"
#include "tote/exporters/in_memory.h"
#include "tote/internal/record.h"
#include "tote/tote.h"

enum { WRITERS = 2, SPANS = 10, MOST_SPANS = 5, MOST_BYTES = 60000, LARGE = 12000, KEPT = 4 };

/* The writers' spans: the name is a number, and a chunk holds two of the large ones. */
static tote_in_memory_spans *memory;
static const struct span *spans[WRITERS][SPANS];

static struct thread_queues thread_queues;
static struct thread_queue *thread_queue_of[WRITERS];
static uint32_t pushed[WRITERS][SPANS]; /* numbers, in order */
static size_t pushed_count[WRITERS];
static size_t read_count[WRITERS];
static size_t writers_left;

/* Records that were taken and are not settled. */
static struct taken kept[KEPT];
static uint32_t kept_numbers[KEPT];
static size_t kept_count;

/* Chunks are reused at once, because the allocator has memory for these only. */
enum { CHUNKS = 3, CHUNK_SIZE = 32 << 10 };

static size_t chunks;

static void *allocate(void *self, size_t size) {
    (void)self;
    if (size == CHUNK_SIZE && chunks == CHUNKS) {
        return NULL;
    }
    chunks += size == CHUNK_SIZE;
    return malloc(size);
}

static void *reallocate(void *self, void *block, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return realloc(block, size);
}

static void release(void *self, void *block, size_t size) {
    (void)self;
    chunks -= size == CHUNK_SIZE;
    free(block);
}

static void make_spans(void) {
    static char payload[LARGE];
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);

    for (int i = 0; i < WRITERS * SPANS; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);
        tote_span_set_attribute(span, "payload", tote_bytes(payload, i % 2 ? LARGE : 10));
        tote_span_close(&span);
        spans[i / SPANS][i % SPANS] = tote__span_of_data(tote_in_memory_spans_find(memory, name));
    }
    tote_sdk_close(&sdk, 1000);
}

/* The number in a record. */
static uint32_t number_of(const struct tote__record *record) {
    struct tote__slice rest = {record->bytes, record->size};
    struct tote__field field = {.number = 0};
    uint32_t number = 0;

    while (tote__next_field(&rest, &field) && field.number != 5) {
    }
    SCHEDULE_CHECK(field.number == 5 && field.content.size);
    for (size_t i = 0; i < field.content.size; i++) {
        number = number * 10 + (uint32_t)(field.content.at[i] - '0');
    }
    return number;
}

static void set_up(void) {
    memset(&thread_queues, 0, sizeof thread_queues);
    memset(thread_queue_of, 0, sizeof thread_queue_of);
    memset(pushed_count, 0, sizeof pushed_count);
    memset(read_count, 0, sizeof read_count);
    kept_count = 0;
    writers_left = WRITERS;
    tote__thread_queues_init(&thread_queues, MOST_SPANS, MOST_BYTES, NULL);
}

static void write_records(void) {
    int writer = schedule_thread();
    struct thread_queue *thread_queue =
        tote__thread_queue_new(&thread_queues, tote__thread_state());

    SCHEDULE_CHECK(thread_queue);
    thread_queue_of[writer] = thread_queue;
    for (uint32_t i = 0; i < SPANS; i++) {
        size_t count = pushed_count[writer];
        pushed[writer][count] = (uint32_t)writer * SPANS + i;
        pushed_count[writer]++; /* before: the reader may be faster */
        enum drop_cause cause = tote__thread_queue_push(thread_queue, spans[writer][i]);
        SCHEDULE_CHECK(cause == DROP_NONE || cause == DROP_QUEUE_FULL || cause == DROP_MEMORY);
        pushed_count[writer] -= cause != DROP_NONE;
    }
    writers_left--;
}

/* The record is unchanged: its memory was not reused before it was settled. */
static void settle_first(void) {
    SCHEDULE_CHECK(number_of(kept[0].record) == kept_numbers[0]);
    tote__thread_queues_settle(&thread_queues, &kept[0]);
    kept_count--;
    memmove(kept, kept + 1, kept_count * sizeof *kept);
    memmove(kept_numbers, kept_numbers + 1, kept_count * sizeof *kept_numbers);
}

static size_t read_from(struct thread_queue *thread_queue) {
    struct taken taken[2];
    size_t count = tote__thread_queue_take(thread_queue, taken, TOTE_COUNT_OF(taken));

    for (size_t i = 0; i < count; i++) {
        uint32_t number = number_of(taken[i].record);
        uint32_t writer = number / SPANS;
        SCHEDULE_CHECK(writer < WRITERS && thread_queue_of[writer] == thread_queue);
        SCHEDULE_CHECK(read_count[writer] < pushed_count[writer]);
        SCHEDULE_CHECK(number == pushed[writer][read_count[writer]]);
        read_count[writer]++;
        if (kept_count == KEPT) {
            settle_first();
        }
        kept_numbers[kept_count] = number;
        kept[kept_count++] = taken[i];
    }
    return count;
}

static size_t sweep_and_read(void) {
    size_t count = 0;

    tote__thread_queues_sweep(&thread_queues);
    for (struct thread_queue *thread_queue = atomic_load(&thread_queues.first); thread_queue;
         thread_queue = thread_queue->next) {
        count += read_from(thread_queue);
    }
    return count;
}

static void read_records(void) {
    while (writers_left) {
        if (!sweep_and_read()) {
            if (kept_count) {
                settle_first();
            }
            schedule_yield(__FILE__, __LINE__);
        }
    }
}

/* The limit holds at each moment. */
static void check_bound(void) {
    uint64_t waiting = 0;

    for (const struct thread_queue *thread_queue = thread_queues.first; thread_queue;
         thread_queue = thread_queue->next) {
        waiting += thread_queue->tail - thread_queue->head;
    }
    SCHEDULE_CHECK(waiting <= MOST_SPANS);
    SCHEDULE_CHECK(thread_queues.spans.left <= MOST_SPANS &&
                   thread_queues.bytes.left <= MOST_BYTES);
}

/* No record is lost, and all credit is returned. */
static void check(void) {
    size_t in_credits = 0;
    size_t bytes_in_credits = 0;

    while (sweep_and_read()) {
    }
    while (kept_count) {
        settle_first();
    }
    for (int writer = 0; writer < WRITERS; writer++) {
        SCHEDULE_CHECK(read_count[writer] == pushed_count[writer]);
        in_credits += thread_queue_of[writer]->spans.left;
        bytes_in_credits += thread_queue_of[writer]->bytes.left;
    }
    SCHEDULE_CHECK(thread_queues.spans.left + in_credits == MOST_SPANS);
    SCHEDULE_CHECK(thread_queues.bytes.left + bytes_in_credits == MOST_BYTES);
}

static void tear_down(void) {
    tote__thread_queues_clear(&thread_queues);
    SCHEDULE_CHECK(chunks == 0);
}

int main(int argc, char **argv) {
    static const tote_allocator allocator = {sizeof allocator, allocate, reallocate, release, NULL};
    static const struct schedule_case cases[] = {
        {.name = "records are read in order and none is lost",
         .set_up = set_up,
         .threads = {write_records, write_records, read_records},
         .invariant = check_bound,
         .check = check,
         .tear_down = tear_down,
         .schedules = 5000},
    };

    tote_allocator_set(&allocator);
    memory = tote_in_memory_spans_new();
    make_spans();
    int result = schedule_main(cases, TOTE_COUNT_OF(cases), argc, argv);
    tote_in_memory_spans_unref(memory);
    return result;
}
