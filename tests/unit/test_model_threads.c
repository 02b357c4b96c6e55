/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>

#include "test_model.h"

static void *send_later(void *arg) {
    struct test_span span = {.trace = 7, .id = 1};

    send_at(arg, &span, 1, 0);
    return NULL;
}

static void waiting_ends_with_the_next_change_or_in_time(void **state) {
    struct model *model = *state;
    pthread_t thread;

    assert_int_equal(model_wait(model, 0, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_later, model), 0);
    assert_true(model_wait(model, 0, 30000) > 0);
    pthread_join(thread, NULL);
    assert_int_equal(find_trace(model, 7)->version, model_counts(model).version);
}

enum { THREADS = 4, THREAD_SPANS = 500 };

/* Spans of all threads are in the same traces, and some of them are the same. */
static void *send_many(void *arg) {
    for (unsigned i = 0; i < THREAD_SPANS; i++) {
        const struct test_span span = {.trace = i % 10 + 1, .id = i + 1, .parent = i, .name = "n"};
        send_at(arg, &span, 1, 0);
    }
    return NULL;
}

static void threads_may_send_at_the_same_time(void **state) {
    struct model *model = *state;
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, model), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        model_lock(model);
        for (struct trace *trace = model_newest(model); trace; trace = trace->older) {
            size_t count = 0;
            for (const struct trace_span *span = trace->spans; span; span = span->next) {
                count += strcmp(span->name, "n") == 0;
            }
            assert_int_equal(count, trace->span_count);
        }
        model_unlock(model);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(model_counts(model).spans, THREAD_SPANS);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(waiting_ends_with_the_next_change_or_in_time),
        MODEL_TEST(threads_may_send_at_the_same_time),
    };

    return RUN_TESTS(tests, argc, argv);
}
