/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "batch/thread_queue.h"
#include "span.h"
#include "tote/exporters/in_memory.h"
#include "tote/internal/memory.h"
#include "tote/tote.h"

enum { MOST_BYTES = 16 << 20 };

/* One per-thread queue, and a span to push, whose name is set by the test. */
struct fixture {
    tote_in_memory_spans *memory;
    tote_sdk *sdk;
    struct thread_queues thread_queues;
    struct thread_queue *thread_queue;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    f->memory = tote_in_memory_spans_new();
    f->sdk = tote_in_memory_sdk_start(f->memory);
    *state = f;
    return f->sdk ? 0 : 1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    tote__thread_queues_clear(&f->thread_queues);
    tote_sdk_close(&f->sdk, 1000);
    tote_in_memory_spans_unref(f->memory);
    free(f);
    return 0;
}

static struct fixture *start(void **state, size_t most_bytes,
                             const struct tote__crash_safe_memory *safe) {
    struct fixture *f = *state;

    tote__thread_queues_init(&f->thread_queues, UINT32_MAX, most_bytes, safe);
    f->thread_queue = tote__thread_queue_new(&f->thread_queues, tote__thread_state());
    assert_non_null(f->thread_queue);
    return f;
}

/* An ended span with this name, and an attribute of this size in bytes. */
static const struct span *ended_span(struct fixture *f, const char *name, size_t bytes) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);
    char *payload = calloc(1, bytes + 1);

    tote_span_set_attribute(span, "payload", tote_bytes(payload, bytes));
    tote_span_close(&span);
    free(payload);
    return tote__span_of_data(tote_in_memory_spans_find(f->memory, name));
}

/* Whether the record is of a span with this name. */
static bool is_named(const struct taken *taken, const char *name) {
    struct tote__slice rest = {taken->record->bytes, taken->record->size};
    struct tote__field field;

    while (tote__next_field(&rest, &field)) {
        if (field.number == 5) {
            return field.content.size == strlen(name) &&
                   memcmp(field.content.at, name, field.content.size) == 0;
        }
    }
    return false;
}

/* Take and settle all queued records. Return how many. */
static size_t drain(struct fixture *f) {
    struct taken taken[64];
    size_t sum = 0;
    size_t count;

    tote__thread_queues_sweep(&f->thread_queues);
    while ((count = tote__thread_queue_take(f->thread_queue, taken, TOTE_COUNT_OF(taken)))) {
        for (size_t i = 0; i < count; i++) {
            tote__thread_queues_settle(&f->thread_queues, &taken[i]);
        }
        sum += count;
    }
    return sum;
}

/* A record has one writer and one reader. */
static void records_are_read_in_the_order_in_which_they_were_pushed(void **state) {
    enum { SPANS = 2000 }; /* several chunks */
    struct fixture *f = start(state, MOST_BYTES, NULL);
    const struct span *spans[] = {ended_span(f, "a", 10), ended_span(f, "b", 200),
                                  ended_span(f, "c", 5000)};
    struct taken taken;

    for (size_t i = 0; i < SPANS; i++) {
        assert_int_equal(tote__thread_queue_push(f->thread_queue, spans[i % 3]), DROP_NONE);
    }
    assert_int_equal(tote__thread_queues_sweep(&f->thread_queues), SPANS);
    for (size_t i = 0; i < SPANS; i++) {
        static const char *const names[] = {"a", "b", "c"};
        assert_int_equal(tote__thread_queue_take(f->thread_queue, &taken, 1), 1);
        assert_true(is_named(&taken, names[i % 3]));
        tote__thread_queues_settle(&f->thread_queues, &taken);
    }
    assert_int_equal(tote__thread_queue_take(f->thread_queue, &taken, 1), 0);
}

/* A record that is larger than a chunk has its own chunk. */
static void a_large_record_is_contiguous(void **state) {
    struct fixture *f = start(state, MOST_BYTES, NULL);
    const struct span *large = ended_span(f, "large", 1 << 20);
    const struct span *small = ended_span(f, "small", 1);
    struct taken taken[3];

    assert_int_equal(tote__thread_queue_push(f->thread_queue, small), DROP_NONE);
    assert_int_equal(tote__thread_queue_push(f->thread_queue, large), DROP_NONE);
    assert_int_equal(tote__thread_queue_push(f->thread_queue, small), DROP_NONE);
    tote__thread_queues_sweep(&f->thread_queues);
    assert_int_equal(tote__thread_queue_take(f->thread_queue, taken, 3), 3);
    assert_true(is_named(&taken[1], "large"));
    assert_true(taken[1].record->size > 1 << 20);
    assert_true(is_named(&taken[2], "small"));
    for (size_t i = 0; i < 3; i++) {
        tote__thread_queues_settle(&f->thread_queues, &taken[i]);
    }
}

/* The limit is in bytes. */
static void a_full_queue_accepts_nothing_until_records_are_settled(void **state) {
    struct fixture *f = start(state, 100000, NULL);
    const struct span *span = ended_span(f, "work", 1000);
    size_t pushed = 0;

    while (tote__thread_queue_push(f->thread_queue, span) == DROP_NONE) {
        pushed++;
    }
    assert_in_range(pushed, 80, 100);
    assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_QUEUE_FULL);
    assert_int_equal(drain(f), pushed);
    for (size_t i = 0; i < pushed; i++) {
        assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_NONE);
    }
    assert_int_equal(tote__thread_queue_push(f->thread_queue, ended_span(f, "large", 200000)),
                     DROP_TOO_LARGE);
}

/* Memory is reused in the order in which the reader settled it, and as late as possible. */
static void chunks_are_reused_in_the_order_in_which_they_were_read(void **state) {
    struct fixture *f = start(state, MOST_BYTES, NULL);
    const struct span *span = ended_span(f, "work", 1000);
    const uint8_t *first = NULL;
    struct taken taken;

    for (size_t i = 0; i < 40000; i++) { /* 40 MB */
        assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_NONE);
        tote__thread_queues_sweep(&f->thread_queues);
        assert_int_equal(tote__thread_queue_take(f->thread_queue, &taken, 1), 1);
        first = first ? first : taken.chunk->bytes;
        tote__thread_queues_settle(&f->thread_queues, &taken);
    }
    assert_int_equal(f->thread_queues.pool.count, (8 << 20) / (32 << 10));
    bool is_found = false;
    for (const struct chunk *chunk = f->thread_queues.pool.first_free; chunk; chunk = chunk->next) {
        is_found |= chunk->bytes == first;
        assert_true(!chunk->next || chunk->free_since <= chunk->next->free_since);
    }
    assert_true(is_found || f->thread_queue->open->bytes == first);
    tote__chunk_pool_trim(&f->thread_queues.pool, 0);
    assert_null(f->thread_queues.pool.first_free);
    assert_int_equal(f->thread_queues.pool.count, 1);
}

struct crowd {
    struct fixture *fixture;
    const struct span *spans[2];
};

enum { CROWD_SPANS = 100000 };

static void *push_all(void *arg) {
    struct crowd *crowd = arg;

    for (size_t i = 0; i < CROWD_SPANS; i++) {
        while (tote__thread_queue_push(crowd->fixture->thread_queue, crowd->spans[i % 2]) !=
               DROP_NONE) {
            sched_yield();
        }
    }
    return NULL;
}

static void a_reader_thread_gets_the_records_of_a_writer_thread_in_order(void **state) {
    struct fixture *f = start(state, 200000, NULL);
    struct crowd crowd = {f, {ended_span(f, "even", 1), ended_span(f, "odd", 300)}};
    struct taken taken[100];
    size_t expected = 0;
    pthread_t producer;

    assert_int_equal(pthread_create(&producer, NULL, push_all, &crowd), 0);
    while (expected < CROWD_SPANS) {
        tote__thread_queues_sweep(&f->thread_queues);
        size_t count = tote__thread_queue_take(f->thread_queue, taken, TOTE_COUNT_OF(taken));
        for (size_t i = 0; i < count; i++) {
            assert_true(is_named(&taken[i], expected++ % 2 ? "odd" : "even"));
            tote__thread_queues_settle(&f->thread_queues, &taken[i]);
        }
    }
    pthread_join(producer, NULL);
}

/* Crash-safe memory of two chunks. */
struct safe {
    uint64_t chunks[2][TOTE__SAFE_CHUNK_BYTES / sizeof(uint64_t)];
    bool is_taken[2];
    bool refuses;
    size_t live;
    size_t unsafe;
};

static uint8_t *safe_take(void *self, uint32_t *number) {
    struct safe *safe = self;

    for (uint32_t i = 0; i < 2; i++) {
        if (!safe->is_taken[i]) {
            safe->is_taken[i] = true;
            *number = i + 1;
            return (uint8_t *)safe->chunks[i];
        }
    }
    return NULL;
}

static void safe_give_back(void *self, uint32_t number) {
    ((struct safe *)self)->is_taken[number - 1] = false;
}

static enum tote__safety safe_commit(void *self, struct tote__record *record, bool has_next) {
    struct safe *safe = self;

    (void)has_next;
    if (safe->refuses) {
        return TOTE__CHUNK_BROKEN;
    }
    atomic_store(&record->state, TOTE__RECORD_LIVE);
    safe->live++;
    return TOTE__SAFE;
}

static void safe_settle(void *self, struct tote__record *record) {
    atomic_store(&record->state, TOTE__RECORD_SETTLED);
    ((struct safe *)self)->live--;
}

static void safe_note(void *self) {
    ((struct safe *)self)->unsafe++;
}

static void records_without_crash_safe_memory_are_queued_in_memory(void **state) {
    static struct safe safe;
    const struct tote__crash_safe_memory memory = {.self = &safe,
                                                   .take = safe_take,
                                                   .give_back = safe_give_back,
                                                   .commit = safe_commit,
                                                   .settle = safe_settle,
                                                   .note_unsafe = safe_note};
    struct fixture *f = start(state, MOST_BYTES, &memory);
    const struct span *span = ended_span(f, "work", 1000);

    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_NONE);
    }
    assert_in_range(safe.live, 50, 62);
    assert_int_equal(safe.live + safe.unsafe, 100);
    assert_int_equal(drain(f), 100);
    assert_int_equal(safe.live, 0);
    safe.unsafe = 0;
    for (size_t i = 0; i < 10; i++) { /* the memory is free again, after the small chunk in use */
        assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_NONE);
    }
    assert_true(safe.live > 5);
    safe.refuses = true;
    size_t live = safe.live;
    assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_NONE);
    safe.refuses = false;
    assert_int_equal(tote__thread_queue_push(f->thread_queue, span), DROP_NONE);
    assert_int_equal(safe.live, live + 1);
    assert_int_equal(drain(f), 12);
    assert_int_equal(safe.live, 0);
}

/* A single thread may use the whole limit. */
static void one_thread_can_use_the_whole_limit_and_no_more(void **state) {
    struct limit limit;
    struct credit credit = {0};
    size_t paid = 0;

    (void)state;
    tote__limit_init(&limit, 100, 32);
    while (tote__credit_pay(&credit, &limit, 1, 1)) {
        paid++;
    }
    assert_int_equal(paid, 100);
    tote__limit_return(&limit, 10);
    assert_true(tote__credit_pay(&credit, &limit, 10, 1));
    assert_false(tote__credit_pay(&credit, &limit, 1, 1));
}

/* Credit that threads hold does not make the limit smaller. */
static void unused_credit_of_idle_threads_can_be_collected(void **state) {
    struct limit limit;
    struct credit credits[500] = {{0}};
    struct credit busy = {0};
    size_t paid = 0;

    (void)state;
    tote__limit_init(&limit, 2048, 32);
    for (size_t i = 0; i < 500; i++) {
        assert_true(tote__credit_pay(&credits[i], &limit, 1, i + 1));
    }
    while (tote__credit_pay(&busy, &limit, 1, 501)) {
        paid++;
    }
    for (size_t i = 0; i < 500; i++) {
        tote__credit_return(&credits[i], &limit);
    }
    while (tote__credit_pay(&busy, &limit, 1, 501)) {
        paid++;
    }
    assert_int_equal(paid + 500, 2048);
}

/* The limit in bytes follows the same rules with varying sizes. */
static void amounts_larger_than_a_portion_of_credit_are_counted_exactly(void **state) {
    struct limit limit;
    struct credit credit = {0};

    (void)state;
    tote__limit_init(&limit, 1000, 10);
    assert_true(tote__credit_pay(&credit, &limit, 900, 1));
    assert_false(tote__credit_pay(&credit, &limit, 101, 1));
    assert_true(tote__credit_pay(&credit, &limit, 100, 1));
    assert_false(tote__credit_pay(&credit, &limit, 1, 1));
}

struct payers {
    struct limit limit;
    struct credit credits[2];
    atomic_size_t paid;
};

static void *pay_until_exhausted(void *arg) {
    struct payers *payers = arg;
    static atomic_size_t next;
    size_t own = atomic_fetch_add(&next, 1) % 2;
    bool is_any = true;

    while (is_any) {
        while (tote__credit_pay(&payers->credits[own], &payers->limit, 1, 2)) {
            atomic_fetch_add(&payers->paid, 1);
        }
        is_any = tote__credit_return(&payers->credits[!own], &payers->limit);
    }
    return NULL;
}

/* Each thread takes the other's credit while its owner uses it. */
static void no_credit_is_lost_or_created_while_threads_collect_it(void **state) {
    enum { ROUNDS = 100, TOTAL = 2000 };

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct payers payers = {.paid = 0};
        pthread_t other;
        tote__limit_init(&payers.limit, TOTAL, 32);
        assert_int_equal(pthread_create(&other, NULL, pay_until_exhausted, &payers), 0);
        pay_until_exhausted(&payers);
        pthread_join(other, NULL);
        size_t left = atomic_load(&payers.limit.left);
        left += atomic_load(&payers.credits[0].left) + atomic_load(&payers.credits[1].left);
        assert_int_equal(atomic_load(&payers.paid) + left, TOTAL);
    }
}

#define THREAD_QUEUE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        THREAD_QUEUE_TEST(records_are_read_in_the_order_in_which_they_were_pushed),
        THREAD_QUEUE_TEST(a_large_record_is_contiguous),
        THREAD_QUEUE_TEST(a_full_queue_accepts_nothing_until_records_are_settled),
        THREAD_QUEUE_TEST(chunks_are_reused_in_the_order_in_which_they_were_read),
        THREAD_QUEUE_TEST(a_reader_thread_gets_the_records_of_a_writer_thread_in_order),
        THREAD_QUEUE_TEST(records_without_crash_safe_memory_are_queued_in_memory),
        TEST(one_thread_can_use_the_whole_limit_and_no_more),
        TEST(unused_credit_of_idle_threads_can_be_collected),
        TEST(amounts_larger_than_a_portion_of_credit_are_counted_exactly),
        TEST(no_credit_is_lost_or_created_while_threads_collect_it),
    };
    return RUN_TESTS(tests, argc, argv);
}
