/* SPDX-License-Identifier: MIT */
/*
 * Records from the threads that end spans to the thread that exports them, in every execution that
 * C11 permits: the reader sees whole records, in order, and a chunk is not reused before that.
 */
#include <stdio.h>
#include <stdlib.h>

#include "allocator.h"
#include "batch/thread_queue.h"
#include "span.h"
#include "tote/exporters/in_memory.h"
#include "tote/internal/record.h"
#include "tote/tote.h"

/* A chunk holds two of the large records, and a third chunk cannot be allocated. */
enum { SPANS = 6, LARGE = 12000, CHUNKS = 2, CHUNK_SIZE = 32 << 10, MOST_SPANS = 100 };

static tote_in_memory_spans *memory;
static const struct span *spans[SPANS];
static struct thread_queues queues;
static struct thread_queue *queue_of[2];
static uint32_t pushed[2]; /* by each writer; read when no thread runs */
static uint32_t read_count;
static bool is_in_case;
static _Atomic(uint32_t) chunks;

static void *allocate(void *self, size_t size) {
    if (!is_in_case) {
        return malloc(size);
    }
    if (size == CHUNK_SIZE &&
        atomic_fetch_add_explicit(&chunks, 1, memory_order_relaxed) >= CHUNKS) {
        return NULL;
    }
    return weak_allocator_allocate(self, size);
}

static void *reallocate(void *self, void *block, size_t old_size, size_t size) {
    return is_in_case ? weak_allocator_reallocate(self, block, old_size, size)
                      : realloc(block, size);
}

static void release(void *self, void *block, size_t size) {
    if (is_in_case) {
        weak_allocator_release(self, block, size);
    } else {
        free(block);
    }
}

static void make_spans(void) {
    static char payload[LARGE];
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);

    for (int i = 0; i < SPANS; i++) {
        const char name[] = {(char)('0' + i), '\0'};
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);
        tote_span_set_attribute(span, "payload", tote_bytes(payload, LARGE));
        tote_span_close(&span);
        spans[i] = tote__span_of_data(tote_in_memory_spans_find(memory, name));
    }
    tote_sdk_close(&sdk, 1000);
}

static void set_up(void) {
    is_in_case = true;
    chunks = 0;
    read_count = 0;
    memset(pushed, 0, sizeof pushed);
    memset(queue_of, 0, sizeof queue_of);
    memset(&queues, 0, sizeof queues);
    tote__thread_queues_init(&queues, MOST_SPANS, 1 << 20, NULL);
}

/* The number in the name of the record. */
static uint32_t number_of(const struct tote__record *record) {
    struct tote__slice rest = {record->bytes, record->size};
    struct tote__field field = {.number = 0};

    while (tote__next_field(&rest, &field) && field.number != 5) {
    }
    WEAK_CHECK(field.number == 5 && field.content.size == 1);
    return (uint32_t)(field.content.at[0] - '0');
}

/* A record that does not fit into memory is dropped. */
static void push(uint32_t first, uint32_t count) {
    int writer = weak_thread();
    struct thread_queue *queue = tote__thread_queue_new(&queues, NULL);

    WEAK_CHECK(queue);
    queue_of[writer] = queue;
    for (uint32_t i = 0; i < count; i++) {
        enum drop_cause cause = tote__thread_queue_push(queue, spans[first + i]);
        WEAK_CHECK(cause == DROP_NONE || cause == DROP_MEMORY || cause == DROP_QUEUE_FULL);
        pushed[writer] += cause == DROP_NONE;
    }
}

static void push_three(void) {
    push(0, 3);
}

static void push_five(void) {
    push(0, 5);
}

static void push_one(void) {
    push(weak_thread() ? 3 : 0, 1);
}

static void push_last(void) {
    push(3, 3);
}

/* Take what there is. Records of a writer are in their order. */
static void take_and_settle(void) {
    struct taken taken[SPANS];

    tote__thread_queues_sweep(&queues);
    for (struct thread_queue *queue = atomic_load_explicit(&queues.first, memory_order_acquire);
         queue; queue = queue->next) {
        size_t count = tote__thread_queue_take(queue, taken, TOTE_COUNT_OF(taken));
        for (size_t i = 0; i < count; i++) {
            uint32_t number = number_of(taken[i].record);
            WEAK_CHECK(number < SPANS && taken[i].record->scope == spans[number]->scope);
            WEAK_CHECK(i == 0 || number > number_of(taken[i - 1].record));
        }
        for (size_t i = 0; i < count; i++) {
            tote__thread_queues_settle(&queues, &taken[i]);
        }
        read_count += (uint32_t)count;
    }
}

static void read_twice(void) {
    take_and_settle();
    weak_yield();
    take_and_settle();
}

/* No record is lost, and all credit is returned. */
static void check(void) {
    take_and_settle();
    WEAK_CHECK(read_count == pushed[0] + pushed[1]);
    size_t left = queues.spans.left;
    for (int i = 0; i < 2; i++) {
        left += queue_of[i] ? queue_of[i]->spans.left : 0;
    }
    WEAK_CHECK(left == queues.spans.total);
}

static void tear_down(void) {
    tote__thread_queues_clear(&queues);
    is_in_case = false;
}

/* A writer collects the credit of the other. */
static void set_up_scarce(void) {
    set_up();
    tote__thread_queues_init(&queues, 2, 1 << 20, NULL);
}

/* A writer that sees an old value of the other's credit may drop its record. */
static void check_scarce(void) {
    WEAK_CHECK(pushed[0] + pushed[1] >= 1);
    check();
}

/* A writer that sees the reader awake does not wake it: then the reader sees the record. */
static _Atomic(uint32_t) sleeping;
static bool saw_awake;
static bool saw_nothing;

static void set_up_sleep(void) {
    set_up();
    atomic_store(&sleeping, 0);
    saw_awake = saw_nothing = false;
}

static void push_and_announce(void) {
    push(0, 1);
    tote__thread_queue_announce(queue_of[weak_thread()]);
    saw_awake = atomic_load(&sleeping) == 0;
}

static void sleep_unless_filled(void) {
    atomic_store(&sleeping, 1);
    saw_nothing = tote__thread_queues_sweep(&queues) == 0;
}

static void check_sleep(void) {
    WEAK_CHECK(!(saw_awake && saw_nothing));
    check();
}

int main(int argc, char **argv) {
    static const tote_allocator allocator = {sizeof allocator, allocate, reallocate, release, NULL};
    static const struct weak_case cases[] = {
        {.name = "a reader sees whole records in their order",
         .set_up = set_up,
         .threads = {push_three, read_twice},
         .check = check,
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 2},
        {.name = "a chunk is reused after it was read",
         .set_up = set_up,
         .threads = {push_five, read_twice},
         .check = check,
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 1},
        {.name = "a reader sees the records of two writers",
         .set_up = set_up,
         .threads = {push_one, push_one, take_and_settle},
         .check = check,
         .tear_down = tear_down,
         .preemptions = 1,
         .old_loads = 1},
        {.name = "a first span wakes the reader",
         .set_up = set_up_sleep,
         .threads = {push_and_announce, sleep_unless_filled},
         .check = check_sleep,
         .tear_down = tear_down,
         .preemptions = 3,
         .old_loads = 2},
        {.name = "two writers share a limit",
         .set_up = set_up_scarce,
         .threads = {push_one, push_last},
         .check = check_scarce,
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 1},
    };
    static const struct weak_exception exceptions[] = {
        {"fork.h", "the page exists before the threads"},
        {"tote__thread_queue_take", "others read the cursor after a fork, and the head as a count"},
        {NULL, NULL},
    };

    tote__pools_keep = false;
    tote_allocator_set(&allocator);
    memory = tote_in_memory_spans_new();
    make_spans();
    int result = weak_main(cases, TOTE_COUNT_OF(cases), exceptions, argc, argv);
    tote_in_memory_spans_unref(memory);
    return result;
}
